"""Labels made again from what is on disk: as the whole pipeline would have made them, without any teacher."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glare import TEACHERS, write_glare_wall

from deglare.data.files import read_png8
from deglare.data.opening import open_sequence
from deglare.data.run_folder import LabelSource, RunFolder
from deglare.errors import DataError, RequestError
from deglare.fusion.labelling import label
from deglare.fusion.mining import MINE, MINED
from deglare.fusion.relabelling import mine, relabel
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.strategies import (
    Blend,
    ByDifference,
    ByMask,
    ByMaskAndUncertainty,
    ByUncertainty,
    ByViews,
    Predicted,
    Strategy,
)
from deglare.networks.disparity import MetricRange
from deglare.types import DepthMap, Rgb

SETTINGS = LabelSettings(
    mesh=MeshSettings(every=1), strategy=ByUncertainty(), base="deeper", projected_range=MetricRange(0.2, 9.0)
)
Make = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_glare_wall(tmp_path_factory.mktemp("glare") / "wall", frames=6)


@pytest.fixture
def make(wall: Path, tmp_path: Path) -> Make:
    def run(name: str, strategy: Strategy) -> RunFolder:
        settings = replace(SETTINGS, strategy=strategy)
        return label(open_sequence(wall), TEACHERS, tmp_path / name, settings).run

    return run


def everything(run: RunFolder) -> dict[str, bytes]:
    return {
        path.relative_to(run.root).as_posix(): path.read_bytes()
        for path in run.root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize(
    "strategy",
    [
        ByUncertainty(0.1),
        ByUncertainty(None, 0.9),
        Blend("both"),
        ByViews(),
        ByMask(),
        ByMaskAndUncertainty("intersection", 0.1),
        Predicted(),
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_fused_again_is_the_run_that_was_labelled_so(make: Make, strategy: Strategy, threads: int) -> None:
    run, wanted = make("run", ByDifference()), make("wanted", strategy)
    counts = relabel(run, strategy, threads=threads)
    assert everything(run) == everything(wanted)
    assert counts == run.manifest().stages["fuse"].result["pixels"]
    assert sum(counts[source] for source in ("predicted", "projected", "blended") if source in counts) == 6 * 64 * 96


def test_labelling_with_those_settings_afterwards_finds_nothing_to_do(make: Make, wall: Path) -> None:
    run = make("run", ByUncertainty())
    relabel(run, Blend())
    before = {path: path.stat().st_mtime_ns for path in (run.root / "fused").iterdir()}
    again = make("run", Blend())
    assert before == {path: path.stat().st_mtime_ns for path in (again.root / "fused").iterdir()}


def test_labelling_with_the_old_settings_afterwards_redoes_the_fusion_alone(make: Make) -> None:
    run = make("run", ByUncertainty())
    first = everything(run)
    kept = {path: path.stat().st_mtime_ns for path in (run.root / "projected").iterdir()}
    relabel(run, Blend())
    assert everything(run) != first
    assert everything(make("run", ByUncertainty())) == first
    assert kept == {path: path.stat().st_mtime_ns for path in (run.root / "projected").iterdir()}


def test_the_same_strategy_again_writes_nothing(make: Make) -> None:
    run = make("run", ByUncertainty())
    before = {path: path.stat().st_mtime_ns for path in run.root.rglob("*.png")}
    told: list[tuple[int, int]] = []
    counts = relabel(run, ByUncertainty(), progress=lambda *done: told.append(done))
    assert counts["projected"] > 0 and not told
    assert before == {path: path.stat().st_mtime_ns for path in run.root.rglob("*.png")}


def test_progress_counts_the_frames(make: Make) -> None:
    run = make("run", ByUncertainty())
    told: list[tuple[int, int]] = []
    relabel(run, Blend(), progress=lambda *done: told.append(done))
    assert told[0] == (0, 6) and told[-1] == (6, 6)


def test_a_mask_that_is_made_first_counts_as_much_as_the_labels(make: Make) -> None:
    run = make("run", ByUncertainty())
    told: list[tuple[int, int]] = []
    relabel(run, ByMask(), progress=lambda *done: told.append(done))
    assert told == [(done, 12) for done in (*range(7), *range(6, 13))]
    told.clear()
    relabel(run, ByMaskAndUncertainty("union"), progress=lambda *done: told.append(done))
    assert told == [(done, 6) for done in range(7)], "the mask is there"


def test_a_run_that_another_process_writes_is_left_alone(make: Make) -> None:
    run = make("run", ByUncertainty())
    before = everything(run)
    with run.held(), pytest.raises(RequestError, match="another process is writing"):
        relabel(run, Blend())
    assert everything(run) == before


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("frames_done", [0, 3, 6])
def test_stopped_it_leaves_the_run_as_it_was(make: Make, frames_done: int) -> None:
    def stop(done: int, total: int) -> None:
        if done == frames_done:
            raise StoppedError

    run, wanted = make("run", ByUncertainty()), make("wanted", Blend())
    before = everything(run)
    with pytest.raises(StoppedError):
        relabel(run, Blend(), progress=stop)
    assert everything(run) == before
    relabel(run, Blend())
    assert everything(run) == everything(wanted)


def test_a_full_disk_leaves_the_run_as_it_was(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run, real, written = make("run", ByUncertainty()), os.fsync, list[int]()
    before = everything(run)

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) > 5:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        relabel(run, Blend())
    assert everything(run) == before


def test_killed_while_labels_are_put_in_place_it_is_half_written_until_it_is_done_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, wanted, real = make("run", ByUncertainty()), make("wanted", Blend()), Path.replace

    def dies(path: Path, target: Path) -> Path:
        if target == run.layer("source", "003"):
            raise StoppedError
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dies)
        with pytest.raises(StoppedError):
            relabel(run, Blend())
    assert not run.manifest().stages["fuse"].is_finished
    relabel(run, Blend())
    assert everything(run) == everything(wanted)


def test_what_a_killed_one_left_aside_is_removed(make: Make) -> None:
    run = make("run", ByUncertainty())
    (run.root / ".fusing" / "fused").mkdir(parents=True)
    (run.root / ".fusing" / "fused" / "000.png").write_bytes(b"half")
    relabel(run, Blend())
    assert everything(run) == everything(make("wanted", Blend()))


def test_a_stage_that_is_not_finished_is_named(make: Make) -> None:
    run = make("run", ByUncertainty())
    content = json.loads((run.root / "run.json").read_text())
    content["stages"]["project"]["is_finished"] = False
    (run.root / "run.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="'project' is not finished"):
        relabel(run, Blend())


def test_a_strategy_that_goes_by_a_mask_has_it_mined_first(make: Make) -> None:
    run, wanted = make("run", ByUncertainty()), make("wanted", ByMask())
    relabel(run, ByMask())
    assert everything(run) == everything(wanted)
    source = read_png8(run.layer("source", "002"))
    assert np.array_equal(source == LabelSource.PROJECTED, read_png8(run.layer("mined", "002")) > 0)


def test_a_teacher_is_never_asked(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make("run", ByUncertainty())

    def refuse(self: object, rgb: Rgb) -> DepthMap:
        raise AssertionError("a teacher was asked")

    monkeypatch.setattr(type(TEACHERS[0]), "predict", refuse)
    relabel(run, Blend())


def test_mining_that_was_stopped_goes_on_with_the_frames_that_are_left_and_leaves_the_labels(make: Make) -> None:
    run = make("run", ByDifference())
    labels = {path: path.read_bytes() for layer in ("fused", "source") for path in (run.root / layer).iterdir()}

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine(run, threads=1, progress=stop)
    assert not run.manifest().stages[MINE].is_finished
    before = {path: path.stat().st_mtime_ns for path in (run.root / MINED).iterdir()}
    told: list[int] = []
    found = mine(run, threads=1, progress=lambda done, total: told.append(done))
    assert told == [3, 4, 5, 6] and len(before) == 3
    assert before.items() <= {path: path.stat().st_mtime_ns for path in (run.root / MINED).iterdir()}.items()
    assert found["reflective"].pixels == 6 * 64 * 96 and mine(run) == found
    assert all(path.read_bytes() == content for path, content in labels.items())
