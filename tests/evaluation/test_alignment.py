import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.errors import DataError, RequestError
from deglare.evaluation import METRICS, Protocol
from deglare.evaluation.alignment import align, median_ratio
from deglare.evaluation.frames import compare_frame
from deglare.fitting import line_through
from deglare.types import DepthMap, RelativeDepth


def scene(seed: int = 0) -> tuple[np.ndarray, DepthMap]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 6, (12, 16)).astype(np.float32)
    return (truth * np.exp(rng.normal(0, 0.2, truth.shape))).astype(np.float32), DepthMap.of_positive(truth)


def numbers(predicted: DepthMap | RelativeDepth, truth: DepthMap, protocol: Protocol) -> dict[str, float]:
    result = compare_frame(predicted, truth, None, protocol)
    assert result is not None
    return dict(zip(METRICS, result.tally.values[0].tolist(), strict=False))


@given(scale=st.floats(0.01, 50), seed=st.integers(0, 100))
def test_median_alignment_does_not_see_the_scale_of_the_prediction(scale: float, seed: int) -> None:
    predicted, truth = scene(seed)
    protocol = Protocol(alignment="median")
    one = numbers(DepthMap.of_positive(predicted), truth, protocol)
    other = numbers(DepthMap.of_positive(predicted * np.float32(scale)), truth, protocol)
    assert other["abs_rel"] == pytest.approx(one["abs_rel"], rel=1e-4)
    assert other["rmse_log"] == pytest.approx(one["rmse_log"], rel=1e-4)


def test_the_median_ratio_is_truth_over_prediction() -> None:
    assert median_ratio(np.array([1.0, 2.0, 9.0]), np.array([3.0, 5.0, 4.0])) == 2.0  # 4 / 2


@given(scale=st.floats(0.1, 10), shift=st.floats(-2, 2))
def test_least_squares_finds_the_line_it_was_given(scale: float, shift: float) -> None:
    x = np.linspace(0.5, 4, 50)
    assert line_through(x, scale * x + shift) == pytest.approx((scale, shift), abs=1e-9)


def test_least_squares_agrees_with_numpy_on_noise() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random(500), rng.random(500)
    assert line_through(x, y) == pytest.approx(tuple(np.polyfit(x, y, 1)), abs=1e-9)


def test_a_constant_prediction_is_fitted_by_the_mean() -> None:
    assert line_through(np.full(9, 0.1), np.arange(9.0)) == (0.0, 4.0)


@pytest.mark.parametrize("alignment", ["lsq-depth", "lsq-disparity"])
def test_scale_and_shift_of_the_right_quantity_are_undone_exactly(alignment: str) -> None:
    _, truth = scene()
    g = truth.metres
    wrong = (g - 0.3) / 2 if alignment == "lsq-depth" else 1 / ((1 / g + 0.2) * 3)
    valid = np.ones(g.shape, dtype=bool)
    found = numbers(RelativeDepth(wrong.astype(np.float32), valid), truth, Protocol(alignment=alignment))  # type: ignore[arg-type]
    assert found["abs_rel"] < 1e-4


def test_pixels_that_are_not_compared_do_not_pull_the_fit() -> None:
    predicted, truth = scene()
    compared = np.zeros(truth.size_hw, dtype=bool)
    compared[:4] = True
    spoilt = predicted.copy()
    spoilt[4:] = 500
    for alignment in ("median", "lsq-depth", "lsq-disparity"):
        a = align(DepthMap.of_positive(predicted), truth.metres, compared, alignment)
        b = align(DepthMap.of_positive(spoilt), truth.metres, compared, alignment)
        np.testing.assert_array_equal(a.metres[:4], b.metres[:4])


def test_the_order_is_scale_then_clamp_then_measure() -> None:
    # predictions 20 and 40 m scale by 1/10 to 2 and 4 m; clamping to 10 m first would make both equal
    truth, predicted = DepthMap.of_positive(np.array([[2.0, 4.0]])), DepthMap.of_positive(np.array([[20.0, 40.0]]))
    found = numbers(predicted, truth, Protocol(alignment="median"))
    assert found["abs_rel"] == pytest.approx(0, abs=1e-6)


def test_depth_outside_the_range_is_clamped_and_counted() -> None:
    truth, predicted = DepthMap.of_positive(np.full((1, 4), 8.0)), DepthMap.of_positive(np.array([[8.0, 16, 99, 0.05]]))
    result = compare_frame(predicted, truth, None, Protocol())
    assert result is not None
    assert result.clamped == 3
    # clamped to 8, 10, 10, 0.1: bias (0 + 2 + 2 - 7.9) / 4
    assert result.tally.values[0, METRICS.index("bias")] == pytest.approx(-3.9 / 4, abs=1e-6)


def test_a_fitted_disparity_below_zero_is_infinitely_far_and_clamped_to_the_cap() -> None:
    truth = DepthMap.of_positive(np.array([[1.0, 1.0, 1.0, 9.0]]))
    predicted = DepthMap.of_positive(np.array([[1.0, 1.2, 0.8, 1000.0]]))
    result = compare_frame(predicted, truth, None, Protocol(alignment="lsq-disparity", max_depth_m=9.5))
    assert result is not None
    assert np.all(result.predicted_m[result.compared] <= 9.5)


def test_relative_depth_is_not_compared_as_metres() -> None:
    predicted, truth = scene()
    relative = RelativeDepth(predicted, truth.valid)
    with pytest.raises(RequestError, match="choose an alignment"):
        compare_frame(relative, truth, None, Protocol())


def test_relative_depth_below_zero_has_no_disparity() -> None:
    predicted, truth = scene()
    with pytest.raises(DataError, match="lsq-depth"):
        compare_frame(RelativeDepth(predicted - 3, truth.valid), truth, None, Protocol(alignment="lsq-disparity"))


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_a_wrong_unit_is_named(factor: float) -> None:
    predicted, truth = scene()
    with pytest.raises(DataError, match="its unit is wrong"):
        compare_frame(DepthMap.of_positive(predicted * np.float32(factor)), truth, None, Protocol())
