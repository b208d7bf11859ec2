"""Is a reconstruction to be believed? Reprojection error does not tell; these do.

How many frames hang together, whether neighbours see the same points, jumps between neighbours, an absurd focal
length, a camera that only turned, and whether depth agrees with what the networks predict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64

from deglare.geometry.poses_bundle import fit_of
from deglare.geometry.poses_parallax import parallax_px
from deglare.geometry.poses_scale import DepthAgreement
from deglare.geometry.poses_solving import Solved

FEWEST_SIGHTINGS = 15
"""Points that a frame must see."""

FEWEST_SHARED = 10
"""Points that must be seen on both sides of every place of the path."""

LARGEST_GAP = 4
"""Frames in a row that may be missing."""

LARGEST_JUMP = 8.0
"""Times the median of the steps around it."""

AROUND = 8
FOCAL_RANGE = (0.4, 2.5)
"""Plausible focal lengths, as shares of the longest side."""

LEAST_ANGLE_DEGREES = 1.0
"""Median angle between the outer rays of a point."""

LEAST_PARALLAX, SURE_PX = 4.0, 0.2
"""What is left of the picture's motion once turning is undone, over the median distance in pixels between where points
are and where they are seen, which is never taken for less than `SURE_PX`."""

LARGEST_DISAGREEMENT = 0.7
"""Logarithm of depth over predicted depth, from the median of all frames: a factor of two."""

USUAL_SCATTERS = 3.0
"""Or so many times the median disagreement: networks that are at a loss in every frame accuse no camera."""

LARGEST_SPREAD = 0.5
"""Median of those: with more, depth and predictions have nothing to do with each other."""

FEWEST_FRAMES = 12


@dataclass(frozen=True)
class Verdict:
    """What is believed."""

    believed: tuple[int, ...]
    """Numbers of the frames of the longest part that holds; none where nothing does."""
    frames: int
    """How many there were."""
    registered: int
    """How many hang together at all."""
    reasons: tuple[str, ...]
    """What is wrong with the rest, a sentence each."""
    advice: tuple[str, ...]
    """What to film differently."""
    measures: dict[str, float] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every frame is believed."""
        return len(self.believed) == self.frames


def judged(solved: Solved | None, frames: int, agreement: DepthAgreement | None) -> Verdict:
    """Judge a reconstruction of a clip of ``frames`` frames."""
    if solved is None or agreement is None:
        reason = "hardly any two frames show the same things, so the camera's path cannot be found"
        return Verdict((), frames, 0, (reason,), (SLOWLY, TEXTURE))
    measures = measures_of(solved, agreement)
    reasons, advice = fatal_flaws(solved, measures)
    if reasons:
        return Verdict((), frames, len(solved.frames), reasons, advice, measures)
    is_sound = sound_frames(solved, agreement)
    pieces = unbroken(solved, is_sound)
    longest = max(pieces, key=len, default=[])
    reasons, advice = shortcomings(solved, frames, is_sound, pieces)
    if len(longest) < FEWEST_FRAMES:
        reasons = (*reasons, f"the longest part that holds has {len(longest)} frames, fewer than {FEWEST_FRAMES}")
        longest = []
    believed = tuple(solved.frames[place] for place in longest)
    return Verdict(believed, frames, len(solved.frames), reasons, advice, measures)


SLOWLY = "move more slowly, so that neighbouring frames show the same things"
TEXTURE = "keep something with texture in view besides blank walls and shiny floors, and switch on more light"
WALK = "walk while you turn: a camera that only turns on the spot shows no depth"


def measures_of(solved: Solved, agreement: DepthAgreement) -> dict[str, float]:
    """What is looked at, as numbers."""
    steps = np.linalg.norm(np.diff(solved.model.positions, axis=0), axis=1)
    return {
        "registered": float(len(solved.frames)),
        "largest_step_over_median": float(steps.max() / max(float(np.median(steps)), 1e-9)),
        "focal_over_longest_side": solved.model.lens.focal_px / max(solved.model.lens.size_hw),
        "radial": solved.model.lens.radial,
        "median_angle_degrees": median_angle_degrees(solved),
        "parallax_px": parallax_px(solved.tracks, solved.model.lens, len(solved.frames)),
        "off_px": float(np.median(np.minimum(fit_of(solved.model, solved.tracks).distance_px, 1e6))),
        "depth_scatter": agreement.scatter,
        "depth_spread": agreement.spread,
        "sightings": float(len(solved.tracks)),
    }


