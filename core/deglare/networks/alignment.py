"""Relative depth into metres, by depth that is known at some pixels. Numpy only."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from deglare.errors import DataError
from deglare.fitting import line_through
from deglare.types import DepthMap, RelativeDepth

FEWEST_PIXELS = 2


def median_scaled(relative: RelativeDepth, known: DepthMap) -> DepthMap:
    """One factor, that of the medians over the pixels valid in both; pixels whose depth is not above 0 drop out."""
    both = _compared(relative, known) & (relative.values > 0)
    _require_some(both)
    factor = np.float32(np.median(known.metres[both]) / np.median(relative.values[both]))
    return _kept(relative.values * factor, relative.valid)


def disparity_fitted(relative: RelativeDepth, known: DepthMap) -> DepthMap:
    """Scale and shift of the inverse depth, by least squares: what a disparity network leaves open.

    Pixels whose fitted inverse depth is not above 0 would lie beyond infinity, and drop out.
    """
    both = _compared(relative, known) & (relative.values > 0)
    _require_some(both)
    scale, shift = line_through(1 / relative.values[both], 1 / known.metres[both])
    if scale == 0:
        raise DataError("relative depth is the same at every pixel that could be compared: nothing can be fitted to it")
    inverse = np.zeros_like(relative.values)
    np.divide(np.float32(scale), relative.values, out=inverse, where=relative.valid & (relative.values > 0))
    inverse += np.float32(shift)
    metres = np.zeros_like(inverse)
    np.divide(1, inverse, out=metres, where=inverse > 0)
    return _kept(metres, relative.valid & (relative.values > 0))


def _compared(relative: RelativeDepth, known: DepthMap) -> Bool[np.ndarray, "h w"]:
    if relative.values.shape != known.metres.shape:
        raise DataError(f"relative depth is {relative.values.shape}, known depth {known.metres.shape}: resize one")
    return relative.valid & known.valid


def _require_some(both: Bool[np.ndarray, "h w"]) -> None:
    if np.count_nonzero(both) < FEWEST_PIXELS:
        raise DataError("there are no pixels with both relative and known depth, so its scale cannot be found")


def _kept(metres: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]) -> DepthMap:
    return DepthMap(metres.astype(np.float32), valid & np.isfinite(metres) & (metres > 0))
