"""Least squares that more than one room needs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def line_through(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Scale and shift of the least-squares line ``y = scale * x + shift``; a constant x gets scale 0."""
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    dx, dy = x64 - x64.mean(), y64 - y64.mean()
    spread = float(dx @ dx)
    scale = float(dx @ dy) / spread if spread > 1e-18 * len(x64) * float(np.abs(x64).max()) ** 2 else 0.0
    return scale, float(y64.mean() - scale * x64.mean())
