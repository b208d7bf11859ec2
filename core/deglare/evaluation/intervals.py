"""Percentile bootstrap intervals over groups of frames: scenes, or runs of frames where there is one scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from deglare.evaluation.tally import Averaging, Tally

LEVEL = 0.95


def bootstrap(groups: Sequence[Tally], averaging: Averaging, resamples: int, seed: int) -> Float64[np.ndarray, "2 r m"]:
    """Lower and upper ends of 95 % intervals by region and metric.

    Whole groups are drawn with replacement, as often as there are groups: frames of one scene resemble each other and
    are no independent evidence. NaN where fewer than two groups have the number.
    """
    count = len(groups)
    terms, values, images = (np.stack([getattr(g, part) for g in groups]) for part in ("terms", "values", "images"))
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
    resampled = Tally(
        np.tensordot(drawn, terms, axes=1),
        np.tensordot(drawn, values, axes=1),
        np.rint(np.tensordot(drawn, images, axes=1)).astype(np.int64),
    ).metrics(averaging)
    ends = np.full((2, *values.shape[1:]), np.nan)
    enough = (images > 0).sum(axis=0) >= 2
    if enough.any():
        tails = (50 * (1 - LEVEL), 50 * (1 + LEVEL))
        ends[:, enough] = np.nanpercentile(resampled[:, enough], tails, axis=0)
    return ends
