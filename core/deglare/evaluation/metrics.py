"""The seven usual depth metrics, bias and coverage, from sums over pixels.

A frame becomes sums of error terms by region (`term_sums`); sums of frames add up; `metrics_of` turns sums into
metrics. Prediction p and truth g are metres, already aligned and clamped:

    abs_rel = mean |p-g|/g           sq_rel = mean (p-g)^2/g  [m]      rmse = sqrt mean (p-g)^2  [m]
    rmse_log = sqrt mean (ln p/g)^2  delta_k = share with max(p/g, g/p) < 1.25^k
    bias = mean p-g  [m], above 0 is too far                 coverage = share of the truth that has a prediction
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt16

from deglare.evaluation.regions import RegionMap

TERMS = ("truth_pixels", "pixels", "abs_rel", "sq_rel", "sq", "sq_log", "bias", "delta1", "delta2", "delta3")
"""The columns of sums: numbers of pixels and sums of error terms over pixels."""

METRICS = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3", "bias", "coverage")
LARGER_IS_BETTER = frozenset({"delta1", "delta2", "delta3", "coverage"})
UNITS = {"sq_rel": "m", "rmse": "m", "bias": "m"}
"""Metrics that are not listed are ratios."""

DELTA = 1.25
SHORTEST_RUN = 6
"""Mean pixels in a run of one code from which on summing by runs is the faster way."""


def term_sums(
    predicted_m: Float32[np.ndarray, "h w"],
    truth_m: Float32[np.ndarray, "h w"],
    compared: Bool[np.ndarray, "h w"],
    regions: RegionMap,
) -> Float64[np.ndarray, "r k"]:
    """Sums of `TERMS` over the pixels of each region of one frame.

    Args:
        predicted_m: depth in metres, above 0 where ``compared``.
        truth_m: depth in metres, above 0 where ``compared``.
        compared: pixels where both are known; the other pixels of a region count for its coverage only.
        regions: codes of every pixel that is eligible for comparison.
    """
    size = regions.members.shape[1]
    p, g = np.ones_like(predicted_m), np.ones_like(truth_m)
    np.copyto(p, predicted_m, where=compared)
    np.copyto(g, truth_m, where=compared)
    ratio, signed = p / g, p - g
    square, logarithm = signed * signed, np.log(ratio)
    terms = (np.abs(signed) / g, square / g, square, logarithm * logarithm, signed)
    codes = regions.codes.ravel()
    total, *errors = _sums_by_code(codes, [term.ravel() for term in terms], size)
    pixels = total - np.bincount(codes[~compared.ravel()], minlength=size)
    deltas = [pixels - failed for failed in _count_failures(ratio.ravel(), codes, size)]
    return regions.members @ np.stack([total, pixels, *errors, *deltas], axis=1)


def _sums_by_code(
    codes: UInt16[np.ndarray, " n"], terms: list[Float32[np.ndarray, " n"]], size: int
) -> list[Float64[np.ndarray, " c"]]:
    """Numbers of pixels and sums of each term by code.

    Neighbours mostly share a code, so runs of one code are summed first, which is several times faster than pixel by
    pixel; codes that change all the time are summed pixel by pixel.
    """
    starts = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1])
    if len(starts) > len(codes) // SHORTEST_RUN:
        return [
            np.bincount(codes, minlength=size).astype(np.float64),
            *(np.bincount(codes, term, size) for term in terms),
        ]
    heads, lengths = codes[starts].astype(np.intp), np.diff(starts, append=len(codes))
    runs = (lengths, *(np.add.reduceat(term, starts) for term in terms))
    return [np.bincount(heads, run, size) for run in runs]


def _count_failures(
    ratio: Float32[np.ndarray, " n"], codes: UInt16[np.ndarray, " n"], size: int
) -> list[Int64[np.ndarray, " c"]]:
    """Pixels by code that miss each of the three delta thresholds; most pixels miss none and cost nothing."""
    worse = np.maximum(ratio, 1 / ratio)
    counts: list[Int64[np.ndarray, " c"]] = []
    for power in (1, 2, 3):
        failing = np.flatnonzero(worse >= np.float32(DELTA**power))
        worse, codes = worse[failing], codes[failing]
        counts.append(np.bincount(codes, minlength=size))
    return counts


def metrics_of(sums: Float64[np.ndarray, "*g r k"]) -> Float64[np.ndarray, "*g r m"]:
    """`METRICS` from sums of `TERMS`; NaN where a region has no pixels."""
    total, pixels, *errors = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        abs_rel, sq_rel, sq, sq_log, bias, *deltas = (error / pixels for error in errors)
        values = (abs_rel, sq_rel, np.sqrt(sq), np.sqrt(sq_log), *deltas, bias, pixels / total)
    return np.stack(values, axis=-1)
