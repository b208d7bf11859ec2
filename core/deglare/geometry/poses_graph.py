"""Least squares on a graph of frames: vectors at the frames whose differences are nearest to those of the edges."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64


def fitted_differences(
    first: Int64[np.ndarray, " e"],
    second: Int64[np.ndarray, " e"],
    weight: Float64[np.ndarray, " e"],
    difference: Float64[np.ndarray, "e 3"],
    count: int,
) -> Float64[np.ndarray, "f 3"]:
    """Vectors x that minimise the weighted sum of ``|x[second] - x[first] - difference|^2``, with x[0] = 0."""
    laplacian, right = np.zeros((count, count)), np.zeros((count, 3))
    for one, other, sign in ((first, first, 1), (second, second, 1), (first, second, -1), (second, first, -1)):
        np.add.at(laplacian, (one, other), sign * weight)
    np.add.at(right, second, weight[:, None] * difference)
    np.add.at(right, first, -weight[:, None] * difference)
    laplacian[np.arange(count), np.arange(count)] += 1e-9 * max(float(weight.max()), 1e-9)
    laplacian[0, 0] += weight.sum()
    return np.linalg.solve(laplacian, right)
