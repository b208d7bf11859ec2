"""Numbers of a whole sequence, chosen without truth: quantiles of uncertainties and gaps, in memory that stays flat."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32

from deglare.errors import DataError, RequestError
from deglare.fusion.blends import gaps
from deglare.fusion.evidence import Evidence, Levels, Needs
from deglare.fusion.uncertainty import UncertaintyMap

DROPPED_BITS = 14
"""Of a float32's 23 bits after the point: bins are 2^-9 of their value wide, or half of that."""

BINS = 1 << (31 - DROPPED_BITS)


class UncertaintyHistogram:
    """Counts and sums of values of at least 0 over bins of equal *relative* width, 2 MB however many values.

    The bits of positive float32 numbers, read as whole numbers, are in the same order as the numbers, so the leading
    bits name a bin, for values of any size. A quantile is the mean of the bin that holds the value of that rank: it
    is off by less than a 2^-9th (0.2 %) of that value, and exact where a bin holds one value only.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, dtype=np.int64)
        self.sums = np.zeros(BINS, dtype=np.float64)

    @property
    def count(self) -> int:
        """How many values were added."""
        return int(self.counts.sum())

    def add(self, values: Float32[np.ndarray, "*shape"]) -> None:
        """Take in finite values of at least 0."""
        flat = np.abs(values).ravel()  # -0 is 0
        if not np.all((values >= 0) & (values < np.inf)):
            raise DataError("a histogram of uncertainty takes finite values of at least 0: leave unknown ones out")
        bins = flat.view(np.int32) >> DROPPED_BITS
        self.counts += np.bincount(bins, minlength=BINS)
        self.sums += np.bincount(bins, flat, BINS)

    def merge(self, other: UncertaintyHistogram) -> None:
        """Take over what another one saw."""
        self.counts += other.counts
        self.sums += other.sums

    def quantile(self, q: float) -> float:
        """The smallest value that at least a share ``q`` of all values do not exceed."""
        if not 0 <= q <= 1:
            raise RequestError(f"the quantile {q:g} is none: it is a share from 0 to 1")
        if not self.count:
            raise DataError("no pixel of the sequence has a known value: there is no quantile to take")
        ranks = np.cumsum(self.counts)
        rank = max(int(np.ceil(q * ranks[-1])), 1)
        found = int(np.searchsorted(ranks, rank))
        return float(self.sums[found] / self.counts[found])


def quantile_threshold(maps: Iterable[UncertaintyMap], quantile: float) -> float:
    """The threshold in metres below which a share ``quantile`` of all known pixels of a sequence lies."""
    histogram = UncertaintyHistogram()
    for uncertainty in maps:
        histogram.add(uncertainty.sigma_m[uncertainty.valid])
    return histogram.quantile(quantile)


def levels_of(needs: Needs, frames: Iterable[Evidence]) -> Levels:
    """What a strategy wants to know about a sequence. Frames are taken one by one, none if there is nothing to know."""
    if needs.sigma_quantile is None and needs.gap_quantile is None:
        return Levels()
    sigma, gap = UncertaintyHistogram(), UncertaintyHistogram()
    for evidence in frames:
        if needs.sigma_quantile is not None:
            uncertainty = evidence.needed_uncertainty()
            sigma.add(uncertainty.sigma_m[uncertainty.valid])
        if needs.gap_quantile is not None:
            both = evidence.has_projected & evidence.predicted.valid
            gap.add(np.abs(gaps(evidence)[both]))
    return Levels(
        None if needs.sigma_quantile is None else sigma.quantile(needs.sigma_quantile),
        None if needs.gap_quantile is None else gap.quantile(needs.gap_quantile),
    )
