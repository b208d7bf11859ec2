"""How far the picture moved from one frame to the next: corners followed by their neighbourhoods, coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

LEVELS, RADIUS, ITERATIONS = 4, 4, 8
CORNERS, APART_PX, BORDER_PX = 160, 9, 6
ENOUGH_PX = 0.05
LIKENESS = 0.8
"""Correlation of a neighbourhood with where it went; below, the corner is lost."""

THERE_AND_BACK_PX = 0.7
FEWEST = 12


@dataclass(frozen=True)
class Flow:
    """From one frame to the next."""

    shift: float
    """Median way of the corners, as a share of the longest side; NaN where too few were found again."""
    found: float
    """Share of the corners that were found again."""


def flow_between(before: Float32[np.ndarray, "h w"], after: Float32[np.ndarray, "h w"]) -> Flow:
    """Follow corners between two small grey frames in [0, 1]."""
    points = corners_of(before)
    if len(points) < FEWEST:
        return Flow(float("nan"), 0.0)
    first, second = pyramid(before), pyramid(after)
    there, is_found = followed(first, second, points)
    back, is_back = followed(second, first, there)
    kept = is_found & is_back & (np.linalg.norm(back - points, axis=1) < THERE_AND_BACK_PX)
    if np.count_nonzero(kept) < FEWEST:
        return Flow(float("nan"), float(kept.mean()))
    ways = np.linalg.norm(there - points, axis=1)[kept]
    return Flow(float(np.median(ways)) / max(before.shape), float(kept.mean()))


def sharpness_of(grey: Float32[np.ndarray, "h w"]) -> float:
    """Variance of the Laplacian: larger is sharper, compared with frames that show the same."""
    from scipy.ndimage import laplace

    return float(np.var(laplace(grey)))


def pyramid(grey: Float32[np.ndarray, "h w"]) -> list[Float32[np.ndarray, "_ _"]]:
    """The frame, and ever smaller copies."""
    from scipy.ndimage import gaussian_filter

    levels = [gaussian_filter(grey, 0.7)]
    while len(levels) < LEVELS and min(levels[-1].shape) > 8 * RADIUS:
        levels.append(np.ascontiguousarray(gaussian_filter(levels[-1], 1.0)[::2, ::2]))
    return levels


def corners_of(grey: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "n 2"]:
    """Pixels (x, y) whose neighbourhood changes in every direction, the strongest of each neighbourhood."""
    from scipy.ndimage import gaussian_filter, maximum_filter

    smooth = gaussian_filter(grey, 1.0)
    dy, dx = np.gradient(smooth)
    xx, xy, yy = (gaussian_filter(one, 2.0) for one in (dx * dx, dx * dy, dy * dy))
    weaker = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    is_corner = (weaker == maximum_filter(weaker, APART_PX)) & (weaker > 1e-3 * weaker.max()) & (weaker > 1e-8)
    is_corner[:BORDER_PX] = is_corner[-BORDER_PX:] = is_corner[:, :BORDER_PX] = is_corner[:, -BORDER_PX:] = False
    rows, columns = np.nonzero(is_corner)
    strongest = np.argsort(-weaker[rows, columns])[:CORNERS]
    return np.stack([columns, rows], axis=1)[strongest].astype(np.float32)


def followed(
    first: list[Float32[np.ndarray, "_ _"]],
    second: list[Float32[np.ndarray, "_ _"]],
    points: Float32[np.ndarray, "n 2"],
) -> tuple[Float32[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """Where points of one pyramid are in another (Lucas-Kanade), and which were found."""
    way = np.zeros_like(points)
    is_found = np.ones(len(points), dtype=bool)
    for level in reversed(range(len(first))):
        scale = np.float32(2**level)
        way, is_found = _at_level(first[level], second[level], points / scale, way / scale)
        way = way * scale
    there = points + way
    height, width = second[0].shape
    inside = np.all((there >= BORDER_PX) & (there < np.array([width, height]) - BORDER_PX), axis=1)
    return there, is_found & inside


def _at_level(
    first: Float32[np.ndarray, "h w"],
    second: Float32[np.ndarray, "h w"],
    points: Float32[np.ndarray, "n 2"],
    way: Float32[np.ndarray, "n 2"],
) -> tuple[Float32[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    wide = _patches(first, points, RADIUS + 1)
    dx, dy = (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]) / 2, (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]) / 2
    sought = _without_mean(wide[:, 1:-1, 1:-1])
    xx, xy, yy = (np.sum(one, axis=(1, 2)) for one in (dx * dx, dx * dy, dy * dy))
    determinant = np.maximum(xx * yy - xy**2, 1e-12)
    for _ in range(ITERATIONS):
        missing = sought - _without_mean(_patches(second, points + way, RADIUS))
        by_x, by_y = np.sum(dx * missing, axis=(1, 2)), np.sum(dy * missing, axis=(1, 2))
        step = np.stack([yy * by_x - xy * by_y, xx * by_y - xy * by_x], axis=1) / determinant[:, None]
        step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True) / RADIUS, 1)
        way = (way + step).astype(np.float32)
        if np.abs(step).max() < ENOUGH_PX:
            break
    seen = _without_mean(_patches(second, points + way, RADIUS))
    both = np.sqrt(np.sum(seen**2, axis=(1, 2)) * np.sum(sought**2, axis=(1, 2)))
    return way, np.sum(seen * sought, axis=(1, 2)) > LIKENESS * np.maximum(both, 1e-9)


def _patches(grey: Float32[np.ndarray, "h w"], xy: Float32[np.ndarray, "n 2"], radius: int) -> np.ndarray:
    """Square neighbourhoods, read between pixels."""
    height, width = grey.shape
    limit = np.array([width, height], dtype=np.float32) - 1.01
    corner = np.clip(xy, 0, limit)
    whole = np.floor(corner).astype(int)
    right, down = np.moveaxis((corner - whole).astype(np.float32), 1, 0)[..., None, None]
    around = np.arange(-radius, radius + 2)
    rows = (whole[:, 1:] + around).clip(0, height - 1)
    columns = (whole[:, :1] + around).clip(0, width - 1)
    block = grey[rows[:, :, None], columns[:, None, :]]
    upper = block[:, :-1] + (block[:, 1:] - block[:, :-1]) * down
    return upper[:, :, :-1] + (upper[:, :, 1:] - upper[:, :, :-1]) * right


def _without_mean(patches: np.ndarray) -> np.ndarray:
    return patches - patches.mean(axis=(1, 2), keepdims=True)
