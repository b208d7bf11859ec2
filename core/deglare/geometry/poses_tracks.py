"""Points that several frames see: matches joined to tracks, some of them chosen, all of them placed in space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from deglare.geometry.poses_features import Features
from deglare.geometry.poses_lens import Lens
from deglare.geometry.poses_pairs import Pair

FEWEST_FRAMES = 3
SAME_PLACE_PX = 4.0
LONG = 12
"""Tracks of more frames than this are no better than those of as many."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """Sightings in order of their point."""

    frame: Int64[np.ndarray, " n"]
    point: Int64[np.ndarray, " n"]
    """0, 0, 0, 1, 1, 2, ...: every point is seen."""
    xy: Float64[np.ndarray, "n 2"]
    log_depth: Float64[np.ndarray, " n"]
    """Logarithm of predicted depth in metres, NaN where nothing is predicted."""

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def points(self) -> int:
        """How many points there are."""
        return int(self.point[-1]) + 1 if len(self) else 0

    def only(self, kept: Bool[np.ndarray, " n"]) -> tuple[Tracks, Int64[np.ndarray, " p"]]:
        """Some of the sightings, of points that keep at least two; also the old numbers of the points left."""
        counts = np.bincount(self.point, kept, self.points)
        kept = kept & (counts[self.point] >= 2)
        left, point = np.unique(self.point[kept], return_inverse=True)
        return Tracks(self.frame[kept], point.astype(np.int64), self.xy[kept], self.log_depth[kept]), left


def linked(pairs: Sequence[Pair], features: Sequence[Features], log_depths: Sequence[np.ndarray]) -> Tracks:
    """Join matches to tracks of at least three frames.

    A track that sees two places in one frame has swallowed a false match (a pattern that repeats itself): all of it is
    left out. Two features at nearly the same place count as one.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    start = np.concatenate([[0], np.cumsum([len(one) for one in features])])
    ones = np.concatenate([start[pair.first] + pair.matches[:, 0] for pair in pairs])
    others = np.concatenate([start[pair.second] + pair.matches[:, 1] for pair in pairs])
    graph = coo_matrix((np.ones(len(ones)), (ones, others)), shape=(start[-1], start[-1]))
    _, track = connected_components(graph, directed=False)
    frame = np.repeat(np.arange(len(features)), np.diff(start))
    xy = np.concatenate([one.xy for one in features])
    order, is_torn = _once_a_frame(track, frame, xy)
    usable = ~is_torn[track[order]] & (np.bincount(track[order], minlength=len(is_torn))[track[order]] >= FEWEST_FRAMES)
    order = order[usable]
    _, point = np.unique(track[order], return_inverse=True)
    return Tracks(frame[order], point.astype(np.int64), xy[order], np.concatenate(list(log_depths))[order])


def _once_a_frame(
    track: np.ndarray, frame: np.ndarray, xy: Float64[np.ndarray, "n 2"]
) -> tuple[np.ndarray, Bool[np.ndarray, " t"]]:
    """Sightings by track and frame, one for each; and which tracks see two places in one frame."""
    order = np.lexsort((frame, track))
    again = (np.diff(track[order]) == 0) & (np.diff(frame[order]) == 0)
    apart = np.linalg.norm(np.diff(xy[order], axis=0), axis=1) > SAME_PLACE_PX
    is_torn = np.zeros(int(track.max()) + 1, dtype=bool)
    is_torn[track[order][1:][again & apart]] = True
    return order[np.concatenate([[True], ~again])], is_torn


def chosen(tracks: Tracks, frames: int, each: int) -> Tracks:
    """Long tracks first, until every frame sees ``each`` of them or has no more."""
    length = np.bincount(tracks.point, minlength=tracks.points)
    rng = np.random.default_rng(0)
    order = np.lexsort((rng.random(tracks.points), -np.minimum(length, LONG)))
    ends = np.concatenate([[0], np.cumsum(length)])
    seen, taken = np.zeros(frames, dtype=int), np.zeros(tracks.points, dtype=bool)
    for point in order:
        where = tracks.frame[ends[point] : ends[point + 1]]
        if np.any(seen[where] < each):
            taken[point] = True
            seen[where] += 1
    return tracks.only(taken[tracks.point])[0]


def placed(
    tracks: Tracks, cam_R_world: Float64[np.ndarray, "f 3 3"], positions: Float64[np.ndarray, "f 3"], lens: Lens
) -> Float64[np.ndarray, "p 3"]:
    """Where the rays of each point come nearest to each other."""
    rays = np.einsum("nji,nj->ni", cam_R_world[tracks.frame], lens.directions(tracks.xy))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    right = np.einsum("nij,nj->ni", across, positions[tracks.frame])
    matrix = summed(across.reshape(-1, 9), tracks).reshape(-1, 3, 3) + 1e-9 * np.eye(3)
    return np.linalg.solve(matrix, summed(right, tracks)[..., None])[..., 0]


def predicted_points(
    tracks: Tracks, cam_R_world: Float64[np.ndarray, "f 3 3"], positions: Float64[np.ndarray, "f 3"], lens: Lens
) -> Float64[np.ndarray, "p 3"]:
    """Where predicted depth has each point, averaged over its sightings; NaN where nothing is predicted."""
    known = np.isfinite(tracks.log_depth)
    seen = lens.directions(tracks.xy) * np.exp(np.where(known, tracks.log_depth, 0))[:, None]
    in_world = np.einsum("nji,nj->ni", cam_R_world[tracks.frame], seen) + positions[tracks.frame]
    with np.errstate(invalid="ignore"):
        return summed(in_world * known[:, None], tracks) / summed(known[:, None].astype(np.float64), tracks)


def summed(values: Float64[np.ndarray, "n d"], tracks: Tracks) -> Float64[np.ndarray, "p d"]:
    """Sums over the sightings of each point."""
    return np.add.reduceat(values, np.searchsorted(tracks.point, np.arange(tracks.points)), axis=0)