def fatal_flaws(solved: Solved, measures: dict[str, float]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What makes all of it worthless, and what to do about it."""
    reasons, advice = [], []
    focal = measures["focal_over_longest_side"]
    if not FOCAL_RANGE[0] <= focal <= FOCAL_RANGE[1]:
        reasons.append(f"the focal length comes out as {focal:.2f} times the longest side, which no phone has")
        advice.append("give the focal length (--focal) or the field of view (--fov)")
    if measures["parallax_px"] < LEAST_PARALLAX * max(measures["off_px"], SURE_PX):
        reasons.append(
            f"once turning is undone the picture moves by {measures['parallax_px']:.1f} pixels only: the camera hardly "
            "moved, or only turned"
        )
        advice.append(WALK)
    elif measures["median_angle_degrees"] < LEAST_ANGLE_DEGREES:
        reasons.append(
            f"points are seen under {measures['median_angle_degrees']:.1f} degrees only: the camera hardly moved"
        )
        advice.append(WALK)
    if measures["depth_spread"] > LARGEST_SPREAD:
        reasons.append("depth from the camera's path has nothing in common with what the networks predict")
        advice.append(TEXTURE)
    return tuple(reasons), tuple(advice)


def sound_frames(solved: Solved, agreement: DepthAgreement) -> Bool[np.ndarray, " f"]:
    """Frames that see enough, and whose depth is what the networks predict within a factor of two, or nearly so."""
    sightings = np.bincount(solved.tracks.frame, minlength=len(solved.frames))
    off = np.abs(agreement.by_frame - np.nanmedian(agreement.by_frame))
    return (sightings >= FEWEST_SIGHTINGS) & ~(off > max(LARGEST_DISAGREEMENT, USUAL_SCATTERS * agreement.scatter))


def unbroken(solved: Solved, is_sound: Bool[np.ndarray, " f"]) -> list[list[int]]:
    """Places in ``solved.frames`` of the parts of the path in which each frame holds to the one before it."""
    holds = links_hold(solved)
    pieces: list[list[int]] = [[]]
    for place in np.flatnonzero(is_sound):
        before = pieces[-1][-1] if pieces[-1] else None
        if before is not None:
            is_near = solved.frames[place] - solved.frames[before] <= LARGEST_GAP
            if not (is_near and bool(np.all(holds[before:place]))):
                pieces.append([])
        pieces[-1].append(int(place))
    return [piece for piece in pieces if piece]


def links_hold(solved: Solved) -> Bool[np.ndarray, " l"]:
    """Whether each frame and the next are tied together: points seen on both sides, and no jump."""
    positions = solved.model.positions
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    usual = np.array([np.median(steps[max(0, i - AROUND) : i + AROUND + 1]) for i in range(len(steps))])
    is_smooth = steps <= LARGEST_JUMP * np.maximum(usual, float(np.median(steps)) / 4)
    return is_smooth & (shared_points(solved) >= FEWEST_SHARED)


def shared_points(solved: Solved) -> Float64[np.ndarray, " l"]:
    """How many points are seen both up to each frame and after it."""
    tracks, count = solved.tracks, len(solved.frames)
    first, last = np.full(tracks.points, count), np.full(tracks.points, -1)
    np.minimum.at(first, tracks.point, tracks.frame)
    np.maximum.at(last, tracks.point, tracks.frame)
    crossing = np.bincount(first, minlength=count + 1) - np.bincount(last, minlength=count + 1)
    return np.cumsum(crossing)[: count - 1].astype(np.float64)


def median_angle_degrees(solved: Solved) -> float:
    """Between the rays from the first and the last camera that see each point, at the median."""
    tracks, positions = solved.tracks, solved.model.positions
    starts = np.searchsorted(tracks.point, np.arange(tracks.points))
    ends = np.append(starts[1:], len(tracks)) - 1
    rays = [solved.model.points - positions[tracks.frame[which]] for which in (starts, ends)]
    cosine = np.sum(rays[0] * rays[1], axis=1) / np.prod([np.linalg.norm(ray, axis=1) for ray in rays], axis=0)
    return float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1)))))


def shortcomings(
    solved: Solved, frames: int, is_sound: Bool[np.ndarray, " f"], pieces: Sequence[Sequence[int]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with a part of it, and what to do about it."""
    reasons, advice = [], []
    lost, doubtful = frames - len(solved.frames), int(np.count_nonzero(~is_sound))
    if lost:
        reasons.append(f"{lost} of {frames} frames show too little that other frames show too")
        advice += [SLOWLY, TEXTURE]
    if doubtful:
        reasons.append(
            f"{doubtful} of {frames} frames see too few points, or are at odds with the networks more than the others"
        )
        advice.append(TEXTURE)
    if len(pieces) > 1:
        reasons.append(f"the path falls into {len(pieces)} parts that are not tied together")
        advice.append(SLOWLY)
    if not solved.is_focal_clear:
        reasons.append(
            "the focal length could not be told from the clip alone and started from that of an ordinary phone"
        )
        advice.append("give --focal or --fov if you know it")
    return tuple(reasons), tuple(dict.fromkeys(advice))
