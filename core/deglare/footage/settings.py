"""What a user decides about a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from deglare.errors import RequestError
from deglare.fusion.estimators import Crop, Snapshots
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.geometry.poses_choosing import SPACING, WIDEST_SPACING

SCRAPS_M2 = 0.1
"""Smaller pieces of a clip's mesh are left out: views that agree with no other leave a thousand of them."""

SMALLEST_MOST = 12
"""Fewer kept frames than this can never be believed."""


@dataclass(frozen=True)
class FitSettings:
    """A few minutes of self-supervised fine-tuning on the clip's own frames."""

    teacher: str | None = None
    """Which teacher is fitted; the first that is a network of ours if not given."""
    steps: int = 120
    batch: int = 4
    longest_side: int = 256
    """Of the frames that it is trained on, rounded to multiples of 32."""
    learning_rate: float = 2e-5

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.longest_side < 64:
            raise RequestError("fitting takes at least one step, one triple a step and frames of 64 pixels")


@dataclass(frozen=True)
class VideoSettings:
    """All of it; the defaults suit half a minute to two minutes of a phone's video."""

    focal_px: float | None = None
    """In pixels of the video as a player shows it."""
    fov_deg: float | None = None
    """Field of view across the longer side of the picture, in degrees."""
    start_s: float = 0.0
    seconds: float = 120.0
    """What comes later than this after the start is left out."""
    most_frames: int = 240
    """At most so many frames are kept."""
    spacing: float = SPACING
    """How far the picture moves between kept frames, as a share of its longest side; 0 keeps every frame."""
    working_side: int = 640
    """Longest side in pixels at which cameras are found."""
    labels: LabelSettings = field(default_factory=lambda: LabelSettings(mesh=MeshSettings(scraps_m2=SCRAPS_M2)))
    fit: FitSettings | None = None

    def __post_init__(self) -> None:
        if self.focal_px is not None and self.fov_deg is not None:
            raise RequestError("--focal and --fov say the same thing: give one of them")
        if self.focal_px is not None and not (math.isfinite(self.focal_px) and self.focal_px > 0):
            raise RequestError(f"a focal length of {self.focal_px:g} pixels is none: give a positive one")
        if self.fov_deg is not None and not 5 <= self.fov_deg <= 150:
            raise RequestError(f"a field of view of {self.fov_deg:g} degrees is no phone's: give 5 to 150")
        if not (self.start_s >= 0 and self.seconds > 0):
            raise RequestError("--start is not negative and --seconds is more than none")
        if self.most_frames < SMALLEST_MOST:
            raise RequestError(f"{self.most_frames} frames show no room: keep at least {SMALLEST_MOST}")
        if not 0 <= self.spacing <= WIDEST_SPACING:
            raise RequestError(f"a spacing of {self.spacing:g} is out of range: give 0 to {WIDEST_SPACING:g}")
        if isinstance(self.labels.uncertainty, Crop | Snapshots):
            raise RequestError("depth is aligned frame by frame, not crops or snapshots of it: choose ensemble or flip")
        if self.working_side < 64:
            raise RequestError(f"frames of {self.working_side} pixels show nothing: give 64 or more")
