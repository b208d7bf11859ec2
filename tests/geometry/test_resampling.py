from dataclasses import fields

import numpy as np
import pytest

from deglare.geometry.resampling import (
    resize_labels,
    resize_nearest,
    resize_prediction,
    resize_relative,
    resize_truth,
)
from deglare.types import DepthMap, RelativeDepth, SurfaceLabels


def plane(size_hw: tuple[int, int]) -> np.ndarray:
    """Disparity of a plane, linear in the image at half-pixel exact positions from 0 to 1."""
    v, u = ((np.indices(size_hw).transpose(1, 2, 0) + 0.5) / size_hw).transpose(2, 0, 1)
    return 0.2 + 0.3 * u + 0.1 * v


def test_an_enlarged_plane_stays_the_plane_to_half_a_pixel() -> None:
    small, large = DepthMap.of_positive(1 / plane((12, 16))), 1 / plane((24, 48))
    found = resize_prediction(small, (24, 48))
    assert found.valid.all()
    np.testing.assert_allclose(found.metres[2:-2, 3:-3], large[2:-2, 3:-3], rtol=1e-5)


def test_two_pixels_enlarged_by_hand() -> None:
    # disparities 1 and 0.5 at x = 0.5 and 1.5; new centres 0.25, 0.75, 1.25, 1.75: 1, 0.875, 0.625, 0.5
    found = resize_prediction(DepthMap.of_positive(np.array([[1.0, 2.0]])), (1, 4))
    np.testing.assert_allclose(found.metres, [[1, 1 / 0.875, 1 / 0.625, 2]], rtol=1e-6)


def test_holes_do_not_leak_into_their_neighbours() -> None:
    metres = np.array([[2.0, 2.0, 0.0, 2.0]])
    found = resize_prediction(DepthMap.of_positive(metres), (1, 16))
    assert not found.valid.all()
    assert found.valid.any()
    np.testing.assert_allclose(found.metres[found.valid], 2.0, rtol=1e-5)
    assert not found.valid[0, 8:12].any()
    assert found.valid[0, :8].all()


def test_the_same_size_is_the_same_object() -> None:
    depth = DepthMap.of_positive(np.ones((3, 4)))
    assert resize_prediction(depth, (3, 4)) is depth
    assert resize_truth(depth, (3, 4)) is depth


def test_truth_is_never_mixed() -> None:
    truth = DepthMap.of_positive(np.random.default_rng(0).uniform(0, 5, (12, 16)))
    for size in ((6, 8), (24, 31), (5, 7)):
        found = resize_truth(truth, size)
        assert set(found.metres.ravel().tolist()) <= set(truth.metres.ravel().tolist())


def test_nearest_takes_the_pixel_whose_centre_is_nearest() -> None:
    assert resize_nearest(np.array([[0, 1, 2]]), (1, 6)).tolist() == [[0, 0, 1, 1, 2, 2]]
    assert resize_nearest(np.arange(9)[None], (1, 3)).tolist() == [[1, 4, 7]]


def test_every_label_is_resized_and_what_is_unknown_stays_unknown() -> None:
    labels = SurfaceLabels(np.eye(4, dtype=bool), material=np.eye(4, dtype=np.uint8))
    found = resize_labels(labels, (8, 8))
    assert found.reflective.shape == (8, 8)
    assert found.material is not None
    assert found.material.shape == (8, 8)
    assert found.specular_share is None


def test_no_layer_of_the_labels_is_left_behind_or_mixed() -> None:
    rng, size = np.random.default_rng(0), (6, 8)
    labels = SurfaceLabels(
        reflective=rng.random(size) > 0.5,
        specular_share=rng.random(size).astype(np.float32),
        material=rng.integers(0, 7, size, dtype=np.uint8),
        surface_id=rng.integers(0, 65535, size, dtype=np.uint16),
        roughness=rng.choice([0.004, 0.05, np.nan], size).astype(np.float32),
    )
    found = resize_labels(labels, (9, 5))
    for layer in fields(SurfaceLabels):
        np.testing.assert_array_equal(
            getattr(found, layer.name), resize_nearest(getattr(labels, layer.name), (9, 5)), err_msg=layer.name
        )


@pytest.mark.parametrize("size", [(6, 8), (24, 32)])
def test_relative_depth_is_resized_in_its_own_values(size: tuple[int, int]) -> None:
    values = (plane((12, 16)) - 5).astype(np.float32)
    found = resize_relative(RelativeDepth(values, np.ones((12, 16), dtype=bool)), size)
    np.testing.assert_allclose(found.values[3:-3, 3:-3], plane(size)[3:-3, 3:-3] - 5, atol=1e-5)
