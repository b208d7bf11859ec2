from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_evidence import SIZE_HW, flat, holed, random_evidence, sigma_of

from deglare.data.run_folder import LabelSource
from deglare.errors import DataError, RequestError
from deglare.fusion.evidence import Evidence, Levels
from deglare.fusion.labels import Labels
from deglare.fusion.strategies import (
    STRATEGIES,
    Blend,
    ByDifference,
    ByMask,
    ByMaskAndUncertainty,
    ByRelativeUncertainty,
    ByUncertainty,
    ByViews,
    Predicted,
    Projected,
    Strategy,
)
from deglare.networks.disparity import MetricRange
from deglare.types import DepthMap

seeds = st.integers(0, 10_000)
LEVELS = Levels(sigma_m=0.2, gap=0.1)
ONE_FRAME = [name for name in STRATEGIES if name != "multiview"]


def whole(seed: int) -> Evidence:
    """Random evidence with everything that strategies of one frame ask for."""
    mask = np.random.default_rng(seed).random((20, 30)) < 0.3
    return replace(random_evidence(seed), levels=LEVELS, mask=mask)


def naive(evidence: Evidence, wants: Callable[[float, float, float], bool]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and sources of a switch, pixel by pixel, by the rules as they are written."""
    metres, source = np.zeros(evidence.predicted.size_hw), np.zeros(evidence.predicted.size_hw)
    projected, uncertainty = evidence.needed_projected(), evidence.needed_uncertainty()
    for at in np.ndindex(metres.shape):
        p = float(evidence.predicted.metres[at]) if evidence.predicted.valid[at] else None
        q = float(projected.metres[at]) if projected.valid[at] and 0.1 <= projected.metres[at] <= 10 else None
        u = float(uncertainty.sigma_m[at]) if uncertainty.valid[at] else np.nan
        if q is not None and (p is None or wants(p, q, u)):
            metres[at], source[at] = q, LabelSource.PROJECTED
        elif p is not None:
            metres[at], source[at] = p, LabelSource.PREDICTED
    return metres, source


def require_labels(found: Labels, metres: np.ndarray, source: np.ndarray) -> None:
    assert np.array_equal(found.source, source)
    assert np.array_equal(found.depth.valid, source > 0)
    assert np.array_equal(found.depth.metres, metres.astype(np.float32))


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_keeps_the_protocol_and_can_be_compared(name: str) -> None:
    strategy = STRATEGIES[name]
    assert isinstance(strategy, Strategy)
    assert strategy == replace(strategy)  # type: ignore[type-var]
    assert [other for other in STRATEGIES if STRATEGIES[other] == strategy] == [name]


@pytest.mark.parametrize("name", ONE_FRAME)
@settings(max_examples=25)
@given(seed=seeds)
def test_every_pixel_is_from_one_source_and_from_none_only_where_nothing_is_known(name: str, seed: int) -> None:
    evidence = whole(seed)
    labels = STRATEGIES[name].fuse(evidence)
    assert sum(labels.count(source) for source in LabelSource) == labels.source.size
    there = evidence.predicted.valid | evidence.has_projected
    expected = evidence.predicted.valid if name == "predicted" else there
    assert np.array_equal(labels.source == LabelSource.DROPPED, ~expected)
    assert not labels.depth.metres[~expected].any()
    p, q = evidence.predicted.metres, evidence.needed_projected().metres
    for source, depth in ((LabelSource.PREDICTED, p), (LabelSource.PROJECTED, q)):
        chosen = labels.source == source
        assert np.array_equal(labels.depth.metres[chosen], depth[chosen])


@pytest.mark.parametrize("name", ONE_FRAME)
def test_fusing_changes_nothing_that_it_was_given(name: str) -> None:
    evidence, untouched = whole(3), whole(3)
    STRATEGIES[name].fuse(evidence)
    for part in ("predicted", "projected", "uncertainty"):
        for kind in ("metres", "sigma_m", "valid"):
            before, after = (getattr(getattr(e, part), kind, None) for e in (untouched, evidence))
            assert before is None or np.array_equal(before, after, equal_nan=True)  # type: ignore[arg-type]


@given(seed=seeds)
def test_at_threshold_zero_depth_is_projected_wherever_there_is_some_and_uncertainty_is_known(seed: int) -> None:
    evidence = whole(seed)
    labels = ByUncertainty(0.0).fuse(evidence)
    known = evidence.needed_uncertainty().valid | ~evidence.predicted.valid
    assert np.array_equal(labels.source == LabelSource.PROJECTED, evidence.has_projected & known)
    certain = replace(evidence, uncertainty=sigma_of(0.0, (20, 30)))
    everywhere, projected = ByUncertainty(0.0).fuse(certain), Projected().fuse(evidence)
    assert np.array_equal(everywhere.source, projected.source)
    assert np.array_equal(everywhere.depth.metres, projected.depth.metres)


@given(seed=seeds)
def test_at_an_infinite_threshold_depth_is_predicted_wherever_there_is_some(seed: int) -> None:
    evidence = whole(seed)
    labels, predicted = ByUncertainty(np.inf).fuse(evidence), Predicted().fuse(evidence)
    has = evidence.predicted.valid
    assert np.array_equal(labels.source[has], predicted.source[has])
    assert np.array_equal(labels.depth.metres[has], predicted.depth.metres[has])
    assert labels.fell_back == 0
    assert labels.count(LabelSource.PROJECTED) == labels.filled


@given(seed=seeds, alpha=st.floats(0, 2, width=32))
def test_the_switch_by_uncertainty_agrees_with_the_rules_pixel_by_pixel(seed: int, alpha: float) -> None:
    evidence = whole(seed)
    require_labels(ByUncertainty(alpha).fuse(evidence), *naive(evidence, lambda p, q, u: u >= alpha))


def test_a_pixel_exactly_at_the_threshold_is_projected() -> None:
    sigma = sigma_of(np.array([0.1, 0.3999, 0.4, 0.4001, 0, 1, 2, 3]))
    labels = ByUncertainty().fuse(Evidence(flat(2.0), flat(1.5), sigma))
    assert labels.depth.metres[0].tolist() == [2, 2, 1.5, 1.5, 2, 1.5, 1.5, 1.5]


def test_a_threshold_that_is_chosen_comes_from_the_sequence() -> None:
    strategy = ByUncertainty(alpha_m=None, quantile=0.9)
    assert strategy.needs.sigma_quantile == 0.9
    assert ByUncertainty(0.4).needs.sigma_quantile is None
    evidence = Evidence(flat(2.0), flat(1.5), sigma_of(np.linspace(0, 0.7, 8)), Levels(sigma_m=0.35))
    assert strategy.fuse(evidence).source[0].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    with pytest.raises(RequestError, match="of the whole sequence: find it first"):
        strategy.fuse(replace(evidence, levels=Levels()))


def test_what_was_not_as_asked_is_counted() -> None:
    columns = np.arange(8)[None].repeat(6, 0)
    predicted = holed(flat(2.0), columns == 0)
    projected = holed(flat(1.5), (columns == 1) | (columns == 2))
    projected.metres[:, 3], projected.metres[:, 4] = 0.05, 10.5  # out of range
    sigma = np.where(columns == 5, np.nan, np.where(columns == 2, 0.1, 1.0))
    labels = ByUncertainty().fuse(Evidence(predicted, projected, sigma_of(sigma)))
    assert labels.source[0].tolist() == [2, 1, 1, 1, 1, 1, 2, 2]
    assert (labels.fell_back, labels.filled, labels.undecided) == (3 * 6, 6, 6)  # columns 1, 3, 4; column 0; column 5
    blend = Blend().fuse(Evidence(predicted, projected, sigma_of(sigma), LEVELS))
    assert blend.source[0].tolist() == [2, 1, 1, 1, 1, 1, 3, 3]
    assert (blend.fell_back, blend.filled, blend.undecided) == (4 * 6, 6, 6)


def test_without_prediction_and_projection_a_pixel_is_dropped() -> None:
    hole = np.zeros(SIZE_HW, dtype=bool)
    hole[1, 2] = True
    evidence = Evidence(holed(flat(2.0), hole), holed(flat(1.5), hole, -1.0), sigma_of(1.0))
    labels = ByUncertainty().fuse(evidence)
    assert np.array_equal(labels.source == LabelSource.DROPPED, hole)
    assert np.array_equal(labels.depth.valid, ~hole)


def test_the_range_of_projected_depth_can_be_set() -> None:
    evidence = Evidence(flat(2.0), flat(20.0), projected_range=MetricRange(0.1, 80.0))
    assert (Projected().fuse(evidence).depth.metres == 20).all()
    assert (Projected().fuse(replace(evidence, projected_range=MetricRange(0.1, 10.0))).depth.metres == 2).all()


def test_self_teaching_needs_no_projected_depth_and_takes_none() -> None:
    hole = np.zeros(SIZE_HW, dtype=bool)
    hole[0] = True
    assert not Predicted().needs.projected
    labels = Predicted().fuse(Evidence(holed(flat(2.0), hole)))
    assert np.array_equal(labels.depth.valid, ~hole)
    with_projected = Predicted().fuse(Evidence(holed(flat(2.0), hole), flat(1.0)))
    assert np.array_equal(with_projected.source, labels.source)


def test_a_relative_threshold_grows_with_depth() -> None:
    depth = DepthMap.of_positive(np.array([[1.0, 2.0, 4.0, 8.0]]))
    sigma = sigma_of(0.3, (1, 4))
    labels = ByRelativeUncertainty(0.15).fuse(Evidence(depth, flat(0.5, (1, 4)), sigma))
    assert labels.source.tolist() == [[2, 2, 1, 1]]


@given(seed=seeds, alpha=st.floats(0, 1, width=32))
def test_the_relative_switch_agrees_with_the_rules_pixel_by_pixel(seed: int, alpha: float) -> None:
    evidence = whole(seed)
    expected = naive(evidence, lambda p, q, u: u >= float(np.float32(alpha) * np.float32(p)))
    require_labels(ByRelativeUncertainty(alpha).fuse(evidence), *expected)


@given(seed=seeds, share=st.floats(0, 2))
def test_the_switch_by_difference_agrees_with_the_rules_pixel_by_pixel(seed: int, share: float) -> None:
    evidence = whole(seed)
    expected = naive(evidence, lambda p, q, u: p > float(np.float32(1 + share) * np.float32(q)))
    require_labels(ByDifference(share).fuse(evidence), *expected)


def test_a_prediction_a_quarter_too_far_is_replaced_only_beyond_that_quarter() -> None:
    near, far = np.nextafter(np.float32(2.5), [np.float32(0), np.float32(9)])
    predicted = DepthMap.of_positive(np.array([[1.0, 2.0, near, 2.5, far, 9.0]]))
    evidence = Evidence(predicted, flat(2.0, (1, 6)))
    labels = ByDifference().fuse(evidence)
    assert labels.source.tolist() == [[1, 1, 1, 1, 2, 2]]
    assert labels.fell_back == 0
    nothing = ByDifference().fuse(replace(evidence, projected=holed(flat(2.0, (1, 6)), np.ones((1, 6), dtype=bool))))
    assert nothing.source.tolist() == [[1] * 6]
    assert nothing.fell_back == 6


@given(seed=seeds)
def test_a_union_takes_what_either_takes_and_an_intersection_what_both_take(seed: int) -> None:
    evidence = whole(seed)
    mask, unsure = ByMask().fuse(evidence), ByUncertainty(0.4).fuse(evidence)
    taken = [one.source == LabelSource.PROJECTED for one in (mask, unsure)]
    either, both = (ByMaskAndUncertainty(how, 0.4).fuse(evidence) for how in ("union", "intersection"))
    assert np.array_equal(either.source == LabelSource.PROJECTED, taken[0] | taken[1])
    assert np.array_equal(both.source == LabelSource.PROJECTED, taken[0] & taken[1])
    unknown = evidence.predicted.valid & ~evidence.needed_uncertainty().valid
    assert either.undecided == np.count_nonzero(unknown & ~evidence.needed_mask())
    assert both.undecided == np.count_nonzero(unknown & evidence.needed_mask())


def test_a_mask_says_where_depth_is_projected() -> None:
    mask = np.random.default_rng(0).random(SIZE_HW) < 0.5
    labels = ByMask().fuse(Evidence(flat(2.0), flat(1.5), mask=mask))
    assert np.array_equal(labels.source == LabelSource.PROJECTED, mask)


def test_a_blend_goes_half_the_way_where_uncertainty_is_the_median_of_the_sequence() -> None:
    sigma = np.array([0.0, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 20.0])
    labels = Blend().fuse(Evidence(flat(3.0), flat(1.0), sigma_of(sigma), LEVELS))
    np.testing.assert_allclose(labels.depth.metres[0], 3 - 2 * sigma**2 / (sigma**2 + 0.2**2), rtol=1e-6)
    assert labels.depth.metres[0, 2] == 2
    assert labels.source[0].tolist() == [1, 3, 3, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("by", ["uncertainty", "gap", "both", "agreed"])
@settings(max_examples=25)
@given(seed=seeds)
def test_a_blend_lies_between_the_two_depths(by, seed: int) -> None:
    evidence = whole(seed)
    labels = Blend(by).fuse(evidence)
    mixed = labels.source == LabelSource.BLENDED
    p, q = evidence.predicted.metres[mixed], evidence.needed_projected().metres[mixed]
    found = labels.depth.metres[mixed]
    assert mixed.any()
    assert (found >= np.minimum(p, q) * (1 - 1e-6)).all()
    assert (found <= np.maximum(p, q) * (1 + 1e-6)).all()


def test_a_blend_by_the_gap_moves_only_what_lies_behind_the_projected_depth() -> None:
    predicted = DepthMap.of_positive(np.array([[1.0, 1.9, 2.0, 2.2, 3.0, 8.0]]))
    evidence = Evidence(predicted, flat(2.0, (1, 6)), levels=Levels(gap=0.1))
    gap = np.maximum(predicted.metres - 2, 0) / 2
    share = gap**2 / (gap**2 + (2 * 1.4826 * 0.1) ** 2)
    labels = Blend("gap").fuse(evidence)
    np.testing.assert_allclose(labels.depth.metres, predicted.metres + share * (2 - predicted.metres), rtol=1e-5)
    assert labels.source.tolist() == [[1, 1, 1, 3, 3, 3]]


def test_a_blend_by_both_takes_the_longer_way_of_the_two_and_an_agreed_one_the_shorter() -> None:
    evidence = whole(11)
    ways = {by: Blend(by).fuse(evidence).depth.metres for by in ("uncertainty", "gap", "both", "agreed")}
    both = evidence.predicted.valid & evidence.has_projected
    p = evidence.predicted.metres
    moved = {by: np.abs(depth - p)[both] for by, depth in ways.items()}
    np.testing.assert_allclose(moved["both"], np.maximum(moved["uncertainty"], moved["gap"]), atol=1e-5)
    np.testing.assert_allclose(moved["agreed"], np.minimum(moved["uncertainty"], moved["gap"]), atol=1e-5)


def test_a_sequence_that_is_certain_by_half_is_switched_where_it_is_not() -> None:
    sigma = sigma_of(np.array([0, 0, 0, 0, 1e-3, 0.1, 1.0, 9.0]))
    labels = Blend().fuse(Evidence(flat(3.0), flat(1.0), sigma, Levels(sigma_m=0.0)))
    assert labels.depth.metres[0].tolist() == [3, 3, 3, 3, 1, 1, 1, 1]


def test_blends_ask_for_the_medians_that_they_go_by() -> None:
    asked = {by: Blend(by).needs for by in ("uncertainty", "gap", "both")}
    assert [(n.uncertainty, n.sigma_quantile, n.gap_quantile) for n in asked.values()] == [
        (True, 0.5, None),
        (False, None, 0.5),
        (True, 0.5, 0.5),
    ]


@pytest.mark.parametrize(
    ("name", "left_out", "message"),
    [
        ("uncertainty", "uncertainty", "needs an uncertainty"),
        ("uncertainty-relative", "uncertainty", "needs an uncertainty"),
        ("blend", "uncertainty", "needs an uncertainty"),
        ("blend-both", "uncertainty", "needs an uncertainty"),
        ("blend-agreed", "uncertainty", "needs an uncertainty"),
        ("union", "uncertainty", "needs an uncertainty"),
        *((name, "mask", "needs a mask") for name in ("mask", "union", "intersection")),
        ("multiview", "neighbours", "needs the frame's camera and at least one neighbour"),
        *((name, "projected", "needs projected depth") for name in ONE_FRAME if name != "predicted"),
    ],
)
def test_missing_evidence_is_named(name: str, left_out: str, message: str) -> None:
    evidence = replace(whole(0), **{left_out: () if left_out == "neighbours" else None})
    with pytest.raises(RequestError, match=message):
        STRATEGIES[name].fuse(evidence)


@pytest.mark.parametrize("name", ["blend", "blend-gap", "blend-both", "blend-agreed"])
def test_missing_levels_are_named(name: str) -> None:
    with pytest.raises(RequestError, match=r"levels_of"):
        STRATEGIES[name].fuse(replace(whole(0), levels=Levels()))


@pytest.mark.parametrize("bad", [-0.1, np.nan])
def test_settings_out_of_range_are_refused(bad: float) -> None:
    for build in (ByUncertainty, ByRelativeUncertainty, ByDifference, ByViews):
        with pytest.raises(RequestError, match="at least 0"):
            build(bad)
    with pytest.raises(RequestError, match="a share from 0 to 1"):
        ByUncertainty(None, bad)
    with pytest.raises(RequestError, match="at least 0"):
        Levels(sigma_m=bad)


@pytest.mark.parametrize("part", ["projected", "uncertainty", "mask"])
def test_evidence_of_two_sizes_is_refused_in_one_sentence(part: str) -> None:
    other = (5, 8)
    parts = {"projected": flat(1.0, other), "uncertainty": sigma_of(0.1, other), "mask": np.ones(other, dtype=bool)}
    with pytest.raises(DataError, match=r"is \(5, 8\) but predicted depth is \(6, 8\).*one size"):
        Evidence(flat(2.0), **{part: parts[part]})


def test_labels_whose_sources_contradict_their_depth_are_refused() -> None:
    with pytest.raises(DataError, match="name one for every pixel with depth"):
        Labels(flat(2.0), np.zeros(SIZE_HW, dtype=np.uint8))
