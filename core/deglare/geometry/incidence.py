"""How squarely a surface is looked at: the weights of votes that fusion takes by default, and angles in degrees."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

from deglare.types import Camera, DepthMap

LEAST_WEIGHT = 0.05
"""Of a surface seen edge-on, or whose direction is not known."""

LEAST_COSINE = 1e-4
"""Nothing that is seen is seen wholly edge-on."""

CLIFF = np.float32(1e9)
"""A step in 1/m after which a surface is seen edge-on, whatever else is known; its square is still a float32."""


def incidence_weights(depth: DepthMap, camera: Camera) -> Float32[np.ndarray, "h w"]:
    """The cosine between the ray and the normal of the predicted surface, from 0.05 to 1; 0 where depth is not valid.

    Normals come from the depth itself. Inverse depth is linear on planes, so its steps from pixel to pixel give the
    normal directly; of the steps to either side the smaller is taken, so that the edges of things stay sharp.
    """
    return np.clip(_cosine(depth, camera)[0], LEAST_WEIGHT, 1) * depth.valid


def incidence_degrees(depth: DepthMap, camera: Camera) -> Float32[np.ndarray, "h w"]:
    """The angle between the ray and the normal, 0 head-on, below 90; NaN without depth or without a neighbour."""
    cosine, known = _cosine(depth, camera)
    degrees = np.degrees(np.arccos(np.clip(cosine, np.float32(LEAST_COSINE), 1)))
    return np.where(known, degrees, np.float32(np.nan))


def _cosine(depth: DepthMap, camera: Camera) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """As far as steps tell it, and where there are steps along both sides."""
    inverse = np.divide(1, depth.metres, out=np.zeros_like(depth.metres), where=depth.valid)
    along_x, along_y = (_steps(inverse, depth.valid, axis) for axis in (1, 0))
    x = (np.arange(depth.size_hw[1]) - camera.cx).astype(np.float32)
    y = (np.arange(depth.size_hw[0]) - camera.cy).astype(np.float32)[:, None]
    normal_x, normal_y = along_x * np.float32(camera.fx), along_y * np.float32(camera.fy)
    normal_z = inverse - x * along_x - y * along_y
    squares = normal_x * normal_x + normal_y * normal_y + normal_z * normal_z
    squares *= (x / np.float32(camera.fx)) ** 2 + (y / np.float32(camera.fy)) ** 2 + 1
    cosine = inverse / np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
    return cosine, depth.valid & (along_x != CLIFF) & (along_y != CLIFF)


def _steps(
    inverse: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], axis: int
) -> Float32[np.ndarray, "h w"]:
    """To the next pixel or from the one before, whichever is smaller; `CLIFF` where neither is valid."""
    size = inverse.shape[axis]
    both_valid = valid.take(range(1, size), axis) & valid.take(range(size - 1), axis)
    steps = np.where(both_valid, np.diff(inverse, axis=axis), CLIFF)
    none = np.full_like(inverse.take([0], axis), CLIFF)
    forwards, backwards = np.concatenate([steps, none], axis), np.concatenate([none, steps], axis)
    return np.where(np.abs(forwards) <= np.abs(backwards), forwards, backwards)
