import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated

import pytest
import tyro

from deglare import __version__, cli
from deglare.errors import DataError, LabelError


@dataclass(frozen=True)
class Settings:
    """Settings of the made-up verb."""

    alpha_m: float = 0.4
    """A threshold in metres."""


def fuse(source: Annotated[str, tyro.conf.Positional], settings: Settings = Settings()) -> dict[str, object]:
    """Fuse something."""
    return {"source": source, "alpha_m": settings.alpha_m}


def fail(how: str = "user") -> dict[str, object]:
    """Fail in some way."""
    if how == "user":
        raise DataError("a.png has 3 channels, but depth needs one: convert it first")
    if how == "label":
        raise LabelError("labels.json was written by a newer version: update deglare")
    if how == "stop":
        raise KeyboardInterrupt
    if how == "verdict":
        return {"ok": False, "why": "nothing was found"}
    if how == "nan":
        return {"mean": float("nan")}
    raise ZeroDivisionError("division by zero")


@pytest.fixture(autouse=True)
def made_up_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "verbs", lambda: {"fuse": fuse, "fail": fail})


def test_a_finished_verb_exits_0_and_prints_nothing_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fuse", "scene"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "words", [["--json", "fuse", "scene"], ["fuse", "scene", "--json"], ["fuse", "--json", "scene"]]
)
def test_json_prints_the_result_and_only_it_on_stdout(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"source": "scene", "alpha_m": 0.4}


def test_settings_are_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fuse", "scene", "--settings.alpha-m", "0.2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["alpha_m"] == 0.2


@pytest.mark.parametrize(("how", "message"), [("user", "a.png has 3 channels"), ("label", "labels.json was written")])
def test_a_mistake_of_the_user_is_one_line_on_stderr_and_exits_2(how, message, capsys) -> None:
    assert cli.main(["fail", "--how", how, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"deglare: {message}")
    assert err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize(("how", "kind"), [("bug", "ZeroDivisionError"), ("nan", "ValueError")])
def test_a_bug_is_one_line_too_and_exits_1(how, kind, capsys) -> None:
    assert cli.main(["fail", "--how", how, "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"deglare: {kind}: ") and "--debug" in err
    assert err.count("\n") == 1 and "Traceback" not in err


def test_debug_shows_the_traceback_of_a_failure() -> None:
    with pytest.raises(DataError):
        cli.main(["fail", "--debug"])
    with pytest.raises(ZeroDivisionError):
        cli.main(["--debug", "fail", "--how", "bug"])


def test_a_verb_that_says_no_exits_1_and_still_tells(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fail", "--how", "verdict", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"ok": False, "why": "nothing was found"}


def test_stopping_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fail", "--how", "stop"]) == 130
    assert capsys.readouterr().err.startswith("deglare: stopped")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["fuse", "scene", "--settings.alhpa-m", "0.2"], "--settings.alpha-m"),
        (["fuze", "scene"], "fuse"),
        (["fuse"], "deglare fuse --help"),
        (["fuse", "scene", "--settings.alpha-m", "much"], "much"),
    ],
)
def test_a_misspelt_line_exits_2_with_a_hint(words: list[str], hint: str, capsys) -> None:
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert hint in err and "Traceback" not in err


@pytest.mark.parametrize("words", [[], ["--help"], ["--json"]])
def test_no_arguments_show_the_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "fuse" in out and "Fuse something." in out and "--json" in out


def test_one_verb_alone_is_still_a_verb(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli, "verbs", lambda: {"fuse": fuse})
    assert cli.main(["fuse", "scene", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == "scene"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"deglare {__version__}\n"


def test_python_m_deglare_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "deglare", "no-such-verb"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "doctor" in done.stderr


def test_the_help_of_the_real_verbs_imports_nothing_heavy() -> None:
    code = (
        "import sys; from deglare.cli import main; status = main(['--help']);"
        "heavy = {'torch', 'matplotlib', 'open3d', 'gradio', 'scipy', 'mitsuba'} & set(sys.modules);"
        "sys.exit(f'{status} {sorted(heavy)}' if status or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
