"""``deglare train`` as a user runs it: also killed, with two processes, from a config file, and asked wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from glare import write_glare_wall
from known_evidence import Formula

from deglare.cli import main
from deglare.data.files import write_text
from deglare.data.opening import open_sequence
from deglare.data.posed_folder import PosedFolder
from deglare.fusion.labelling import label
from deglare.networks.weights import read_weights
from deglare.types import Camera, DepthMap

CAMERA = Camera(70.0, 72.0, 45.3, 30.2, (64, 96))


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that walks along a wall 2 m away."""
    root = tmp_path_factory.mktemp("data") / "wall"
    folder = PosedFolder(root)
    folder.write_camera(CAMERA)
    poses = [np.eye(4) for _ in range(7)]
    for number, pose in enumerate(poses):
        pose[0, 3] = 0.06 * number
        x, y, _ = np.moveaxis(CAMERA.rays() * 2.0 + pose[:3, 3], -1, 0)
        image = np.stack([0.5 + 0.4 * np.sin(5 * x + 3 * k * y + k) for k in range(3)], axis=-1)
        depth = DepthMap.of_positive(np.full(CAMERA.size_hw, 2.0))
        folder.write_frame(f"{number:03d}", (image * 255).astype(np.uint8), depth)
    folder.write_poses((f"{number:03d}", pose) for number, pose in enumerate(poses))
    return root


def words(wall: Path, out: Path, *more: str) -> list[str]:
    small = ["--network", "monodepth2-small", "--size", "96", "64", "--batch", "2", "--device", "cpu"]
    seldom = ["--picture-every", "0", "--log-every", "1"]
    return ["train", "method:selfsup", "--data", str(wall), "--out", str(out), *small, *seldom, *more]


def started(arguments: list[str]) -> subprocess.Popen[str]:
    """The command line in a process of its own, on one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "deglare", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip


def finished(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """The command line in this process; its result."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As in the processes: another number of threads adds in another order."""
    torch.set_num_threads(1)


def same(one: Path, other: Path, atol: float = 0.0) -> bool:
    ours, theirs = (read_weights(path / "network.safetensors").tensors for path in (one, other))
    return all(torch.allclose(ours[name], theirs[name], atol=atol, rtol=0) for name in theirs)


def test_a_run_killed_in_the_middle_goes_on_to_the_same_bits(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--steps", "24", "--checkpoint-every", "3"]
    finished(words(wall, tmp_path / "unbroken", *arguments), capsys)
    process = started(words(wall, tmp_path / "killed", *arguments))
    journal = tmp_path / "killed" / "losses.jsonl"
    while process.poll() is None and not (journal.exists() and len(journal.read_text().splitlines()) >= 7):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "network.safetensors").exists()
    rest = finished(words(wall, tmp_path / "killed", *arguments), capsys)
    assert 3 <= rest["resumed_from"] < 24
    assert same(tmp_path / "killed", tmp_path / "unbroken")


