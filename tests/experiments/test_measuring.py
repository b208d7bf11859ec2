"""Sums by scene give the means of an ordinary evaluation, for every subset and region."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from glare import WALL_M, highlight_of, write_glare_wall

from deglare.data.opening import open_sequence
from deglare.errors import DataError
from deglare.evaluation.comparing import Scene, measure
from deglare.evaluation.protocol import protocol_named
from deglare.experiments.measuring import MeasureModel, measured
from deglare.experiments.models import Shipped, teacher_of
from deglare.experiments.numbers import Spot, sample_of
from deglare.experiments.sources import Given
from deglare.experiments.steps import Done, StoppedError, Tools
from deglare.types import DepthMap, Frame

SUBSET = frozenset({"one/001", "one/003", "two/002"})


@pytest.fixture(scope="module")
def walls(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("walls")
    return [write_glare_wall(root / "one", frames=5), write_glare_wall(root / "two", frames=4)]


def hole(frame: Frame) -> DepthMap:
    """A tenth too far, and twice as far in the highlight."""
    return DepthMap.of_positive(np.where(highlight_of(frame.rgb()), 2 * WALL_M, 1.1 * WALL_M))


def scenes(walls: list[Path]) -> Iterator[Scene]:
    return (Scene(path.name, open_sequence(path), hole) for path in walls)


@pytest.mark.parametrize("subset", ["all", "reflection"])
def test_means_are_those_of_an_ordinary_evaluation(walls: list[Path], tmp_path: Path, subset: str) -> None:
    result = measured(scenes(walls), "rooms", {"reflection": SUBSET}, 9, Tools(tmp_path))
    only = SUBSET if subset == "reflection" else ()
    report = measure(list(scenes(walls)), "rooms", only=only).report()
    found = 0
    for row in report.rows:
        sample = sample_of([result], Spot("val", subset, row.region, row.metric))
        assert sample is not None and sample.mean == pytest.approx(row.value, abs=1e-6)
        assert sample.scenes == row.scenes and sample.images.sum() == row.frames
        found += 1
    assert found >= 40
    assert result["subsets"][subset]["frames"] == report.frames
    if subset == "all":
        assert result["frames_sha256"] == report.protocol.frames_sha256


def test_a_subset_without_frames_is_left_out(walls: list[Path], tmp_path: Path) -> None:
    result = measured(scenes(walls), "rooms", {"reflection": frozenset()}, 9, Tools(tmp_path))
    assert list(result["subsets"]) == ["all"]


def test_sequences_without_depth_are_refused(walls: list[Path], tmp_path: Path) -> None:
    nothing = iter([Scene("one", open_sequence(walls[0]), lambda frame: None)])
    with pytest.raises(DataError, match="no frame has true depth"):
        measured(nothing, "rooms", {}, 9, Tools(tmp_path))


def test_a_network_is_measured_at_the_size_that_is_asked_for(walls: list[Path], tmp_path: Path) -> None:
    source, tools = Given("val", tuple(walls)), Tools(tmp_path)
    model = Done(tmp_path, Shipped("monodepth2-small").do(tmp_path, [], tools))
    work = MeasureModel(source, 2, (64, 96))
    result = work.do(tmp_path, [model], tools)
    assert result["subsets"]["all"]["frames"] == 5
    teacher = teacher_of(model, "x", tools, (64, 96))
    assert teacher.name == "x" and teacher.size_hw == (64, 96)
    frames = [Scene(p.name, open_sequence(p)[::2], lambda frame: teacher.predict(frame.rgb())) for p in walls]
    expected = measure(frames, protocol_named("rooms")).report().value("all", "sq_rel")
    sample = sample_of([result], Spot("val"))
    assert sample is not None and sample.mean == pytest.approx(expected, abs=1e-6)


def test_measuring_stops_between_scenes(walls: list[Path], tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        measured(scenes(walls), "rooms", {}, 9, Tools(tmp_path, stop=lambda: True))
