"""Patches of a mask: pixels that touch each other, corners included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64


def patches(mask: Bool[np.ndarray, "h w"]) -> Iterator[tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]]:
    """Rows and columns of each patch, in order of their first rows."""
    from scipy import ndimage

    numbers = _numbered(mask)
    for number, part in enumerate(ndimage.find_objects(numbers), start=1):
        rows, columns = np.nonzero(numbers[part] == number)
        yield rows + part[0].start, columns + part[1].start


def without_specks(mask: Bool[np.ndarray, "h w"], least_pixels: int) -> Bool[np.ndarray, "h w"]:
    """The mask without patches of fewer pixels."""
    numbers = _numbered(mask)
    large = np.bincount(numbers.ravel()) >= least_pixels
    large[0] = False
    return large[numbers]


def _numbered(mask: Bool[np.ndarray, "h w"]) -> np.ndarray:
    from scipy import ndimage

    found: Any = ndimage.label(mask, np.ones((3, 3)))
    return found[0]
