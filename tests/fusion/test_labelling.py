"""The pipeline: a highlight mended, a run cut off and taken up again, and what users get wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glare import CAMERA, TEACHERS, WALL_M, highlight_of, write_glare_wall

from deglare.data.files import read_depth, read_png8, read_rgb
from deglare.data.opening import open_sequence
from deglare.data.run_folder import LabelSource, read_run
from deglare.errors import DataError, RequestError
from deglare.evaluation.runs import RunReport, report_runs
from deglare.fusion.labelling import Labelled, label
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.strategies import Blend, ByDifference, ByUncertainty, ByViews
from deglare.geometry.mesh_files import read_mesh
from deglare.types import DepthMap, RelativeDepth, Rgb

EVERY_FRAME = LabelSettings(mesh=MeshSettings(every=1), strategy=ByUncertainty())


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_glare_wall(tmp_path_factory.mktemp("glare") / "wall")


@pytest.fixture(scope="module")
def labelled(wall: Path, tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return label(open_sequence(wall), TEACHERS, tmp_path_factory.mktemp("runs") / "run", EVERY_FRAME)


def files_of(run: Path) -> dict[str, bytes]:
    """Everything a run holds but its manifest, whose stamps say when images were written."""
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in ("run.json", ".lock")
    }


def times_of(run: Path, layer: str) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (run / layer).rglob("*.png")}


def test_labels_put_the_highlight_back_on_the_wall(labelled: Labelled) -> None:
    mended = 0
    for name in labelled.run.manifest().poses:
        predicted = read_depth(labelled.run.predicted("deep", name))
        fused = read_depth(labelled.run.layer("fused", name))
        highlight = highlight_of(read_rgb(labelled.run.color(name)))
        assert np.all(predicted.metres[highlight] > 3.9)
        if highlight.any():
            mended += 1
            assert np.median(np.abs(fused.metres[highlight] - WALL_M)) < 0.03
        assert np.abs(fused.metres[~highlight] - WALL_M).max() < 0.01
    assert mended >= 6


def test_the_source_map_says_which_pixels_were_mended(labelled: Labelled) -> None:
    for name in labelled.run.manifest().poses:
        source = read_png8(labelled.run.layer("source", name))
        highlight = highlight_of(read_rgb(labelled.run.color(name)))
        assert np.all(source[~highlight] == LabelSource.PREDICTED)
        assert np.mean(source[highlight] == LabelSource.PROJECTED) > 0.95 or not highlight.any()
    assert labelled.shares["projected"] == pytest.approx(1 - labelled.shares["predicted"])
    assert 0.01 < labelled.shares["projected"] < 0.2


def test_a_run_opens_as_a_sequence_with_truth_and_masks(labelled: Labelled) -> None:
    sequence = read_run(labelled.run.root)
    assert len(sequence) == 12 and sequence.has_poses and sequence.has_depth
    labels = sequence[3].labels()
    assert labels is not None and labels.highlight is not None and labels.highlight.any()


def test_the_report_shows_predicted_depth_worse_than_labels_on_highlights(labelled: Labelled, tmp_path: Path) -> None:
    report = report_runs({"wall": labelled.run})
    assert list(report.layers) == ["predicted/deep", "predicted/deeper", "projected", "fused"]
    assert report.layers["predicted/deep"].value("highlight", "bias") == pytest.approx(2.0, abs=0.01)
    assert abs(report.layers["fused"].value("highlight", "bias")) < 0.05
    report.write(tmp_path / "report.json")
    again = RunReport.read(tmp_path / "report.json")
    assert again.table() == report.table()


def test_the_same_call_again_changes_nothing(labelled: Labelled, wall: Path) -> None:
    before = {layer: times_of(labelled.run.root, layer) for layer in ("color", "predicted", "projected", "fused")}
    again = label(open_sequence(wall), TEACHERS, labelled.run.root, EVERY_FRAME)
    assert again.shares == labelled.shares
    assert before == {layer: times_of(labelled.run.root, layer) for layer in before}


def test_another_threshold_redoes_the_fusion_alone(wall: Path, tmp_path: Path) -> None:
    run = label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME).run
    kept = ("predicted", "projected", "uncertainty")
    before, mesh = {layer: times_of(run.root, layer) for layer in kept}, run.mesh.stat().st_mtime_ns
    never = label(open_sequence(wall), TEACHERS, run.root, replace(EVERY_FRAME, strategy=ByUncertainty(9.0)))
    assert never.shares["predicted"] == 1.0
    assert before == {layer: times_of(run.root, layer) for layer in kept} and mesh == run.mesh.stat().st_mtime_ns


def test_another_voxel_size_leaves_the_predictions_alone(wall: Path, tmp_path: Path) -> None:
    run = label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME).run
    before, mesh = times_of(run.root, "predicted"), run.mesh.read_bytes()
    coarse = replace(EVERY_FRAME.mesh, volume=replace(EVERY_FRAME.mesh.volume, voxel_m=0.1))
    label(open_sequence(wall), TEACHERS, run.root, replace(EVERY_FRAME, mesh=coarse))
    assert before == times_of(run.root, "predicted") and mesh != run.mesh.read_bytes()


@pytest.mark.parametrize("strategy", [ByDifference(), ByUncertainty(None, 0.9), Blend(), Blend("gap")])
def test_every_strategy_mends_the_highlight(wall: Path, labelled: Labelled, tmp_path: Path, strategy) -> None:
    run = label(open_sequence(wall), TEACHERS, tmp_path / "run", replace(EVERY_FRAME, strategy=strategy)).run
    assert abs(report_runs({"wall": run}).layers["fused"].value("highlight", "bias")) < 0.15


def test_views_are_compared_with_the_frames_before_and_after(wall: Path, tmp_path: Path) -> None:
    run = label(open_sequence(wall), TEACHERS[:1], tmp_path / "run", replace(EVERY_FRAME, strategy=ByViews())).run
    assert abs(report_runs({"wall": run}).layers["fused"].value("highlight", "bias")) < 0.5  # predicted: 2


def test_one_teacher_is_set_against_its_crops(wall: Path, tmp_path: Path) -> None:
    done = label(open_sequence(wall), TEACHERS[:1], tmp_path / "run", EVERY_FRAME)
    assert done.run.manifest().stages["predict"].settings["uncertainty"]["kind"] == "Crop"
    assert done.shares["predicted"] > 0.99  # this teacher says the same of a crop, but for the highlight's rim


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(wall: Path, labelled: Labelled, tmp_path: Path, threads: int) -> None:
    run = label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME, threads=threads).run
    assert files_of(run.root) == files_of(labelled.run.root)


SCRIPT = """
import sys
from glare import TEACHERS
from pathlib import Path
from deglare.data.opening import open_sequence
from deglare.fusion.labelling import label
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.strategies import ByUncertainty
settings = LabelSettings(mesh=MeshSettings(every=1), strategy=ByUncertainty())
label(open_sequence(sys.argv[1]), TEACHERS, sys.argv[2], settings, threads=1)
"""


@pytest.mark.parametrize("layer", ["color", "predicted/deeper", "projected", "fused"])
def test_a_killed_run_ends_with_the_same_files(wall: Path, labelled: Labelled, tmp_path: Path, layer: str) -> None:
    run = tmp_path / "run"
    paths = os.pathsep.join([str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, wall, run], env={**os.environ, "PYTHONPATH": paths})
    wait_for(lambda: process.poll() is not None or len(list((run / layer).glob("*"))) >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    label(open_sequence(wall), TEACHERS, run, EVERY_FRAME)
    assert files_of(run) == files_of(labelled.run.root)


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("kept", [0, 600, 1500])
def test_a_frame_that_cannot_be_decoded_is_left_out_and_the_others_are_done(tmp_path: Path, kept: int) -> None:
    wall = write_glare_wall(tmp_path / "wall")
    broken = wall / "color" / "005.jpg"
    broken.write_bytes(broken.read_bytes()[:kept])
    done = label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME)
    assert list(done.left_out) == ["005"] and "005" in done.left_out["005"] and done.frames == 11
    assert len(list((done.run.root / "fused").iterdir())) == 11
    assert len(read_run(done.run.root)) == 11


def test_damaged_depth_leaves_out_its_frame_alone(tmp_path: Path) -> None:
    wall = write_glare_wall(tmp_path / "wall")
    for broken in (wall / "depth" / "000.png", wall / "regions" / "004.png"):  # the first is looked at on opening
        broken.write_bytes(broken.read_bytes()[:60])
    done = label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME)
    assert list(done.left_out) == ["000", "004"] and done.frames == 10
    assert all("damaged or cut short" in reason for reason in done.left_out.values())


def test_a_folder_that_turned_read_only_is_one_sentence_and_keeps_its_labels(
    wall: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME).run
    before = files_of(run.root)

    def refused(*where: object, **how: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", refused)  # not by mode bits: root may write whatever they say
    with pytest.raises(DataError, match=r"cannot write .*Read-only file system"):
        label(open_sequence(wall), TEACHERS, run.root, replace(EVERY_FRAME, strategy=ByDifference()))
    assert files_of(run.root) == before


def test_large_frames_are_made_smaller_with_their_camera(tmp_path: Path) -> None:
    wall = write_glare_wall(tmp_path / "wall", frames=8, camera=CAMERA.resized((128, 192)))
    done = label(open_sequence(wall), TEACHERS, tmp_path / "run", replace(EVERY_FRAME, longest_side=96))
    sequence = read_run(done.run.root)
    assert sequence[0].camera == CAMERA and sequence[0].rgb().shape == (64, 96, 3)
    assert abs(report_runs({"wall": done.run}).layers["fused"].value("all", "bias")) < 0.03


class Specked:
    """Right on the wall, but for a speck that floats half a metre before the camera."""

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, rgb: Rgb) -> DepthMap:
        metres = np.full(rgb.shape[:2], WALL_M)
        metres[20:32, 30:42] = 0.5
        return DepthMap.of_positive(metres)


def test_a_speck_of_one_view_stays_in_the_mesh_unless_scraps_are_left_out(wall: Path, tmp_path: Path) -> None:
    mesh = MeshSettings(every=12, weights="none", tau=0.5)
    for scraps_m2 in (0.0, 1.0):
        settings = LabelSettings(mesh=replace(mesh, scraps_m2=scraps_m2), strategy=ByUncertainty())
        done = label(open_sequence(wall), [Specked("one"), Specked("other")], tmp_path / f"{scraps_m2}", settings)
        depth_m = read_mesh(done.run.mesh).vertices_m[:, 2]
        assert np.any(np.abs(depth_m - 0.5) < 0.1) == (scraps_m2 == 0)
        assert np.count_nonzero(np.abs(depth_m - WALL_M) < 0.05) > 1000


def test_relative_depth_is_refused_until_it_is_aligned(wall: Path, tmp_path: Path) -> None:
    class Relative:
        name: str = "relative"

        def predict(self, rgb: Rgb) -> RelativeDepth:
            return RelativeDepth(np.ones(rgb.shape[:2], dtype=np.float32), np.ones(rgb.shape[:2], dtype=bool))

    with pytest.raises(RequestError, match="relative"):
        label(open_sequence(wall), [Relative()], tmp_path / "run", EVERY_FRAME)


@pytest.mark.parametrize(
    "teachers, base, said",
    [((), None, "at least one teacher"), ((TEACHERS[0],) * 2, None, "one name"), (TEACHERS, "other", "none of")],
)
def test_teachers_must_be_there_and_told_apart(wall: Path, tmp_path: Path, teachers, base, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        label(open_sequence(wall), teachers, tmp_path / "run", replace(EVERY_FRAME, base=base))


def test_a_run_of_other_frames_is_not_overwritten(wall: Path, labelled: Labelled, tmp_path: Path) -> None:
    other = write_glare_wall(tmp_path / "other", frames=9)
    before = files_of(labelled.run.root)
    with pytest.raises(RequestError, match="other frames"):
        label(open_sequence(other), TEACHERS, labelled.run.root, EVERY_FRAME)
    assert files_of(labelled.run.root) == before


def test_a_folder_that_holds_something_else_is_left_alone(wall: Path, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(RequestError, match="something else"):
        label(open_sequence(wall), TEACHERS, tmp_path, EVERY_FRAME)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.txt"]


def test_frames_without_poses_are_refused_in_one_sentence(tmp_path: Path) -> None:
    wall = write_glare_wall(tmp_path / "wall")
    images = open_sequence(wall / "color")
    with pytest.raises(RequestError, match="no pose"):
        label(images, TEACHERS, tmp_path / "run", EVERY_FRAME)


def test_another_base_is_mended_from_the_same_predictions(wall: Path, labelled: Labelled, tmp_path: Path) -> None:
    run = label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME).run
    before = times_of(run.root, "predicted")
    label(open_sequence(wall), TEACHERS, run.root, replace(EVERY_FRAME, base="deeper"))
    assert before == times_of(run.root, "predicted")
    name = "004"
    untouched = read_png8(run.layer("source", name)) == LabelSource.PREDICTED
    deeper = read_depth(run.predicted("deeper", name)).metres
    np.testing.assert_array_equal(read_depth(run.layer("fused", name)).metres[untouched], deeper[untouched])


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(
    wall: Path, labelled: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = os.fsync, []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) > 60:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME)
    monkeypatch.setattr(os, "fsync", real)
    label(open_sequence(wall), TEACHERS, tmp_path / "run", EVERY_FRAME)
    assert files_of(tmp_path / "run") == files_of(labelled.run.root)


def test_the_manifest_tells_what_every_stage_was_made_with(labelled: Labelled) -> None:
    stages = json.loads((labelled.run.root / "run.json").read_text())["stages"]
    assert list(stages) == sorted(stages) and set(stages) == {"frames", "predict", "mesh", "project", "fuse"}
    assert all(stage["is_finished"] for stage in stages.values())
    assert stages["fuse"]["settings"]["strategy"] == {"kind": "ByUncertainty", "alpha_m": 0.4, "quantile": 0.95}
    assert stages["fuse"]["result"]["pixels"]["projected"] > 0
