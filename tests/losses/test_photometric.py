import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deglare.losses.photometric import C1, C2, photometric_error, structural_difference


def images(seed: int, size_hw: tuple[int, int] = (9, 11)) -> torch.Tensor:
    return torch.rand(1, 3, *size_hw, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def naive_structural_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One channel, pixel by pixel, with borders reflected."""
    padded_a, padded_b = (np.pad(image, 1, mode="reflect") for image in (a, b))
    out = np.empty_like(a)
    for y, x in np.ndindex(*a.shape):
        p, q = padded_a[y : y + 3, x : x + 3].ravel(), padded_b[y : y + 3, x : x + 3].ravel()
        covariance = np.mean((p - p.mean()) * (q - q.mean()))
        likeness = (2 * p.mean() * q.mean() + C1) * (2 * covariance + C2)
        ssim = likeness / ((p.mean() ** 2 + q.mean() ** 2 + C1) * (p.var() + q.var() + C2))
        out[y, x] = np.clip((1 - ssim) / 2, 0, 1)
    return out


def test_structure_equals_a_loop_over_windows() -> None:
    a, b = images(1), images(2)
    found = structural_difference(a, b)[0].numpy()
    for channel in range(3):
        expected = naive_structural_difference(a[0, channel].numpy(), b[0, channel].numpy())
        np.testing.assert_allclose(found[channel], expected, atol=1e-12)


@given(seed=st.integers(0, 10_000))
def test_an_image_equals_itself_and_the_error_is_symmetric(seed: int) -> None:
    a, b = images(seed), images(seed + 1)
    assert float(photometric_error(a, a).max()) < 1e-12
    torch.testing.assert_close(photometric_error(a, b), photometric_error(b, a))
    assert 0 <= float(photometric_error(a, b).min()) <= float(photometric_error(a, b).max()) <= 1


def test_a_constant_difference_costs_colour_and_luminance() -> None:
    """By hand: two flat images of 0.2 and 0.6 have no variance, so SSIM is the luminance term alone."""
    a, b = torch.full((1, 3, 5, 5), 0.2, dtype=torch.float64), torch.full((1, 3, 5, 5), 0.6, dtype=torch.float64)
    ssim = (2 * 0.2 * 0.6 + 1e-4) / (0.04 + 0.36 + 1e-4)
    assert float(photometric_error(a, b)[0, 0, 2, 2]) == pytest.approx(0.85 * (1 - ssim) / 2 + 0.15 * 0.4, abs=1e-9)
