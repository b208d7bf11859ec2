"""Many sequences: whoever does the work, the labels are the same; one that fails does not take the others with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from apart import alone
from excerpts import write_excerpt
from mortal import die, die_once
from ray_cluster import faults_on_ray

from deglare.fusion import many
from deglare.fusion.many import Job, Outcome, Recipe, label_here, label_in_processes
from deglare.fusion.settings import LabelSettings, MeshSettings

RECIPE = Recipe(
    ("monodepth2-small",), LabelSettings(longest_side=128, mesh=MeshSettings(every=2)), runtime="torch", threads=1
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("scenes")
    return [write_excerpt(root / "first", 0), write_excerpt(root / "later", 30)]


@pytest.fixture(scope="module")
def here(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    jobs = jobs_in(tmp_path_factory.mktemp("here"), sources)
    assert [outcome.fault for outcome in label_here(jobs, RECIPE)] == [None, None]
    return [job.out for job in jobs]


def jobs_in(out: Path, sources: list[Path]) -> list[Job]:
    return [Job(source, out / source.name) for source in sources]


def pixels_of(run: Path) -> dict[str, bytes]:
    paths = [*run.rglob("*.png"), *run.rglob("*.jpg"), run / "mesh.ply"]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in paths}


def faults(outcomes: Iterator[Outcome]) -> dict[str, str | None]:
    return {outcome.job.out.name: outcome.fault for outcome in outcomes}


def test_processes_write_the_same_labels(sources: list[Path], here: list[Path], tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, sources)
    assert faults(label_in_processes(jobs, RECIPE, 2)) == {"first": None, "later": None}
    for job, other in zip(jobs, here, strict=True):
        assert pixels_of(job.out) == pixels_of(other)


def test_ray_writes_the_same_labels_and_names_what_fails(
    sources: list[Path], here: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    paths = os.pathsep.join([str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", paths)
    jobs = [*jobs_in(tmp_path, sources), Job(tmp_path / "nowhere", tmp_path / "lost")]
    found = alone(faults_on_ray, jobs, RECIPE)
    assert found["first"] is None and found["later"] is None and "nowhere" in str(found["lost"])
    for job, other in zip(jobs, here, strict=False):
        assert pixels_of(job.out) == pixels_of(other)


def test_a_second_start_skips_what_is_done(sources: list[Path], here: list[Path]) -> None:
    before = {path: path.stat().st_mtime_ns for run in here for path in run.rglob("*.png")}
    jobs = [Job(source, run) for source, run in zip(sources, here, strict=True)]
    assert faults(label_in_processes(jobs, RECIPE, 1)) == {"first": None, "later": None}
    assert before == {path: path.stat().st_mtime_ns for run in here for path in run.rglob("*.png")}


def test_a_sequence_that_cannot_be_read_does_not_stop_the_others(sources: list[Path], tmp_path: Path) -> None:
    jobs = [Job(tmp_path / "nowhere", tmp_path / "lost"), *jobs_in(tmp_path, sources[:1])]
    found = faults(label_in_processes(jobs, RECIPE, 2))
    assert found["first"] is None and "nowhere" in str(found["lost"])


def test_a_worker_that_dies_is_replaced_and_its_sequence_goes_on(
    sources: list[Path], here: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "do", die_once)
    jobs = jobs_in(tmp_path, sources)
    assert faults(label_in_processes(jobs, RECIPE, 1)) == {"first": None, "later": None}
    assert (tmp_path / "died").exists()
    assert pixels_of(jobs[0].out) == pixels_of(here[0])


def test_a_worker_that_always_dies_is_given_up_and_named(
    sources: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "do", die)
    found = faults(label_in_processes(jobs_in(tmp_path, sources[:1]), RECIPE, 1))
    assert "died 3 times" in str(found["first"])
