"""Which frames see a point of the surface, and from how steep: one ray from each camera, all cast together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from deglare.geometry.raycasting import NEAR_M
from deglare.inspection.run import InspectedRun

Xyz = tuple[float, float, float]

LEAST_COSINE = 0.2
"""A surface seen from flatter than this is not given more room before it counts as hidden."""


@dataclass(frozen=True, eq=False)
class SurfacePoint:
    """A place, and which way the surface faces there."""

    xyz: Float64[np.ndarray, "3"]
    """World axes, in metres."""
    normal: Float64[np.ndarray, "3"] | None = None
    """World axes, of length 1, into free space; None where it is not known."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """The frames that see a point, in order of time, and where."""

    frames: Int64[np.ndarray, " n"]
    """Places in `InspectedRun.names`."""
    pixels_xy: Int64[np.ndarray, "n 2"]
    """The nearest ones."""
    z_m: Float64[np.ndarray, " n"]
    """Of the point."""
    mesh_z_m: Float64[np.ndarray, " n"]
    """Of the fused surface on the way to the point or behind it; infinite where there is none."""
    cosine: Float64[np.ndarray, " n"]
    """1 seen head-on; NaN without a normal."""
    hidden_in: int
    """Frames in whose image the point lies while something hides it, or that see the surface from behind."""


def sightings(run: InspectedRun, point: SurfacePoint, always: int | None = None) -> Sightings:
    """All frames that see a point: in front of the camera, inside the image, and not behind the fused surface.

    Args:
        run: Of the frames.
        point: What is looked at.
        always: The frame in which somebody points at it, which counts as seeing it.
    """
    at_cam = run.cam_T_world[:, :3, :3] @ point.xyz + run.cam_T_world[:, :3, 3]
    pixels = np.floor(run.camera.project(at_cam) + 0.5)
    height, width = run.camera.size_hw
    with np.errstate(invalid="ignore"):
        inside = (at_cam[:, 2] > 0) & np.all((pixels >= 0) & (pixels < (width, height)), axis=1)
    frames = np.flatnonzero(inside)
    z_m = at_cam[frames, 2]
    cosine = cosines(run, point, frames)
    mesh_z = _mesh_depths(run, at_cam[frames], frames)
    sees = _sees(run.making.mesh.volume.voxel_m, z_m, mesh_z, cosine)
    sees |= frames == (-1 if always is None else always)
    kept = frames[sees]
    return Sightings(
        kept, pixels[kept].astype(np.int64), z_m[sees], mesh_z[sees], cosine[sees], int(np.count_nonzero(~sees))
    )


def _sees(
    voxel_m: float,
    z_m: Float64[np.ndarray, " n"],
    mesh_z_m: Float64[np.ndarray, " n"],
    cosine: Float64[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Nothing lies nearer by more than a voxel, or what a voxel comes to along a slanted surface."""
    slack = voxel_m / np.clip(np.nan_to_num(cosine, nan=1.0), LEAST_COSINE, 1)
    return (mesh_z_m >= z_m - slack) & ~(cosine <= 0)


def cosines(run: InspectedRun, point: SurfacePoint, frames: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Between the normal and the way to the cameras of some frames; NaN without a normal."""
    if point.normal is None:
        return np.full(len(frames), np.nan)
    places = np.stack([run.poses[run.names[frame]][:3, 3] for frame in frames]) if len(frames) else np.zeros((0, 3))
    towards = places - point.xyz
    return towards @ point.normal / np.linalg.norm(towards, axis=1)


def _mesh_depths(
    run: InspectedRun, at_cam: Float64[np.ndarray, "n 3"], frames: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Z-depth of the fused surface along the rays through points; rays begin where those of projected depth do."""
    if not len(frames):
        return np.zeros(0)
    world_T_cams = np.stack([run.poses[run.names[frame]] for frame in frames])
    directions = np.einsum("nij,nj->ni", world_T_cams[:, :3, :3], at_cam / at_cam[:, 2:])
    lengths: Float32[np.ndarray, " n"] = (
        run.projector().cast(world_T_cams[:, :3, 3] + NEAR_M * directions, directions).lengths
    )
    return lengths.astype(np.float64) + NEAR_M


def as_xyz(vector: Float64[np.ndarray, "3"]) -> Xyz:
    """Three plain numbers."""
    x, y, z = (float(one) for one in vector)
    return x, y, z
