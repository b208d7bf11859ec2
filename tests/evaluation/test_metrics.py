import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.evaluation import METRICS, RegionRule, metrics_of, region_map, term_sums
from deglare.evaluation.metrics import TERMS
from deglare.types import DepthMap, SurfaceLabels

RULE = RegionRule()


def table(p: np.ndarray, g: np.ndarray, compared: np.ndarray | None = None, labels: SurfaceLabels | None = None):
    truth = DepthMap.of_positive(g)
    regions = region_map(truth, truth.valid, labels, RULE)
    compared = truth.valid if compared is None else compared
    sums = term_sums(p.astype(np.float32), truth.metres, compared, regions)
    return regions, sums, dict(zip(regions.names, metrics_of(sums), strict=True))


def of_all(p: list[float], g: list[float]) -> dict[str, float]:
    _, _, found = table(np.array([p]), np.array([g]))
    return dict(zip(METRICS, found["all"].tolist(), strict=True))


def naive(p: np.ndarray, g: np.ndarray) -> dict[str, float]:
    """The definitions in double precision, pixel by pixel."""
    n = len(p)
    ratios = [max(a / b, b / a) for a, b in zip(p.tolist(), g.tolist(), strict=True)]
    return {
        "abs_rel": sum(abs(a - b) / b for a, b in zip(p.tolist(), g.tolist(), strict=True)) / n,
        "sq_rel": sum((a - b) ** 2 / b for a, b in zip(p.tolist(), g.tolist(), strict=True)) / n,
        "rmse": (sum((a - b) ** 2 for a, b in zip(p.tolist(), g.tolist(), strict=True)) / n) ** 0.5,
        "rmse_log": (sum((np.log(a) - np.log(b)) ** 2 for a, b in zip(p.tolist(), g.tolist(), strict=True)) / n) ** 0.5,
        "delta1": sum(r < 1.25 for r in ratios) / n,
        "delta2": sum(r < 1.25**2 for r in ratios) / n,
        "delta3": sum(r < 1.25**3 for r in ratios) / n,
        "bias": sum(a - b for a, b in zip(p.tolist(), g.tolist(), strict=True)) / n,
    }


def frame(seed: int, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, SurfaceLabels]:
    """Random depth whose labels change every ``block`` pixels: 1 is summed by pixel, 16 by runs."""
    rng = np.random.default_rng(seed)
    grown = lambda x: x.repeat(block, 0).repeat(block, 1)  # noqa: E731
    g = grown(rng.uniform(0.3, 9.5, (3, 4))) + rng.uniform(0, 0.2, (3 * block, 4 * block))
    p = g * np.exp(rng.normal(0, 0.35, g.shape))
    compared = grown(rng.random((3, 4)) > 0.2)
    share = grown(rng.random((3, 4)).astype(np.float32))
    material = grown(rng.integers(0, 7, (3, 4)).astype(np.uint8))
    return p.astype(np.float32), g.astype(np.float32), compared, SurfaceLabels(material > 0, share, material)


def test_one_pixel_worked_by_hand() -> None:
    # p = 3, g = 2: |p-g|/g = 1/2, (p-g)^2/g = 1/2 m, |p-g| = 1 m, ln 1.5 = 0.405465, 1.25 < 1.5 < 1.5625
    found = of_all([3.0], [2.0])
    assert found["abs_rel"] == found["sq_rel"] == 0.5
    assert found["rmse"] == found["bias"] == 1.0
    assert found["rmse_log"] == pytest.approx(0.4054651, abs=1e-6)
    assert (found["delta1"], found["delta2"], found["delta3"]) == (0.0, 1.0, 1.0)


