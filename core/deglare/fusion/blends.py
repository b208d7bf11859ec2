"""Strategies that mix predicted and projected depth, without a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32

from deglare.errors import RequestError
from deglare.fusion.evidence import Evidence, Needs, needed_level
from deglare.fusion.labels import Labels, blended
from deglare.fusion.switches import require_at_least_zero

MEDIAN = 0.5
DEVIATION_OF_MEDIAN = 1.4826
"""A normal distribution's standard deviation, in units of its median absolute one."""

BlendBy = Literal["uncertainty", "gap", "both", "agreed"]


@dataclass(frozen=True)
class Blend:
    """Predicted depth moved towards projected depth, the farther the more there is to doubt: no threshold.

    With what there is to doubt x and a scale m the move is x^2 / (x^2 + m^2) of the way: half of it at x = m.
    """

    by: BlendBy = "uncertainty"
    """What there is to doubt: the uncertainty, with m its median over the sequence; the gap by which the prediction
    lies behind the projected depth, with m from the median gap; whichever of the two moves farther (both); or as far as
    they agree on (agreed): nothing moves away from the camera, and nothing that is sure."""
    gap_deviations: float = 2.0
    """m of the gap, in standard deviations: 1.4826 times the median gap each."""

    def __post_init__(self) -> None:
        if self.by not in get_args(BlendBy):
            raise RequestError(f"a blend by '{self.by}' is none: choose {', '.join(get_args(BlendBy))}")
        require_at_least_zero(self.gap_deviations, "the number of deviations")

    @property
    def needs(self) -> Needs:
        """The medians of what it goes by."""
        by_sigma, by_gap = self.by != "gap", self.by != "uncertainty"
        return Needs(
            uncertainty=by_sigma,
            sigma_quantile=MEDIAN if by_sigma else None,
            gap_quantile=MEDIAN if by_gap else None,
        )

    def fuse(self, evidence: Evidence) -> Labels:
        """Blended wherever both depths are there and the move is not 0."""
        if self.by == "gap":
            return blended(evidence, self._by_gap(evidence))
        uncertainty = evidence.needed_uncertainty()
        share = share_of_way(
            np.where(uncertainty.valid, uncertainty.sigma_m, np.float32(0)),
            needed_level(evidence.levels.sigma_m, "median of uncertainty"),
        )
        if self.by == "uncertainty":
            return blended(evidence, share, uncertainty.valid)
        if self.by == "both":
            return blended(evidence, np.maximum(share, self._by_gap(evidence), out=share))
        return blended(evidence, np.minimum(share, self._by_gap(evidence), out=share), uncertainty.valid)

    def _by_gap(self, evidence: Evidence) -> Float32[np.ndarray, "h w"]:
        """Nothing where the prediction is the nearer one: glare only ever pushes depth away."""
        level = needed_level(evidence.levels.gap, "median gap")
        gap = gaps(evidence)
        return share_of_way(np.maximum(gap, 0, out=gap), self.gap_deviations * DEVIATION_OF_MEDIAN * level)


def gaps(evidence: Evidence) -> Float32[np.ndarray, "h w"]:
    """How far the prediction lies behind the projected depth, as a share of that; anything where either is missing."""
    p, q = evidence.predicted.metres, evidence.needed_projected().metres
    with np.errstate(all="ignore"):  # holes may hold anything
        return (p - q) / q


def share_of_way(doubt: Float32[np.ndarray, "h w"], scale: float) -> Float32[np.ndarray, "h w"]:
    """x^2 / (x^2 + m^2), which is 0 at x = 0 for every m."""
    if np.float32(scale) == 0:
        return (doubt > 0).astype(np.float32)
    with np.errstate(divide="ignore", over="ignore"):  # infinite at x = 0, and too large beside it
        ratio = np.float32(scale) / doubt
        ratio *= ratio
    ratio += 1
    return np.divide(1, ratio, out=ratio)
