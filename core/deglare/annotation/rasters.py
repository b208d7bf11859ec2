"""Strokes to pixels, in whole numbers only: the same stroke gives the same pixels on every machine and in the page.

Points are pixels (x, y) with centres on whole numbers, in steps of a sixteenth. A pixel belongs to a stroke where its
centre does, so that each rule below is a comparison of integers:

* a brush: the centre lies at most a radius away from the line through the points (the ends are round);
* a polygon: a line from the centre to the right crosses the outline an odd number of times. A centre that lies on the
  outline belongs to it on the left and on top, not on the right and at the bottom, so polygons that share an edge
  share no pixel.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Int64

STEPS = 16
"""In a pixel."""

Points = Int64[np.ndarray, "n 2"]
"""(x, y) in sixteenths of a pixel."""


def brush(points: Points, radius: int, size_hw: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Pixels along a line; one point is a dot.

    Args:
        points: Of the line.
        radius: In sixteenths of a pixel.
        size_hw: Of the mask; what lies outside is left out.
    """
    mask = np.zeros(size_hw, dtype=bool)
    ends = points[1:] if len(points) > 1 else points
    for start, end in zip(points[: len(ends)], ends, strict=True):
        _segment(mask, start, end, radius)
    return mask


def polygon(points: Points, size_hw: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Pixels inside a closed outline, by the even-odd rule; the last point is joined to the first."""
    height, width = size_hw
    crossings = np.zeros((height, width + 1), dtype=np.int64)
    for (ax, ay), (bx, by) in zip(points.tolist(), np.roll(points, -1, axis=0).tolist(), strict=True):
        (ax, ay), (bx, by) = ((ax, ay), (bx, by)) if ay < by else ((bx, by), (ax, ay))
        first, last = max(0, -(-ay // STEPS)), min(height, -(-by // STEPS))
        if first >= last:
            continue
        rows = np.arange(first, last, dtype=np.int64)
        along = ax * (by - ay) + (rows * STEPS - ay) * (bx - ax)
        left_of_it = -(-along // (STEPS * (by - ay)))  # pixels of the row whose centres lie left of the edge
        crossings[rows, np.clip(left_of_it, 0, width)] += 1
    to_the_right = np.cumsum(crossings[:, ::-1], axis=1)[:, ::-1]
    return to_the_right[:, 1:] % 2 == 1


def _segment(mask: Bool[np.ndarray, "h w"], start: Int64[np.ndarray, "2"], end: Int64[np.ndarray, "2"], r: int) -> None:
    """Add the pixels at most ``r`` from a segment."""
    (ax, ay), (bx, by) = start.tolist(), end.tolist()
    height, width = mask.shape
    left, right = max(0, -(-(min(ax, bx) - r) // STEPS)), min(width, (max(ax, bx) + r) // STEPS + 1)
    top, bottom = max(0, -(-(min(ay, by) - r) // STEPS)), min(height, (max(ay, by) + r) // STEPS + 1)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.int64) * STEPS
    y = np.arange(top, bottom, dtype=np.int64)[:, None] * STEPS
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    along = (x - ax) * dx + (y - ay) * dy
    across = (x - ax) * dy - (y - ay) * dx
    near = (along > 0) & (along < length) & (np.abs(across) <= math.isqrt(r * r * length))
    for cx, cy in ((ax, ay), (bx, by)):
        near |= (x - cx) ** 2 + (y - cy) ** 2 <= r * r
    mask[top:bottom, left:right] |= near
