"""Does the camera move, or does it only turn? What is left of the motion in the picture once the best turn is undone.

A camera that turns on the spot sees no depth, yet an adjustment finds some path that fits: noise is read as parallax.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from deglare.geometry.poses_lens import Lens
from deglare.geometry.poses_tracks import Tracks

APART = (3, 6, 12)
"""Frames that are compared."""

FEWEST_SHARED = 12
ROUNDS = 3


def parallax_px(tracks: Tracks, lens: Lens, frames: int) -> float:
    """Median distance in pixels of points from where the best turn alone would have them; 0 where none are shared.

    Frames are compared at several distances, and the distance that shows most counts.
    """
    rays = lens.directions(tracks.xy)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    order = np.argsort(tracks.frame, kind="stable")
    starts = np.searchsorted(tracks.frame[order], np.arange(frames + 1))
    rows = [order[starts[number] : starts[number + 1]] for number in range(frames)]
    medians = []
    for apart in APART:
        pairs = ((rows[first], rows[first + apart]) for first in range(frames - apart))
        found = [one for one in (_left(rays, tracks.point, *pair) for pair in pairs) if one is not None]
        if found:
            medians.append(float(np.median(found)))
    return lens.focal_px * max(medians) if medians else 0.0


def _left(rays: np.ndarray, point: np.ndarray, first: np.ndarray, second: np.ndarray) -> float | None:
    """Median angle between rays of two frames after the best turn, in radians; None where they share too little."""
    _, one, other = np.intersect1d(point[first], point[second], return_indices=True)
    if len(one) < FEWEST_SHARED:
        return None
    before, after = rays[first[one]], rays[second[other]]
    weight = np.ones(len(before))
    off = weight
    for _ in range(ROUNDS):
        off = np.linalg.norm(after - before @ best_turn(before, after, weight).T, axis=1)
        weight = 1 / (1 + (off / max(float(np.median(off)), 1e-12)) ** 2)
    return float(np.median(off))


def best_turn(
    before: Float64[np.ndarray, "n 3"], after: Float64[np.ndarray, "n 3"], weight: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "3 3"]:
    """The rotation that brings directions nearest to others."""
    u, _, vt = np.linalg.svd((after * weight[:, None]).T @ before)
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
