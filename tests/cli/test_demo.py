"""The first thing a stranger runs, as they run it: once from nothing, once again."""

import json
from pathlib import Path

import pytest

from deglare.cli import main
from deglare.data.files import read_rgb
from deglare.evaluation.report import Report


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "out"
    assert main(["demo", "--out", str(out)]) == 0
    return out


def test_it_writes_the_room_the_pictures_and_the_report(demo: Path) -> None:
    assert {path.name for path in demo.iterdir()} == {
        "room",
        "predicted",
        "contact_sheet.png",
        "report.json",
        "report.csv",
        "report.md",
    }
    assert read_rgb(demo / "contact_sheet.png").std() > 20


def test_it_shows_the_failure_it_is_about(demo: Path) -> None:
    report = Report.read(demo / "report.json")
    assert report.value("highlight", "bias") > 1.0
    assert report.value("highlight", "abs_rel") > 3 * report.value("non-reflective", "abs_rel")


def test_the_same_line_again_goes_on_from_what_is_there(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predicted = demo / "predicted" / "photometric"
    kept = {path: path.stat().st_mtime_ns for path in predicted.iterdir()}
    lost = next(iter(kept))
    lost.unlink()
    assert main(["demo", "--out", str(demo), "--json"]) == 0
    medians = json.loads(capsys.readouterr().out)["median_error_m"]
    assert medians["highlight"] > 0.5 > abs(medians["rest"])
    now = {path: path.stat().st_mtime_ns for path in predicted.iterdir()}
    assert now.keys() == kept.keys()
    assert [path for path in now if now[path] != kept[path]] == [lost]


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "holiday.txt").write_text("mine")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / "room" / "holiday.txt").read_text() == "mine"
