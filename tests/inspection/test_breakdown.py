"""The breakdown against loops over pixels and frames, and against the reports of the same run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from known_runs import NORMAL, wall_run
from plain_scenes import CAMERA

from deglare.data.files import read_depth, read_json, read_png8, read_uncertainty, write_image, write_json
from deglare.data.run_folder import MANIFEST, RunFolder
from deglare.errors import RequestError
from deglare.evaluation.runs import report_runs
from deglare.geometry.incidence import incidence_degrees
from deglare.inspection.breakdown import break_down
from deglare.inspection.run import InspectedRun
from deglare.inspection.tables import Breakdown
from deglare.types import Material

FRAMES = 6
LAYERS = ("predicted", "projected", "fused")
Mask = Callable[[RunFolder, str], np.ndarray]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> InspectedRun:
    return InspectedRun.open(wall_run(FRAMES).write(tmp_path_factory.mktemp("broken-down") / "wall"))


@pytest.fixture(scope="module")
def found(run: InspectedRun) -> Breakdown:
    return break_down(run, threads=1)


def errors_of(run: InspectedRun, layer: str, name: str, mask: np.ndarray) -> tuple[float, float, float] | None:
    """abs_rel, sq_rel and bias of one frame, pixel by pixel."""
    path = run.folder.predicted("base", name) if layer == "predicted" else run.folder.layer(layer, name)
    depth, truth = read_depth(path), read_depth(run.folder.layer("depth", name))
    sums, count = np.zeros(3), 0
    for y, x in np.argwhere(mask & depth.valid & truth.valid).tolist():
        p, g = min(max(float(depth.metres[y, x]), 0.1), 10.0), float(truth.metres[y, x])
        sums += abs(p - g) / g, (p - g) ** 2 / g, p - g
        count += 1
    return None if not count else tuple((sums / count).tolist())


def specular(run: RunFolder, name: str) -> np.ndarray:
    return read_png8(run.layer("specular", name)) / 255 >= 0.5


MASKS: dict[tuple[str, str], Mask] = {
    ("region", "all"): lambda run, name: np.ones(CAMERA.size_hw, dtype=bool),
    ("region", "reflective"): lambda run, name: read_png8(run.layer("regions", name)) > 0,
    ("region", "non-reflective"): lambda run, name: read_png8(run.layer("regions", name)) == 0,
    ("region", "highlight"): specular,
    ("material", "glossy"): lambda run, name: read_png8(run.layer("material", name)) == Material.GLOSSY,
    ("material", "screen"): lambda run, name: read_png8(run.layer("material", name)) == Material.SCREEN,
    ("distance", "2-3 m"): lambda run, name: within(read_depth(run.layer("depth", name)).metres, 2, 3),
    ("distance", "3-5 m"): lambda run, name: within(read_depth(run.layer("depth", name)).metres, 3, 5),
    ("angle", "0-30 degrees"): lambda run, name: within(angles(run, name), 0, 30),
    ("angle", "45-60 degrees"): lambda run, name: within(angles(run, name), 45, 60),
}


def within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (values >= low) & (values < high)


def angles(run: RunFolder, name: str) -> np.ndarray:
    return incidence_degrees(read_depth(run.layer("depth", name)), CAMERA)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("by", "name"), MASKS)
def test_every_number_is_the_mean_over_frames_of_the_mean_over_pixels(
    run: InspectedRun, found: Breakdown, by: str, name: str, layer: str
) -> None:
    row = next(row for row in found.rows() if (row.by, row.name) == (by, name))
    masks = {frame: MASKS[by, name](run.folder, frame) for frame in run.names}
    own = [one for frame, mask in masks.items() if (one := errors_of(run, layer, frame, mask))]
    numbers = [row.layers[layer][metric].value for metric in ("abs_rel", "sq_rel", "bias")]
    np.testing.assert_allclose(numbers, np.mean(own, axis=0), rtol=1e-5, atol=1e-7)
    assert row.pixels == sum(int(mask.sum()) for mask in masks.values())


def test_the_numbers_are_those_of_the_report_of_the_run(run: InspectedRun, found: Breakdown) -> None:
    report = report_runs({run.name: run.folder})
    for layer, name in (("predicted", "predicted/base"), ("projected", "projected"), ("fused", "fused")):
        ours = {(row.region, row.metric): row for row in found.reports[layer].rows}
        for row in report.layers[name].rows:
            if row.metric.startswith("au"):  # areas under curves of uncertainty: not asked for here
                continue
            mine = ours[row.region, row.metric]
            for ours_is, theirs_is in ((mine.value, row.value), (mine.low, row.low), (mine.high, row.high)):
                assert ours_is == pytest.approx(theirs_is, rel=1e-6, abs=1e-9)
            assert (mine.pixels, mine.frames) == (row.pixels, row.frames)


def test_known_errors_come_out_as_they_were_put_in(found: Breakdown) -> None:
    rows = {row.name: row for row in found.rows()}
    assert rows["non-reflective"].layers["predicted"]["abs_rel"].value == pytest.approx(0.1, abs=2e-4)
    assert rows["all"].layers["projected"]["bias"].value == pytest.approx(-0.02, abs=1e-4)
    assert rows["highlight"].layers["fused"]["bias"].value == pytest.approx(-0.02, abs=1e-4)
    assert rows["highlight"].layers["predicted"]["abs_rel"].value > 0.2


def test_bins_of_angles_hold_the_pixels_that_the_formula_puts_there(found: Breakdown) -> None:
    rays = CAMERA.rays()
    cosine = np.abs(rays @ np.array(NORMAL)) / np.linalg.norm(rays, axis=-1)
    angle = np.degrees(np.arccos(cosine))
    rows = {row.name: row for row in found.rows() if row.by == "angle"}
    assert list(rows) == ["0-30 degrees", "30-45 degrees", "45-60 degrees", "60-75 degrees"]
    for name, low, high in (("0-30 degrees", 0, 30), ("30-45 degrees", 30, 45), ("60-75 degrees", 60, 75)):
        expected = FRAMES * int(within(angle, low, high).sum())
        assert rows[name].pixels == pytest.approx(expected, rel=0.05)  # depth on disk is in whole millimetres


def test_roughness_of_the_scene_tells_highlights_apart(tmp_path: Path) -> None:
    root = wall_run(2).write(tmp_path / "wall")
    surfaces = [{"material": "glossy", "f0": 0.06, "roughness": alpha} for alpha in (0.004, 0.05)]
    write_json(root / "scene.json", {"surfaces": surfaces})
    for name in ("000", "001"):
        lower = np.arange(CAMERA.size_hw[0])[:, None] >= 36
        write_image(root / "surface" / f"{name}.png", np.broadcast_to(lower, CAMERA.size_hw).astype(np.uint16))
    rows = {row.name: row for row in break_down(InspectedRun.open(root), threads=1).rows()}
    smooth, rough = rows["highlight on gloss, roughness < 0.01"], rows["highlight on gloss, roughness >= 0.03"]
    assert smooth.pixels + rough.pixels == rows["highlight"].pixels and min(smooth.pixels, rough.pixels) > 100


def test_frames_have_their_own_numbers(run: InspectedRun, found: Breakdown) -> None:
    for frame, row in zip(run.names, found.frames, strict=True):
        for region, mask in (("all", MASKS["region", "all"]), ("highlight", specular)):
            for layer in LAYERS:
                own = errors_of(run, layer, frame, mask(run.folder, frame))
                assert own is not None
                assert row.values[f"{layer}/abs_rel/{region}"] == pytest.approx(own[0], rel=1e-5)
                assert row.values[f"{layer}/bias/{region}"] == pytest.approx(own[2], rel=1e-5, abs=1e-7)
        sigma = read_uncertainty(run.folder.layer("uncertainty", frame))
        assert row.values["sigma_m"] == pytest.approx(float(np.nanmedian(sigma)))
        predicted = read_depth(run.folder.predicted("base", frame)).metres
        fused = read_depth(run.folder.layer("fused", frame)).metres
        assert row.values["moved_m"] == pytest.approx(float(np.abs(fused - predicted).mean()), rel=1e-5)


def test_the_worst_come_first_by_any_column(found: Breakdown) -> None:
    order = [row.name for row in found.worst_first("predicted/abs_rel/highlight")]
    assert order == ["005", "004", "003", "002", "001", "000"]
    for column in found.columns:
        sizes = [abs(value) for row in found.worst_first(column) if (value := row.values[column]) is not None]
        assert len(sizes) == FRAMES and sizes == sorted(sizes, reverse=True)
    with pytest.raises(RequestError, match="no column 'beauty'"):
        found.worst_first("beauty")


def test_a_page_gets_numbers_and_nulls_only(found: Breakdown) -> None:
    value = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [table["by"] for table in value["tables"]] == ["region", "material", "distance", "angle"]
    for table in value["tables"]:
        for row in table["rows"]:
            assert row["pixels"] > 0
            for layer in row["layers"].values():
                for metric in ("abs_rel", "sq_rel", "bias"):
                    number, low, high = layer[metric]
                    assert low is None or low <= number <= high
    first = value["frames"][0]
    assert first["abs_rel"] == first["layers"]["predicted"]["abs_rel"] and set(first["abs_rel"]) == {
        "all",
        "reflective",
        "highlight",
    }
    assert (first["frame"], first["name"]) == (0, "000")


def test_the_card_says_that_intervals_are_over_frames_of_one_scene(found: Breakdown) -> None:
    assert "over 6 runs of up to 1 consecutive frames and say nothing about other scenes" in found.card
    assert "\nangle      between the ray and the normal of the truth's surface" in found.card
    assert found.to_json()["protocol"] == found.card
    assert any(note.startswith("projected: ") and "no prediction" in note for note in found.notes)


def test_without_truth_there_is_disagreement_only_and_a_sentence_says_so(tmp_path: Path) -> None:
    run = InspectedRun.open(wall_run(3, has_truth=False).write(tmp_path / "wall"))
    found = break_down(run, threads=1)
    assert found.columns == ("sigma_m", "moved_m") and found.rows() == []
    assert [row.name for row in found.worst_first("moved_m")] == ["002", "001", "000"]
    value = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert value["tables"] == [] and "no true depth" in value["protocol"] and "no true depth" in value["notes"][0]
    assert value["frames"][0]["abs_rel"] == {"all": None, "reflective": None, "highlight": None}


def test_a_frame_without_truth_has_no_error_and_comes_last(tmp_path: Path) -> None:
    root = wall_run(3).write(tmp_path / "wall")
    (root / "depth" / "002.png").unlink()
    found = break_down(InspectedRun.open(root), threads=1)
    assert [row.name for row in found.worst_first("predicted/abs_rel/highlight")] == ["001", "000", "002"]
    assert found.frames[2].values["predicted/abs_rel/all"] is None
    assert any("1 frame have no true depth" in note for note in found.notes)


def test_a_run_that_was_never_fused_has_no_labels_to_compare(tmp_path: Path) -> None:
    root = wall_run(2).write(tmp_path / "wall")
    manifest = read_json(root / MANIFEST)
    assert isinstance(manifest, dict)
    del manifest["stages"]["fuse"]
    write_json(root / MANIFEST, manifest)
    found = break_down(InspectedRun.open(root), threads=1)
    assert set(found.reports) == {"predicted", "projected"}
    assert found.frames[0].values["moved_m"] is None
    assert found.worst_first("moved_m") == found.frames


def test_several_threads_give_the_same_numbers(run: InspectedRun, found: Breakdown) -> None:
    assert break_down(run, threads=3).to_json() == found.to_json()


def test_progress_counts_frames_and_an_exception_from_it_ends_the_work(run: InspectedRun) -> None:
    seen: list[tuple[int, int]] = []

    def cancel(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_down(run, progress=cancel, threads=2)
    assert seen == [(1, FRAMES), (2, FRAMES)]


def test_the_pipelines_own_run_is_mended_in_its_highlights(glare_run: InspectedRun) -> None:
    rows = {row.name: row for row in break_down(glare_run, threads=1).rows()}
    wrong, mended = (rows["highlight"].layers[layer]["bias"].value for layer in ("predicted", "fused"))
    assert wrong == pytest.approx(2.0, abs=0.01) and abs(mended) < 0.1
