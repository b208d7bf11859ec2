"""Runs are known by id; one that cannot be opened stays listed, with a sentence that tells nothing of the server."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.data.run_folder import PLAIN_NAME, RunFolder
from deglare.errors import DataError, RequestError
from deglare.fusion.relabelling import relabel
from deglare.fusion.strategies import Blend
from deglare_viewer.sessions import RunTable, UnknownRunError, named_among, slug, unique

Copy = Callable[..., Path]


def edit(run: Path, change: Callable[[dict], None]) -> None:
    path = run / "run.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_a_run_is_listed_under_the_name_of_its_folder_and_opened_by_its_id(glare: Path) -> None:
    table = RunTable([glare])
    (listed,) = table.listing()
    assert (listed.id, listed.name, listed.frames, listed.fault) == ("glare", "glare", 12, None)
    assert table.run("glare").root == glare.resolve() and table.first() == "glare"


def test_folders_of_one_name_get_ids_of_their_own_and_one_folder_keeps_its_id(glare: Path, copy_of: Copy) -> None:
    other = copy_of(glare)
    table = RunTable([glare, other, glare])
    assert table.ids == ("glare", "glare-2")
    assert table.add(other) == "glare-2"
    assert {table.run(id).root for id in table.ids} == {glare.resolve(), other.resolve()}
    table.remove("glare")
    assert table.ids == ("glare-2",)


@given(st.text(max_size=200))
def test_any_name_makes_an_id_that_an_address_and_a_view_can_hold(name: str) -> None:
    assert PLAIN_NAME.fullmatch(slug(name)) and slug(name).isascii()


@given(st.lists(st.sampled_from(["a", "a-2", "b"]), max_size=12))
def test_ids_never_meet(wanted: list[str]) -> None:
    taken: list[str] = []
    for name in wanted:
        taken.append(unique(name, taken))
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize("id", ["nobody", "", None, 3, "../glare", "/etc"])
def test_an_id_that_nobody_gave_is_refused(glare: Path, id: object) -> None:
    with pytest.raises(UnknownRunError):
        RunTable([glare]).run(id)


def test_labels_written_elsewhere_are_seen_the_next_time(glare: Path, copy_of: Copy) -> None:
    table = RunTable([copy_of(glare)])
    before = table.run("glare")
    assert table.run("glare") is before
    relabel(RunFolder(before.root), Blend(), threads=1)
    after = table.run("glare")
    assert after.version != before.version and after.strategy == "blend"


def test_while_labels_are_written_from_here_visitors_go_on_with_the_run_as_it_was(glare: Path, copy_of: Copy) -> None:
    table = RunTable([copy_of(glare)])
    entry = table.entry("glare")
    with entry.written() as run:
        edit(run.root, lambda value: value["stages"]["fuse"].update(is_finished=False))
        assert table.run("glare") is run
    with pytest.raises(DataError, match="half-written"):
        table.run("glare")


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (shutil.rmtree, "is gone"),
    "half-written": (lambda run: edit(run, lambda v: v["stages"]["project"].update(is_finished=False)), "half-written"),
    "newer": (lambda run: edit(run, lambda v: v.update(schema=99)), "newer"),
    "damaged": (lambda run: (run / "run.json").write_text("{"), "damaged"),
    "robbed": (lambda run: (run / "projected" / f"{first_frame(run)}.png").unlink(), "lacks 1 of the files"),
}


def first_frame(run: Path) -> str:
    return json.loads((run / "run.json").read_text())["frames"][0]["name"]


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_run_that_cannot_be_opened_stays_listed_with_a_sentence_without_paths(
    glare: Path, copy_of: Copy, how: str, is_open: bool
) -> None:
    run, (break_it, said) = copy_of(glare), BREAKS[how]
    table = RunTable([run, glare])
    if is_open and how != "robbed":
        table.run("glare")
    break_it(run)
    broken, whole = table.listing()
    assert broken.fault is not None and said in broken.fault
    assert str(run.parent) not in broken.fault and "\n" not in broken.fault
    assert whole.fault is None and table.first() == whole.id


def test_a_mended_run_opens_again(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    table = RunTable([run])
    whole = (run / "run.json").read_text()
    (run / "run.json").write_text("{")
    assert table.first() is None
    (run / "run.json").write_text(whole)
    assert table.first() == "glare"


def test_runs_are_found_in_the_folders_that_hold_them(glare: Path, copy_of: Copy) -> None:
    one, two = copy_of(glare, "one"), copy_of(glare, "two")
    assert named_among([one.parent]) == ([one, two], [])
    assert named_among([two, one]) == ([two, one], [])


def test_trainings_are_found_beside_runs(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    training = run.parent / "trained"
    training.mkdir()
    (training / "config.json").write_text("{}")
    (training / "losses.jsonl").write_text("")
    assert named_among([run.parent]) == ([run], [training])
    assert named_among([training]) == ([], [training])


def test_a_name_that_leads_to_no_run_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no folder"):
        named_among([tmp_path / "nowhere"])
    with pytest.raises(RequestError, match="holds none"):
        named_among([tmp_path])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_in_a_run_is_refused_instead_of_waited_for(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    os.mkfifo(run / "color" / "999999.jpg")
    (listed,) = RunTable([run]).listing()
    assert listed.fault is not None and "is no file" in listed.fault
