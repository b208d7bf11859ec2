"""From directions between pairs of frames to positions in metres; predicted depth says how long each step was.

The direction of a step comes from the matches and the averaged rotations. Its length comes from the predicted depth of
the points that both frames see, over their depth for a step of length 1. A network that is wrong by a tenth on every
frame still keeps a chain of a hundred steps from shrinking or growing on the way, which is how reconstructions of
rooms with blank walls fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from deglare.geometry.poses_features import Features
from deglare.geometry.poses_graph import fitted_differences
from deglare.geometry.poses_lens import Lens
from deglare.geometry.poses_pairs import Pair
from deglare.types import DepthMap

ROUNDS = 30
DIRECTION_ROUNDS = 8
SEEN_PX = 1.5
"""Matches further than this from the epipolar line hardly count."""

LEAST_PARALLAX = np.radians(0.7)
"""Below this a point's depth is not known from two frames."""

GOOD_PARALLAX = np.radians(2)
"""A step whose points move by this much has half of the say."""

FEWEST_POINTS = 12
STILL_M = 0.02
"""Length of a step from one frame to the next that shows no parallax."""

SHORTEST_M = 0.05
BELIEVED = 0.05
"""Steps that disagree by this share of their length count half."""

DRIFT = 0.08
"""A path may be off by this share of its length when it returns."""

WRONG = 0.7
"""Steps that disagree by more are left out of everything that follows."""


@dataclass(frozen=True, eq=False)
class Leg:
    """How far it is from one camera to another, in world axes and metres."""

    first: int
    second: int
    step_m: Float64[np.ndarray, "3"]
    strength: float
    is_along: bool = True
    """Whether it follows the path; else it returns to a place, and may be mistaken."""


def log_depths_at(features: Features, depth: DepthMap | None, size_hw: tuple[int, int]) -> Float64[np.ndarray, " n"]:
    """Logarithm of predicted depth in metres at every feature; NaN where nothing is predicted."""
    if depth is None:
        return np.full(len(features), np.nan)
    height, width = depth.size_hw
    scaled = (features.xy + 0.5) * (width / size_hw[1], height / size_hw[0])
    columns, rows = np.floor(scaled).astype(int).T
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    known = depth.valid[rows, columns]
    return np.where(known, np.log(np.where(known, depth.metres[rows, columns], 1)), np.nan).astype(np.float64)


def leg_of(
    pair: Pair,
    features: Sequence[Features],
    log_depths: Sequence[np.ndarray],
    cam_R_world: Float64[np.ndarray, "f 3 3"],
    lens: Lens,
) -> Leg | None:
    """The step between two frames whose rotations are known; None where its length cannot be told."""
    ends, rows = (pair.first, pair.second), (pair.matches[:, 0], pair.matches[:, 1])
    rays = [
        _unit(lens.directions(features[end].xy[row]) @ cam_R_world[end]) for end, row in zip(ends, rows, strict=True)
    ]
    stated = -cam_R_world[pair.second].T @ pair.towards
    direction, fits = step_direction(rays[0], rays[1], stated, lens.focal_px)
    along = ranges_along(rays[0], rays[1], direction)
    depths = [reach * (ray @ cam_R_world[end][2]) for reach, ray, end in zip(along, rays, ends, strict=True)]
    parallax = np.linalg.norm(np.cross(rays[0], rays[1]), axis=1)
    usable = (parallax > LEAST_PARALLAX) & fits
    if np.sum(usable & (depths[0] < 0) & (depths[1] < 0)) > np.sum(usable & (depths[0] > 0) & (depths[1] > 0)):
        direction, depths = -direction, [-depth for depth in depths]
    usable &= (depths[0] > 0) & (depths[1] > 0)
    ratios = [
        log_depths[end][row][usable] - np.log(depth[usable]) for end, row, depth in zip(ends, rows, depths, strict=True)
    ]
    known = np.concatenate(ratios)
    known = known[np.isfinite(known)]
    if len(known) < FEWEST_POINTS:
        is_still = pair.second - pair.first == 1 and np.sum(usable) < FEWEST_POINTS
        return Leg(*ends, STILL_M * direction, FEWEST_POINTS / 100) if is_still else None
    middle = float(np.median(parallax[usable]))
    strength = min(len(known), 100) / 100 * middle**2 / (middle**2 + GOOD_PARALLAX**2)
    return Leg(*ends, float(np.exp(np.median(known))) * direction, strength, pair.is_along)


