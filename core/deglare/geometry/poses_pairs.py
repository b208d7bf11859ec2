"""Pairs of frames: which to compare, what they share, and how the camera moved between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from deglare.geometry.poses_features import Features, mutual_matches
from deglare.geometry.poses_lens import Lens

STEPS = (1, 2, 3, 5, 8, 12)
"""Frames are compared with those that follow at these distances."""

NEAR = 5
"""Frames no further apart than this hang together by the path itself."""

RETURNS = 5
"""And with this many that look alike but lie further away: the camera may have come back."""

FEWEST_APART = 16
"""A return lies at least this many frames away."""

WORDS, WORD_SAMPLES = 32, 60
RATIO, STRICT_RATIO = 0.85, 0.75
"""Of distances to the nearest and second nearest: along the path, and for a first look at a return."""

FEWEST_ALONG, FEWEST_RETURN = 15, 30
"""Matches that fit one motion; chance gives a return more than twenty."""

FITS_PX = 2.0
MOST_TRIALS = 1000


@dataclass(frozen=True, eq=False)
class Pair:
    """Two frames and what both see."""

    first: int
    second: int
    matches: Int64[np.ndarray, "m 2"]
    """Rows of the features of both."""
    second_R_first: Float64[np.ndarray, "3 3"]
    towards: Float64[np.ndarray, "3"]
    """Unit translation of ``second_T_first``."""

    @property
    def is_along(self) -> bool:
        """Whether the second follows the first closely: the two can hardly be mistaken for each other."""
        return self.second - self.first <= NEAR


def candidate_pairs(features: Sequence[Features]) -> list[tuple[int, int]]:
    """Neighbours on the path, and frames that look alike far from each other."""
    count = len(features)
    pairs = {(first, first + step) for step in STEPS for first in range(count - step)}
    if count > FEWEST_APART and any(len(one) for one in features):
        seen = signatures(features)
        likeness = seen @ seen.T
        number = np.arange(count)
        likeness[np.abs(number[:, None] - number) < FEWEST_APART] = -np.inf
        for first in range(count):
            others = np.argsort(-likeness[first])[:RETURNS]
            alike = [int(other) for other in others if np.isfinite(likeness[first, other])]
            pairs |= {(min(first, other), max(first, other)) for other in alike}
    return sorted(pairs)


def signatures(features: Sequence[Features]) -> Float32[np.ndarray, "f d"]:
    """One unit vector a frame, from how its descriptors differ from a few typical ones."""
    from scipy.cluster.vq import kmeans2

    rng = np.random.default_rng(0)
    sample = [f.descriptors[rng.permutation(len(f))[:WORD_SAMPLES]] for f in features]
    known = np.concatenate(sample)
    words = min(WORDS, len(known))
    centres = np.asarray(
        kmeans2(known, known[rng.permutation(len(known))[:words]], iter=8, minit="matrix")[0], dtype=np.float32
    )
    return np.stack([_signature(f.descriptors, centres) for f in features])


def matches_of(first: Features, second: Features, is_along: bool) -> Int64[np.ndarray, "m 2"] | None:
    """Matches of two frames; None where there are too few to look further."""
    mutual = mutual_matches(first, second)
    if not is_along and len(mutual.clearer_than(STRICT_RATIO)) < FEWEST_RETURN // 2:
        return None
    found = mutual.clearer_than(RATIO)
    return found if len(found) >= FEWEST_ALONG else None


def fundamental_of(first: Features, second: Features, matches: Int64[np.ndarray, "m 2"]) -> np.ndarray | None:
    """The fundamental matrix of two frames whose lens is unknown, None where there is none."""
    import pycolmap

    seen = (first.xy[matches[:, 0]], second.xy[matches[:, 1]])
    found = pycolmap.estimate_fundamental_matrix(*seen, _ransac())
    return None if found is None or found["num_inliers"] < FEWEST_RETURN else np.asarray(found["F"])


def paired(
    numbers: tuple[int, int], first: Features, second: Features, matches: Int64[np.ndarray, "m 2"], lens: Lens
) -> Pair | None:
    """The motion between two frames and the matches that fit it; None where too few do."""
    import pycolmap

    camera = pinhole_of(lens)
    seen = (first.xy[matches[:, 0]], second.xy[matches[:, 1]])
    found = pycolmap.estimate_essential_matrix(*seen, camera, camera, _ransac())
    if found is None:
        return None
    kept = matches[np.asarray(found["inlier_mask"])]
    second_T_first = np.asarray(found["cam2_from_cam1"].matrix())
    pair = Pair(*numbers, kept, second_T_first[:, :3], second_T_first[:, 3])
    return pair if len(kept) >= (FEWEST_ALONG if pair.is_along else FEWEST_RETURN) else None


def pinhole_of(lens: Lens):
    """The lens as pycolmap has it, in pixels with centres on whole numbers and without bending."""
    import pycolmap

    height, width = lens.size_hw
    return pycolmap.Camera(
        model="SIMPLE_PINHOLE", width=width, height=height, params=[lens.focal_px, *map(float, lens.centre_xy)]
    )


def _ransac():
    import pycolmap

    options = pycolmap.RANSACOptions()
    options.max_error, options.max_num_trials, options.min_num_trials = FITS_PX, MOST_TRIALS, 50
    options.random_seed = 1
    return options


def _signature(
    descriptors: Float32[np.ndarray, "n 128"], centres: Float32[np.ndarray, "w 128"]
) -> Float32[np.ndarray, " d"]:
    """Sums of what is left of the descriptors once their word is taken away, each of unit length."""
    total = np.zeros_like(centres)
    word = (descriptors @ centres.T - np.sum(centres**2, axis=1) / 2).argmax(axis=1)
    np.add.at(total, word, descriptors - centres[word])
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)
    return (total / max(float(np.linalg.norm(total)), 1e-9)).ravel()
