import json
from pathlib import Path

import numpy as np
import pytest

from deglare.cli import main
from deglare.data.files import write_depth, write_image
from deglare.data.posed_folder import PosedFolder
from deglare.evaluation import Report
from deglare.networks import NetworkTeacher, build, save_network
from deglare.types import Camera, DepthMap, SurfaceLabels

SIZE_HW = (24, 32)


def make_room(root: Path, seed: int, frames: int = 4) -> None:
    """A posed folder before a fronto-parallel wall at 3 m, the left half of it mirroring."""
    folder = PosedFolder(root)
    folder.write_camera(Camera(30.0, 30.0, 15.5, 11.5, SIZE_HW))
    names = [f"{index:06d}" for index in range(frames)]
    folder.write_poses((name, np.eye(4)) for name in names)
    labels = SurfaceLabels(np.indices(SIZE_HW)[1] < 16)
    image = np.random.default_rng(seed).integers(0, 255, (*SIZE_HW, 3)).astype(np.uint8)
    for name in names:
        folder.write_frame(name, image, DepthMap.of_positive(np.full(SIZE_HW, 3.0)), labels)


def predict(folder: Path, left_m: float, right_m: float, frames: int = 4) -> None:
    metres = np.where(np.indices(SIZE_HW)[1] < 16, left_m, right_m)
    for index in range(frames):
        write_depth(folder / f"{index:06d}.png", DepthMap.of_positive(metres))


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Truth in ``truth``, predictions in ``predicted``: 0.6 m too far where it mirrors."""
    make_room(tmp_path / "truth", 0)
    predict(tmp_path / "predicted", 3.6, 3.0)
    return tmp_path


def words(room: Path, *more: str) -> list[str]:
    return ["eval", "--predicted", str(room / "predicted"), "--truth", str(room / "truth"), *more]


def test_numbers_by_region_go_to_stderr_and_json_to_stdout(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words(room), "--json"]) == 0
    out, err = capsys.readouterr()
    report = Report.from_json(json.loads(out))
    assert report.value("reflective", "abs_rel") == pytest.approx(0.2, rel=1e-4)  # 0.6 / 3
    assert report.value("non-reflective", "abs_rel") == pytest.approx(0, abs=1e-6)
    assert report.value("all", "bias") == pytest.approx(0.3, rel=1e-4)
    assert "| reflective" in err
    assert "alignment  none: absolute depth" in err
    assert "note: one scene only" in err


def test_report_and_picture_are_written(room: Path) -> None:
    out, picture = room / "out" / "report.json", room / "out" / "eval.png"
    assert main(words(room, "--out", str(out), "--picture", str(picture))) == 0
    assert Report.read(out).protocol.name == "rooms"
    assert picture.stat().st_size > 1000
    assert sorted(path.name for path in out.parent.iterdir()) == ["eval.png", "report.json"]


def test_what_is_changed_is_said_on_the_card(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words(room, "--alignment", "median", "--averaging", "pixels"), "--json"]) == 0
    report = Report.from_json(json.loads(capsys.readouterr().out))
    assert report.protocol.name == "rooms (changed)"
    assert (report.protocol.alignment, report.protocol.averaging) == ("median", "pixels")


def test_scenes_in_sub_folders_have_intervals_over_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("a", "b", "c")):
        make_room(tmp_path / "truth" / name, seed)
        predict(tmp_path / "predicted" / name, 3.3 + 0.3 * seed, 3.0)
    assert main([*words(tmp_path), "--json"]) == 0
    report = Report.from_json(json.loads(capsys.readouterr().out))
    assert report.scenes == ("a", "b", "c")
    row = report.row("reflective", "abs_rel")
    assert row.value == pytest.approx(0.2, rel=1e-3)  # 0.1, 0.2, 0.3
    assert row.low is not None
    assert row.high is not None
    assert 0.1 - 1e-3 <= row.low < 0.2 < row.high <= 0.3 + 1e-3


def test_several_folders_are_paired_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("one", "two")):
        make_room(tmp_path / name / "truth", seed)
        predict(tmp_path / name / "fused", 3.3, 3.0)
    folders = [str(tmp_path / name / "fused") for name in ("one", "two")]
    truths = [str(tmp_path / name / "truth") for name in ("one", "two")]
    assert main(["eval", "--predicted", *folders, "--truth", *truths, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["scenes"]) == 2
    assert main(["eval", "--predicted", *folders, "--truth", truths[0]]) == 2
    assert "do not pair up" in capsys.readouterr().err


def test_an_uncertainty_folder_adds_its_columns(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sigma = np.where(np.indices(SIZE_HW)[1] < 16, 300, 10).astype(np.uint16)
    for index in range(4):
        write_image(room / "sigma" / f"{index:06d}.png", sigma)
    assert main([*words(room, "--uncertainty", str(room / "sigma")), "--json"]) == 0
    report = Report.from_json(json.loads(capsys.readouterr().out))
    assert report.value("all", "ause_abs_rel") == pytest.approx(0, abs=1e-6)
    assert report.value("all", "aurg_abs_rel") > 0.02


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda room: [path.unlink() for path in (room / "predicted").iterdir()], "neither PNG files nor folders"),
        (lambda room: (room / "predicted" / "000002.png").write_bytes(b"\x89PNG\r\n"), "cannot|not a|damaged"),
        (lambda room: predict(room / "predicted", 0.003, 0.003), "save 16-bit millimetres"),
        (
            lambda room: [path.rename(f"{path}.x.png") for path in (room / "predicted").glob("*")],
            "rename the files",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    room: Path, capsys: pytest.CaptureFixture[str], spoil, says: str
) -> None:
    spoil(room)
    before = sorted(room.rglob("*"))
    assert main(words(room, "--out", str(room / "report.json"), "--picture", str(room / "eval.png"))) == 2
    err = [line for line in capsys.readouterr().err.splitlines() if line.startswith("deglare: ")]
    assert len(err) == 1
    assert any(word in err[0] for word in says.split("|")), err[0]
    assert sorted(room.rglob("*")) == before


@pytest.mark.parametrize(
    "more", [["--out", "report.xlsx"], ["--picture", "eval.jpg"], ["--protocol", "scanet"], ["--unit-m", "0"]]
)
def test_a_wrong_request_is_refused_before_the_work(
    room: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    assert main(words(room, *more)) == 2
    err = capsys.readouterr().err
    assert err.startswith("deglare: ")
    assert "compare" not in err


def test_truth_that_is_not_there_is_refused(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--predicted", str(room / "predicted"), "--truth", str(room / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_network_is_compared_on_every_nth_frame_of_all_sequences(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_room(room / "rooms" / "one", 1)
    make_room(room / "rooms" / "two", 2)
    network = build("monodepth2-small")
    save_network(network, room / "net.safetensors")
    line = ["eval", "--model", str(room / "net.safetensors"), "--truth", str(room / "rooms"), "--every", "3", "--json"]
    assert main(line) == 0
    report = Report.from_json(json.loads(capsys.readouterr().out))
    assert (report.frames, len(report.scenes)) == (4, 2)
    image = np.random.default_rng(1).integers(0, 255, (*SIZE_HW, 3)).astype(np.uint8)
    assert 0 < NetworkTeacher(network).predict(image).metres.mean() < 10
    assert report.value("all", "rmse") > 0


@pytest.mark.parametrize("more", [[], ["--predicted", "predicted", "--model", "monodepth2-small"]])
def test_either_folders_or_a_network_are_compared(room: Path, more: list[str], capsys) -> None:
    assert main(["eval", "--truth", str(room / "truth"), *more]) == 2
    assert "either --predicted or --model" in capsys.readouterr().err
