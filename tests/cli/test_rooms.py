import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from deglare.cli import main
from deglare.data.files import read_rgb
from deglare.data.posed_folder import read_posed_folder
from deglare.rooms import dataset, shooting
from deglare.rooms.lighting import LightingSettings


@pytest.fixture(autouse=True)
def coarse_light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Light the rooms coarsely, so that a test takes a second or two."""
    coarse = partial(shooting.ShootSettings, lighting=LightingSettings(texel_m=0.5, directions=6))
    assert dataset.DATASET == "rooms-v1"  # imported before the name is changed, for its type checks
    monkeypatch.setattr(shooting, "ShootSettings", coarse)


def words(out: Path, *more: str) -> list[str]:
    tiny = ["--scenes", "1", "--frames", "2", "--size", "64", "48", "--workers", "1"]
    return ["rooms", "--out", str(out), *tiny, *more]


def test_a_run_writes_scenes_lists_and_a_sheet_and_a_second_one_does_nothing_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert (result["scenes"], result["new"]) == (1, 1)
    assert set(result["subsets"]) == {"reflection", "no-reflection"}
    assert "1 of them new" in err
    assert read_rgb(Path(result["picture"])).std() > 0
    scene = read_posed_folder(tmp_path / "val_0000")
    assert len(scene) == 2
    assert scene[0].camera.size_hw == (48, 64)
    listed = [line for name in result["subsets"] for line in (tmp_path / f"{name}.txt").read_text().splitlines()]
    assert len(listed) == sum(result["subsets"].values())
    assert set(listed) <= {"val_0000 000000", "val_0000 000001"}

    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main([*words(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_without_json_nothing_goes_to_stdout_and_the_picture_can_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, "--split", "test", "--no-picture")) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "test_0000" / "scene.json").is_file()
    assert not (tmp_path / "contact_sheet.jpg").exists()


def test_another_request_in_the_same_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path, "--no-picture")) == 0
    pose = read_posed_folder(tmp_path / "val_0000")[0].world_T_cam
    capsys.readouterr()
    assert main(["rooms", "--out", str(tmp_path), "--scenes", "1", "--frames", "5", "--size", "64", "48"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "other settings: choose another --out" in err
    after = read_posed_folder(tmp_path / "val_0000")[0].world_T_cam
    assert pose is not None
    assert after is not None
    assert np.array_equal(pose, after)


def test_a_gpu_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(words(tmp_path / "out", "--device", "cuda")) == 2
    assert "no GPU" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--split", "vali"],
        ["--frames", "0"],
        ["--frames", "-3"],
        ["--scenes", "0"],
        ["--scenes", "33"],
        ["--size", "8", "64"],
        ["--size", "64"],
        ["--scens", "1"],
        ["--workers", "-1"],
        ["--device", "quantum"],
    ],
)
def test_a_wrong_request_exits_with_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    assert main([*words(tmp_path / "out"), *wrong]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip()
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()
