from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deglare.cli import main
from deglare.data.files import write_image, write_text
from deglare.data.posed_folder import PosedFolder
from deglare.types import Camera


def write_walk(root: Path, step_m: float, count: int = 41) -> Path:
    """A camera that walks straight on; no depth."""
    folder = PosedFolder(root)
    folder.write_camera(Camera(60.0, 60.0, 31.5, 23.5, (48, 64)))
    poses = [np.eye(4) for _ in range(count)]
    for index, pose in enumerate(poses):
        pose[2, 3] = step_m * index
        write_image(folder.color(f"{index:03d}"), np.zeros((48, 64, 3), dtype=np.uint8))
    folder.write_poses((f"{index:03d}", pose) for index, pose in enumerate(poses))
    return root


def test_triples_of_several_scenes_go_into_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = write_walk(tmp_path / "one", 0.06), write_walk(tmp_path / "two", 0.03)
    out = tmp_path / "triples.jsonl"
    assert main(["prepare", str(one), str(two), "--out", str(out), "--json"]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0] == {"scene": "one", "target": "010", "previous": "009", "next": "011"}
    assert lines[-1] == {"scene": "two", "target": "030", "previous": "028", "next": "032"}
    result = json.loads(capsys.readouterr().out)
    assert (result["triples"], result["targets"], result["scenes"]) == (6, 10, 2)
    assert sum(result["lost"].values()) == 4


def test_a_folder_of_scenes_stands_for_its_scenes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_walk(tmp_path / "scenes" / name, 0.06)
    out = tmp_path / "triples.jsonl"
    assert main(["prepare", str(tmp_path / "scenes"), "--out", str(out), "--every", "20"]) == 0
    assert [json.loads(line)["scene"] for line in out.read_text().splitlines()] == ["one", "two"]


def test_no_triples_exit_1_with_the_reasons_and_leave_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "triples.jsonl"
    assert main(["prepare", str(write_walk(tmp_path / "one", 0.2)), "--out", str(out)]) == 1
    assert "5 targets without: the camera moves too far" in capsys.readouterr().err
    assert not out.exists()


def test_one_bad_sequence_is_an_error_and_leaves_the_old_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_walk(tmp_path / "one", 0.06)
    write_text(tmp_path / "one" / "poses.txt", "000 word")
    write_text(tmp_path / "triples.jsonl", "old\n")
    assert main(["prepare", str(tmp_path / "one"), "--out", str(tmp_path / "triples.jsonl")]) == 2
    assert "line 1 has 2 words" in capsys.readouterr().err
    assert (tmp_path / "triples.jsonl").read_text() == "old\n"


def test_a_bad_sequence_among_good_ones_is_left_out_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write_walk(tmp_path / "good", 0.06), write_walk(tmp_path / "bad", 0.06)
    (bad / "camera.json").unlink()
    assert main(["prepare", str(good), str(bad), "--out", str(tmp_path / "t.jsonl"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["scenes"] == 1
    assert "no camera" in result["unreadable"][str(bad)]


def test_two_scenes_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = write_walk(tmp_path / "a" / "room", 0.06), write_walk(tmp_path / "b" / "room", 0.06)
    assert main(["prepare", str(a), str(b), "--out", str(tmp_path / "t.jsonl")]) == 2
    assert "both named room" in capsys.readouterr().err
    assert not (tmp_path / "t.jsonl").exists()


@pytest.mark.parametrize("extra", [["--every", "0"], ["--step-cm", "10", "5"], ["--turn-deg", "0"]])
def test_a_rule_that_nothing_can_keep_exits_2(tmp_path: Path, extra: list[str]) -> None:
    room = write_walk(tmp_path / "room", 0.06, count=3)
    assert main(["prepare", str(room), "--out", str(tmp_path / "t.jsonl"), *extra]) == 2


def test_images_without_poses_and_folders_as_output_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "images" / "a.png", np.zeros((48, 64, 3), dtype=np.uint8))
    assert main(["prepare", str(tmp_path / "images"), "--out", str(tmp_path / "t.jsonl")]) == 2
    assert "has no poses" in capsys.readouterr().err
    room = write_walk(tmp_path / "room", 0.06, count=3)
    assert main(["prepare", str(room), "--out", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


@pytest.mark.shared
def test_the_real_sequences_give_triples(tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [str(shared_data / name) for name in ("hololens_lounge_a", "sevenscenes_redkitchen")]
    assert main(["prepare", *sources, "--out", str(tmp_path / "t.jsonl"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["triples"], result["targets"]) == (5, 35)
