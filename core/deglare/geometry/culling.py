"""Which blocks a view has votes for: those in its image that do not lie wholly beyond what it sees.

Conservative and exact about it: no block with a vote is left out, and which ones are taken depends on the view alone.
So every view has all of its votes, whatever order the views come in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from deglare.errors import DataError
from deglare.geometry.blocks import REACH, SIDE
from deglare.geometry.depth_view import DepthView
from deglare.geometry.projection import NEAREST_Z_M

TILE = 8
"""Pixels along the finest tile: blocks are many pixels wide, so finer ones would only cost time."""

BOXES_ALONG = 12
"""Boxes of the first, coarsest pass, at most, along the farthest depth."""

ROUNDING_M = 1e-3
"""More than what single precision may be off by."""

BOX_CORNERS = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class FarthestTiles:
    """The farthest depth in squares of 1, 2, 4 ... tiles that begin at each tile."""

    metres: Float32[np.ndarray, "levels h w"]

    @classmethod
    def of(cls, metres: Float32[np.ndarray, "h w"]) -> FarthestTiles:
        """Build the levels; the last has squares of half of the image or more."""
        levels = [_farthest_in_tiles(metres)]
        side = 1
        while 2 * side < max(levels[0].shape):
            levels.append(_farthest_in_pairs(_farthest_in_pairs(levels[-1], side, 0), side, 1))
            side *= 2
        return cls(np.stack(levels))

    def within(
        self,
        left: Int32[np.ndarray, " n"],
        right: Int32[np.ndarray, " n"],
        top: Int32[np.ndarray, " n"],
        bottom: Int32[np.ndarray, " n"],
    ) -> Float32[np.ndarray, " n"]:
        """The farthest depth in windows of pixels, ends included, or a little around them.

        Four squares, in its corners, cover a window. Where it is narrower than they are they stick out.
        """
        left, right, top, bottom = (edge // TILE for edge in (left, right, top, bottom))
        half = (np.maximum(right - left, bottom - top) + 2) // 2
        level = np.ceil(np.log2(half)).astype(np.int32)
        side = 1 << level
        right, bottom = np.maximum(left, right - side + 1), np.maximum(top, bottom - side + 1)
        upper = np.maximum(self.metres[level, top, left], self.metres[level, top, right])
        lower = np.maximum(self.metres[level, bottom, left], self.metres[level, bottom, right])
        return np.maximum(upper, lower)


def blocks_in_view(view: DepthView, voxel_m: float, back_m: float) -> Int64[np.ndarray, "n 3"]:
    """Every block with a voxel in the image and less than ``back_m`` behind the depth there, and few others.

    Boxes of many blocks are looked at first, then the halves of those that stay.
    """
    reach_m = float(view.metres.max()) + back_m
    if not math.isfinite(reach_m):
        return np.empty((0, 3), dtype=np.int64)
    tiles, image_T_world = FarthestTiles.of(view.metres), view.image_T_world()
    halvings = max(0, math.ceil(math.log2(reach_m / (BOXES_ALONG * SIDE * voxel_m))))
    boxes = _boxes_around(view, reach_m, SIDE * voxel_m * 2**halvings, voxel_m)
    for level in range(halvings, -1, -1):
        side_m = SIDE * voxel_m * 2**level
        inside = _may_vote(boxes * side_m, side_m - voxel_m, image_T_world, view.camera.size_hw, tiles, back_m)
        boxes = boxes[inside]
        if level:
            boxes = (2 * boxes[:, None] + BOX_CORNERS).reshape(-1, 3)
    return boxes


def _boxes_around(view: DepthView, reach_m: float, side_m: float, voxel_m: float) -> Int64[np.ndarray, "n 3"]:
    """All boxes of a grid around the pyramid from the camera to ``reach_m``."""
    height, width = view.camera.size_hw
    edges = np.array([[x, y] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    camera = view.camera
    far = np.column_stack([(edges - (camera.cx, camera.cy)) / (camera.fx, camera.fy), np.ones(4)]) * reach_m
    points = np.vstack([far @ view.world_T_cam[:3, :3].T, np.zeros(3)]) + view.world_T_cam[:3, 3]
    low = np.floor((points.min(axis=0) - voxel_m) / side_m)
    high = np.floor((points.max(axis=0) + voxel_m) / side_m)
    if max(np.abs(low).max(), np.abs(high).max()) * side_m >= (REACH - 1) * SIDE * voxel_m:
        raise DataError(
            f"a camera stands at {view.world_T_cam[:3, 3]} m, too far from the origin for voxels of {voxel_m:g} m: are "
            "the poses in metres?"
        )
    axes = [np.arange(a, b + 1) for a, b in zip(low.astype(np.int64), high.astype(np.int64), strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _may_vote(
    corners_m: Float64[np.ndarray, "n 3"],
    side_m: float,
    image_T_world: Float64[np.ndarray, "3 4"],
    size_hw: tuple[int, int],
    tiles: FarthestTiles,
    back_m: float,
) -> Int64[np.ndarray, " kept"]:
    """Which boxes have a corner nearer than ``back_m`` behind the farthest depth in the window they cover."""
    near = (corners_m @ image_T_world[:, :3].T + image_T_world[:, 3]).astype(np.float32)
    steps = (BOX_CORNERS * side_m @ image_T_world[:, :3].T).astype(np.float32)
    z = near[:, 2] + steps[:, 2:]
    nearest, farthest = z.min(axis=0), z.max(axis=0)
    inverse = 1 / np.maximum(z, np.float32(NEAREST_Z_M))
    x = (near[:, 0] + steps[:, :1]) * inverse
    y = (near[:, 1] + steps[:, 1:2]) * inverse
    around_camera = nearest < NEAREST_Z_M  # such a box may be anywhere in the image
    left, right, in_columns = _covered(x, around_camera, size_hw[1])
    top, bottom, in_rows = _covered(y, around_camera, size_hw[0])
    kept = np.flatnonzero(in_columns & in_rows & (farthest > NEAREST_Z_M))
    limit = tiles.within(left[kept], right[kept], top[kept], bottom[kept]) + np.float32(back_m + ROUNDING_M)
    return kept[nearest[kept] < limit]


def _covered(
    positions: Float32[np.ndarray, "8 n"], everywhere: Bool[np.ndarray, " n"], size: int
) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """First and last pixel that boxes cover along one side of the image, and whether they cover any."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    low[everywhere], high[everywhere] = 0, size - 1
    first = np.floor(np.clip(low, 0, size - 1)).astype(np.int32)
    last = np.ceil(np.clip(high, 0, size - 1)).astype(np.int32)
    return first, last, (low < size) & (high > -1)


def _farthest_in_tiles(metres: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w2"]:
    """The maximum of every tile; those at the right and lower edge may be smaller."""
    height, width = (-(-size // TILE) for size in metres.shape)
    missing = ((0, height * TILE - metres.shape[0]), (0, width * TILE - metres.shape[1]))
    padded = np.pad(metres, missing, constant_values=-np.inf) if any(map(any, missing)) else metres
    return padded.reshape(height, TILE, width * TILE).max(axis=1).reshape(height, width, TILE).max(axis=2)


def _farthest_in_pairs(metres: Float32[np.ndarray, "h w"], apart: int, axis: int) -> Float32[np.ndarray, "h w"]:
    """The maximum of each value and the one ``apart`` further along, or the last one."""
    size = metres.shape[axis]
    return np.maximum(metres, metres.take(np.minimum(np.arange(size) + apart, size - 1), axis))
