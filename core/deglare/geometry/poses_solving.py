"""Camera poses of a clip: features, pairs, rotations, positions, bundle adjustment. Pure functions of grey frames.

::

    features of every frame -> pairs that share some -> focal length -> motion of every pair
        -> rotations averaged -> steps made metric by predicted depth -> positions -> tracks -> bundle adjustment

Nothing is built up frame by frame, so nothing drifts: every pair has its say in one least-squares problem, those that
return to a place among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64

from deglare.geometry.poses_bundle import Adjustment, Model, adjusted, fit_of
from deglare.geometry.poses_features import Features
from deglare.geometry.poses_focal import FocalVote, vote_focal
from deglare.geometry.poses_lens import Lens
from deglare.geometry.poses_pairs import NEAR, Pair, candidate_pairs, fundamental_of, matches_of, paired
from deglare.geometry.poses_positions import (
    WRONG,
    Leg,
    disagreements_m,
    leg_of,
    lengths_of,
    log_depths_at,
    positions_of,
)
from deglare.geometry.poses_rotations import WRONG_DEGREES, averaged_rotations, connected, disagreements
from deglare.geometry.poses_tracks import Tracks, chosen, linked, placed, predicted_points
from deglare.types import DepthMap, Rigid

FEWEST_FRAMES = 8
VOTERS = 60
"""Pairs that are asked for the focal length."""

EACH = 250
"""Points of every frame that the adjustment looks at."""

LINKED_AGAIN = 3
"""Before this round, pairs are asked again which of them fit."""

ALWAYS_LINKED = 2
"""Frames this near are linked even where their step disagrees with the others."""


@dataclass(frozen=True)
class Round:
    """One adjustment, and what is thrown away after it."""

    how: Adjustment
    farthest_px: float


ROUNDS = (
    Round(Adjustment(30, 8, is_radial_free=False), 150),
    Round(Adjustment(10, 10, is_radial_free=False), 40),
    Round(Adjustment(4, 15), 12),
    Round(Adjustment(2, 20, depth_weight=0.3), 6),
    Round(Adjustment(1.5, 40, depth_weight=0.1), 4),
)
"""From what is coarse to what is fine; predicted depth has less and less to say."""


@dataclass(frozen=True, eq=False)
class Motions:
    """What the pairs of a clip say."""

    pairs: tuple[Pair, ...]
    lens: Lens
    is_focal_clear: bool
    """Whether the focal length was given, or the pairs agree on one."""


@dataclass(frozen=True, eq=False)
class Solved:
    """A clip with cameras. Frames that hang together with no others are not in it."""

    frames: tuple[int, ...]
    """Numbers of the frames that have a camera, in order."""
    model: Model
    """Its cameras are those of ``frames``."""
    tracks: Tracks
    """What was seen; frames are counted as in ``frames``."""
    is_focal_clear: bool

    def poses(self) -> dict[int, Rigid]:
        """``world_T_cam`` by number of the frame, in metres as predicted depth has them."""
        poses = {}
        for place, frame in enumerate(self.frames):
            pose = np.eye(4)
            pose[:3, :3] = self.model.cam_R_world[place].T
            pose[:3, 3] = self.model.positions[place]
            poses[frame] = pose
        return poses


Each = Callable[[Callable[[int], object], int], list]
"""Calls a function with 0, 1, ... and returns its results in order: in threads, with progress, or plainly."""


def one_by_one(work: Callable[[int], object], count: int) -> list:
    """The plain `Each`."""
    return [work(number) for number in range(count)]


def motions_of(
    features: Sequence[Features],
    size_hw: tuple[int, int],
    focal_px: float | None = None,
    each: Each = one_by_one,
) -> Motions:
    """Compare frames with each other.

    Args:
        features: Of every frame, in order of time.
        size_hw: Of the frames.
        focal_px: Where it is known; else the pairs vote on it.
        each: How the work on many pairs is done.
    """
    numbers = candidate_pairs(features)

    def match(place: int) -> np.ndarray | None:
        first, second = numbers[place]
        return matches_of(features[first], features[second], second - first <= NEAR)

    found = each(match, len(numbers))
    matched = [(pair, matches) for pair, matches in zip(numbers, found, strict=True) if matches is not None]
    vote = FocalVote(focal_px, True) if focal_px is not None else _voted(matched, features, size_hw, each)
    lens = Lens(vote.focal_px, size_hw)

    def pair_up(place: int) -> Pair | None:
        (first, second), matches = matched[place]
        return paired((first, second), features[first], features[second], matches, lens)

    pairs = tuple(pair for pair in each(pair_up, len(matched)) if pair is not None)
    return Motions(pairs, lens, vote.is_clear)


def solved(
    features: Sequence[Features],
    motions: Motions,
    depths: Sequence[DepthMap | None],
    is_focal_fixed: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Solved | None:
    """Cameras of the largest set of frames that hang together; None where that is a handful.

    Args:
        features: Of every frame.
        motions: Of these frames.
        depths: Predicted depth of the frames in metres, of any size; None for frames without.
        is_focal_fixed: Whether the lens is believed to the last pixel.
        report: Told how many adjustments are done.
    """
    together = connected(motions.pairs, len(features)) if motions.pairs else np.zeros(len(features), dtype=bool)
    frames = [int(frame) for frame in np.flatnonzero(together)]
    if len(frames) < FEWEST_FRAMES:
        return None
    pairs, features = _renumbered(motions.pairs, together), [features[frame] for frame in frames]
    size_hw = motions.lens.size_hw
    log_depths = [log_depths_at(f, depths[n], size_hw) for f, n in zip(features, frames, strict=True)]
    rotations = averaged_rotations(pairs, len(frames))
    turned_alike = disagreements(pairs, rotations) <= WRONG_DEGREES
    pairs = [pair for pair, is_alike in zip(pairs, turned_alike, strict=True) if is_alike]
    legs = legs_of(pairs, features, log_depths, rotations, motions.lens)
    if not any(leg.is_along for leg in legs):
        return None
    positions = positions_of(legs, len(frames))
    model = Model(rotations, -np.einsum("fij,fj->fi", rotations, positions), np.zeros((0, 3)), motions.lens)
    tracks = linked(_believed(pairs, legs, positions), features, log_depths)
    for number, one in enumerate(ROUNDS):
        report(number, len(ROUNDS))
        if number == LINKED_AGAIN:
            legs = legs_of(pairs, features, log_depths, model.cam_R_world, model.lens)
            tracks = linked(_believed(pairs, legs, model.positions), features, log_depths)
        if not len(tracks):
            return None
        if number in (0, LINKED_AGAIN):
            tracks = chosen(tracks, len(frames), EACH)
            model = with_points(model, tracks)
        is_radial_free = one.how.is_radial_free and motions.is_focal_clear
        how = replace(one.how, is_focal_free=not is_focal_fixed, is_radial_free=is_radial_free)
        model = adjusted(model, tracks, how)
        tracks, left = tracks.only(fit_of(model, tracks).distance_px <= one.farthest_px)
        model = replace(model, points=model.points[left])
    return Solved(tuple(frames), model, tracks, motions.is_focal_clear)


def _voted(matched: list, features: Sequence[Features], size_hw: tuple[int, int], each: Each) -> FocalVote:
    """Ask pairs spread over the clip that share much."""
    able = [one for one in matched if one[0][1] - one[0][0] > 1 and len(one[1]) >= 60] or matched
    asked = [able[place] for place in np.unique(np.linspace(0, len(able) - 1, VOTERS).astype(int))] if able else []

    def ask(place: int) -> np.ndarray | None:
        (first, second), matches = asked[place]
        return fundamental_of(features[first], features[second], matches)

    voices = [voice for voice in each(ask, len(asked)) if voice is not None]
    return vote_focal(np.array(voices).reshape(-1, 3, 3), size_hw)


def _renumbered(pairs: Sequence[Pair], together: Bool[np.ndarray, " f"]) -> list[Pair]:
    """Pairs among some frames, counted among them."""
    place = np.cumsum(together) - 1
    return [
        replace(pair, first=int(place[pair.first]), second=int(place[pair.second]))
        for pair in pairs
        if together[pair.first] and together[pair.second]
    ]


def legs_of(
    pairs: Sequence[Pair],
    features: Sequence[Features],
    log_depths: Sequence[np.ndarray],
    cam_R_world: Float64[np.ndarray, "f 3 3"],
    lens: Lens,
) -> list[Leg]:
    """The steps of all pairs whose length can be told."""
    legs = (leg_of(pair, features, log_depths, cam_R_world, lens) for pair in pairs)
    return [leg for leg in legs if leg is not None]


def _believed(pairs: Sequence[Pair], legs: Sequence[Leg], positions: Float64[np.ndarray, "f 3"]) -> list[Pair]:
    """Pairs whose step agrees with the positions, and neighbours in any case."""
    is_right = disagreements_m(legs, positions) <= WRONG * lengths_of(legs)
    agreeing = {(leg.first, leg.second) for leg, right in zip(legs, is_right, strict=True) if right}
    return [p for p in pairs if p.second - p.first <= ALWAYS_LINKED or (p.first, p.second) in agreeing]


def with_points(model: Model, tracks: Tracks) -> Model:
    """Points where rays meet, or where predicted depth has them if that is plainly nonsense."""
    points = placed(tracks, model.cam_R_world, model.positions, model.lens)
    model = replace(model, points=points)
    is_far = (fit_of(model, tracks).distance_px > ROUNDS[0].farthest_px).astype(np.float64)
    is_nonsense = np.bincount(tracks.point, is_far) > 0.5 * np.bincount(tracks.point)
    predicted = predicted_points(tracks, model.cam_R_world, model.positions, model.lens)
    is_better = is_nonsense & np.isfinite(predicted).all(axis=1)
    return replace(model, points=np.where(is_better[:, None], predicted, points))
