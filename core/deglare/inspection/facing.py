"""Which way a surface faces at one pixel."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from deglare.geometry.normals import normals_from_depth
from deglare.geometry.projection import stack_intrinsics
from deglare.geometry.raycasting import NEAR_M
from deglare.inspection.run import InspectedRun
from deglare.types import Camera, DepthMap, Rigid

PATCH_PX = 2
"""Pixels on each side from which a normal is read off depth."""

Vector = Float64[np.ndarray, "3"]


def normal_at(run: InspectedRun, frame: str, depth: DepthMap, x: int, y: int) -> Vector | None:
    """In world axes, of length 1, towards the camera; None where depth around the pixel does not say.

    The fused surface's own where it lies within a voxel of the depth, else that of the depth around.
    """
    camera, world_T_cam = run.camera, run.poses[frame]
    ray = world_T_cam[:3, :3] @ np.array([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1.0])
    hits = run.projector().cast((world_T_cam[:3, 3] + NEAR_M * ray)[None], ray[None])
    apart_m = abs(float(hits.lengths[0]) + NEAR_M - float(depth.metres[y, x]))
    if apart_m <= run.making.mesh.volume.voxel_m:
        return hits.normals[0].astype(np.float64)
    return _normal_of_depth(depth, camera, world_T_cam, x, y)


def _normal_of_depth(depth: DepthMap, camera: Camera, world_T_cam: Rigid, x: int, y: int) -> Vector | None:
    """From a patch around the pixel."""
    rows = slice(max(y - PATCH_PX, 0), y + PATCH_PX + 1)
    columns = slice(max(x - PATCH_PX, 0), x + PATCH_PX + 1)
    metres, valid = depth.metres[rows, columns], depth.valid[rows, columns]
    height, width = metres.shape
    patch = Camera(camera.fx, camera.fy, camera.cx - columns.start, camera.cy - rows.start, (height, width))
    found = normals_from_depth(
        torch.from_numpy(metres.copy())[None, None],
        torch.from_numpy(valid.copy())[None, None],
        stack_intrinsics([patch]),
    )
    at = (0, 0, y - rows.start, x - columns.start)
    if not bool(found.valid[at]):
        return None
    return world_T_cam[:3, :3] @ found.unit[0, :, at[2], at[3]].numpy().astype(np.float64)
