"""The focal length of a clip: given, read from what the phone wrote, or found by the pairs of frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from deglare.data.video_facts import VideoFacts
from deglare.footage.settings import VideoSettings

FILM_DIAGONAL_MM = 43.27
"""Of 24 mm x 36 mm film, to which 35 mm equivalents refer."""

Origin = Literal["given", "metadata", "estimated", "assumed"]


@dataclass(frozen=True)
class FocalStart:
    """Where the search for the focal length starts."""

    focal_px: float | None
    """At the working size; None where the pairs have to say."""
    is_fixed: bool
    """Whether it is believed to the last pixel."""
    origin: Origin | None
    """Who says it; None where nobody does yet."""


def focal_start(facts: VideoFacts, settings: VideoSettings, working_hw: tuple[int, int]) -> FocalStart:
    """What is known of the lens beforehand.

    What a phone writes is that of its photographs; stabilised video shows less, so it is a start and no more.
    """
    longest = max(working_hw)
    if settings.focal_px is not None:
        return FocalStart(settings.focal_px * longest / max(facts.size_hw), True, "given")
    if settings.fov_deg is not None:
        return FocalStart(longest / (2 * math.tan(math.radians(settings.fov_deg) / 2)), True, "given")
    if facts.focal_35mm is not None:
        return FocalStart(facts.focal_35mm / FILM_DIAGONAL_MM * math.hypot(*working_hw), False, "metadata")
    return FocalStart(None, False, None)


def field_of_view_deg(focal_px: float, size_hw: tuple[int, int]) -> float:
    """Across the longer side."""
    return math.degrees(2 * math.atan(max(size_hw) / (2 * focal_px)))
