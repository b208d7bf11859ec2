"""How depth is fused: the settings of a volume, and the ones that were published."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deglare.errors import RequestError


@dataclass(frozen=True)
class VolumeSettings:
    """Lengths in metres. ``clip_m`` and ``back_m`` are one number in an ordinary TSDF, its truncation.

    They do two jobs. A small ``clip_m`` lets no view shift the surface by more than that, however wrong it is: the
    fused surface is nearly a median of the views. A large ``back_m`` lets honest views vote far behind what they see,
    against views that see a hole there because of glare.
    """

    voxel_m: float = 0.05
    clip_m: float = 0.10
    """A view's vote grows up to this distance from its surface, then it stays the same. Two voxels do well."""
    back_m: float = 1.0
    """How far behind its surface a view still votes. The price of much: what a thing hides from most views is taken for
    solid, so that things swell by up to a voxel and gaps behind them close."""
    min_depth_m: float = 0.1
    max_depth_m: float = 10.0
    """Pixels outside of this range have no vote."""
    with_colour: bool = False
    """Whether colours are fused too. It more than doubles memory."""
    max_voxels: int = 64_000_000
    """More are refused: 768 MB, or 1.8 GB with colour."""

    def __post_init__(self) -> None:
        lengths = (self.voxel_m, self.clip_m, self.back_m, self.min_depth_m, self.max_depth_m)
        if not all(math.isfinite(length) and length > 0 for length in lengths):
            raise RequestError(f"the lengths of a volume must be finite and above 0 m, these are {lengths}")
        if self.clip_m < self.voxel_m:
            raise RequestError(
                f"clip_m {self.clip_m:g} is less than a voxel of {self.voxel_m:g} m, too little to find the surface "
                "between two voxels: choose two voxels"
            )
        if self.back_m < self.clip_m:
            raise RequestError(
                f"back_m {self.back_m:g} is less than clip_m {self.clip_m:g}: choose it as large or larger"
            )
        if self.min_depth_m >= self.max_depth_m:
            raise RequestError(f"depth from {self.min_depth_m:g} to {self.max_depth_m:g} m is no range")
        if self.max_voxels < 1:
            raise RequestError(f"a volume of {self.max_voxels} voxels holds nothing: allow some millions")


PUBLISHED = VolumeSettings(clip_m=1.0)
"""3D Distillation's: an ordinary TSDF of 0.05 m voxels truncated at 1 m. With ``tau`` 0.5 and without weights."""
