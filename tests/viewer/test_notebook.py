"""What a notebook shows of a run: the widget's side of the kernel, and figures."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'deglare[notebooks]'")

from deglare.errors import DataError, RequestError
from deglare.inspection.failures import kept
from deglare.inspection.layers import packed
from deglare.inspection.run import InspectedRun
from deglare.inspection.view import View
from deglare.inspection.wire import unpacked_arrays
from deglare_viewer.notebook import (
    Inspector,
    PolygonDrawing,
    breakdown_figure,
    curves_figure,
    frame_figure,
    worst_frames,
)
from deglare_viewer.notebook.answering import BROKEN, REFUSED, Answer, Desk
from deglare_viewer.notebook.bundling import bundle
from deglare_viewer.sessions import RunTable


@pytest.fixture
def desk(glare: Path) -> Iterator[Desk]:
    made = Desk(RunTable([glare]))
    yield made
    made.close()


@pytest.fixture
def inspector(glare: Path) -> Iterator[Inspector]:
    made = Inspector(glare)
    yield made
    made.close()


def test_the_element_is_one_module_in_which_nothing_is_left_to_import() -> None:
    for text in (Inspector._esm, PolygonDrawing._esm):
        assert not re.search(r"^import\b", str(text), re.MULTILINE)
        assert re.findall(r"^export .*", str(text), re.MULTILINE) == ["export default {render};"]


def test_a_bundle_runs_as_its_modules_do(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.js").write_text("export const one = 1;\nexport function two() {\n  return one + 1;\n}\n")
    (tmp_path / "b.js").write_text(
        "import {one, two as second} from './deep/a.js';\nconst own = 10;\nexport class Sum {\n"
        "  total = own + one + second();\n}\n"
    )
    (tmp_path / "main.js").write_text(
        "import {Sum} from './b.js';\nimport {\n  two,\n} from './deep/a.js';\nconst own = 100;\n"
        "export default {value: new Sum().total + own + two()};\n"
    )
    (tmp_path / "bundled.mjs").write_text(bundle(tmp_path / "main.js"))
    said = "import('./bundled.mjs').then((module) => console.log(module.default.value))"
    done = subprocess.run([node, "-e", said], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "115"


def test_what_cannot_be_bundled_is_named(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text("import {a} from './a.js';\nexport default a;\n")
    (tmp_path / "a.js").write_text("export * from './b.js';\n")
    with pytest.raises(ValueError, match=r"a\.js says 'export \* from"):
        bundle(tmp_path / "main.js")
    (tmp_path / "a.js").write_text("import './main.js';\n")
    with pytest.raises(ValueError, match=r"main\.js imports itself by way of a\.js"):
        bundle(tmp_path / "main.js")


def test_the_kernel_gives_what_the_run_holds(desk: Desk, glare: Path) -> None:
    run = InspectedRun.open(glare)
    id = RunTable([glare]).ids[0]
    manifest = desk.answer(id, "manifest", {}).value
    assert manifest["id"] == id and manifest["frames"] == list(run.names)
    body = desk.answer(id, "layers", {"frame": 3}).body
    assert body == packed(run.layers(3))
    x = run.camera.size_hw[1] // 2
    assert desk.answer(id, "point", {"frame": 3, "x": x, "y": 20}).value["x"] == x
    assert len(desk.answer(id, "why", {"frame": 3, "x": x, "y": 20}).value["depths_m"]) >= 64
    assert desk.answer(id, "curves", {"teacher": None}).value["regions"]["all"]["abs_rel"] is not None
    mesh = desk.answer(id, "mesh", {"of": "fused", "colour": "error"}).body
    assert mesh is not None and unpacked_arrays(mesh)[0]["faces"] > 0
    looked = desk.answer(id, "pick", {"origin": [0, 0, 0], "direction": [0, 0, 1.0], "frame": 0}).value
    assert set(looked) >= {"hit", "frame", "x", "y"}
    assert [one["id"] for one in desk.answer(id, "runs", {}).value] == [id]


@pytest.mark.parametrize(
    ("what", "query", "says"),
    [
        ("layers", {"frame": 99}, "there is no frame 99"),
        ("layers", {"frame": 1.5}, "frame is 1.5, but it should be a whole number"),
        ("point", {"frame": 0, "x": 9999, "y": 0}, "9999"),
        ("pick", {"origin": [0, 0], "direction": [0, 0, 1]}, "origin is no place"),
        ("mesh", {"of": "nothing"}, "nothing"),
        ("shell", {}, "cannot answer 'shell'"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(desk: Desk, glare: Path, what: str, query: dict, says: str) -> None:
    answer = desk.answer(RunTable([glare]).ids[0], what, query)
    assert answer.status == REFUSED and says in str(answer.error)


def test_a_mistake_of_ours_is_told_too(desk: Desk, glare: Path) -> None:
    answer = desk.answer(RunTable([glare]).ids[0], "curves", {"teacher": 7})
    assert answer.status == BROKEN and "Something went wrong" in str(answer.error)


def test_answers_come_from_other_threads_and_not_to_those_who_left(desk: Desk, glare: Path) -> None:
    id, said, threads = RunTable([glare]).ids[0], [], []
    came = threading.Event()

    def hear(answer: Answer) -> None:
        said.append(answer)
        threads.append(threading.current_thread())
        came.set()

    desk.take("one", id, "layers", {"frame": 0}, hear)
    assert came.wait(60)
    assert said[0].body is not None and threads[0] is not threading.main_thread()
    desk.leave("one")
    desk.leave("nobody")


def test_a_closed_desk_lets_its_threads_go(glare: Path) -> None:
    desk, came = Desk(RunTable([glare])), threading.Event()
    desk.take("one", RunTable([glare]).ids[0], "layers", {"frame": 0}, lambda answer: came.set())
    assert came.wait(60)
    mine = [one for one in threading.enumerate() if one.name.startswith("deglare-notebook")]
    desk.close()
    for thread in mine:
        thread.join(60)
    assert not any(thread.is_alive() for thread in mine)


@pytest.mark.parametrize("form", ["query", "address", "record", "view", "failure"])
def test_a_view_is_taken_in_every_form_and_given_back(copy_of: Callable[..., Path], glare: Path, form: str) -> None:
    folder = copy_of(glare, "renamed")
    with_note = View("another-name", frame=InspectedRun.open(glare).names[2], x=10, y=12, alpha=0.3)
    one = Inspector(folder, view=with_note)
    given = {
        "query": with_note.to_query(),
        "address": f"http://127.0.0.1:7860/?{with_note.to_query()}",
        "record": {key: value for key, value in with_note.to_json().items() if value is not None},
        "view": with_note,
        "failure": one.keep("a lamp in the floor"),
    }
    two = Inspector(folder, view=given[form])
    assert two.view == View("renamed", with_note.frame, 10, 12, 0.3)
    assert two.permalink.startswith("?run=renamed&frame=")
    one.close()
    two.close()


def test_a_view_of_a_frame_that_is_not_there_is_refused(inspector: Inspector) -> None:
    before = inspector.view
    with pytest.raises(RequestError, match="there is no frame 'nowhere'"):
        inspector.view = "?frame=nowhere"
    assert inspector.view == before


def test_nothing_of_a_run_changes_but_kept_failures(copy_of: Callable[..., Path], glare: Path) -> None:
    folder = copy_of(glare)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    inspector = Inspector(folder, view={"frame": InspectedRun.open(folder).names[1]})
    inspector._hear(None, {"kind": "keep", "view": {"run": "glare", "frame": inspector.view.frame}, "note": ""}, [])
    inspector._hear(None, {"kind": "apply", "strategy": "predicted"}, [])
    inspector.keep("too far")
    inspector.close()
    after = {path for path in folder.rglob("*") if path.is_file()}
    assert {path.parent.name for path in after - set(before)} == {"annotations"}
    assert all(path.read_bytes() == content for path, content in before.items())
    assert [one.note for one in kept(InspectedRun.open(folder))] == ["too far"]


def test_a_run_that_cannot_be_opened_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no folder"):
        Inspector(tmp_path / "nowhere")
    with pytest.raises(DataError):
        Inspector(tmp_path)


def test_figures_show_what_a_run_has(glare: Path) -> None:
    run = InspectedRun.open(glare)
    frame = frame_figure(run, run.names[0])
    titles = [axes.get_title() for axes in frame.axes]
    assert f"frame {run.names[0]}" in titles and "error of fused depth" in titles
    curves = curves_figure(run)
    assert {line.get_label() for line in curves.axes[0].lines} >= {"all", "reflective"}
    broken = breakdown_figure(run, by=("region", "distance"))
    assert sorted(axes.get_title() for axes in broken.axes) == ["by distance", "by region"]
    with pytest.raises(RequestError, match="no metric 'speed'"):
        breakdown_figure(run, metric="speed")


def test_the_worst_frames_are_those_with_the_tallest_bars(glare: Path, desk: Desk) -> None:
    bars = desk.answer(RunTable([glare]).ids[0], "manifest", {}).value["bars"]
    found = worst_frames(glare, 3)
    assert [one.value for one in found] == sorted((value for value in bars["values"] if value), reverse=True)[:3]
    assert found[0].what == bars["what"]


def test_nothing_of_jupyter_is_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys, deglare_viewer, deglare_viewer.notebook as one; assert 'Inspector' in dir(one); "
        "print([name for name in ('anywidget', 'ipywidgets', 'matplotlib', 'gradio', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
