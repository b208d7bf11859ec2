"""``deglare bench distill3d``, whole and tiny: killed, gone on with, asked for again, changed, and asked wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from deglare.cli import main

ARMS = ("self-teaching", "distill3d", "robust-one")
NETWORK = "monodepth2-small"
Bench = Callable[..., dict]


def words(out: Path, *more: str) -> list[str]:
    few = ["--scale", "tiny", "--student-steps", "5", "--arms", *ARMS]
    return ["bench", "distill3d", "--out", str(out), "--device", "cpu", "--workers", "1", *few, *more]


def steps_of(out: Path) -> dict[str, tuple[Path, int]]:
    """The folder of every finished step, and when its result was written."""
    found = {}
    for path in (out / "steps").glob("*/result.json"):
        found[json.loads(path.read_text())["step"]] = (path.parent, path.stat().st_mtime_ns)
    return found


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str], dict[str, tuple[Path, int]]]:
    """A bench that was killed while it trained a student; what was finished then."""
    out = tmp_path_factory.mktemp("bench") / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "deglare", *words(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    while process.poll() is None and not list(out.glob("steps/student-*/checkpoints/*/state.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    before = steps_of(out)
    return out, set(before), before


@pytest.fixture(scope="module")
def whole(killed: tuple[Path, set[str], dict[str, tuple[Path, int]]]) -> Path:
    """The same line again."""
    torch.set_num_threads(1)
    assert main(words(killed[0])) == 0
    return killed[0]


@pytest.fixture
def again(capsys: pytest.CaptureFixture[str]) -> Bench:
    def ask(out: Path, *more: str) -> dict:
        assert main([*words(out, *more), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return ask


def test_a_bench_that_was_killed_goes_on_and_does_nothing_twice(
    killed: tuple[Path, set[str], dict[str, tuple[Path, int]]], whole: Path
) -> None:
    _, names, before = killed
    assert {"data/train", "data/val", "predict/all"} <= names
    assert not any(name.startswith("student/") for name in names)
    after = steps_of(whole)
    assert {name: after[name] for name in names} == before
    assert {f"student/{NETWORK}/{arm}/seed-0" for arm in ARMS} <= set(after)
    assert all(
        (place / "network.safetensors").is_file() for name, (place, _) in after.items() if "student/" in name[:8]
    )
    assert not list(whole.glob("steps/*/checkpoints"))


def test_records_name_their_cell_and_claims_have_verdicts(whole: Path) -> None:
    content = json.loads((whole / "distill3d-tiny.json").read_text())
    wanted = {"table", "network", "method", "split", "subset", "region", "roughness", "metric", "mean", "low", "high"}
    assert all(wanted | {"seeds", "command", "protocol"} <= set(record) for record in content["records"])
    main_table = {(r["method"], r["subset"]) for r in content["records"] if r["table"] == "main"}
    assert {(arm, "all") for arm in ("self-supervised", "self-teaching", "distill3d")} <= main_table
    labels = {record["method"] for record in content["records"] if record["table"] == "labels"}
    assert labels == set(ARMS)
    verdicts = {claim["id"]: claim["verdict"] for claim in content["claims"]}
    assert verdicts["c"] == verdicts["d"] == "not measured"
    assert set(verdicts.values()) <= {"yes", "no", "not measured"}
    assert "## Claims" in (whole / "distill3d-tiny.md").read_text()


def test_asked_again_nothing_is_left_to_do(whole: Path, again: Bench) -> None:
    before = steps_of(whole)
    plan = again(whole, "--dry")
    assert plan["left"] == 0 and all(step["done"] for step in plan["steps"])
    found = again(whole)
    assert found["done"] == found["steps"] == len(plan["steps"])
    assert steps_of(whole) == before


def test_a_changed_setting_redoes_what_depends_on_it_only(whole: Path, again: Bench) -> None:
    plan = again(whole, "--dry", "--student-steps", "6")
    left = {step["step"] for step in plan["steps"] if not step["done"]}
    students = {f"student/{NETWORK}/{arm}/seed-0" for arm in ARMS}
    assert left == students | {f"measure/val/{student}" for student in students}
    one = f"student/{NETWORK}/self-teaching/seed-0"
    again(whole, "--student-steps", "6", "--only", one)
    assert len(list(whole.glob("steps/student-*/network.safetensors"))) == 4, "the others' and both of this one"


def test_a_part_can_be_asked_for(whole: Path, again: Bench) -> None:
    plan = again(whole, "--dry", "--only", "labels/*")
    kinds = {step["step"].split("/")[0] for step in plan["steps"]}
    assert kinds == {"labels", "surface", "predict", "teacher", "data"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--arms", "nobody"], "there is no arm 'nobody'"),
        (["--only", "nothing"], "no step matches nothing"),
        (["--splits", "later"], "there is no split later"),
        (["--seeds", "0", "0"], "name each seed once"),
        (["--networks", "resnet"], "has no resnet"),
        (["--student-steps", "0"], "at least one"),
        (["--workers", "0"], "0 workers do nothing"),
        (["--data", "scannet"], "needs --root"),
        (["--data", "nowhere"], "there is no data 'nowhere'"),
        (["--root", "somewhere"], "leave --root"),
    ],
)
def test_a_wrong_request_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(words(tmp_path / "out", *more)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out" / "steps").exists()