def test_four_pixels_worked_by_hand() -> None:
    # p-g = 1, -1, 0, 2 at g = 1, 2, 4, 8
    found = of_all([2.0, 1.0, 4.0, 10.0], [1.0, 2.0, 4.0, 8.0])
    assert found["abs_rel"] == pytest.approx((1 / 1 + 1 / 2 + 0 / 4 + 2 / 8) / 4)
    assert found["sq_rel"] == pytest.approx((1 / 1 + 1 / 2 + 0 + 4 / 8) / 4)
    assert found["rmse"] == pytest.approx(((1 + 1 + 0 + 4) / 4) ** 0.5)
    # ln 2, -ln 2, 0, ln 1.25
    assert found["rmse_log"] == pytest.approx(((2 * np.log(2) ** 2 + np.log(1.25) ** 2) / 4) ** 0.5, abs=1e-6)
    # ratios 2, 2, 1, 1.25: exactly 1.25 is not below 1.25, and 2 is not below 1.953125
    assert (found["delta1"], found["delta2"], found["delta3"]) == (0.25, 0.5, 0.5)
    assert found["bias"] == 0.5


def test_a_prediction_that_is_too_far_has_a_positive_bias() -> None:
    assert of_all([2.5, 3.0], [2.0, 2.0])["bias"] > 0 > of_all([1.5, 1.0], [2.0, 2.0])["bias"]


@pytest.mark.parametrize("block", [1, 2, 16])
def test_every_region_and_metric_agrees_with_the_definitions_pixel_by_pixel(block: int) -> None:
    p, g, compared, labels = frame(7, block)
    regions, _, found = table(p, g, compared, labels)
    checked = 0
    for name in regions.names:
        region = regions.mask(name)
        mask = region & compared
        if not mask.any():
            assert np.isnan(found[name][:-1]).all()
            continue
        for metric, value in naive(p[mask], g[mask]).items():
            assert found[name][METRICS.index(metric)] == pytest.approx(value, rel=2e-5, abs=2e-6), (name, metric)
        assert found[name][METRICS.index("coverage")] == pytest.approx(mask.sum() / region.sum())
        checked += 1
    assert checked >= 8


@given(seed=st.integers(0, 10_000), s=st.sampled_from([0.25, 0.5, 2.0, 8.0]), block=st.sampled_from([1, 8]))
def test_scaling_both_depths_leaves_the_ratios_alone_and_scales_the_metres(seed: int, s: float, block: int) -> None:
    p, g, compared, _ = frame(seed, block)
    one, other = (table(p * np.float32(k), g * np.float32(k), compared)[2]["all"] for k in (1.0, s))
    powers = {"sq_rel": 1, "rmse": 1, "bias": 1}
    for metric, a, b in zip(METRICS, one, other, strict=True):
        assert b == pytest.approx(a * s ** powers.get(metric, 0), rel=1e-5, abs=1e-6, nan_ok=True), metric


@given(seed=st.integers(0, 10_000), block=st.sampled_from([1, 4, 16]))
def test_regions_that_partition_the_image_add_up_to_the_whole(seed: int, block: int) -> None:
    p, g, compared, labels = frame(seed, block)
    regions, sums, _ = table(p, g, compared, labels)
    by_name = dict(zip(regions.names, sums, strict=True))
    whole = by_name["all"]
    bins = [name for name in regions.names if name.endswith(" m")]
    materials = [code for code in ("matte", "glossy", "mirror", "screen", "glass", "wet", "light")]
    for parts in (["reflective", "non-reflective"], bins, materials):
        np.testing.assert_allclose(sum(by_name[name] for name in parts), whole, rtol=1e-5, atol=1e-4)


def test_pixels_without_a_prediction_count_for_coverage_and_for_nothing_else() -> None:
    p, g = np.array([[2.0, 9.0, np.nan, 1.0]]), np.array([[1.0, 1.0, 1.0, 1.0]])
    compared = np.array([[True, False, False, True]])
    _, sums, found = table(p, g, compared)
    numbers = dict(zip(METRICS, found["all"], strict=True))
    assert numbers["coverage"] == 0.5
    assert numbers["abs_rel"] == 0.5  # (1 + 0) / 2
    assert sums[0, TERMS.index("truth_pixels")] == 4
    assert sums[0, TERMS.index("pixels")] == 2


def test_the_input_arrays_are_left_as_they_were() -> None:
    p, g, compared, labels = frame(1, 4)
    before = p.copy(), g.copy(), compared.copy()
    table(p, g, compared, labels)
    for array, was in zip((p, g, compared), before, strict=True):
        np.testing.assert_array_equal(array, was)
