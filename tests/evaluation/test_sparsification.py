import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.evaluation.sparsification import STEPS, Ranks, sparsify


def errors(seed: int = 0, n: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 5, n)
    return truth * (1 + np.abs(rng.normal(0, 0.2, n))), truth


def test_an_uncertainty_that_ranks_as_the_error_does_has_no_ause() -> None:
    truth = np.full(1000, 2.0)  # so that abs_rel and squared error have one order
    predicted = truth + np.random.default_rng(0).uniform(0, 1, 1000)
    found = sparsify(predicted, truth, (predicted - truth) * 7)
    ause_abs, aurg_abs, ause_rmse, aurg_rmse = found.areas
    assert ause_abs == pytest.approx(0, abs=1e-12)
    assert ause_rmse == pytest.approx(0, abs=1e-12)
    assert aurg_abs > 0.05
    assert aurg_rmse > 0.05


def test_a_constant_uncertainty_is_no_better_and_no_worse_than_chance() -> None:
    predicted, truth = errors()
    ause_abs, aurg_abs, _, aurg_rmse = sparsify(predicted, truth, np.full(len(truth), 0.3)).areas
    assert (aurg_abs, aurg_rmse) == pytest.approx((0, 0), abs=1e-12)
    assert ause_abs > 0


def test_a_random_uncertainty_gains_about_nothing_and_a_reversed_one_loses() -> None:
    predicted, truth = errors(n=50_000)
    random = sparsify(predicted, truth, np.random.default_rng(5).random(len(truth))).areas
    reversed_ = sparsify(predicted, truth, -np.abs(predicted - truth)).areas
    assert abs(random[1]) < 0.003
    assert reversed_[1] < -0.03


def test_the_curve_of_two_levels_worked_by_hand() -> None:
    # 50 pixels: 10 uncertain ones with error 1, 40 certain ones with error 0. After i of 50 are gone, (10 - i) wrong
    # ones of (50 - i) are left, none from i = 10 on.
    wrong = np.repeat([1.0, 0.0], [10, 40])
    expected = [max(10 - i, 0) / (50 - i) for i in range(STEPS)]
    np.testing.assert_allclose(Ranks.of(wrong).curve(wrong), expected, atol=1e-12)


def test_ties_leave_in_random_order_whatever_order_the_pixels_come_in() -> None:
    wrong, uncertainty = np.array([3.0, 1.0, 2.0, 0.0] * 50), np.array([1.0, 1.0, 0.0, 0.0] * 50)
    order = np.random.default_rng(0).permutation(200)
    curve = Ranks.of(uncertainty).curve(wrong)
    np.testing.assert_allclose(Ranks.of(uncertainty[order]).curve(wrong[order]), curve, atol=1e-12)
    assert curve[0] == pytest.approx(1.5)
    assert curve[25] == pytest.approx(1.0)  # half removed: what is left has errors 2 and 0


@given(seed=st.integers(0, 1000))
def test_no_order_beats_the_oracle_and_units_do_not_matter(seed: int) -> None:
    predicted, truth = errors(seed, 300)
    uncertainty = np.random.default_rng(seed + 1).random(300)
    found = sparsify(predicted, truth, uncertainty)
    assert np.all(found.by_uncertainty >= found.oracle - 1e-12)
    np.testing.assert_allclose(sparsify(predicted, truth, uncertainty * 1000).areas, found.areas, atol=1e-12)


def test_the_curve_agrees_with_a_naive_loop_without_ties() -> None:
    rng = np.random.default_rng(3)
    wrong, uncertainty = rng.random(STEPS * 4), rng.random(STEPS * 4)
    order = np.argsort(uncertainty)
    expected = [wrong[order[: len(order) - 4 * i]].mean() for i in range(STEPS)]
    np.testing.assert_allclose(Ranks.of(uncertainty).curve(wrong), expected, atol=1e-12)
