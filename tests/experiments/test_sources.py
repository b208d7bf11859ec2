"""Where training and measuring find their sequences: rooms rendered once, and the layouts that data comes in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from glare import write_glare_wall

from deglare.data.files import write_text
from deglare.errors import DataError, RequestError
from deglare.experiments.distill3d import real_sources, rooms_sources
from deglare.experiments.scales import SCALES
from deglare.experiments.sources import Given, Rooms, given_folder, given_scannet, given_seven_scenes
from deglare.experiments.steps import Tools


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "rooms", threads=1)


def test_rooms_are_rendered_where_they_are_missing_and_only_there(tools: Tools, tmp_path: Path) -> None:
    scale = SCALES["tiny"]
    rooms = Rooms("val", 1, scale.val.shoot)
    first = rooms.do(tmp_path, [], tools)
    assert first["new"] == 1
    assert [path.name for path in rooms.scenes(tools)] == ["val_0000"]
    assert rooms.scenes(tools)[0].parent == tools.rooms / "val_64x48_6"
    again = rooms.do(tmp_path, [], tools)
    assert (again["new"], again["content"]) == (0, first["content"])
    subsets = rooms.subsets(tools)
    assert set(subsets) == {"reflection", "no-reflection"}
    manifest = json.loads((rooms.scenes(tools)[0] / "scene.json").read_text())
    for name, facts in manifest["frames"].items():
        assert (f"val_0000/{name}" in subsets["reflection"]) == (facts["subset"] == "reflection")


def test_splits_of_rooms_have_the_scales_counts() -> None:
    sources, every = rooms_sources(SCALES["small"])
    assert list(sources) == ["train", "val", "test"]
    assert every == {"train": 1, "val": 5, "test": 5}
    assert sources["val"].frames == 12 * 90
    assert sources["val"].settings != sources["test"].settings


def test_a_folder_of_folders_has_its_lists_beside_the_sequences(tmp_path: Path, tools: Tools) -> None:
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        write_glare_wall(tmp_path / split / name, frames=3)
    write_text(tmp_path / "val" / "reflection.txt", "# mine\nc 001\nc/002\n")
    found = given_folder(tmp_path)
    assert [path.name for path in found["train"].scenes(tools)] == ["a", "b"]
    assert found["val"].subsets(tools) == {"reflection": {"c/001", "c/002"}}
    assert found["train"].subsets(tools) == {}
    assert found["train"].do(tmp_path, [], tools) == {"frames": 6}
    sources, every = real_sources("folder", tmp_path)
    assert (sources["val"].protocol, every["val"]) == ("rooms", 10)


def test_frames_without_poses_are_said_before_anything_is_trained(tmp_path: Path, tools: Tools) -> None:
    write_glare_wall(tmp_path / "a", frames=3)
    (tmp_path / "a" / "poses.txt").unlink()
    with pytest.raises(DataError, match="without poses"):
        Given("train", (tmp_path / "a",)).do(tmp_path, [], tools)


def test_scannet_is_found_by_its_official_lists(tmp_path: Path, tools: Tools) -> None:
    write_text(tmp_path / "scannetv2_train.txt", "scene0000_00\nscene0001_00\n")
    write_text(tmp_path / "scannetv2_val.txt", "scene0002_00\n")
    write_text(tmp_path / "scannetv2_test.txt", "scene0707_00\n")
    write_text(tmp_path / "reflection_val.txt", "scene0002_00 30\n")
    sens = tmp_path / "scans" / "scene0001_00" / "scene0001_00.sens"
    write_text(sens, "")
    found = given_scannet(tmp_path)
    assert found["train"].scenes(tools) == [tmp_path / "scans" / "scene0000_00", sens]
    assert found["test"].scenes(tools) == [tmp_path / "scans_test" / "scene0707_00"]
    assert found["val"].subsets(tools) == {"reflection": {"scene0002_00/30"}}
    assert {one.protocol for one in found.values()} == {"scannet"}


def test_seven_scenes_is_found_by_its_splits(tmp_path: Path, tools: Tools) -> None:
    write_text(tmp_path / "chess" / "TrainSplit.txt", "sequence1\nsequence2\n")
    write_text(tmp_path / "chess" / "TestSplit.txt", "sequence3\n")
    write_text(tmp_path / "fire" / "TrainSplit.txt", "sequence1\n")
    write_text(tmp_path / "fire" / "TestSplit.txt", "sequence12\n")
    found = given_seven_scenes(tmp_path)
    names = ["/".join(path.parts[-2:]) for path in found["train"].scenes(tools)]
    assert names == ["chess/seq-01", "chess/seq-02", "fire/seq-01"]
    assert [path.name for path in found["val"].scenes(tools)] == ["seq-03", "seq-12"]
    write_text(tmp_path / "fire" / "TestSplit.txt", "seq three\n")
    with pytest.raises(DataError, match="lines are sequence1"):
        given_seven_scenes(tmp_path)


def test_networks_trained_on_scannet_are_measured_on_seven_scenes(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_text(tmp_path / "scannet" / f"scannetv2_{split}.txt", "scene0000_00\n")
        write_text(
            tmp_path / "7" / "chess" / ("TrainSplit.txt" if split == "train" else "TestSplit.txt"), "sequence1\n"
        )
    sources, _ = real_sources("scannet", tmp_path / "scannet", tmp_path / "7")
    assert (sources["7scenes"].protocol, sources["val"].protocol) == ("7scenes", "scannet")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("folder", "folders train and val"), ("scannet", "scannetv2_train.txt"), ("7scenes", "TrainSplit.txt")],
)
def test_a_folder_laid_out_otherwise_is_told_what_is_expected(tmp_path: Path, kind: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        real_sources(kind, tmp_path)
