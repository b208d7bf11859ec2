"""What a page is told of a run before it shows a frame."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from screened_wall import SIGMA_M, ScreenedWall

from deglare.data.files import read_depth, read_png8, write_image
from deglare.evaluation.runs import report_runs
from deglare.fusion.evidence import Levels
from deglare.fusion.strategies import Blend, ByDifference, ByMaskAndUncertainty, ByUncertainty
from deglare.inspection.describing import describe
from deglare.inspection.run import InspectedRun
from deglare.inspection.survey import FRAMES_FOR_BARS, survey
from deglare.pictures import DepthRange


def test_the_manifest_of_a_run_is_plain_json(glare_run: InspectedRun) -> None:
    found = json.loads(json.dumps(describe(glare_run), allow_nan=False))
    assert found["name"] == "glare" and found["version"] == glare_run.version
    assert found["frames"] == list(glare_run.names) and found["size_hw"] == [64, 96]
    assert found["camera"] == {"fx": 60.0, "fy": 60.0, "cx": 47.5, "cy": 31.5}
    assert found["teachers"] == ["deep", "deeper"] and found["base"] == "deep"
    assert found["strategy"] == "uncertainty" and found["projected_range_m"] == [0.1, 10.0]
    assert found["has"] == {
        "truth": True, "regions": True, "specular": True, "materials": False, "projected": True, "fused": True,
        "mined": False,
    }  # fmt: skip
    np.testing.assert_array_equal(np.reshape(found["poses"], (-1, 4, 4)), list(glare_run.poses.values()))


def test_the_threshold_of_the_labels_is_told(wall_folder: Path, tmp_path: Path) -> None:
    told = describe(InspectedRun.open(wall_folder))["labelled"]
    assert told == {"kind": "ByUncertainty", "alpha_m": 0.4, "quantile": 0.95, "alpha": 0.4}
    for strategy, alpha in ((ByDifference(0.3), 0.3), (Blend(), None)):
        made = replace(ScreenedWall(strategy=strategy).made(), levels=Levels(sigma_m=SIGMA_M))
        run = InspectedRun.open(made.write(tmp_path / type(strategy).__name__))
        assert describe(run)["labelled"]["alpha"] == alpha


def test_one_range_leaves_a_hundredth_of_all_depth_at_each_end(glare_run: InspectedRun) -> None:
    depths = []
    for name in glare_run.names:
        for path in (
            glare_run.folder.predicted("deep", name),
            glare_run.folder.layer("projected", name),
            glare_run.folder.layer("depth", name),
        ):
            depth = read_depth(path)
            depths.append(depth.metres[depth.valid])
    expected, found = DepthRange.of([np.concatenate(depths)]), survey(glare_run)
    assert found.shown.near_m == pytest.approx(expected.near_m, abs=1.5e-3)
    assert found.shown.far_m == pytest.approx(expected.far_m, abs=1.5e-3)
    pooled = np.concatenate(depths)
    outside = np.mean((pooled < found.shown.near_m - 5e-4) | (pooled > found.shown.far_m + 5e-4))
    assert found.beyond == pytest.approx(float(outside), abs=1e-6) and found.beyond <= 0.02


def test_bars_are_the_error_on_reflective_pixels_as_the_evaluation_has_it(wall_run: InspectedRun) -> None:
    found = describe(wall_run)["bars"]
    assert found["what"] == "error on reflective pixels (Abs Rel of near)"
    report = report_runs({"wall": wall_run.folder}).layers["predicted/near"]
    assert np.mean(found["values"]) == pytest.approx(report.value("reflective", "abs_rel"), rel=1e-5)


def test_a_frame_without_reflective_pixels_has_no_bar(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    for layer in ("regions", "specular"):
        write_image(folder / layer / "004.png", np.zeros_like(read_png8(folder / layer / "004.png")))
    bars = describe(InspectedRun.open(folder))["bars"]["values"]
    assert bars[4] is None and all(bar is not None for place, bar in enumerate(bars) if place != 4)


def test_without_masks_bars_are_the_error_of_all_pixels(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    shutil.rmtree(folder / "regions")
    run = InspectedRun.open(folder)
    found = describe(run)["bars"]
    assert found["what"] == "Abs Rel of near" and not run.has_specular and not run.has_materials
    report = report_runs({"wall": run.folder}).layers["predicted/near"]
    assert np.mean(found["values"]) == pytest.approx(report.value("all", "abs_rel"), rel=1e-5)


def test_without_truth_bars_are_what_the_teachers_disagree_about(tmp_path: Path) -> None:
    run = InspectedRun.open(ScreenedWall(has_truth=False).made().write(tmp_path / "run"))
    found = describe(run)
    assert found["bars"] == {"what": "disagreement of the teachers (median sigma, m)", "values": [SIGMA_M] * 9}
    assert not found["has"]["truth"] and not found["has"]["regions"]


def test_a_frame_of_unknown_uncertainty_has_no_bar(tmp_path: Path) -> None:
    made = ScreenedWall(has_truth=False).made()
    unknown = replace(made.frames["003"], sigma_m=np.full(made.camera.size_hw, np.nan))
    run = InspectedRun.open(replace(made, frames={**made.frames, "003": unknown}).write(tmp_path / "run"))
    values = json.loads(json.dumps(describe(run), allow_nan=False))["bars"]["values"]
    assert values[3] is None and values[2] == SIGMA_M


def test_progress_is_told(wall_run: InspectedRun) -> None:
    told: list[tuple[int, int]] = []
    describe(wall_run, progress=lambda *done: told.append(done))
    assert told == [(done, 9) for done in range(1, 10)]


def test_long_runs_are_looked_at_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FRAMES_FOR_BARS >= 200
    monkeypatch.setattr("deglare.inspection.survey.FRAMES_FOR_BARS", 4)
    run = InspectedRun.open(ScreenedWall().made().write(tmp_path / "run"))
    bars = describe(run)["bars"]["values"]
    assert [bar is not None for bar in bars] == [place % 3 == 0 for place in range(9)]


def test_a_run_without_any_depth_has_a_range_all_the_same(tmp_path: Path) -> None:
    made = ScreenedWall().made()
    run = InspectedRun.open(made.write(tmp_path / "run"))
    nothing = np.zeros(made.camera.size_hw, dtype=np.uint16)
    for name in run.names:
        for path in (
            run.folder.predicted("near", name),
            run.folder.layer("projected", name),
            run.folder.layer("depth", name),
        ):
            write_image(path, nothing)
    found = survey(InspectedRun.open(run.root))
    assert (found.shown.near_m, found.shown.far_m, found.beyond) == (0.0, 1.0, 0.0)
    assert set(found.bars) == {None}


def test_masks_say_how_well_they_find_what_is_reflective(tmp_path: Path) -> None:
    made = ScreenedWall(strategy=ByMaskAndUncertainty("union", 0.3)).made()
    rng = np.random.default_rng(3)
    size_hw = made.camera.size_hw
    frames = {
        name: replace(frame, mined=rng.random(size_hw) < 0.2, sigma_m=rng.random(size_hw).astype(np.float32))
        for name, frame in made.frames.items()
    }
    run = InspectedRun.open(replace(made, frames=frames).write(tmp_path / "run"))
    told = json.loads(json.dumps(describe(run), allow_nan=False))
    assert told["has"]["mined"]
    true = np.stack([run.regions(name) for name in run.names])  # type: ignore[arg-type]
    for what, masks in {
        "mined": np.stack([frame.mined for frame in frames.values()]),  # type: ignore[arg-type]
        "uncertainty": np.stack([run.layers(name).uncertainty.sigma_m for name in run.names]) >= np.float32(0.3),
    }.items():
        found = told["detected"][what]
        assert found["frames"] == 9 and found["reflective"] == {
            "precision": pytest.approx((true > 0)[masks].mean(), abs=1e-6),
            "recall": pytest.approx(masks[true > 0].mean(), abs=1e-6),
            "coverage": pytest.approx(masks.mean(), abs=1e-6),
        }
    assert told["detected"]["uncertainty"]["alpha_m"] == 0.3


def test_without_a_threshold_or_a_mask_nothing_is_said_to_be_detected(tmp_path: Path) -> None:
    made = ScreenedWall(strategy=Blend()).made()
    run = InspectedRun.open(replace(made, levels=Levels(sigma_m=SIGMA_M)).write(tmp_path / "run"))
    assert describe(run)["detected"] == {}
    bare = InspectedRun.open(ScreenedWall(has_truth=False).made().write(tmp_path / "bare"))
    assert describe(bare)["detected"] is None


def test_a_quantile_of_uncertainty_is_told_in_metres(tmp_path: Path) -> None:
    made = ScreenedWall(strategy=ByUncertainty(None, 0.9)).made()
    run = InspectedRun.open(replace(made, levels=Levels(sigma_m=SIGMA_M)).write(tmp_path / "run"))
    found = describe(run)["detected"]["uncertainty"]
    assert found["alpha_m"] == SIGMA_M and found["reflective"]["coverage"] == 1.0
