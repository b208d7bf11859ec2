"""``deglare label`` as it is typed."""

import json
from pathlib import Path

import pytest
from excerpts import write_excerpt

from deglare.cli import main
from deglare.cli.label import Choice, settings_of
from deglare.data.files import read_depth
from deglare.data.run_folder import RunFolder
from deglare.evaluation.runs import RunReport
from deglare.fusion.settings import PUBLISHED
from deglare.fusion.strategies import ByDifference, ByUncertainty

QUICK = ("--teachers", "monodepth2-small", "--longest-side", "128", "--every", "2", "--runtime", "torch")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_excerpt(tmp_path_factory.mktemp("scenes") / "room", 0)


def test_a_sequence_becomes_a_run_with_a_report(scene: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "run"
    assert main(["label", str(scene), "--out", str(out), *QUICK, "--json"]) == 0
    printed, said = capsys.readouterr()
    result = json.loads(printed)
    assert result["runs"]["run"]["frames"] == 8 and "| abs_rel | fused" in said
    assert RunReport.read(out / "report.json").layers.keys() == {"predicted/monodepth2-small", "projected", "fused"}
    assert read_depth(RunFolder(out).layer("fused", "000003")).valid.mean() > 0.99


def test_another_strategy_redoes_the_fusion_alone(scene: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["label", str(scene), "--out", str(out), *QUICK, "--strategy", "predicted", "--no-report"]) == 0
    before = {path: path.stat().st_mtime_ns for path in out.glob("p*/**/*.png")}
    assert main(["label", str(scene), "--out", str(out), *QUICK, "--strategy", "difference", "--no-report"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("p*/**/*.png")}
    assert not (out / "report.json").exists()


def test_several_sequences_become_a_folder_of_runs_with_one_report(tmp_path: Path) -> None:
    for name, first in (("one", 0), ("two", 40)):
        write_excerpt(tmp_path / "rooms" / name, first, frames=4)
    out = tmp_path / "runs"
    assert main(["label", str(tmp_path / "rooms"), "--out", str(out), *QUICK, "--workers", "2"]) == 0
    report = RunReport.read(out / "report.json")
    assert report.layers["fused"].scenes == ("one", "two")


@pytest.mark.parametrize(
    "words, said",
    [
        (["--strategy", "magic"], "there is no strategy 'magic'"),
        (["--alpha", "0.3", "--quantile", "0.9"], "give one of them"),
        (["--strategy", "projected", "--alpha", "0.3"], "no threshold"),
        (["--strategy", "difference", "--quantile", "0.9"], "chooses no threshold"),
        (["--workers", "many"], "number of processes"),
        (["--every", "0"], "cannot be fused"),
        (["--base", "other"], "none of the teachers"),
        (["--precision", "bf16"], "torch computes in fp32"),
    ],
)
def test_a_wrong_request_exits_2_in_one_sentence(
    scene: Path, tmp_path: Path, words: list[str], said: str, capsys
) -> None:
    status = main(["label", str(scene), "--out", str(tmp_path / "run"), *QUICK, *words])
    error = capsys.readouterr().err
    assert status in (1, 2) and said in error


def test_a_run_is_not_written_over_its_own_source(scene: Path, capsys) -> None:
    assert main(["label", str(scene), "--out", str(scene), *QUICK]) == 2
    assert "the sequence itself" in capsys.readouterr().err


def test_flags_mean_the_settings_they_name() -> None:
    assert settings_of(Choice(published=True)).mesh == PUBLISHED.mesh
    assert settings_of(Choice(published=True)).strategy == ByUncertainty(0.4)
    assert settings_of(Choice(strategy="uncertainty", quantile=0.8)).strategy == ByUncertainty(None, 0.8)
    assert settings_of(Choice(strategy="difference", alpha=0.1)).strategy == ByDifference(0.1)
    assert settings_of(Choice(voxel=0.04, every=3, tau=0.35)).mesh.tau == 0.35
