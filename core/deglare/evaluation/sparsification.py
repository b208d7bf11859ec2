"""Does the uncertainty point at the errors? Sparsification curves and the two areas between them.

Remove the most uncertain pixels, a fiftieth at a time, and watch the mean error of the rest. AUSE is the area between
that curve and the oracle's, which removes the largest errors first (0 is perfect); AURG is the area between the curve
and no sorting at all (above 0 is better than chance). Curves are of one image; areas are then averaged over images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

STEPS = 50
"""A curve has the shares 0, 1/50, ..., 49/50 of the pixels removed."""

SPARSIFICATION_METRICS = ("ause_abs_rel", "aurg_abs_rel", "ause_rmse", "aurg_rmse")


@dataclass(frozen=True, eq=False)
class Sparsification:
    """Curves of one image, or means of them; rows are abs_rel and rmse."""

    by_uncertainty: Float64[np.ndarray, "2 s"]
    oracle: Float64[np.ndarray, "2 s"]

    @property
    def areas(self) -> Float64[np.ndarray, "4"]:
        """`SPARSIFICATION_METRICS`; areas are not divided by the error at no removal."""
        ause = _area(self.by_uncertainty - self.oracle)
        aurg = _area(self.by_uncertainty[:, :1] - self.by_uncertainty)
        return np.array([ause[0], aurg[0], ause[1], aurg[1]])


def sparsify(
    predicted_m: Float[np.ndarray, " n"], truth_m: Float[np.ndarray, " n"], uncertainty: Float[np.ndarray, " n"]
) -> Sparsification:
    """The curves of one image or region: predicted and true metres, and an uncertainty that only has to rank."""
    signed = predicted_m.astype(np.float64) - truth_m
    relative, square = np.abs(signed) / truth_m, signed**2
    ranks = Ranks.of(uncertainty)
    by_uncertainty = np.stack([ranks.curve(relative), np.sqrt(ranks.curve(square))])
    oracle = np.stack([_oracle_curve(relative), np.sqrt(_oracle_curve(square))])
    return Sparsification(by_uncertainty, oracle)


@dataclass(frozen=True, eq=False)
class Ranks:
    """Pixels from the most certain to the least."""

    order: Int64[np.ndarray, " n"]
    ends: Int64[np.ndarray, " t"]
    """Numbers of pixels after which the uncertainty changes, 0 and n included."""

    @classmethod
    def of(cls, uncertainty: Float[np.ndarray, " n"]) -> Ranks:
        """Rank pixels by their uncertainty."""
        order = np.argsort(uncertainty)
        ranked = uncertainty[order]
        changes = np.flatnonzero(ranked[1:] != ranked[:-1]) + 1
        return cls(order, np.concatenate([[0], changes, [len(ranked)]]))

    def curve(self, errors: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " s"]:
        """Mean of ``errors`` over what is left when the most uncertain shares are removed.

        Pixels of equal uncertainty leave in random order; the curve is the exact expectation over those orders, so a
        constant uncertainty gives a constant curve.
        """
        return _curve(errors[self.order], self.ends)


def _oracle_curve(errors: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " s"]:
    """The curve of removing the largest errors first: no order can lie below it."""
    return _curve(np.sort(errors), np.arange(len(errors) + 1))


def _curve(sorted_errors: Float[np.ndarray, " n"], ends: Int64[np.ndarray, " t"]) -> Float64[np.ndarray, " s"]:
    sums = np.concatenate([[0.0], np.cumsum(sorted_errors, dtype=np.float64)])
    kept = len(sorted_errors) * (1 - np.arange(STEPS) / STEPS)
    return np.maximum(np.interp(kept, ends, sums[ends]), 0) / kept


def sparsify_regions(
    predicted_m: Float[np.ndarray, "h w"],
    truth_m: Float[np.ndarray, "h w"],
    uncertainty: Float[np.ndarray, "h w"],
    masks: Mapping[str, Bool[np.ndarray, "h w"]],
) -> dict[str, Sparsification]:
    """The curves of every region that has at least `STEPS` pixels; fewer make no curve."""
    return {
        name: sparsify(predicted_m[mask], truth_m[mask], uncertainty[mask])
        for name, mask in masks.items()
        if np.count_nonzero(mask) >= STEPS
    }


def _area(curve: Float64[np.ndarray, "2 s"]) -> Float64[np.ndarray, "2"]:
    """Trapezoids over the share removed."""
    return (curve[:, 1:] + curve[:, :-1]).sum(axis=1) / (2 * STEPS)
