import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from deglare.data.files import write_json
from deglare.errors import DataError, RequestError
from deglare.evaluation import Protocol, RegionRule, Report, Row

ROWS = (
    Row("all", "abs_rel", 0.125, 0.1, 0.15, 10, 1000, 2),
    Row("all", "rmse", 0.5, None, None, 10, 1000, 2),
    Row("reflective", "abs_rel", 0.25, 0.2, 0.3, 8, 400, 2),
)
REPORT = Report(
    Protocol("mine", size_hw=(480, 640), regions=RegionRule(depth_edges_m=(0.0, 4.0)), command="deglare eval"),
    ROWS,
    ("a", "b"),
    10,
    ("intervals are over 2 scenes",),
    (("a/000001", 0.5),),
    {"abs_rel oracle": (0.2, 0.1)},
)


def test_a_report_comes_back_from_json_as_it_was(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == REPORT
    assert Report.from_json(json.loads(json.dumps(REPORT.to_json()))) == REPORT


def test_a_report_by_angle_comes_back_and_one_from_before_angles_can_be_read() -> None:
    by_angle = replace(REPORT, protocol=Protocol(regions=RegionRule(angle_edges_deg=(0.0, 90.0))))
    assert Report.from_json(json.loads(json.dumps(by_angle.to_json()))) == by_angle
    value = json.loads(json.dumps(REPORT.to_json()))
    del value["protocol"]["regions"]["angle_edges_deg"]
    assert Report.from_json(value) == REPORT


def test_a_report_from_before_roughness_was_measured_says_so() -> None:
    value = json.loads(json.dumps(REPORT.to_json()))
    del value["protocol"]["regions"]["roughness_edges"]
    read = Report.from_json(value)
    assert read.protocol.regions == replace(REPORT.protocol.regions, roughness_edges=())
    assert "\nroughness  not told apart\n" in read.protocol.card()


def test_csv_has_a_line_for_every_row() -> None:
    lines = list(csv.DictReader(io.StringIO(REPORT.to_csv())))
    assert [line["region"] for line in lines] == ["all", "all", "reflective"]
    assert (float(lines[0]["low"]), lines[1]["low"]) == (0.1, "")


def test_markdown_has_the_numbers_the_notes_and_the_card() -> None:
    text = REPORT.to_markdown()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1  # columns line up
    cells = [cell.strip() for cell in table[2].strip("|").split("|")]
    assert cells == ["all", "0.1250 [0.1000, 0.1500]", "0.5000", "10", "1000", "2"]
    assert "- intervals are over 2 scenes\n" in text
    assert REPORT.protocol.card() in text
    assert "[" not in REPORT.table(with_intervals=())


def test_a_number_that_is_not_there_lists_those_that_are() -> None:
    assert REPORT.value("reflective", "abs_rel") == 0.25
    with pytest.raises(RequestError, match="regions: all, reflective"):
        REPORT.value("mirror", "abs_rel")


@pytest.mark.parametrize("key", ["rows", "protocol", "scenes", "curves"])
def test_a_damaged_report_is_refused(tmp_path: Path, key: str) -> None:
    value = REPORT.to_json()
    for broken in ({**value, key: 7}, {k: v for k, v in value.items() if k != key}):
        write_json(tmp_path / "report.json", broken)
        with pytest.raises(DataError, match="damaged"):
            Report.read(tmp_path / "report.json")


@pytest.mark.parametrize("value", [[], {}, {"format": "other"}, None])
def test_what_is_no_report_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="not a report"):
        Report.from_json(value)


def test_an_unknown_ending_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.json, \.csv or \.md"):
        REPORT.write(tmp_path / "report.xlsx")
    assert not list(tmp_path.iterdir())


def test_two_protocols_make_two_reports() -> None:
    assert replace(REPORT, protocol=Protocol()) != REPORT
