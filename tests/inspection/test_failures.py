"""Failures are kept inside their run: whole or not at all, by several at once, and never over a damaged file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deglare.data.run_folder import LOCK, lock_now
from deglare.errors import DataError, RequestError
from deglare.inspection import failures
from deglare.inspection.failures import FILE, MAX_FAILURES, MAX_NOTE, Failure, drop, keep, kept
from deglare.inspection.run import InspectedRun
from deglare.inspection.view import View

VIEW = View("glare", "004", 30, 20, alpha=0.4, strategy="uncertainty", zoom=2.5)

KEEP_TWENTY = """
import sys
from deglare.inspection.failures import keep
from deglare.inspection.run import InspectedRun
from deglare.inspection.view import View
run = InspectedRun.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    keep(run, View("glare", "003", int(sys.argv[2]), number))
"""


@pytest.fixture
def run(glare_folder: Path, copy_of: Callable[[Path], Path]) -> InspectedRun:
    return InspectedRun.open(copy_of(glare_folder))


def test_a_run_keeps_nothing_at_first_and_asking_writes_nothing(run: InspectedRun) -> None:
    assert kept(run) == []
    assert not (run.root / FILE).parent.exists()


def test_what_is_kept_comes_back_in_order_with_its_note(run: InspectedRun) -> None:
    first = keep(run, VIEW, "  a lamp,\nmirrored ")
    second = keep(run, View("glare", "005"))
    assert kept(run) == [first, second]
    assert kept(InspectedRun.open(run.root)) == [Failure(VIEW, "a lamp,\nmirrored"), Failure(View("glare", "005"))]


def test_the_same_view_is_kept_once_and_takes_a_new_note(run: InspectedRun) -> None:
    first = keep(run, VIEW, "a lamp")
    keep(run, View("glare", "005"))
    assert keep(run, VIEW) == first
    assert keep(run, replace(VIEW, run="opened-under-another-id"), "a window").id == first.id
    assert [(failure.view.frame, failure.note) for failure in kept(run)] == [("004", "a window"), ("005", "")]


def test_another_view_of_the_same_pixel_is_another_failure(run: InspectedRun) -> None:
    others = [replace(VIEW, alpha=0.5), replace(VIEW, x=31), replace(VIEW, strategy="blend"), replace(VIEW, zoom=2.0)]
    assert len({keep(run, view).id for view in [VIEW, *others]}) == 5 == len(kept(run))


def test_a_failure_is_dropped_once(run: InspectedRun) -> None:
    first, second = keep(run, VIEW), keep(run, View("glare", "005"))
    assert drop(run, first.id) and not drop(run, first.id)
    assert kept(run) == [second]
    assert not drop(run, "../../run.json")


def test_keeping_leaves_the_version_of_the_run_and_its_files_as_they_are(run: InspectedRun) -> None:
    before = {path: path.read_bytes() for path in run.root.rglob("*") if path.is_file()}
    keep(run, VIEW)
    assert run.current() is run
    assert all(path.read_bytes() == content for path, content in before.items())
    assert {p.name for p in (run.root / "annotations").iterdir()} == {"failures.json", LOCK}


def test_a_failure_as_json_opens_the_same_view_by_either_form(run: InspectedRun) -> None:
    listed = json.loads(json.dumps(keep(run, VIEW, "a lamp").to_json(), allow_nan=False))
    assert View.from_json(listed["view"]) == View.from_query(listed["query"]) == VIEW
    assert listed["note"] == "a lamp" and listed["id"] == kept(run)[0].id


def test_frames_that_are_not_there_and_endless_notes_are_refused(run: InspectedRun) -> None:
    with pytest.raises(RequestError, match="no frame 'nowhere'"):
        keep(run, replace(VIEW, frame="nowhere"))
    with pytest.raises(RequestError, match="needs a frame"):
        keep(run, View("glare"))
    with pytest.raises(RequestError, match=f"{MAX_NOTE + 1} characters"):
        keep(run, VIEW, "x" * (MAX_NOTE + 1))
    assert kept(run) == []


def test_there_is_an_end_to_how_many_are_kept(run: InspectedRun) -> None:
    keep(run, VIEW)
    views = [replace(VIEW, x=number % 1000, y=number // 1000) for number in range(MAX_FAILURES)]
    content = json.loads((run.root / FILE).read_text())
    content["failures"] = [{"note": "", "view": view.to_json()} for view in views]
    (run.root / FILE).write_text(json.dumps(content))
    assert len(kept(run)) == MAX_FAILURES
    with pytest.raises(RequestError, match="drop some first"):
        keep(run, View("glare", "005"))
    assert keep(run, views[7], "known already").note == "known already"
    assert len(kept(run)) == MAX_FAILURES


def test_several_threads_at_once_lose_nothing(run: InspectedRun) -> None:
    views = [View("glare", "003", number, 0) for number in range(60)]
    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(lambda view: keep(run, view).id, views))
    assert sorted(failure.id for failure in kept(run)) == sorted(ids)
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(lambda one: drop(run, one), ids))
    assert kept(run) == []


def test_two_processes_at_once_lose_nothing(run: InspectedRun) -> None:
    lines = [[sys.executable, "-c", KEEP_TWENTY, str(run.root), str(x)] for x in (1, 2)]
    writers = [subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for line in lines]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert {(f.view.x, f.view.y) for f in kept(run)} == {(x, y) for x in (1, 2) for y in range(20)}


def test_who_waits_too_long_for_another_is_told_so(run: InspectedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(run, VIEW)
    monkeypatch.setattr(failures, "WAIT_S", 0.0)
    with (run.root / "annotations" / LOCK).open("ab") as other:
        assert lock_now(other)
        with pytest.raises(RequestError, match="somebody else has been writing"):
            keep(run, View("glare", "005"))
    assert len(kept(run)) == 1


DAMAGED = {
    "cut short": '{"schema": 1, "failures": [{"note": "a"',
    "a list": "[]",
    "no schema": '{"failures": []}',
    "an odd schema": '{"schema": "1", "failures": []}',
    "no entries": '{"schema": 1, "failures": {}}',
    "an entry that is none": '{"schema": 1, "failures": [3]}',
    "a note that is none": '{"schema": 1, "failures": [{"note": 3, "view": {"run": "a"}}]}',
    "a view that is none": '{"schema": 1, "failures": [{"note": "", "view": {"run": "a", "zoom": -1}}]}',
    "a field too many": '{"schema": 1, "failures": [{"note": "", "view": {"run": "a", "path": "/etc"}}]}',
    "an endless note": json.dumps({"schema": 1, "failures": [{"note": "x" * 501, "view": {"run": "a"}}]}),
    "endless entries": json.dumps({"schema": 1, "failures": [0] * (MAX_FAILURES + 1)}),
    "deep": "[" * 100_000,
    "newer": '{"schema": 2, "failures": []}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_one_sentence_and_stays_as_it_is(run: InspectedRun, content: str) -> None:
    path = run.root / FILE
    path.parent.mkdir()
    path.write_text(content)
    for change in (lambda: kept(run), lambda: keep(run, VIEW), lambda: drop(run, "0")):
        with pytest.raises(DataError, match=r"failures\.json") as raised:
            change()
        assert "\n" not in str(raised.value)
    assert path.read_text() == content


def test_a_newer_file_asks_for_an_update(run: InspectedRun) -> None:
    (run.root / FILE).parent.mkdir()
    (run.root / FILE).write_text(DAMAGED["newer"])
    with pytest.raises(DataError, match="update deglare"):
        kept(run)


def test_a_run_that_nobody_may_write_to_says_so(run: InspectedRun) -> None:
    (run.root / "annotations").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write"):
        keep(run, VIEW)