def step_direction(
    first: Float64[np.ndarray, "m 3"],
    second: Float64[np.ndarray, "m 3"],
    stated: Float64[np.ndarray, "3"],
    focal: float,
) -> tuple[Float64[np.ndarray, "3"], Bool[np.ndarray, " m"]]:
    """The unit step between two cameras whose rays (world axes) meet, and which rays fit it."""
    normals = np.cross(first, second)
    direction, weight = stated, np.ones(len(normals))
    for _ in range(DIRECTION_ROUNDS):
        direction = np.linalg.eigh((normals * weight[:, None]).T @ normals)[1][:, 0]
        weight = 1 / (1 + (normals @ direction * focal / SEEN_PX) ** 2)
    return direction * (1.0 if direction @ stated >= 0 else -1.0), weight > 0.3


def ranges_along(
    first: Float64[np.ndarray, "m 3"], second: Float64[np.ndarray, "m 3"], step: Float64[np.ndarray, "3"]
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """How far along both rays they come nearest to each other, when the second starts one ``step`` away."""
    cosine = np.sum(first * second, axis=1)
    sine_squared = np.maximum(1 - cosine**2, 1e-12)
    on_first, on_second = first @ step, second @ step
    return (on_first - on_second * cosine) / sine_squared, (on_first * cosine - on_second) / sine_squared


def positions_of(legs: Sequence[Leg], count: int) -> Float64[np.ndarray, "f 3"]:
    """Camera positions in metres, the first at the origin: least squares that listen less to legs that disagree.

    The path is laid out first, by itself. Returns have a say after that, as far as the path may have drifted and no
    further: tiles and carpets look the same in more than one place.
    """
    path = _robustly([leg for leg in legs if leg.is_along], count)
    walked = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    first, second = _ends(legs)
    allowed = np.maximum(WRONG * lengths_of(legs), DRIFT * (walked[second] - walked[first]))
    is_possible = disagreements_m(legs, path) <= allowed
    return _robustly([leg for leg, may in zip(legs, is_possible, strict=True) if may or leg.is_along], count)


def lengths_of(legs: Sequence[Leg]) -> Float64[np.ndarray, " l"]:
    """In metres, as far as steps so short can be told apart."""
    return np.maximum(np.linalg.norm([leg.step_m for leg in legs], axis=1), SHORTEST_M)


def _robustly(legs: Sequence[Leg], count: int) -> Float64[np.ndarray, "f 3"]:
    """The positions whose differences are nearest to the legs, by the sum of relative distances."""
    first, second = _ends(legs)
    step, length = np.stack([leg.step_m for leg in legs]), lengths_of(legs)
    strength = np.array([leg.strength for leg in legs])
    positions, doubt = np.zeros((count, 3)), np.ones(len(legs))
    for _ in range(ROUNDS):
        positions = fitted_differences(first, second, strength / (doubt * length**2), step, count)
        doubt = np.maximum(disagreements_m(legs, positions) / length, BELIEVED)
    return positions


def disagreements_m(legs: Sequence[Leg], positions: Float64[np.ndarray, "f 3"]) -> Float64[np.ndarray, " l"]:
    """How far each leg is from the positions, in metres."""
    first, second = _ends(legs)
    step = np.stack([leg.step_m for leg in legs])
    return np.linalg.norm(positions[second] - positions[first] - step, axis=1)


def _unit(vectors: Float64[np.ndarray, "m 3"]) -> Float64[np.ndarray, "m 3"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _ends(legs: Sequence[Leg]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([leg.first for leg in legs]), np.array([leg.second for leg in legs])
