from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_evidence import flat, holed, random_evidence, sigma_of

from deglare.data.files import read_uncertainty, write_uncertainty
from deglare.data.run_folder import LabelSource
from deglare.errors import DataError, RequestError
from deglare.fusion.evidence import Evidence
from deglare.fusion.strategies import ByUncertainty
from deglare.fusion.sweep import MILLIMETRES, AlphaSweep
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.types import DepthMap

SIZE_HW = (20, 30)
REGIONS = ("all", "half", "spots")
Frame = tuple[Evidence, DepthMap, dict[str, np.ndarray]]


def frame(seed: int) -> Frame:
    """Random evidence with truth that is missing or out of range somewhere, and two overlapping regions."""
    rng = np.random.default_rng(seed + 50_000)
    truth = holed(DepthMap.of_positive(rng.uniform(0.05, 11, SIZE_HW)), rng.random(SIZE_HW) < 0.1)
    half = np.zeros(SIZE_HW, dtype=bool)
    half[:, 15:] = True
    masks = {"half": half}
    if seed % 3:  # a region may be missing from a frame
        masks["spots"] = rng.random(SIZE_HW) < 0.05
    return random_evidence(seed), truth, masks


def naive(frames: list[Frame], alpha: float, region: str, averaging: str) -> np.ndarray:
    """Abs Rel, Sq Rel and share replaced of the labels as they are really made, at one threshold."""
    found: list[np.ndarray] = []
    for evidence, truth, masks in frames:
        labels = ByUncertainty(alpha).fuse(evidence)
        kept = labels.depth.valid & truth.valid & (truth.metres > np.float32(0.1)) & (truth.metres < 10)
        kept &= True if region == "all" else masks.get(region, np.zeros(SIZE_HW, dtype=bool))
        p = np.clip(labels.depth.metres[kept], np.float32(0.1), np.float32(10)).astype(np.float64)
        g = truth.metres[kept].astype(np.float64)
        replaced = labels.source[kept] == LabelSource.PROJECTED
        found.append(np.stack([np.abs(p - g) / g, (p - g) ** 2 / g, replaced]))
    if averaging == "pixels":
        return np.concatenate(found, axis=1).mean(axis=1)
    return np.mean([one.mean(axis=1) for one in found if one.size], axis=0)


@pytest.mark.parametrize("averaging", ["images", "pixels"])
@settings(max_examples=15)
@given(first=st.integers(0, 1000), count=st.integers(1, 4))
def test_every_point_of_the_curves_is_what_the_labels_at_that_threshold_give(averaging, first: int, count: int) -> None:
    frames = [frame(seed) for seed in range(first, first + count)]
    own = frames[0][0].needed_uncertainty()
    at_pixels = np.unique(own.sigma_m[own.valid])[::40]  # thresholds that lie exactly on a pixel's uncertainty
    alphas = np.unique(np.concatenate([np.array([0, 0.1, 0.4, np.inf], dtype=np.float32), at_pixels]))
    sweep = AlphaSweep(alphas, REGIONS)
    for one in frames:
        sweep.add(*one)
    curves = sweep.curves(averaging)
    for row, region in enumerate(REGIONS):
        if not curves.pixels[row]:
            assert np.isnan(curves.abs_rel[row]).all()
            continue
        for column, alpha in enumerate(alphas):
            expected = naive(frames, float(alpha), region, averaging)
            point = [curve[row, column] for curve in (curves.abs_rel, curves.sq_rel, curves.replaced)]
            np.testing.assert_allclose(point, expected, rtol=1e-9, atol=1e-12)


def test_two_constant_depths_worked_by_hand() -> None:
    """Truth 2 m, predicted 3 m (Abs Rel 1/2, Sq Rel 1/2), projected 1.8 m (0.1 and 0.02), a quarter replaced a step."""
    sigma = sigma_of(np.array([[0.1, 0.2, 0.3, 0.4]]), (1, 4))
    sweep = AlphaSweep(np.array([0.0, 0.15, 0.25, 0.35, 0.45]))
    sweep.add(Evidence(flat(3.0, (1, 4)), flat(1.8, (1, 4)), sigma), flat(2.0, (1, 4)))
    curves = sweep.curves()
    np.testing.assert_allclose(curves.replaced[0], [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_allclose(curves.abs_rel[0], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-6)
    np.testing.assert_allclose(curves.sq_rel[0], [0.02, 0.14, 0.26, 0.38, 0.5], rtol=1e-6)
    assert curves.pixels.tolist() == [4]


def test_coverage_only_falls_and_ends_with_what_had_no_prediction() -> None:
    sweep, (evidence, truth, masks) = AlphaSweep(np.append(MILLIMETRES, np.inf), REGIONS), frame(1)
    sweep.add(evidence, truth, masks)
    replaced = sweep.curves().replaced[0]
    assert (np.diff(replaced) <= 0).all()
    compared = (
        truth.valid & (truth.metres > 0.1) & (truth.metres < 10) & (evidence.predicted.valid | evidence.has_projected)
    )
    lacking = compared & ~evidence.predicted.valid
    assert replaced[-1] == pytest.approx(lacking.sum() / compared.sum())


def test_thousands_of_thresholds_take_no_more_memory_for_more_frames() -> None:
    sweep = AlphaSweep(regions=REGIONS)
    for seed in range(20):
        sweep.add(*frame(seed))
    held = [value for value in vars(sweep).values() if isinstance(value, np.ndarray)]
    assert sum(array.nbytes for array in held) < 4 * len(REGIONS) * len(MILLIMETRES) * 8 * 3
    assert len(MILLIMETRES) == 2001
    assert sweep.curves().abs_rel.shape == (3, 2001)


def test_the_grid_of_millimetres_agrees_with_uncertainty_as_it_is_stored(tmp_path: Path) -> None:
    write_uncertainty(tmp_path / "u.png", np.linspace(0, 2, 2001, dtype=np.float32)[None])
    stored = UncertaintyMap.of_known(read_uncertainty(tmp_path / "u.png"))
    sweep, size_hw = AlphaSweep(), (1, 2001)
    sweep.add(Evidence(flat(3.0, size_hw), flat(1.8, size_hw), stored), flat(2.0, size_hw))
    np.testing.assert_allclose(sweep.curves().replaced[0], np.arange(2001, 0, -1) / 2001)


def test_thresholds_that_do_not_rise_are_refused() -> None:
    for alphas in ([], [0.2, 0.1], [0.1, 0.1], [-0.1, 0.2], [np.nan], [0.1, np.nan]):
        with pytest.raises(RequestError, match="rising numbers of metres"):
            AlphaSweep(np.array(alphas))


def test_truth_and_masks_of_another_size_are_refused() -> None:
    evidence, truth, _ = frame(1)
    with pytest.raises(DataError, match=r"truth is \(6, 8\) but depth is \(20, 30\)"):
        AlphaSweep().add(evidence, flat(2.0))
    with pytest.raises(DataError, match=r"mask of spots is \(6, 8\) but truth is \(20, 30\)"):
        AlphaSweep(regions=("spots",)).add(evidence, truth, {"spots": np.ones((6, 8), dtype=bool)})
    with pytest.raises(RequestError, match="needs an uncertainty"):
        AlphaSweep().add(replace(evidence, uncertainty=None), truth)
