import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.errors import DataError
from deglare.fitting import line_through
from deglare.networks import disparity_fitted, median_scaled
from deglare.types import DepthMap, RelativeDepth


def known_and_mask(seed: int = 0) -> tuple[DepthMap, np.ndarray]:
    rng = np.random.default_rng(seed)
    metres = rng.uniform(0.5, 6, (12, 16)).astype(np.float32)
    return DepthMap(metres, rng.random((12, 16)) < 0.6), rng.random((12, 16)) < 0.9


@given(st.floats(1e-3, 1e3), st.integers(0, 50))
def test_median_scaling_finds_the_factor(factor: float, seed: int) -> None:
    known, valid = known_and_mask(seed)
    scaled = median_scaled(RelativeDepth(known.metres / np.float32(factor), valid), known)
    np.testing.assert_allclose(scaled.metres[valid], known.metres[valid], rtol=1e-5)
    np.testing.assert_array_equal(scaled.valid, valid)


@given(st.floats(0.05, 20), st.floats(0, 2), st.integers(0, 50))
def test_scale_and_shift_of_the_disparity_are_found(scale: float, shift: float, seed: int) -> None:
    known, valid = known_and_mask(seed)
    values = 1 / (scale / known.metres + np.float32(shift))
    fitted = disparity_fitted(RelativeDepth(values.astype(np.float32), valid), known)
    both = fitted.valid & known.valid
    assert both.sum() > 50
    np.testing.assert_allclose(fitted.metres[both], known.metres[both], rtol=2e-2)


def test_the_line_is_numpys() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random(100), rng.random(100)
    np.testing.assert_allclose(line_through(x, y), np.polyfit(x, y, 1))


def test_the_fit_is_the_least_squares_one_by_lstsq() -> None:
    known, valid = known_and_mask()
    values = (known.metres + np.random.default_rng(2).uniform(0, 1, known.metres.shape)).astype(np.float32)
    both = known.valid & valid
    matrix = np.stack([1 / values[both], np.ones(both.sum())], axis=1)
    (a, b), *_ = np.linalg.lstsq(matrix, 1 / known.metres[both], rcond=None)
    fitted = disparity_fitted(RelativeDepth(values, valid), known)
    np.testing.assert_allclose(fitted.metres[fitted.valid], (1 / (a / values + b))[fitted.valid], rtol=1e-4)


def test_pixels_fitted_beyond_infinity_drop_out() -> None:
    metres = np.array([[1.0, 2.0, 4.0, 1.0]], dtype=np.float32)
    known = DepthMap(metres, np.array([[True, True, True, False]]))
    disparity = 2 / metres + 3  # exact line: 1/m = disparity / 2 - 1.5
    disparity[0, 3] = 2.0  # fitted: 1 - 1.5 < 0
    fitted = disparity_fitted(RelativeDepth((1 / disparity).astype(np.float32), np.ones((1, 4), dtype=bool)), known)
    assert fitted.valid.tolist() == [[True, True, True, False]]


def test_depth_that_is_not_above_zero_drops_out() -> None:
    known = DepthMap(np.full((2, 2), 2, dtype=np.float32), np.ones((2, 2), dtype=bool))
    relative = RelativeDepth(np.array([[1, 1], [0, -1]], dtype=np.float32), np.ones((2, 2), dtype=bool))
    assert median_scaled(relative, known).valid.tolist() == [[True, True], [False, False]]


def test_alignment_needs_no_torch() -> None:
    code = "import sys, deglare.networks.alignment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_cannot_be_aligned_is_refused() -> None:
    known, valid = known_and_mask()
    nowhere = RelativeDepth(known.metres, np.zeros_like(valid))
    for align in (median_scaled, disparity_fitted):
        with pytest.raises(DataError, match="no pixels with both"):
            align(nowhere, known)
        with pytest.raises(DataError, match="resize one"):
            align(RelativeDepth(known.metres[1:], valid[1:]), known)
    with pytest.raises(DataError, match="same at every pixel"):
        disparity_fitted(RelativeDepth(np.ones_like(known.metres), valid), known)
