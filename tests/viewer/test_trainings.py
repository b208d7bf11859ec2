"""Trainings in the studio: which there are, how far they went, and what a broken one says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deglare.errors import RequestError
from deglare_viewer.panels.training import charts_json, is_going_on
from deglare_viewer.trainings import SHIPPED, Trainings


@pytest.fixture
def training(tmp_path: Path) -> Path:
    folder = tmp_path / "night"
    folder.mkdir()
    settings = {"settings": {"network": "hrdepth", "steps": 30}, "method": {"name": "selfsup"}}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "losses.jsonl").write_text('{"step": 10, "loss": 0.2}\n{"step": 20, "loss": 0.1}\n')
    return folder


def test_the_training_that_ships_shows_what_its_mask_found_over_steps() -> None:
    trainings = Trainings()
    assert trainings.names == trainings.first == (SHIPPED,) and not trainings.own
    drawn = json.loads(charts_json(trainings, [SHIPPED]))
    titles = [chart["title"] for chart in drawn["charts"]]
    assert titles[:3] == ["Abs Rel", "Sq Rel", "RMSE"] and "loss" in titles
    precision, recall = (
        next(chart["lines"][0] for chart in drawn["charts"] if chart["title"] == f"{name} of the mined mask")
        for name in ("precision", "recall")
    )
    assert len(precision["xs"]) >= 5 and precision["xs"] == recall["xs"]
    assert all(0 < share < 1 for share in (*precision["ys"], *recall["ys"]))
    assert not is_going_on(trainings.follow(SHIPPED))


def test_lines_of_several_trainings_share_a_chart(training: Path) -> None:
    assert Trainings([training, training]).own == ("night",)
    other = Path(shutil.copytree(training, training.parent / "elsewhere" / "night"))
    trainings = Trainings([training, other])
    assert trainings.own == ("night", "night-2")
    drawn = json.loads(charts_json(trainings, ["night-2", "night"]))
    (loss,) = drawn["charts"]
    assert [line["of"] for line in loss["lines"]] == [0, 1] and loss["lines"][0]["ys"] == [0.2, 0.1]
    assert drawn["trainings"][0]["name"] == "night-2"
    assert drawn["trainings"][0]["says"].endswith("step 20 of 30; nothing of held-out frames")
    assert is_going_on(trainings.follow("night"))


def test_a_training_that_is_gone_or_broken_says_so_without_its_path(training: Path) -> None:
    trainings = Trainings([training])
    (training / "config.json").write_text("{")
    (said,) = json.loads(charts_json(trainings, ["night"]))["trainings"]
    assert "night" in said["says"] and str(training.parent) not in said["says"]
    shutil.rmtree(training)
    (said,) = json.loads(charts_json(trainings, ["night"]))["trainings"]
    assert "is gone" in said["says"] and str(training.parent) not in said["says"]


@pytest.mark.parametrize("name", ["/etc", "", None, 3, ["night"]])
def test_a_name_that_nobody_gave_leads_nowhere(training: Path, name: object) -> None:
    with pytest.raises(RequestError, match="no such training"):
        Trainings([training]).follow(name)
