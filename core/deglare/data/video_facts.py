"""What is asked of the process that decodes a video, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoFacts:
    """What a video says of itself: claims, but for the size and the rotation, which its first frame shows."""

    container: str
    codec: str
    size_hw: tuple[int, int]
    """As a player shows it: upright, with square pixels."""
    rotation_degrees: int
    rate_hz: float
    """Frames a second, 0 where the header does not say."""
    duration_s: float
    frames: int
    is_high_range: bool
    focal_35mm: float | None = None
    """In millimetres on 35 mm film, where the phone wrote it."""


@dataclass(frozen=True)
class VideoRequest:
    """One request; without ``out`` only facts are asked for."""

    path: str
    container: str
    out: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    """Frames before the start and from the end on are left out."""
    step_s: float = 0.0
    """Seconds between the frames that are wanted, 0 for every one."""
    every: int = 1
    """Of the decoded frames, only every n-th is looked at."""
    longest_side: int = 640
    max_frames: int = 1
    expected: int = 1
    """How many frames should come, for progress."""
    max_decoded: int = 200_000
    max_pixels: int = 36_000_000
    cpu_s: int = 600
    memory_mb: int = 4096
    threads: int = 2
