"""The curves over the threshold are what labels made at each threshold give."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from screened_wall import SIGMA_M, ScreenedWall

from deglare.data.run_folder import LabelSource
from deglare.errors import RequestError
from deglare.fusion.strategies import ByUncertainty
from deglare.inspection.curves import alpha_curves
from deglare.inspection.fusing import fused_of
from deglare.inspection.run import InspectedRun


def naive(run: InspectedRun, alpha: float, region: int, teacher: str) -> tuple[float, float, float]:
    """Abs Rel, Sq Rel and coverage of one region at one threshold, frame by frame."""
    rows = []
    for name in run.names:
        layers, labels = run.layers(name), fused_of(run, name, ByUncertainty(alpha), teacher)
        assert labels is not None and layers.truth is not None and layers.regions is not None
        kept = labels.depth.valid & layers.truth.valid & (layers.regions >= region)
        if kept.any():
            p, g = labels.depth.metres[kept].astype(float), layers.truth.metres[kept].astype(float)
            replaced = labels.source[kept] == LabelSource.PROJECTED
            rows.append((np.mean(np.abs(p - g) / g), np.mean((p - g) ** 2 / g), np.mean(replaced)))
    abs_rel, sq_rel, replaced = np.mean(rows, axis=0)
    return float(abs_rel), float(sq_rel), float(replaced)


@pytest.mark.parametrize("teacher", ["deep", "deeper"])
def test_every_curve_is_that_of_the_labels_at_that_threshold(glare_run: InspectedRun, teacher: str) -> None:
    curves = alpha_curves(glare_run, teacher)
    assert list(curves["regions"]) == ["all", "reflective", "highlight"]
    for code, region in enumerate(curves["regions"]):
        found = curves["regions"][region]
        for place in (0, 10, 24, 25, 26, 60, 100):
            expected = naive(glare_run, curves["alphas_m"][place], code, teacher)
            got = [found[metric][place] for metric in ("abs_rel", "sq_rel", "replaced")]
            np.testing.assert_allclose(got, expected, atol=2e-6)
    before, after = curves["regions"]["highlight"]["abs_rel"][-1], curves["regions"]["highlight"]["abs_rel"][20]
    assert after < 0.1 < 0.9 < before


def test_thresholds_go_from_nothing_to_two_metres_in_at_most_a_hundred_steps(glare_run: InspectedRun) -> None:
    alphas = alpha_curves(glare_run)["alphas_m"]
    assert alphas[0] == 0 and alphas[-1] == 2 and len(alphas) == 101
    np.testing.assert_allclose(np.diff(alphas), 0.02, atol=1e-9)


def test_without_truth_there_is_coverage_alone(tmp_path: Path) -> None:
    run = InspectedRun.open(ScreenedWall(has_truth=False).made().write(tmp_path / "run"))
    curves = alpha_curves(run)
    assert list(curves["regions"]) == ["all"]
    found = curves["regions"]["all"]
    assert found["abs_rel"] is None and found["sq_rel"] is None
    expected = [float(alpha <= SIGMA_M) for alpha in curves["alphas_m"]]
    assert found["replaced"] == expected  # everything is as unsure, and has projected depth


def test_without_truth_regions_are_covered_too(glare_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(glare_folder)
    shutil.rmtree(folder / "depth")
    without, whole = InspectedRun.open(folder), InspectedRun.open(glare_folder)
    assert not without.has_truth
    for region, found in alpha_curves(without)["regions"].items():
        assert found["abs_rel"] is None
        np.testing.assert_allclose(found["replaced"], alpha_curves(whole)["regions"][region]["replaced"], atol=1e-6)


def test_a_region_without_pixels_has_no_curves_and_json_no_holes(tmp_path: Path) -> None:
    made = ScreenedWall().made()
    frames = {
        name: replace(one, labels=replace(one.labels, specular_share=np.zeros_like(one.labels.specular_share)))
        for name, one in made.frames.items()
        if one.labels is not None and one.labels.specular_share is not None
    }
    run = InspectedRun.open(replace(made, frames=frames).write(tmp_path / "run"))
    curves = json.loads(json.dumps(alpha_curves(run), allow_nan=False))
    assert curves["regions"]["highlight"] == {"abs_rel": None, "sq_rel": None, "replaced": None}
    assert curves["regions"]["reflective"]["replaced"][0] == 1


def test_progress_counts_every_frame(wall_run: InspectedRun) -> None:
    told: list[tuple[int, int]] = []
    alpha_curves(wall_run, progress=lambda *done: told.append(done))
    assert told == [(done, 9) for done in range(1, 10)]


def test_a_teacher_that_is_not_there_is_one_sentence(wall_run: InspectedRun) -> None:
    with pytest.raises(RequestError, match="none of the teachers near, far"):
        alpha_curves(wall_run, "nobody")
