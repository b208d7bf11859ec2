"""``deglare video`` as it is typed: stopped, killed, finished; looked at; done again with other settings."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import write_clip

from deglare import open_sample
from deglare.cli import main
from deglare.data.files import read_depth, read_json
from deglare.data.run_folder import RunFolder
from deglare.geometry.mesh_files import read_mesh
from deglare.inspection.run import InspectedRun

FRAMES = 22
FEATURES, PAIRS = 4, 5
"""Numbers of stages."""

TOLD = ("progress.json", "plan.json", "verdict.json", "alignment.json", "stages.json")
"""What is said anew by every call."""

QUICK = (
    "--teachers",
    "monodepth2-small",
    "--runtime",
    "torch",
    "--longest-side",
    "128",
    "--every",
    "2",
    "--threads",
    "2",
)


@dataclass(frozen=True)
class Story:
    """A run that was stopped, killed and finished."""

    clip: Path
    out: Path
    stopped: dict[str, Any]
    stopped_status: int
    killed: dict[str, Any]
    left_by_killed: dict[Path, int]
    """Files and their times."""
    result: dict[str, Any]


def standing(out: Path) -> dict[str, Any]:
    return dict(read_json(out / "video" / "progress.json"))  # type: ignore[call-overload]


def times_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file()}


def ended_at(number: int, with_signal: int, words: list[str], out: Path) -> int:
    """Run the verb in a process and send it a signal once it has come to a stage."""
    child = subprocess.Popen([sys.executable, "-m", "deglare", *words], stderr=subprocess.DEVNULL)
    try:
        while child.poll() is None:
            if (out / "video" / "progress.json").is_file():
                now = standing(out)
                if now["state"] == "working" and now["number"] >= number:
                    child.send_signal(with_signal)
                    break
            time.sleep(0.01)
        return child.wait(timeout=60)
    finally:
        child.kill()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    root = tmp_path_factory.mktemp("video")
    clip = write_clip(root / "room.mp4", (frame.rgb() for frame in open_sample()[:FRAMES]))
    out = root / "run"
    words = ["video", str(clip), "--out", str(out), *QUICK]
    status = ended_at(FEATURES, signal.SIGTERM, words, out)
    stopped = standing(out)
    ended_at(PAIRS, signal.SIGKILL, words, out)
    killed, left = standing(out), times_of(out / "video" / "features") | times_of(out / "video" / "depth")
    printed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda text, file=None: printed.append(text) if file is None else None)
        assert main([*words, "--json"]) == 0
    return Story(clip, out, stopped, status, killed, left, json.loads(printed[-1]))


def test_a_stop_is_told_and_a_kill_leaves_working_behind(story: Story) -> None:
    assert (story.stopped["state"], story.stopped_status) == ("stopped", 130) and story.stopped["number"] >= FEATURES
    assert story.killed["state"] == "working" and story.killed["number"] >= PAIRS and story.killed["stages"] == 13


def test_what_was_done_before_the_kill_was_not_done_again(story: Story) -> None:
    assert len(story.left_by_killed) >= 2 * 13
    now = times_of(story.out / "video")
    assert all(now[path] == time for path, time in story.left_by_killed.items())


def steps_of(out: Path, believed: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Between neighbouring frames in metres, as found and in truth."""
    sample, found = open_sample(), InspectedRun.open(out).poses
    paths = [[found[name] for name in believed], [sample[int(name)].world_T_cam for name in believed]]
    moved = [np.diff(np.stack(path)[:, :3, 3], axis=0) for path in paths]  # type: ignore[arg-type]
    return np.linalg.norm(moved[0], axis=1), np.linalg.norm(moved[1], axis=1)


def test_a_focal_length_that_so_short_a_clip_does_not_tell_is_assumed_and_the_verdict_says_so(story: Story) -> None:
    verdict = story.result["verdict"]
    assert verdict["outcome"] == "whole" and len(verdict["believed"]) >= 13
    assert verdict["focal"]["origin"] == "assumed"
    assert any("focal length could not be told" in reason for reason in verdict["reasons"])
    found, truth = steps_of(story.out, verdict["believed"])
    assert np.median(found / truth) == pytest.approx(1, abs=0.3)


def test_the_studio_opens_the_run(story: Story) -> None:
    run = InspectedRun.open(story.out)
    assert run.teachers == ("monodepth2-small",) and run.has_fused and run.camera.size_hw == (96, 128)
    assert len(read_mesh(RunFolder(story.out).mesh).faces) > 1000


