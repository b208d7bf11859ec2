from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deglare.cli import main
from deglare.data.files import image_size_hw, write_image
from deglare.data.posed_folder import PosedFolder
from deglare.types import Camera, DepthMap


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A camera that walks towards a wall 3 m away, 6 cm a frame, exact depth."""
    folder = PosedFolder(tmp_path / "room")
    folder.write_camera(Camera(60.0, 60.0, 31.5, 23.5, (48, 64)))
    poses = [np.eye(4) for _ in range(21)]
    for index, pose in enumerate(poses):
        pose[2, 3] = 0.06 * index
        rgb = np.random.default_rng(index).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        folder.write_frame(f"{index:03d}", rgb, DepthMap.of_positive(np.full((48, 64), 3 - 0.06 * index)))
    folder.write_poses((f"{index:03d}", pose) for index, pose in enumerate(poses))
    return folder.root


def test_good_data_exits_0_and_prints_its_numbers(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(room), "--json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["ok"]
    assert result["trainable"]
    assert result["triples"] == {"targets": 3, "found": 1, "lost": result["triples"]["lost"]}
    assert result["reprojection"]["median_mm"] < 0.6
    assert result["step_m"]["median"] == pytest.approx(0.06)
    assert "room can be used and trained on: 1 of 3 targets have a triple" in printed.err


def test_the_picture_is_written(room: Path, tmp_path: Path) -> None:
    assert main(["check", str(room), "--picture", str(tmp_path / "sheet.png")]) == 0
    assert min(image_size_hw(tmp_path / "sheet.png")) > 300


def test_unusable_data_exits_2_and_says_why(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (room / "depth").iterdir():
        write_image(path, np.full((48, 64), 3, dtype=np.uint16))
    assert main(["check", str(room), "--json", "--picture", str(room / "sheet.png")]) == 2
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert not result["ok"]
    assert "multiply them by 1000" in result["why"]
    assert "cannot be used" in printed.err
    assert not (room / "sheet.png").exists()


def test_a_damaged_frame_exits_2_and_is_named(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = room / "depth" / "007.png"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    assert main(["check", str(room)]) == 2
    assert "007.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--frames", "1"], "at least 2"),
        (["--picture", "sheet.gif"], "should end in .png"),
        (["--format", "nix"], "no format 'nix'"),
    ],
)
def test_a_wrong_request_exits_2(
    room: Path, capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    assert main(["check", str(room), *extra]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_folder_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none")]) == 2
    assert "there is no" in capsys.readouterr().err
