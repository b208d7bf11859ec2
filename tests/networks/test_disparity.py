import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deglare.errors import RequestError
from deglare.networks import INDOOR, KITTI, MetricRange, depth_of, disparity_of, sigmoid_of


@pytest.mark.parametrize(("depth_range", "near_m", "far_m"), [(INDOOR, 0.1, 10.0), (KITTI, 0.1, 100.0)])
def test_a_sigmoid_of_one_is_nearest_and_of_zero_farthest(
    depth_range: MetricRange, near_m: float, far_m: float
) -> None:
    np.testing.assert_allclose(depth_of(np.array([1.0, 0.0]), depth_range), [near_m, far_m])


def test_disparity_is_linear_in_the_sigmoid() -> None:
    np.testing.assert_allclose(disparity_of(np.array([0.5]), INDOOR), [(10 + 0.1) / 2])


@given(st.floats(0.11, 9.9), st.floats(0.01, 0.1), st.floats(10, 200))
def test_depth_comes_back_from_its_sigmoid(depth_m: float, near_m: float, far_m: float) -> None:
    depth_range = MetricRange(near_m, far_m)
    there = sigmoid_of(torch.tensor([depth_m], dtype=torch.float64), depth_range)
    assert 0 <= there.item() <= 1
    assert depth_of(there, depth_range).item() == pytest.approx(depth_m, rel=1e-9)


@pytest.mark.parametrize("ends", [(0.0, 1.0), (2.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0)])
def test_a_range_that_is_none_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(RequestError, match="0 < nearest < farthest"):
        MetricRange(*ends)
