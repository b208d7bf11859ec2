"""What will be done with a clip, how long it will take and what to expect, said before work begins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deglare.data.video_facts import VideoFacts
from deglare.errors import RequestError
from deglare.footage.settings import VideoSettings
from deglare.footage.teachers import SHIPPED

FASTEST_HZ = 30.0
"""More frames a second than this are not looked at: they differ by too little."""

MOST_LOOKED_AT = 3600
SHORT_S = 2.0
TYPICAL_WAY = 0.22
"""How far a walker's picture moves in a second, as a share of the longest side."""

DECODE_S = 2.4e-8
"""Processor seconds for a pixel of the video; this and what follows measured on one shared core of a server."""

LOOK_S, FEATURES_S, PAIR_S, CAMERAS_S = 0.06, 0.28, 0.02, 0.1
"""For a frame that is looked at; for a kept frame of 640x480; for a pair of them; for a kept frame again."""

ALIGN_S, MESH_S, PROJECT_S, RESULTS_S = 0.06, 0.03, 0.06, 0.04
"""For a kept frame each."""

PREDICT_S = {"small": 0.05, "large": 1.2}
LOAD_S = 8.0
"""Until networks are loaded and compiled."""

PAIRS_A_FRAME = 9
SHARED_MB, FRAME_MB = 900, 5.0
"""Memory of the libraries and networks, and of each kept frame while cameras are found."""

FIT_STEP_S = 1.0


@dataclass(frozen=True)
class Plan:
    """Everything that is known beforehand."""

    facts: VideoFacts
    step_s: float
    """Seconds between the frames that are looked at."""
    start_s: float
    end_s: float
    """As the header has it; frames are taken to ``stop_s``, for headers are not believed."""
    stop_s: float
    looked_at: int
    """About how many frames that is."""
    most_kept: int
    expected_kept: int
    """Where the camera moves as people do."""
    working_hw: tuple[int, int]
    """Size at which cameras are found."""
    teachers: tuple[str, ...]
    expect: str
    seconds: Mapping[str, float]
    """By stage."""
    memory_mb: int
    notes: tuple[str, ...]

    @property
    def total_s(self) -> float:
        """Of all stages."""
        return sum(self.seconds.values())

    def to_json(self) -> dict[str, Any]:
        """What ``plan.json`` says under ``plan``."""
        return {**asdict(self), "seconds": dict(self.seconds), "total_s": round(self.total_s, 1)}

    def lines(self) -> list[str]:
        """What a person reads."""
        height, width = self.facts.size_hw
        rate = f"{self.facts.rate_hz:.1f} frames a second" if self.facts.rate_hz else "a rate that it does not state"
        return [
            f"{width}x{height} pixels, {self.facts.duration_s:.1f} s at {rate}, {self.facts.codec}",
            f"about {self.looked_at} frames are looked at, about {self.expected_kept} (at most {self.most_kept}) are "
            f"kept; cameras are found at {self.working_hw[1]}x{self.working_hw[0]}",
            f"about {told_seconds(self.total_s)} on this machine, {self.memory_mb / 1000:.1f} GB of memory",
            f"{', '.join(self.teachers)}: {self.expect}",
            *self.notes,
        ]


