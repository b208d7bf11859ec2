"""The run folder: written, read back, refused where it is not ours."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deglare.data.files import write_depth, write_image, write_json
from deglare.data.opening import open_sequence
from deglare.data.run_folder import MANIFEST, SCHEMA, Manifest, RunFolder, Stage, hash_of
from deglare.errors import DataError, RequestError
from deglare.types import Camera, DepthMap

CAMERA = Camera(20.0, 21.0, 15.5, 11.5, (24, 32))


def pose_at(x: float) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3] = x / 3
    return pose


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.write_manifest(Manifest("kitchen.mp4", CAMERA, {"000000": pose_at(0), "000010": pose_at(1)}))
    return folder


def test_a_manifest_comes_back_to_the_last_bit(run: RunFolder) -> None:
    run.finish("predict", {"teacher": "small", "size_hw": (24, 32)}, hash_of("a"))
    found = run.manifest()
    assert (found.source, found.camera, list(found.poses)) == ("kitchen.mp4", CAMERA, ["000000", "000010"])
    np.testing.assert_array_equal(found.poses["000010"], pose_at(1))
    assert found.stages == {"predict": Stage({"teacher": "small", "size_hw": [24, 32]}, hash_of("a"))}


def test_a_stage_is_current_only_with_the_same_settings_and_inputs(run: RunFolder) -> None:
    run.finish("fuse", {"alpha_m": 0.4, "rule": ("a", 1)}, hash_of("inputs"))
    assert run.is_current("fuse", {"rule": ("a", 1), "alpha_m": 0.4}, hash_of("inputs"))
    assert not run.is_current("fuse", {"rule": ("a", 1), "alpha_m": 0.5}, hash_of("inputs"))
    assert not run.is_current("fuse", {"rule": ("a", 1), "alpha_m": 0.4}, hash_of("others"))
    assert not run.is_current("mesh", {}, hash_of("inputs"))


def test_a_run_opens_as_a_sequence(run: RunFolder) -> None:
    rng = np.random.default_rng(0)
    truth = DepthMap.of_positive(rng.uniform(1, 4, CAMERA.size_hw))
    for name in run.manifest().poses:
        write_image(run.color(name), rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
    write_depth(run.layer("depth", "000000"), truth)
    sequence = open_sequence(run.root)
    assert (sequence.source_format, [frame.name for frame in sequence]) == ("run", ["000000", "000010"])
    depth = sequence[0].depth()
    assert depth is not None
    np.testing.assert_allclose(depth.metres, truth.metres, atol=6e-4)
    assert sequence[1].depth() is None


def test_a_run_from_a_newer_version_is_refused_in_one_sentence(run: RunFolder) -> None:
    write_json(run.root / MANIFEST, {**run.manifest().to_json(), "schema": SCHEMA + 1})
    with pytest.raises(DataError, match="newer than"):
        run.manifest()


@pytest.mark.parametrize("damage", [{"frames": None}, {"camera": {}}, {"stages": []}, {"schema": "one"}])
def test_a_damaged_manifest_is_refused_in_one_sentence(run: RunFolder, damage: dict[str, object]) -> None:
    write_json(run.root / MANIFEST, {**run.manifest().to_json(), **damage})
    with pytest.raises(DataError, match="damaged"):
        run.manifest()


@pytest.mark.parametrize("name", ["../secret", "a/b", "", ".hidden", "x" * 200, "C:\\x"])
def test_a_name_cannot_lead_out_of_the_run(run: RunFolder, name: str) -> None:
    for place in (run.color, lambda n: run.layer("fused", n), lambda n: run.predicted(n, "000000")):
        with pytest.raises(DataError, match="cannot name"):
            place(name)
    with pytest.raises(DataError, match="cannot name"):
        Manifest("x", CAMERA, {name: None})


def test_a_stage_that_was_cut_off_keeps_its_files_and_is_not_current(run: RunFolder) -> None:
    fused = run.layer("fused", "000000")
    run.begin("fuse", {"alpha_m": 0.4}, "inputs", [fused])
    write_image(fused, np.ones((24, 32), dtype=np.uint16))
    run.begin("fuse", {"alpha_m": 0.4}, "inputs", [fused])
    assert fused.is_file() and not run.is_current("fuse", {"alpha_m": 0.4}, "inputs")
    run.finish("fuse", {"alpha_m": 0.4}, "inputs")
    assert run.is_current("fuse", {"alpha_m": 0.4}, "inputs")


def test_a_stage_begun_with_other_settings_starts_from_nothing(run: RunFolder) -> None:
    fused = run.layer("fused", "000000")
    write_image(fused, np.ones((24, 32), dtype=np.uint16))
    run.finish("fuse", {"alpha_m": 0.4}, "inputs")
    run.begin("fuse", {"alpha_m": 0.5}, "inputs", [fused])
    assert not fused.exists()
    assert not run.manifest().stages["fuse"].is_finished


def test_only_one_process_at_a_time_writes_a_run(run: RunFolder) -> None:
    with run.held(), pytest.raises(RequestError, match="another process is writing"), run.held():
        pass
    with run.held():
        pass


def test_frames_left_out_come_back_with_their_reasons(run: RunFolder) -> None:
    run.write_manifest(replace(run.manifest(), left_out={"000020": "cut short"}))
    assert run.manifest().left_out == {"000020": "cut short"}
