"""The first thing a stranger runs, as they run it: once from nothing, once again."""

import json
from pathlib import Path

import pytest

from deglare.cli import main
from deglare.data.files import read_rgb
from deglare.evaluation.runs import RunReport
from deglare.geometry.mesh_files import read_mesh


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "out"
    assert main(["demo", "--out", str(out)]) == 0
    return out


def test_it_writes_the_run_the_page_the_mesh_and_the_report(demo: Path) -> None:
    there = {path.name for path in demo.iterdir()}
    assert {"run.json", "color", "predicted", "projected", "fused", "page.png", "mesh.glb", "report.json"} <= there
    assert len(list((demo / "fused").iterdir())) == 72
    assert read_rgb(demo / "page.png").std() > 20
    mesh = read_mesh(demo / "mesh.glb")
    assert len(mesh.faces) > 5000 and mesh.colours is not None


def test_it_shows_the_failure_and_what_fusion_does_about_it(demo: Path) -> None:
    layers = RunReport.read(demo / "report.json").layers
    predicted, fused = layers["predicted/monodepth2-small"], layers["fused"]
    assert predicted.value("highlight", "bias") > 0.3
    assert predicted.value("highlight", "sq_rel") > 2 * predicted.value("non-reflective", "sq_rel")
    assert fused.value("highlight", "sq_rel") < 0.9 * predicted.value("highlight", "sq_rel")
    assert fused.value("all", "sq_rel") < predicted.value("all", "sq_rel")


def test_the_same_line_again_goes_on_from_what_is_there(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = {path: path.stat().st_mtime_ns for path in demo.glob("p*/**/*.png")}
    assert main(["demo", "--out", str(demo), "--json"]) == 0
    off = json.loads(capsys.readouterr().out)["highlight_abs_rel"]
    assert off["fused"] < 0.5 * off["predicted"]
    assert kept == {path: path.stat().st_mtime_ns for path in demo.glob("p*/**/*.png")}


def test_where_nobody_sits_at_a_terminal_it_names_the_studio_instead_of_waiting_in_it(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--out", str(demo)]) == 0
    assert f"deglare app {demo}" in capsys.readouterr().err
    assert main(["demo", "--out", str(demo), "--no-app"]) == 0
    assert "deglare app" not in capsys.readouterr().err


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / "holiday.txt").read_text() == "mine"