def test_ctrl_c_ends_after_the_step_with_a_checkpoint(wall: Path, tmp_path: Path) -> None:
    process = started(words(wall, tmp_path, "--steps", "2000", "--checkpoint-every", "1999"))
    while process.poll() is None and not (tmp_path / "losses.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "the same line again goes on" in err
    (place,) = (tmp_path / "checkpoints").iterdir()
    assert 1 <= int(place.name) < 2000


def test_two_processes_give_the_result_of_one(wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With frozen normalisation: otherwise each process would normalise its own half of the batch."""
    arguments = ["--steps", "3", "--frozen-norm"]
    finished(words(wall, tmp_path / "one", *arguments), capsys)
    process = started(words(wall, tmp_path / "two", *arguments, "--devices", "2", "--json"))
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["steps"] == 3, "one process answers, once"
    assert same(tmp_path / "two", tmp_path / "one", atol=1e-5)
    lines = [(tmp_path / name / "losses.jsonl").read_text().splitlines() for name in ("one", "two")]
    assert len(lines[0]) == len(lines[1]) == 3


def test_a_config_file_says_what_flags_say_and_flags_overrule_it(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(
        tmp_path / "run.toml",
        f'data = ["{wall}"]\nsize = [96, 64]\nnetwork = "monodepth2-small"\nbatch = 2\nsteps = 9\n'
        'picture_every = 0\nfrozen_norm = true\ndevice = "cpu"\n'
        '[method]\nname = "selfsup"\nautomask = false\nsmoothness = 0.002\n',
    )
    out = tmp_path / "run"
    assert main(["train", "--config", str(tmp_path / "run.toml"), "--out", str(out), "--steps", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 1
    config = json.loads((out / "config.json").read_text())
    assert config["method"] == {
        "name": "selfsup",
        "pose": "known",
        "automask": False,
        "ignore_unseen": False,
        "smoothness": 0.002,
    }
    assert config["settings"]["frozen_norm"] is True
    assert config["settings"]["steps"] == 1
    assert config["data"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[method]\nname = "selfsup"\nsmothness = 1', "perhaps you meant smoothness"),
        ('bach = 2\n[method]\nname = "selfsup"', "perhaps you meant batch"),
        ('[method]\nname = "selfsup"\nteacher = "x"', "no setting 'teacher'"),
        ('[method]\nname = "none"', "names no method"),
        ("steps = 3", "names no method"),
        ("method = 3", "method is a table"),
        ('steps = {a = 1}\n[method]\nname = "selfsup"', "is a number, a text"),
        ("steps = ", "is not TOML"),
    ],
)
def test_a_config_file_that_is_wrong_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    write_text(tmp_path / "run.toml", text)
    assert main(["train", "--config", str(tmp_path / "run.toml"), "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_validation_measures_sequences_with_depth(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--steps", "1", "--held-out", str(wall), "--validate-every", "1"]
    assert main(words(wall, tmp_path / "run", *more)) == 0
    (line,) = (tmp_path / "run" / "validation.jsonl").read_text().splitlines()
    found = json.loads(line)
    metrics = {"abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3"}
    assert metrics <= set(found)
    assert found["abs_rel"] > 0
    assert "abs_rel" in capsys.readouterr().err


def test_validation_of_triplet_mining_says_how_well_its_mask_finds_reflections(tmp_path: Path) -> None:
    held = write_glare_wall(tmp_path / "held", frames=4)
    for pose in ("known", "posenet"):
        out = tmp_path / pose
        line = words(held, out, "--steps", "1", "--held-out", str(held), "--validate-every", "1")
        assert main(["train", "method:triplet", "--method.warm-up", "0", "--method.pose", pose, *line[2:]]) == 0
        found = json.loads((out / "validation.jsonl").read_text())
        assert ("mined_precision" in found and "mined_recall" in found) == (pose == "known")
        assert (out / "losses.png").is_file()


def test_a_training_that_would_end_before_it_mines_is_refused(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words(wall, tmp_path / "run", "--steps", "600")
    assert main(["train", "method:triplet", *line[2:]]) == 2
    assert "600 steps end within the warm-up of 1000" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # protobuf's, inside TensorBoard
def test_tensorboard_gets_the_losses_when_asked(wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    finished(words(wall, tmp_path / "run", "--steps", "2", "--tensorboard"), capsys)
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    assert b"train/loss" in events.read_bytes()


def test_going_on_with_other_settings_exits_2_and_shows_them(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(wall, tmp_path / "run", "--steps", "1")) == 0
    assert main(words(wall, tmp_path / "run", "--steps", "2")) == 2
    assert "settings.steps: 1 there, 2 here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--steps", "2", "--size", "90", "64"], "multiples of 32"),
        (["--steps", "2", "--network", "resnet"], "there is no network"),
        (["--steps", "2", "--batch", "3", "--devices", "2"], "does not divide"),
        (["--steps", "2", "--stepps", "3"], "--stepps"),
        (["--steps", "2", "--every", "0"], "at least one frame"),
        (["--steps", "2", "--workers", "-1"], "not negative"),
        (["--steps", "2", "--method.smoothnes", "1"], "--method.smoothnes"),
        (["--steps", "0"], "at least one"),
        ([], "--steps"),
    ],
)
def test_a_wrong_request_exits_with_2(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(words(wall, tmp_path / "out", *more)) == 2
    assert said in capsys.readouterr().err


def test_self_teaching_without_a_teacher_says_what_is_missing(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [word.replace("selfsup", "self-teaching") for word in words(wall, tmp_path / "out", "--steps", "1")]
    assert main(asked) == 2
    assert "--method.teacher" in capsys.readouterr().err


def test_a_student_is_distilled_from_a_run_and_frames_without_labels_are_told(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "labels"
    label(open_sequence(wall), [Formula(lambda rgb: np.full(rgb.shape[:2], 2.0))], run, threads=1)
    (run / "fused" / "002.png").unlink()
    asked = [word.replace("selfsup", "distill3d") for word in words(wall, tmp_path / "run", "--steps", "2")]
    assert main([*asked, "--method.labels", str(run), "--method.normals", "0.1", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["triples"] == 6
    assert "6 samples of 6 frames" in captured.err
    assert "1 targets without: no label" in captured.err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["method"] == {"name": "distill3d", "layer": "fused", "scales": 4, "normals": 0.1}


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        ("", [], "--method.labels RUN"),
        ("", ["--method.labels", "nowhere"], "nowhere holds no runs"),
        ("rooms:train", ["--method.labels", "nowhere"], "is rendered while training and has no labels"),
    ],
)
def test_distilling_without_labels_exits_with_2(
    wall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: str, more: list[str], said: str
) -> None:
    asked = words(Path(data) if data else wall, tmp_path / "out", "--steps", "1", *more)
    assert main([word.replace("selfsup", "distill3d") for word in asked]) == 2
    assert said in capsys.readouterr().err


def test_rooms_are_rendered_for_a_training_that_has_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rooms = words(Path("rooms:val"), tmp_path / "run", "--steps", "2", "--pool", "1", "--frames-each", "3")
    found = finished([*rooms, "--turnover", "5"], capsys)
    assert (found["steps"], found["rooms"]) == (2, 1)
    identity = json.loads((tmp_path / "run" / "config.json").read_text())
    assert identity["data"].startswith("rooms:val on cpu, ")
    assert main([*rooms, "--turnover", "4"]) == 2
    assert "holds a run with other settings or data (data: rooms:val on cpu, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        (["rooms:test"], [], "rooms:test cannot be trained on: choose rooms:train or rooms:val"),
        (["rooms:"], [], "rooms: cannot be trained on"),
        (["rooms:train", "rooms:val"], [], "rooms:train is trained on alone"),
        (["somewhere", "rooms:val"], [], "rooms:val is trained on alone"),
        (["rooms:train"], ["--workers", "1"], "takes no --workers"),
        (["rooms:train"], ["--pool", "0"], "a pool of 0 rooms"),
        (["rooms:train"], ["--frames-each", "2"], "with 2 frames each"),
        (["rooms:train"], ["--held-out", "rooms:val"], "deglare rooms --split val --out DIR writes them"),
    ],
)
def test_rooms_asked_for_wrongly_exit_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: list[str], more: list[str], said: str
) -> None:
    asked = words(Path(data[0]), tmp_path / "out", "--steps", "2", *more)
    place = asked.index(data[0])
    assert main([*asked[:place], *data, *asked[place + 1 :]]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_config_file_may_ask_for_rooms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text(
        tmp_path / "run.toml",
        'data = ["rooms:train"]\nsteps = 1\npool = 1\nturnover = 9\nframes_each = 2\n[method]\nname = "selfsup"\n',
    )
    assert main(["train", "--config", str(tmp_path / "run.toml"), "--out", str(tmp_path / "out")]) == 2
    assert "a pool of 1 rooms with 2 frames each and a new one every 9 steps" in capsys.readouterr().err
