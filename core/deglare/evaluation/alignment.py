"""Remove what a prediction cannot know: its scale, or scale and shift. Fits use the compared pixels only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from deglare.errors import DataError, RequestError
from deglare.evaluation.protocol import Alignment
from deglare.fitting import line_through
from deglare.types import DepthMap, RelativeDepth

FARTHEST_PLAUSIBLE_RATIO = 200.0
"""Metric depth this many times off is a wrong unit: a room of 0.1 to 10 m cannot be wrong by more than 100."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """Metres after alignment, not yet clamped; infinite where the fitted disparity is not above 0."""

    metres: Float32[np.ndarray, "h w"]
    scale: float


def median_ratio(predicted: Float[np.ndarray, " n"], truth_m: Float[np.ndarray, " n"]) -> float:
    """The factor that gives the prediction the median of the truth."""
    middle = float(np.median(predicted))
    if middle <= 0:
        raise DataError(f"the median of a prediction is {middle:g}: median scaling needs positive depth")
    return float(np.median(truth_m)) / middle


def align(
    predicted: DepthMap | RelativeDepth,
    truth_m: Float32[np.ndarray, "h w"],
    compared: Bool[np.ndarray, "h w"],
    alignment: Alignment,
    sequence_scale: float | None = None,
) -> Aligned:
    """Apply one of `ALIGNMENTS`; ``compared`` are the pixels where both depths are known, at least one of them."""
    values = predicted.metres if isinstance(predicted, DepthMap) else predicted.values
    if alignment == "none":
        _require_metric(predicted, truth_m, compared)
        return Aligned(values, 1.0)
    p, g = values[compared], truth_m[compared]
    if alignment == "lsq-depth":
        scale, shift = line_through(p, g)
        return Aligned((scale * values + shift).astype(np.float32), scale)
    if alignment == "lsq-disparity":
        return _align_disparity(values, p, g, compared)
    scale = sequence_scale if alignment == "median-sequence" else median_ratio(p, g)
    if scale is None:
        raise RequestError("median-sequence needs the scene's factor: evaluate whole sequences, or choose median")
    return Aligned(values * np.float32(scale), scale)


def _align_disparity(
    values: Float32[np.ndarray, "h w"],
    p: Float32[np.ndarray, " n"],
    g: Float32[np.ndarray, " n"],
    compared: Bool[np.ndarray, "h w"],
) -> Aligned:
    if p.min() <= 0:
        raise DataError("this relative depth has values <= 0, which have no disparity: align it with lsq-depth")
    scale, shift = line_through(1 / p, 1 / g)
    metres = np.full(values.shape, np.inf, dtype=np.float32)
    disparity = np.zeros(values.shape, dtype=np.float32)
    np.divide(scale, values, out=disparity, where=compared)
    disparity += np.float32(shift)
    np.divide(1, disparity, out=metres, where=compared & (disparity > 0))
    return Aligned(metres, scale)


def _require_metric(
    predicted: DepthMap | RelativeDepth, truth_m: Float32[np.ndarray, "h w"], compared: Bool[np.ndarray, "h w"]
) -> None:
    """Absolute depth must be metric, and in metres; a sparse grid of pixels shows a wrong unit well enough."""
    if isinstance(predicted, RelativeDepth):
        raise RequestError("relative depth has no metres: choose an alignment (median, lsq-depth or lsq-disparity)")
    step = max(1, min(truth_m.shape) // 32)
    grid = np.s_[::step, ::step]
    seen = compared[grid]
    if not seen.any():
        return
    p, g = float(predicted.metres[grid][seen].mean()), float(truth_m[grid][seen].mean())
    if not 1 / FARTHEST_PLAUSIBLE_RATIO < p / g < FARTHEST_PLAUSIBLE_RATIO:
        raise DataError(
            f"predicted depth averages {p:.3g} m where the truth averages {g:.3g} m, so its unit is wrong: "
            f"16-bit files hold millimetres unless the unit is given (--unit-m)"
        )
