"""Labels by steps: predicted once, fused in several ways, each a whole run, sharing what is the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glare import CAMERA, TEACHERS, WALL_M, write_glare_wall

from deglare.data.files import write_depth
from deglare.data.opening import open_sequence
from deglare.data.run_folder import LOCK, RunFolder
from deglare.experiments.measuring import MeasureLabels
from deglare.experiments.models import Shipped, teacher_of
from deglare.experiments.runs import Labels, Predictions, Surface, begin_from, run_name, with_threshold
from deglare.experiments.sources import Given
from deglare.experiments.steps import Done, StoppedError, Tools
from deglare.fusion.estimators import Ensemble, Flip
from deglare.fusion.labelling import label
from deglare.fusion.settings import PUBLISHED, LabelSettings, MeshSettings
from deglare.fusion.strategies import Blend, ByUncertainty, Predicted, Projected
from deglare.types import DepthMap

NETWORK = "monodepth2-small"


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_glare_wall(tmp_path_factory.mktemp("glare") / "wall", frames=6)


@pytest.fixture(scope="module")
def source(wall: Path) -> Given:
    return Given("train", (wall,), lists=())


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "rooms", threads=1)


@pytest.fixture(scope="module")
def labelled(wall: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run of the wall, by the teachers that fall for its highlight."""
    root = tmp_path_factory.mktemp("labelled")
    label(open_sequence(wall), TEACHERS, root / "wall", LabelSettings(mesh=MeshSettings(every=2)), threads=1)
    return root


def content(run: Path) -> dict[str, bytes]:
    """Files by name, but for the lock."""
    files = (path for path in sorted(run.rglob("*")) if path.is_file() and path.name != LOCK)
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_three_steps_leave_what_one_label_leaves(source: Given, wall: Path, tmp_path: Path, tools: Tools) -> None:
    """Predictions, surface and labels of a network against its mirror image, as `label` makes them."""
    mesh, strategy = MeshSettings(every=2), Blend()
    predictions = Predictions(source, (NETWORK,), Flip(), 96)
    teacher = Done(tmp_path, Shipped(NETWORK).do(tmp_path, [], tools))
    places = [tmp_path / name for name in ("predictions", "surface", "labels")]
    predictions.do(places[0], [teacher], tools)
    Surface(predictions, NETWORK, mesh).do(places[1], [teacher, Done(places[0], {})], tools)
    result = Labels(source, strategy).do(places[2], [Done(places[1], {})], tools)
    settings = LabelSettings(96, Flip(), NETWORK, mesh, strategy=strategy)
    whole = label(open_sequence(wall), [teacher_of(teacher, NETWORK, tools)], tmp_path / "whole", settings, threads=1)
    assert content(places[2] / "wall") == content(whole.run.root)
    assert result["pixels"]["blended"] > 0
    assert not (places[0] / "wall" / "fused").exists() and not (places[1] / "wall" / "fused").exists()


def test_every_nth_frame_gets_labels_where_that_is_asked(source: Given, tmp_path: Path, tools: Tools) -> None:
    Predictions(source, (NETWORK,), Flip(), 96, every=3).do(tmp_path, [Done(tmp_path, {"model": NETWORK})], tools)
    assert list(RunFolder(tmp_path / "wall").manifest().poses) == ["000", "003"]


def test_what_is_the_same_is_on_the_disk_once(labelled: Path, tmp_path: Path) -> None:
    before = content(labelled / "wall")
    begin_from(RunFolder(labelled / "wall"), RunFolder(tmp_path / "wall"))
    shared = RunFolder(tmp_path / "wall").predicted("deep", "000")
    assert shared.stat().st_nlink > 1
    assert content(tmp_path / "wall") == before
    write_depth(shared, DepthMap.of_positive(np.full(CAMERA.size_hw, 1.0)))
    assert content(labelled / "wall") == before, "a file is replaced, not changed"


def test_where_files_cannot_be_shared_they_are_copied(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    begin_from(RunFolder(labelled / "wall"), RunFolder(tmp_path / "wall"))
    assert content(tmp_path / "wall") == content(labelled / "wall")


def test_a_beginning_that_was_cut_off_is_made_whole(labelled: Path, tmp_path: Path) -> None:
    target = RunFolder(tmp_path / "wall")
    begin_from(RunFolder(labelled / "wall"), target)
    (target.root / "run.json").unlink()
    shutil.rmtree(target.root / "projected")
    begin_from(RunFolder(labelled / "wall"), target)
    assert content(target.root) == content(labelled / "wall")


def test_one_threshold_is_chosen_for_all_sequences_without_truth(labelled: Path) -> None:
    runs = [RunFolder(labelled / "wall")]
    chosen = with_threshold(ByUncertainty(None, 0.99), runs)
    assert isinstance(chosen, ByUncertainty) and chosen.alpha_m == pytest.approx(0.5, rel=0.01), (
        "the highlight's spread"
    )
    assert with_threshold(ByUncertainty(None, 0.5), runs) == ByUncertainty(0.0, 0.5)
    for strategy in (ByUncertainty(0.4), Blend()):
        assert with_threshold(strategy, runs) is strategy


def test_labels_are_measured_where_they_are_learnt(labelled: Path, source: Given, tmp_path: Path, tools: Tools) -> None:
    """Predicted depth sees a hole of 4 m where the highlight is, on a wall 2 m away: Sq Rel is 2 there, else 0."""
    needs: Sequence[Done] = [Done(labelled, {})]
    predicted = MeasureLabels(source, "predicted/deep").do(tmp_path, needs, tools)
    fused = MeasureLabels(source, "fused").do(tmp_path, needs, tools)
    highlight, metric = predicted["regions"].index("highlight"), predicted["metrics"].index("sq_rel")

    def mean(result: dict, region: int) -> float:
        (values,), (images,) = result["subsets"]["all"]["values"], result["subsets"]["all"]["images"]
        return values[region][metric] / images[region][metric]

    assert mean(dict(predicted), highlight) == pytest.approx((4 - WALL_M) ** 2 / WALL_M, rel=0.1)
    assert mean(dict(fused), highlight) < 0.3 * mean(dict(predicted), highlight)
    assert predicted["subsets"]["all"]["scenes"] == ["wall"]


def test_work_stops_between_sequences(source: Given, tmp_path: Path, tools: Tools) -> None:
    stopped = replace(tools, stop=lambda: True)
    teacher = Done(tmp_path, {"model": NETWORK})
    with pytest.raises(StoppedError):
        Predictions(source, (NETWORK,), Flip(), 96).do(tmp_path / "p", [teacher], stopped)
    assert not (tmp_path / "p").exists()


def test_runs_of_sequences_with_numbers_for_names_carry_their_scenes_name(tmp_path: Path) -> None:
    assert run_name(tmp_path / "chess" / "seq-01") == "chess-seq-01"
    (tmp_path / "scene.v2").mkdir()
    assert run_name(tmp_path / "scene.v2") == "scene.v2"


def test_settings_of_a_step_say_all_that_decides_it(source: Given) -> None:
    one = Predictions(source, (NETWORK,), Flip(), 96)
    assert one.settings != replace(one, uncertainty=Ensemble()).settings
    assert one.settings != replace(one, longest_side=128).settings
    surface = Surface(one, NETWORK, MeshSettings())
    assert surface.settings != replace(surface, mesh=PUBLISHED.mesh).settings
    assert Labels(source, Predicted()).settings != Labels(source, Projected()).settings
