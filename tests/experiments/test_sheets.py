"""An experiment as sheets: every number in its place, with what it is over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_results import choice, measured

from deglare.data.files import read_json, write_json
from deglare.errors import DataError
from deglare.experiments.results import findings_of, write_findings
from deglare.experiments.sheets import HEADS, Recorded, read_recorded, shown

MD = "monodepth2-small"
TITLES = [head.title for head in HEADS]
VALUES = {
    (MD, "self-supervised"): {"all": 0.4, "reflection": 0.8, "no-reflection": 0.1, "highlight": 2.0},
    (MD, "distill3d"): {"all": 0.3, "reflection": 0.5, "no-reflection": 0.1, "highlight": 1.0},
    (MD, "robust"): {"all": 0.2, "reflection": 0.3, "no-reflection": 0.1, "highlight": 0.5},
}
MEAN = (1.0 + 2.0 + 0.5) / 3
"""Of the scenes' factors in `made_results`."""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    small = choice(["distill3d", "robust"])
    experiment, done = measured(replace(small, scale=replace(small.scale, networks=(MD,))), VALUES)
    return write_findings(experiment, findings_of(experiment, done, "deglare bench x"), tmp_path)[0]


@pytest.fixture
def recorded(written: Path) -> Recorded:
    return read_recorded(written)


def test_a_sheet_has_a_line_for_each_way_and_each_number_in_its_column(recorded: Recorded) -> None:
    sheets = recorded.sheets()
    assert list(sheets)[:2] == ["Networks, val", "Labels of the ablation, val"]
    lines = {line.title: line for line in sheets["Beyond the paper, val"]}
    robust = dict(zip(TITLES, lines["robust fusion, blended"].cells, strict=True))
    means = {title: None if cell is None else cell.mean for title, cell in robust.items()}
    assert means == pytest.approx(
        {
            "Abs Rel": 0.2 * MEAN,
            "Sq Rel": 0.2 * MEAN,
            "Reflection": 0.3 * MEAN,
            "NoReflection": 0.1 * MEAN,
            "highlights": 0.5 * MEAN,
            "bias there": 0.5 * MEAN,
        }
    )
    assert len({line.network for line in lines.values()}) == 1


def test_what_no_sheet_shows_can_be_left_out_without_changing_one(recorded: Recorded) -> None:
    fewer = replace(recorded, records=tuple(shown(recorded.records)))
    assert 0 < len(fewer.records) < len(recorded.records)
    assert fewer.sheets() == recorded.sheets()


def test_a_number_that_was_not_measured_leaves_its_place_empty(recorded: Recorded) -> None:
    without = tuple(record for record in recorded.records if record.subset != "reflection")
    for lines in replace(recorded, records=without).sheets().values():
        assert all(line.cells[TITLES.index("Reflection")] is None for line in lines)


def test_other_files_are_refused_in_one_sentence(written: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "other.json", {"format": "else"})
    with pytest.raises(DataError, match="is no experiment"):
        read_recorded(tmp_path / "other.json")
    content = read_json(written)
    assert isinstance(content, dict)
    content["records"][0]["unheard"] = 1
    write_json(written, content)
    with pytest.raises(DataError, match="of another version"):
        read_recorded(written)
