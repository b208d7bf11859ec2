"""Records, tables and pictures of numbers that are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_results import choice, measured, result

from deglare.data.files import read_rgb
from deglare.experiments.distill3d import Choice
from deglare.experiments.numbers import Spot
from deglare.experiments.paper import paper_value
from deglare.experiments.records import Record, records_of
from deglare.experiments.results import Findings, findings_of, write_findings
from deglare.experiments.steps import Done

NETWORK = "monodepth2-small"
MEAN = (1 + 2 + 0.5) / 3
VALUES = {
    (NETWORK, "self-supervised"): 4.0,
    (NETWORK, "self-teaching"): 3.0,
    (NETWORK, "distill3d"): {"all": 2.0, "reflection": 1.0, "no-reflection": 2.5, "highlight": 7.0},
    (NETWORK, "robust"): 0.5,
}
ARMS = ["self-teaching", "distill3d", "robust"]


@pytest.fixture
def small() -> Choice:
    return choice(ARMS)


def records() -> list[Record]:
    return records_of(*measured(choice(ARMS), VALUES), "deglare bench distill3d")


def the(found: list[Record], **wanted: object) -> Record:
    (one,) = [record for record in found if all(getattr(record, name) == value for name, value in wanted.items())]
    return one


def test_a_record_says_all_about_its_number() -> None:
    spot = {"table": "main", "method": "distill3d", "subset": "reflection", "metric": "sq_rel"}
    record = the(records(), **spot)
    assert record.mean == pytest.approx(MEAN)
    assert record.low is not None and record.high is not None and record.low < record.mean < record.high
    assert (record.network, record.split, record.region, record.roughness) == (NETWORK, "val", "all", None)
    assert (record.seeds, record.scenes, record.protocol) == (1, 3, "rooms")
    assert record.paper == 0.093, "Monodepth2 on ScanNet-Reflection val"
    assert record.command == "deglare bench distill3d"


def test_highlights_are_told_apart_by_roughness() -> None:
    spot = {"table": "main", "method": "distill3d", "region": "highlight", "metric": "sq_rel"}
    assert the(records(), roughness="< 0.01", **spot).mean == pytest.approx(7 * MEAN)
    assert the(records(), roughness=None, **spot).paper is None, "the paper has no regions"


def test_each_table_has_its_own_lines() -> None:
    lines = {(record.table, record.method) for record in records()}
    assert {method for table, method in lines if table == "main"} == {"self-supervised", "self-teaching", "distill3d"}
    assert {method for table, method in lines if table == "ablation"} == {"self-teaching", "distill3d"}
    assert {method for table, method in lines if table == "beyond"} == {"distill3d", "robust"}


def test_the_ablation_stands_beside_the_papers_ablation() -> None:
    spot = {"table": "ablation", "method": "self-teaching", "metric": "sq_rel", "region": "all"}
    assert the(records(), subset="reflection", **spot).paper == 0.188
    assert the(records(), subset="no-reflection", **spot).paper is None


def test_the_papers_numbers_are_found_by_network_split_and_subset() -> None:
    assert paper_value("monovit-small", "3D Distillation", Spot("test", "reflection")) == 0.069
    assert paper_value("hrdepth", "self-teaching", Spot("7scenes", metric="abs_rel")) == 0.149
    assert paper_value("monodepth2", "projected only", Spot("val", "reflection")) == 0.130
    assert paper_value("monodepth2", "projected only", Spot("test", "reflection")) is None
    assert paper_value("mine", "3D Distillation", Spot("test", "reflection")) is None


def test_labels_have_a_table_of_their_own(small: Choice) -> None:
    experiment, done = measured(small, VALUES)
    labels = experiment.labels[1]
    done[labels.measure] = Done(Path("nowhere"), result(0.25))
    pixels = {"pixels": {"predicted": 30, "projected": 10, "fell back": 5}, "strategy": {"alpha_m": 0.4}}
    done[labels.labels] = Done(Path("nowhere"), pixels)
    found = findings_of(experiment, done, "x")
    spot = {"table": "labels", "subset": "all", "region": "all", "metric": "sq_rel"}
    record = the(list(found.records), **spot)
    assert (record.method, record.split, record.mean) == (labels.arm.name, "train", pytest.approx(0.25 * MEAN))
    assert "75.0% predicted, 25.0% projected; threshold 0.400 m" in found.facts.values()


def findings(small: Choice) -> Findings:
    return findings_of(*measured(small, VALUES), "deglare bench distill3d --out x")


def test_what_is_written_can_be_read_by_people_and_machines(small: Choice, tmp_path: Path) -> None:
    experiment, _ = measured(small, VALUES)
    paths = write_findings(experiment, findings(small), tmp_path)
    assert [path.name for path in paths] == ["distill3d-small.json", "distill3d-small.md", "distill3d-small.png"]
    content = json.loads(paths[0].read_text())
    assert (content["format"], content["scale"]) == ("deglare-experiment-1", "small")
    assert len(content["records"]) == len(findings(small).records)
    assert "95 %" in content["protocols"]["rooms"]
    assert {claim["id"] for claim in content["claims"]} == set("abcdefgh")
    text = paths[1].read_text()
    assert "| monodepth2-small | self-teaching " in text
    assert "1.1667 [0.500, 2.000] (paper 0.093)" in text
    assert "- command: `deglare bench distill3d --out x`" in text
    assert "- not done yet: " in text
    assert read_rgb(paths[2]).std() > 0


def test_the_same_numbers_give_the_same_bytes(small: Choice, tmp_path: Path) -> None:
    experiment, _ = measured(small, VALUES)
    written = [write_findings(experiment, findings(small), tmp_path / name)[:2] for name in ("a", "b")]
    assert [path.read_bytes() for path in written[0]] == [path.read_bytes() for path in written[1]]


def test_before_anything_is_measured_the_tables_are_empty(small: Choice, tmp_path: Path) -> None:
    experiment, done = measured(small, {})
    found = findings_of(experiment, done, "x")
    assert found.records == () and found.claims == ()
    paths = write_findings(experiment, found, tmp_path)
    assert [path.suffix for path in paths] == [".json", ".md"]
