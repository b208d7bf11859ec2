"""Error and coverage of the labels for every threshold at once, where there is truth to compare with.

A pixel is projected for thresholds up to its uncertainty and predicted above, so the error as a function of the
threshold is that of the predictions plus, pixel by pixel, the change that projected depth makes, summed from the
largest uncertainty down. One histogram a region holds it, however many frames there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, Num

from deglare.errors import DataError, RequestError
from deglare.fusion.evidence import Evidence
from deglare.networks.disparity import INDOOR, MetricRange
from deglare.types import DepthMap

MILLIMETRES = np.arange(2001) / 1000
"""Thresholds from 0 to 2 m, a millimetre apart: as finely as uncertainty is stored."""

TERMS = ("pixels", "abs_rel", "sq_rel", "replaced")
"""What is summed over pixels, for each threshold."""

Averaging = Literal["images", "pixels"]


@dataclass(frozen=True, eq=False)
class SweepCurves:
    """Over thresholds: the errors of the labels, and what share of them is projected depth, by region."""

    alphas_m: Float32[np.ndarray, " k"]
    regions: tuple[str, ...]
    abs_rel: Float64[np.ndarray, "r k"]
    sq_rel: Float64[np.ndarray, "r k"]
    """In metres."""
    replaced: Float64[np.ndarray, "r k"]
    """Share of the compared pixels."""
    pixels: Float64[np.ndarray, " r"]
    """Compared pixels in all; a region without any has NaN curves."""


class AlphaSweep:
    """A sweep in progress: the labels of `ByUncertainty` at many thresholds, compared with the truth.

    Args:
        alphas_m: Rising thresholds in metres; the curves are exact at each of them. Infinity keeps every prediction.
        regions: Names of masks; "all" is every compared pixel and needs none.
        depth_range: Truth outside is not compared and labels are clamped to it, as evaluation does.
    """

    def __init__(
        self,
        alphas_m: Float[np.ndarray, " k"] = MILLIMETRES,
        regions: Sequence[str] = ("all",),
        depth_range: MetricRange = INDOOR,
    ) -> None:
        self.alphas_m = np.asarray(alphas_m, dtype=np.float32)
        if not len(self.alphas_m) or not self.alphas_m[0] >= 0 or not np.all(np.diff(self.alphas_m) > 0):
            raise RequestError("thresholds of a sweep are rising numbers of metres from 0 on: sort them, each once")
        self.regions, self.depth_range = tuple(regions), depth_range
        shape = (len(TERMS), len(self.regions), len(self.alphas_m))
        self._sums, self._means, self._images = np.zeros(shape), np.zeros(shape), np.zeros((shape[1], 1))

    def add(
        self, evidence: Evidence, truth: DepthMap, masks: Mapping[str, Bool[np.ndarray, "h w"]] | None = None
    ) -> None:
        """Take in one frame; a region that ``masks`` does not name is not in it."""
        compared = self._compared(evidence, truth)
        errors = _Errors.of(evidence, truth, compared, self.depth_range, self.alphas_m)
        for row, name in enumerate(self.regions):
            inside = None if name == "all" else (masks or {}).get(name)
            if inside is not None and inside.shape != truth.metres.shape:
                raise DataError(f"the mask of {name} is {inside.shape} but truth is {truth.metres.shape}: resize one")
            if name != "all" and inside is None:
                continue
            sums = errors.curves(slice(None) if inside is None else inside[compared])
            if sums[0, 0]:
                self._sums[:, row] += sums
                self._means[:, row] += sums / sums[0]
                self._images[row] += 1

    def curves(self, averaging: Averaging = "images") -> SweepCurves:
        """The curves so far; ``images`` is the mean of each image's own, ``pixels`` weighs every pixel alike."""
        pixels = self._sums[0, :, :1]
        with np.errstate(invalid="ignore"):
            means = self._means / self._images if averaging == "images" else self._sums / pixels
        _, abs_rel, sq_rel, replaced = means
        return SweepCurves(self.alphas_m, self.regions, abs_rel, sq_rel, replaced, pixels[:, 0].copy())

    def _compared(self, evidence: Evidence, truth: DepthMap) -> Bool[np.ndarray, "h w"]:
        """Pixels with truth in range and a label, which is there whatever the threshold."""
        if truth.size_hw != evidence.predicted.size_hw:
            raise DataError(f"truth is {truth.size_hw} but depth is {evidence.predicted.size_hw}: resize one of them")
        low, high = np.float32(self.depth_range.nearest_m), np.float32(self.depth_range.farthest_m)
        inside = truth.valid & (truth.metres > low) & (truth.metres < high)
        return inside & (evidence.predicted.valid | evidence.has_projected)


@dataclass(frozen=True, eq=False)
class _Errors:
    """The compared pixels of one frame."""

    thresholds: Int64[np.ndarray, " n"]
    """At how many of them a pixel is projected: the first ones."""
    predicted: Float64[np.ndarray, "2 n"]
    """Abs Rel and Sq Rel of the label above all thresholds."""
    change: Float64[np.ndarray, "2 n"]
    """What they become at the thresholds below, less that."""
    bins: int

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        truth: DepthMap,
        compared: Bool[np.ndarray, "h w"],
        depth_range: MetricRange,
        alphas_m: Float32[np.ndarray, " k"],
    ) -> _Errors:
        """Errors of both depths, each in the place of the other where that is missing."""
        uncertainty, target = evidence.needed_uncertainty(), truth.metres[compared]
        has_p, has_q = evidence.predicted.valid[compared], evidence.has_projected[compared]
        p, q = evidence.predicted.metres[compared], evidence.needed_projected().metres[compared]
        known = uncertainty.valid[compared]
        sigma = np.where(known, uncertainty.sigma_m[compared], np.float32(-1))
        kept = np.where(has_p, p, q)
        replaced = np.where(has_q, q, kept)
        counts = np.searchsorted(alphas_m, sigma, side="right")
        counts[~has_q] = 0
        counts[~has_p] = len(alphas_m)
        before = _relative_errors(kept, target, depth_range)
        return cls(counts, before, _relative_errors(replaced, target, depth_range) - before, len(alphas_m) + 1)

    def curves(self, chosen: Bool[np.ndarray, " n"] | slice) -> Float64[np.ndarray, "t k"]:
        """Sums of `TERMS` at each threshold over chosen pixels."""
        counts, predicted, change = self.thresholds[chosen], self.predicted[:, chosen], self.change[:, chosen]
        replaced = _sums_from_above(np.bincount(counts, minlength=self.bins))
        errors = [
            before.sum() + _sums_from_above(np.bincount(counts, step, self.bins))
            for before, step in zip(predicted, change, strict=True)
        ]
        return np.stack([np.full_like(errors[0], len(counts)), *errors, replaced])


def _sums_from_above(by_count: Num[np.ndarray, " bins"]) -> Num[np.ndarray, " k"]:
    """At threshold j the pixels that are projected at more than j thresholds."""
    return np.cumsum(by_count[:0:-1])[::-1]


def _relative_errors(
    label_m: Float32[np.ndarray, " n"], truth_m: Float32[np.ndarray, " n"], depth_range: MetricRange
) -> Float64[np.ndarray, "2 n"]:
    """|p - g| / g and (p - g)^2 / g, of labels clamped to the range."""
    clamped = np.clip(label_m, np.float32(depth_range.nearest_m), np.float32(depth_range.farthest_m))
    signed, target = clamped.astype(np.float64) - truth_m, truth_m.astype(np.float64)
    return np.stack([np.abs(signed) / target, signed * signed / target])
