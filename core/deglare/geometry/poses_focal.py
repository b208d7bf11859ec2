"""The focal length that makes fundamental matrices essential ones: every pair of frames votes.

With the right focal length the two singular values of ``K^T F K`` are equal. A pair that looks at one plane, or moves
straight ahead, says little; among many pairs the voice of those that know is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

STEPS = 121
WIDEST, NARROWEST = 0.4, 2.5
"""Focal lengths that are tried, as shares of the longest side: 103 and 23 degrees across it."""

LARGEST_VOTE = 0.1
"""Singular values that differ by more than this share are simply wrong, however far apart they are."""

USUAL = 0.85
"""Focal length of an ordinary phone's video, as a share of the longest side."""

CLEAR_SHARE = 0.93
"""The best focal length must be this much better than the middle one to be believed."""


@dataclass(frozen=True)
class FocalVote:
    """What the pairs say."""

    focal_px: float
    is_clear: bool
    """Whether they agree; else the focal length is that of an ordinary phone."""


def vote_focal(fundamentals: Float64[np.ndarray, "n 3 3"], size_hw: tuple[int, int]) -> FocalVote:
    """The focal length in pixels.

    Args:
        fundamentals: ``x2^T F x1 = 0`` in pixels with centres on whole numbers.
        size_hw: Of the frames; the principal point is in the middle.
    """
    longest = max(size_hw)
    if not len(fundamentals):
        return FocalVote(USUAL * longest, False)
    to_pixels = np.array([[1, 0, (size_hw[1] - 1) / 2], [0, 1, (size_hw[0] - 1) / 2], [0, 0, 1.0]])
    centred = to_pixels.T @ fundamentals @ to_pixels
    tried = np.geomspace(WIDEST, NARROWEST, STEPS) * longest
    scales = np.stack([tried, tried, np.ones(STEPS)], axis=1)
    singular = np.linalg.svd(scales[:, None, :, None] * centred * scales[:, None, None, :], compute_uv=False)
    unequal = 1 - singular[..., 1] / np.maximum(singular[..., 0], 1e-300)
    votes = np.minimum(unequal, LARGEST_VOTE).mean(axis=1)
    best = int(votes.argmin())
    is_clear = bool(votes[best] < CLEAR_SHARE * np.median(votes)) and 0 < best < STEPS - 1
    return FocalVote(float(tried[best]) if is_clear else USUAL * longest, is_clear)
