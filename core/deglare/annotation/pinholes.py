"""Pinholes in masks that were carried: a few pixels that a ray slipped through, or whose depth alone is off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from deglare.annotation.masks import Surfaces
from deglare.types import DepthMap

MOST_PIXELS = 4
"""Of a pinhole: two by two at most."""

FARTHEST_M = 1e6

SIDES = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)


def closed(
    surfaces: Surfaces,
    depth: DepthMap,
    is_known: Bool[np.ndarray, "h w"],
    slack_m: Callable[[Float64[np.ndarray, " n"]], Float64[np.ndarray, " n"]],
    most: int = MOST_PIXELS,
) -> Surfaces:
    """A mask without its pinholes; what is marked stays as it is, and so do edges and holes that are larger.

    A hole with something in front of the surface around it stays: that is what hides it. So does one that is known to
    be no part of what was marked, unless it lies behind: that is seen through a pinhole of the surface.

    Args:
        surfaces: As carried.
        depth: Of the same pixels.
        is_known: Pixels of which it is known that they are not marked.
        slack_m: How far two depths of one surface may differ, at a depth.
        most: Pixels of a pinhole.
    """
    found = surfaces.copy()
    for part, hole in _small_holes(surfaces > 0, most):
        around = _grown(hole) & ~hole
        metres, valid = depth.metres[part], depth.valid[part]
        known = metres[around & valid].astype(np.float64)
        ends = np.array([known.min(initial=FARTHEST_M), known.max(initial=0)])
        near, far = ends + (-1, 1) * slack_m(ends)
        is_before, is_behind = valid & (metres < near), valid & (metres > far)
        if not (hole & (is_before | (is_known[part] & ~is_behind))).any():
            found[part][hole] = np.bincount(surfaces[part][around]).argmax()
    return found


def _small_holes(marked: Bool[np.ndarray, "h w"], most: int) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The place and the pixels of every hole that marks surround on all sides, with a border of one pixel around it."""
    from scipy import ndimage

    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if not len(rows):
        return
    top, left = int(rows[0]), int(columns[0])
    numbered: Any = ndimage.label(~marked[top : rows[-1] + 1, left : columns[-1] + 1], SIDES)
    numbers, count = numbered
    small = np.bincount(numbers.ravel(), minlength=count + 1) <= most
    small[[0, *numbers[0], *numbers[-1], *numbers[:, 0], *numbers[:, -1]]] = False
    places: Any = ndimage.find_objects(numbers) if small.any() else ()
    for number in np.flatnonzero(small):
        high, wide = (slice(one.start - 1, one.stop + 1) for one in places[number - 1])
        yield (
            (slice(high.start + top, high.stop + top), slice(wide.start + left, wide.stop + left)),
            numbers[high, wide] == number,
        )


def _grown(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """With the pixels on its four sides."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown
