from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_evidence import flat, holed, random_evidence, sigma_of

from deglare.errors import DataError, RequestError
from deglare.fusion.evidence import Evidence, Needs
from deglare.fusion.levels import UncertaintyHistogram, levels_of, quantile_threshold
from deglare.fusion.strategies import STRATEGIES, Blend, ByUncertainty
from deglare.types import DepthMap

shares = st.floats(0, 1)
values = st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=200)


def histogram_of(*parts: np.ndarray) -> UncertaintyHistogram:
    histogram = UncertaintyHistogram()
    for part in parts:
        histogram.add(part.astype(np.float32))
    return histogram


def exact(numbers: np.ndarray, q: float) -> float:
    """The smallest value that at least a share q do not exceed."""
    return float(np.sort(numbers)[max(int(np.ceil(q * len(numbers))), 1) - 1])


@given(numbers=values, q=shares)
def test_a_quantile_is_off_by_less_than_it_says(numbers: list[float], q: float) -> None:
    array = np.array(numbers, dtype=np.float32)
    wanted = exact(array, q)
    assert abs(histogram_of(array).quantile(q) - wanted) <= wanted / 512 + 1e-38


@pytest.mark.parametrize("crowd", [1 + 0.99 / 512, 1 + 1.99 / 512, 1 - 0.99 / 1024])
def test_one_value_beside_a_crowd_is_off_by_no_more_either(crowd: float) -> None:
    numbers = np.array([1.0] + [crowd] * 1000)
    for histogram, q in ((histogram_of(numbers), 0.0), (histogram_of(numbers), 1.0)):
        assert histogram.quantile(q) == pytest.approx(exact(numbers, q), rel=1 / 512)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0])
def test_quantiles_of_many_pixels_are_those_of_numpy_at_any_scale(scale: float) -> None:
    numbers = (scale * np.random.default_rng(0).gamma(0.7, 0.2, 200_000)).astype(np.float32)
    histogram = histogram_of(*np.split(numbers, 8))
    for q in (0.01, 0.25, 0.5, 0.9, 0.99, 0.9999):
        assert histogram.quantile(q) == pytest.approx(np.quantile(numbers, q), rel=0.002)


@given(value=st.floats(0, 65, width=32), count=st.integers(1, 50), q=shares)
def test_the_quantile_of_one_value_is_that_value(value: float, count: int, q: float) -> None:
    assert histogram_of(np.full(count, value)).quantile(q) == pytest.approx(value, rel=1e-12, abs=1e-38)


@settings(max_examples=25)
@given(numbers=values, cut=st.integers(0, 200), q=shares)
def test_two_halves_merged_are_the_whole(numbers: list[float], cut: int, q: float) -> None:
    array = np.array(numbers)
    first, second = histogram_of(array[:cut]), histogram_of(array[cut:])
    first.merge(second)
    assert first.count == len(numbers)
    assert first.quantile(q) == pytest.approx(histogram_of(array).quantile(q), rel=1e-12)


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    one, many = histogram_of(np.ones(10)), histogram_of(*[np.random.default_rng(i).random(1000) for i in range(50)])
    assert many.count == 50_000
    assert many.counts.nbytes + many.sums.nbytes == one.counts.nbytes + one.sums.nbytes <= 2 << 20


def test_zero_minus_zero_and_the_smallest_numbers_are_certain() -> None:
    histogram = histogram_of(np.array([0.0, -0.0, 1e-45, 1e-42, 5.0]))
    assert histogram.quantile(0.8) < 1e-38
    assert histogram.quantile(1) == 5


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_unknown_values_are_not_counted_but_refused(bad: float) -> None:
    with pytest.raises(DataError, match="leave unknown ones out"):
        histogram_of(np.array([0.1, bad]))


def test_there_is_no_quantile_of_nothing_and_none_beyond_one() -> None:
    with pytest.raises(DataError, match="no pixel of the sequence has a known value"):
        UncertaintyHistogram().quantile(0.5)
    for q in (-0.1, 1.1, np.nan):
        with pytest.raises(RequestError, match="a share from 0 to 1"):
            histogram_of(np.ones(3)).quantile(q)


def test_a_chosen_threshold_replaces_the_share_that_was_asked_for() -> None:
    rng = np.random.default_rng(0)
    maps = [sigma_of(rng.gamma(0.5, 0.3, (40, 50)), (40, 50)) for _ in range(10)]
    for quantile in (0.5, 0.9, 0.98):
        alpha = quantile_threshold(maps, quantile)
        replaced = np.mean([(one.sigma_m >= alpha).mean() for one in maps])
        assert replaced == pytest.approx(1 - quantile, abs=0.002)


def test_a_sequence_is_asked_only_for_what_the_strategy_needs() -> None:
    def never() -> Iterator[Evidence]:
        raise AssertionError("no frame is needed")
        yield

    levels = levels_of(ByUncertainty(0.4).needs, never())
    assert (levels.sigma_m, levels.gap) == (None, None)


def test_levels_are_the_medians_over_all_frames_of_known_pixels() -> None:
    frames = [random_evidence(seed) for seed in range(6)]
    sigmas, gaps = [], []
    for frame in frames:
        uncertainty, projected = frame.needed_uncertainty(), frame.needed_projected()
        sigmas.append(uncertainty.sigma_m[uncertainty.valid])
        both = frame.predicted.valid & projected.valid & (projected.metres > 0.1) & (projected.metres < 10)
        p, q = frame.predicted.metres[both], projected.metres[both]
        gaps.append(np.abs(p - q) / q)
    levels = levels_of(Blend("both").needs, iter(frames))
    assert levels.sigma_m == pytest.approx(np.median(np.concatenate(sigmas)), rel=0.01)
    assert levels.gap == pytest.approx(np.median(np.concatenate(gaps)), rel=0.01)


def test_the_gap_counts_in_both_directions_and_the_uncertainty_at_any_quantile() -> None:
    predicted = DepthMap.of_positive(np.array([[1.0, 2.0, 3.0, 4.0]]))
    hole = np.array([[False, False, False, True]])
    frame = Evidence(predicted, holed(flat(2.0, (1, 4)), hole), sigma_of(np.array([[0.1, 0.2, 0.3, 0.4]]), (1, 4)))
    levels = levels_of(Needs(uncertainty=True, sigma_quantile=0.75, gap_quantile=1.0), [frame])
    assert levels.sigma_m == pytest.approx(0.3)
    assert levels.gap == pytest.approx(0.5)


@pytest.mark.parametrize(
    "name", [name for name in STRATEGIES if name != "multiview" and not STRATEGIES[name].needs.mask]
)
def test_with_its_levels_found_every_strategy_fuses(name: str) -> None:
    strategy, frames = STRATEGIES[name], [random_evidence(seed) for seed in range(2)]
    levels = levels_of(strategy.needs, frames)
    assert strategy.fuse(replace(frames[0], levels=levels)).depth.valid.any()
