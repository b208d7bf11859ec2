"""All that is known about one frame when its labels are made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool

from deglare.errors import DataError, RequestError
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.networks.disparity import INDOOR, MetricRange
from deglare.types import Camera, DepthMap, Rigid, require_rigid


@dataclass(frozen=True, eq=False)
class Neighbour:
    """Another view of the scene, with the depth that was predicted there."""

    depth: DepthMap
    camera: Camera
    """In pixels of its depth."""
    neighbour_T_target: Rigid

    def __post_init__(self) -> None:
        require_rigid(self.neighbour_T_target, "the pose of a neighbour")
        _require_camera(self.camera, self.depth, "a neighbour")


@dataclass(frozen=True)
class Levels:
    """Numbers of a whole sequence, found without truth: the quantiles that a strategy asks for."""

    sigma_m: float | None = None
    """Of the uncertainty, in metres."""
    gap: float | None = None
    """Of the distance between predicted and projected depth, as a share of the projected."""

    def __post_init__(self) -> None:
        given = [level for level in (self.sigma_m, self.gap) if level is not None]
        if not all(level >= 0 for level in given):  # false for NaN too
            raise RequestError(f"levels of a sequence are at least 0, not {given}")


@dataclass(frozen=True)
class Needs:
    """What a strategy looks at beside predicted depth."""

    projected: bool = True
    uncertainty: bool = False
    neighbours: bool = False
    """And the frame's camera."""
    mask: bool = False
    sigma_quantile: float | None = None
    """Which quantile of the sequence's uncertainty it wants in `Levels.sigma_m`."""
    gap_quantile: float | None = None
    """Which quantile of the sequence's gaps it wants in `Levels.gap`."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """One frame; everything at the size of its predicted depth. What a strategy does not need may be left out."""

    predicted: DepthMap
    projected: DepthMap | None = None
    uncertainty: UncertaintyMap | None = None
    levels: Levels = Levels()
    camera: Camera | None = None
    """In pixels of the depth."""
    neighbours: tuple[Neighbour, ...] = ()
    mask: Bool[np.ndarray, "h w"] | None = None
    """Pixels that another method, or a person, marked as reflective."""
    projected_range: MetricRange = INDOOR
    """Projected depth outside it is taken for none: a wall behind a gap in the mesh, or a scrap before the lens."""

    def __post_init__(self) -> None:
        maps = {"projected depth": self.projected, "uncertainty": self.uncertainty}
        sizes = {name: one.size_hw for name, one in maps.items() if one is not None}
        if self.mask is not None:
            sizes["the mask"] = (self.mask.shape[0], self.mask.shape[1])
        for name, size_hw in sizes.items():
            if size_hw != self.predicted.size_hw:
                raise DataError(
                    f"{name} is {size_hw} but predicted depth is {self.predicted.size_hw} (height, width): bring "
                    "both to one size"
                )
        if self.camera is not None:
            _require_camera(self.camera, self.predicted, "a frame")

    @cached_property
    def has_projected(self) -> Bool[np.ndarray, "h w"]:
        """Where there is projected depth, in range."""
        projected, depths = self.needed_projected(), self.projected_range
        found = projected.metres >= np.float32(depths.nearest_m)
        found &= projected.metres <= np.float32(depths.farthest_m)
        found &= projected.valid
        return found

    def needed_projected(self) -> DepthMap:
        """The projected depth; a `RequestError` where there is none."""
        if self.projected is None:
            raise RequestError("this strategy needs projected depth: fuse the frames to a mesh and project it first")
        return self.projected

    def needed_uncertainty(self) -> UncertaintyMap:
        """The uncertainty; a `RequestError` where there is none."""
        if self.uncertainty is None:
            raise RequestError("this strategy needs an uncertainty: predict with several teachers, or with 'flip'")
        return self.uncertainty

    def needed_mask(self) -> Bool[np.ndarray, "h w"]:
        """The mask; a `RequestError` where there is none."""
        if self.mask is None:
            raise RequestError("this strategy needs a mask of reflective pixels: write one with deglare label --mine")
        return self.mask


def needed_level(level: float | None, what: str) -> float:
    """A level of the sequence; a `RequestError` where it was not found beforehand."""
    if level is None:
        raise RequestError(f"this strategy needs the {what} of the whole sequence: find it first (levels_of)")
    return level


def _require_camera(camera: Camera, depth: DepthMap, what: str) -> None:
    if camera.size_hw != depth.size_hw:
        raise DataError(
            f"the camera of {what} is for {camera.size_hw} pixels but its depth has {depth.size_hw} (height, width): "
            "resize the camera with it"
        )
