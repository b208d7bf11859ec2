import json
import subprocess
import sys
from pathlib import Path

import pytest

from deglare.cli.doctor import lines, summary
from deglare.doctor import machine, probes
from deglare.doctor.check import Check
from deglare.doctor.examination import is_healthy
from deglare.doctor.libraries import PROBES, Probe, Remedy, ask, listen

PROBE = Probe("any", {"first": Remedy("get it", "mend it"), "second": Remedy("get two", "mend two")}, is_required=True)


def answers(code: str, patience_s: float = 30.0) -> dict[str, Check]:
    return {check.name: check for check in listen(PROBE, [sys.executable, "-c", code], patience_s)}


def say(name: str, status: str, detail: str = "fine") -> str:
    line = json.dumps({"name": name, "status": status, "detail": detail})
    return f"print({line!r}, flush=True);"


def test_a_library_that_crashes_is_reported_with_its_signal_and_kills_nobody() -> None:
    found = answers("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert found["first"] == Check("first", "broken", "crashed with SIGSEGV", "mend it", is_required=True)


def test_what_was_answered_before_a_crash_stands() -> None:
    found = answers(say("first", "ok", "2.0") + "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert found["first"] == Check("first", "ok", "2.0", is_required=True)
    assert found["second"] == Check("second", "broken", "crashed with SIGILL", "mend two")


def test_a_library_that_hangs_is_given_up() -> None:
    found = answers(say("first", "ok") + "import time; time.sleep(600)", patience_s=2.0)
    assert found["first"].status == "ok"
    assert (found["second"].status, found["second"].detail) == ("broken", "no answer in 2 s")


def test_an_import_error_is_told_in_its_own_words() -> None:
    found = answers("raise ImportError('libGL.so.1: cannot open shared object file')")
    assert found["first"].detail == "ImportError: libGL.so.1: cannot open shared object file"


def test_chatter_and_lines_that_look_like_answers_are_ignored() -> None:
    chatter = "print('[warning] hello'); print('{}'); print('[1]'); print('{\"name\": 1}');"
    found = answers(chatter + say("first", "splendid") + say("third", "ok") + say("second", "missing"))
    assert (found["first"].status, found["first"].detail) == ("broken", "no answer")
    assert found["second"].remedy == "get two"
    assert "third" not in found


def test_a_program_that_is_not_there_is_broken() -> None:
    check = listen(PROBE, ["no-such-program-anywhere"], 5.0)[0]
    assert (check.status, check.detail) == ("broken", "does not start: No such file or directory")


def test_torch_works_here() -> None:
    torch, cuda = ask(PROBES[0])
    assert (torch.name, torch.status, torch.is_required) == ("torch", "ok", True)
    assert cuda.status in ("ok", "missing")


def test_every_probe_that_is_asked_is_there_to_answer() -> None:
    assert {probe.name for probe in PROBES} == set(probes.PROBES)


def probed(name: str) -> Check:
    (check,) = ask(next(probe for probe in PROBES if probe.name == name))
    return check


def test_open3d_casts_rays_here() -> None:
    pytest.importorskip("open3d")
    check = probed("open3d")
    assert (check.name, check.status, check.remedy) == ("open3d ray casting", "ok", ""), check


@pytest.mark.parametrize(("platform", "package"), [("egl", "libegl1"), ("osmesa", "libosmesa6")])
def test_pyrender_is_asked_on_both_platforms_whatever_the_user_has_set(
    platform: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyrender")
    monkeypatch.setenv("PYOPENGL_PLATFORM", "teapot")
    check = probed(f"pyrender_{platform}")
    assert "teapot" not in check.detail
    if check.status == "ok":
        assert "drawn at 2.000 m" in check.detail
    else:
        assert check.status == "broken" and package in check.remedy


def test_a_platform_that_does_not_start_is_told_with_its_reason_and_its_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pyrender")
    monkeypatch.setenv("EGL_DEVICE_ID", "99")  # no machine has so many
    check = probed("pyrender_egl")
    assert (check.name, check.status) == ("pyrender EGL", "broken")
    assert "Invalid device ID" in check.detail and "libegl1" in check.remedy


def test_a_file_of_the_current_folder_cannot_pose_as_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "av.py").write_text("raise SystemExit('run by the doctor')")
    monkeypatch.chdir(tmp_path)
    (check,) = ask(next(probe for probe in PROBES if probe.name == "av"))
    assert "run by the doctor" not in check.detail


def test_only_what_is_required_makes_the_machine_unfit() -> None:
    broken = Check("open3d", "broken", "")
    assert is_healthy([Check("torch", "ok", "", is_required=True), broken])
    assert not is_healthy([Check("torch", "broken", "", is_required=True)])
    assert not is_healthy([Check("packages", "missing", "", is_required=True)])


def test_everything_that_is_not_well_has_a_remedy_and_the_rest_has_none() -> None:
    for check in (examine() for examine in machine.CHECKS):
        assert bool(check.remedy) == (check.status != "ok"), check


def test_a_missing_requirement_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        machine, "_requirements", lambda: ["torch>=2.10", "no-such-thing[x]>=1", "ruff; extra == 'dev'"]
    )
    check = machine.packages()
    assert (check.status, check.detail, check.remedy) == ("missing", "no-such-thing", "pip install no-such-thing")
    assert check.is_required


def test_a_folder_that_refuses_files_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    check = machine.writing()
    assert check.status == "broken"
    assert "Permission denied" in check.detail and check.remedy


def test_little_memory_and_a_full_disk_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_gb", lambda: 1.5)
    monkeypatch.setattr(machine, "LEAST_DISK_GB", 1e9)
    assert (machine.memory().status, machine.memory().detail) == ("broken", "1.5 GB")
    assert machine.disk().status == "broken"


def test_the_report_shows_a_remedy_below_what_is_not_well() -> None:
    checks = [Check("torch", "ok", "2.10", is_required=True), Check("av", "missing", "not installed", "pip install av")]
    assert lines(checks) == [
        "ok      torch  2.10",
        "missing av     not installed",
        "               -> pip install av",
        "deglare works here; 1 optional things do not",
    ]
    assert summary([Check("torch", "broken", "", is_required=True)]) == "deglare cannot work here yet: torch"


def test_the_verb_prints_json_only_and_succeeds_where_the_tests_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deglare", "doctor", "--json"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert {"Python", "torch", "CUDA", "open3d ray casting", "pyrender EGL", "mitsuba scalar"} <= {
        c["name"] for c in report["checks"]
    }
    assert "torch" in done.stderr