def test_results_are_there_and_the_last_word_is_done(story: Story) -> None:
    assert {Path(path).name for path in story.result["results"].values()} == {
        "depth.mp4",
        "poses_tum.txt",
        "colmap",
        "transforms.json",
        "mesh.ply",
        "mesh.glb",
    }
    assert all(Path(path).exists() for path in story.result["results"].values())
    last = standing(story.out)
    assert (last["state"], last["seconds_left"], last["error"]) == ("done", 0.0, None)


def test_the_same_line_again_changes_no_file(story: Story) -> None:
    before = times_of(story.out)
    assert main(["video", str(story.clip), "--out", str(story.out), *QUICK]) == 0
    told = {story.out / "video" / name for name in TOLD}
    told |= {story.out / "run.json"}
    now = times_of(story.out)
    assert {path for path in now if before.get(path) != now[path]} <= told


def test_a_given_lens_redoes_cameras_and_labels_and_nothing_before(story: Story, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(story.out, out)
    before, depth = times_of(out), read_depth(RunFolder(out).layer("fused", "000004"))
    assert main(["video", str(story.clip), "--out", str(out), *QUICK, "--focal", "345.7"]) == 0
    now = times_of(out)
    early = [path for path in now if path.parts[-2] in ("frames", "features") or "depth" in path.parts]
    assert len(early) > 40 and all(now[path] == before.get(path, now[path]) for path in early)
    verdict: Any = read_json(out / "video" / "verdict.json")
    assert verdict["focal"]["origin"] == "given" and verdict["focal"]["px"] == pytest.approx(345.7)
    assert not np.array_equal(read_depth(RunFolder(out).layer("fused", "000004")).metres, depth.metres)
    found, truth = steps_of(out, verdict["believed"])
    scale = float(np.median(truth / found))
    assert scale == pytest.approx(1, abs=0.2)
    assert scale * found == pytest.approx(truth, abs=0.03)


def test_another_video_is_refused_and_nothing_is_touched(story: Story, tmp_path: Path, capsys) -> None:
    other = write_clip(tmp_path / "other.mp4", (frame.rgb() for frame in open_sample()[30:34]))
    before = times_of(story.out)
    assert main(["video", str(other), "--out", str(story.out), *QUICK]) == 2
    assert "is the run of another video (room.mp4)" in capsys.readouterr().err
    assert times_of(story.out) == before


def test_the_plan_alone_writes_nothing(story: Story, tmp_path: Path, capsys) -> None:
    assert main(["video", str(story.clip), "--out", str(tmp_path / "run"), "--plan-only", "--json"]) == 0
    printed, said = capsys.readouterr()
    plan = json.loads(printed)["plan"]
    assert plan["facts"]["size_hw"] == [288, 384] and plan["looked_at"] == FRAMES and plan["total_s"] > 1
    assert "frames are looked at" in said and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--focal", "500", "--fov", "60"], "give one of them"),
        (["--fov", "200"], "no phone's"),
        (["--frames", "3"], "keep at least 12"),
        (["--start", "30"], "before --start 30"),
        (["--threads", "0"], "give 1 or more"),
        (["--strategy", "magic"], "there is no strategy 'magic'"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    words: list[str], said: str, story: Story, tmp_path: Path, capsys
) -> None:
    assert main(["video", str(story.clip), "--out", str(tmp_path / "run"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"just some words", "is not a video that is read here"),
        (b"", "is empty"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(200), "cut short or damaged"),
    ],
)
def test_what_is_no_video_is_one_sentence_and_told_where_the_folder_waits(
    content: bytes, said: str, tmp_path: Path, capsys
) -> None:
    upload, out = tmp_path / "upload.mp4", tmp_path / "run"
    upload.write_bytes(content)
    assert main(["video", str(upload), "--out", str(out)]) == 2
    assert said in capsys.readouterr().err and not out.exists()
    out.mkdir()
    assert main(["video", str(upload), "--out", str(out)]) == 2
    assert standing(out)["state"] == "failed" and said in standing(out)["error"]


def test_a_clip_of_dots_is_refused(tmp_path: Path, capsys) -> None:
    dots = write_clip(tmp_path / "dots.mkv", [np.zeros((2, 2, 3), dtype=np.uint8)] * 3)
    assert main(["video", str(dots), "--out", str(tmp_path / "run")]) == 2
    assert "that shows nothing" in capsys.readouterr().err


def test_a_folder_with_other_things_is_refused(story: Story, tmp_path: Path, capsys) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    assert main(["video", str(story.clip), "--out", str(tmp_path)]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert not (tmp_path / "video").exists()
