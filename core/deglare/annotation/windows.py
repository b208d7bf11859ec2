"""Where in each image some marked points can lie at most, so that only those pixels are looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from deglare.types import Camera, Rigid, inverse_rigid

CELLS = 12
"""Along the longest side of what is marked."""

NEAREST_M = 0.05
"""A ball that reaches nearer than this may be anywhere in the image."""


@dataclass(frozen=True, eq=False)
class Balls:
    """Balls that hold every marked point, in world axes."""

    centres_m: Float64[np.ndarray, "b 3"]
    radius_m: float


@dataclass(frozen=True)
class Window:
    """A part of an image, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int


def balls_around(points_m: Float64[np.ndarray, "n 3"], margin_m: float) -> Balls:
    """Balls around the cells of a grid that hold points.

    Args:
        points_m: In world axes, one at least.
        margin_m: How far from a point something may lie that counts as it.
    """
    low = points_m.min(axis=0)
    side = max(float((points_m.max(axis=0) - low).max()) / CELLS, 1e-3)
    cells = np.unique(((points_m - low) / side).astype(np.int64), axis=0)
    return Balls(low + (cells + 0.5) * side, side * np.sqrt(3) / 2 * (1 + 1e-9) + margin_m)


def windows(balls: Balls, camera: Camera, poses: list[Rigid]) -> list[Window | None]:
    """The pixels of each image that may show what is in the balls; None where none can."""
    cam_T_world = np.stack([inverse_rigid(pose) for pose in poses]) if poses else np.zeros((0, 4, 4))
    found: list[Window | None] = []
    for one in cam_T_world:
        found.append(_window(balls.centres_m @ one[:3, :3].T + one[:3, 3], balls.radius_m, camera))
    return found


def _window(centres: Float64[np.ndarray, "b 3"], radius: float, camera: Camera) -> Window | None:
    """Of balls in camera axes: x / z is largest and smallest at corners of the box around a ball."""
    centres = centres[centres[:, 2] + radius > 0]
    height, width = camera.size_hw
    if not len(centres):
        return None
    near, far = centres[:, 2] - radius, centres[:, 2] + radius
    if near.min() < NEAREST_M:
        return Window(0, height, 0, width)
    sides = []
    for axis, focal, centre, size in ((1, camera.fy, camera.cy, height), (0, camera.fx, camera.cx, width)):
        low, high = centres[:, axis] - radius, centres[:, axis] + radius
        first = focal * np.minimum(low / near, low / far) + centre
        last = focal * np.maximum(high / near, high / far) + centre
        inside = (last >= -1) & (first <= size)
        sides.append((first, last, inside, size))
    inside = sides[0][2] & sides[1][2]
    if not inside.any():
        return None
    (top, bottom), (left, right) = (_ends(first[inside], last[inside], size) for first, last, _, size in sides)
    return Window(top, bottom, left, right) if top < bottom and left < right else None


def _ends(first: np.ndarray, last: np.ndarray, size: int) -> tuple[int, int]:
    ends: Int64[np.ndarray, "2"] = np.array([np.floor(first.min()), np.ceil(last.max()) + 1]).clip(0, size).astype(int)
    return int(ends[0]), int(ends[1])