def planned(
    facts: VideoFacts, settings: VideoSettings, teachers: tuple[str, ...], expect: str, threads: int = 1
) -> Plan:
    """Plan the work on a clip.

    Args:
        facts: Of the video.
        settings: What the user decided.
        teachers: Names of who predicts depth.
        expect: What to expect of them.
        threads: How many cores work.
    """
    if facts.duration_s and settings.start_s >= facts.duration_s:
        raise RequestError(
            f"the video ends after {facts.duration_s:.1f} s, before --start {settings.start_s:g}: start earlier"
        )
    end_s = settings.start_s + settings.seconds
    if facts.duration_s:
        end_s = min(end_s, facts.duration_s)
    span_s = end_s - settings.start_s
    step_s = max(1 / FASTEST_HZ, span_s / MOST_LOOKED_AT)
    rate_hz = min(facts.rate_hz or FASTEST_HZ, 1 / step_s)
    looked_at = max(1, min(math.ceil(span_s * rate_hz), MOST_LOOKED_AT))
    spacing = max(settings.spacing, 1e-6)
    kept = max(1, min(looked_at, round(span_s * TYPICAL_WAY / spacing), settings.most_frames))
    working_hw = shrunk_to(facts.size_hw, settings.working_side)
    return Plan(
        facts=facts,
        step_s=step_s,
        start_s=settings.start_s,
        end_s=end_s,
        stop_s=settings.start_s + settings.seconds,
        looked_at=looked_at,
        most_kept=min(settings.most_frames, looked_at),
        expected_kept=kept,
        working_hw=working_hw,
        teachers=teachers,
        expect=expect,
        seconds=estimated_seconds(facts, settings, teachers, (looked_at, kept), threads),
        memory_mb=round(SHARED_MB + FRAME_MB * kept * math.prod(working_hw) / (640 * 480) + 4e-5 * _pixels(facts)),
        notes=tuple(notes_on(facts, settings, end_s)),
    )


def estimated_seconds(
    facts: VideoFacts, settings: VideoSettings, teachers: tuple[str, ...], frames: tuple[int, int], threads: int
) -> dict[str, float]:
    """By stage, for frames that are looked at and kept."""
    looked_at, kept = frames
    size = math.prod(shrunk_to(facts.size_hw, settings.working_side)) / (640 * 480)
    predict = kept * sum(PREDICT_S["small" if name in SHIPPED else "large"] for name in teachers)
    spread = 1 if len(teachers) > 1 else 2  # one teacher is also asked about the mirror image
    found = {
        "decode": DECODE_S * _pixels(facts) * max(facts.rate_hz, 1 / FASTEST_HZ) * (looked_at / FASTEST_HZ + 1),
        "choose": LOOK_S * looked_at,
        "depth": LOAD_S * threads + predict,
        "features": FEATURES_S * kept * size,
        "pairs": PAIR_S * PAIRS_A_FRAME * kept,
        "cameras": CAMERAS_S * kept * threads,  # one thread does it
        "align": ALIGN_S * kept * threads,
        "predict": predict * (spread - 1) + 0.03 * kept,
        "mesh": MESH_S * kept,
        "project": PROJECT_S * kept,
        "fuse": MESH_S * kept,
        "results": RESULTS_S * kept * threads,
    }
    if settings.fit is not None:
        found["fit"] = FIT_STEP_S * settings.fit.steps
    return {name: round(seconds / threads, 1) for name, seconds in found.items()}


def notes_on(facts: VideoFacts, settings: VideoSettings, end_s: float) -> list[str]:
    """What is out of the ordinary, a sentence each."""
    notes = []
    if facts.duration_s > end_s + 0.5:
        notes.append(
            f"only {settings.start_s:g} to {end_s:g} s of {facts.duration_s:.0f} s are used: --start and "
            "--seconds choose another part"
        )
    if 0 < facts.duration_s < SHORT_S:
        notes.append(f"{facts.duration_s:.1f} s are short: hardly enough is seen from two sides to find the camera")
    if facts.rotation_degrees:
        notes.append(f"the pictures are stored turned by {facts.rotation_degrees} degrees and are set upright")
    if facts.is_high_range:
        notes.append("its high dynamic range is brought down to that of a screen, the same for every frame")
    if not facts.rate_hz:
        notes.append("its header states no rate: frames are taken by their own times")
    return notes


def shrunk_to(size_hw: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """The size with its longest side at most this."""
    scale = min(1.0, longest_side / max(size_hw))
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def told_seconds(seconds: float) -> str:
    """Seconds, or minutes where there are many."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _pixels(facts: VideoFacts) -> int:
    return math.prod(facts.size_hw)
