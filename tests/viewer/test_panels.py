"""The tabs: what they ask of a run, what they refuse, and how little a new one needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from attacks import call, studio

from deglare.errors import RequestError
from deglare.evaluation.published import published
from deglare.evaluation.runs import RunReport
from deglare.experiments.sheets import HEADS, shipped_experiment
from deglare.inspection.run import InspectedRun
from deglare.inspection.view import View
from deglare_viewer.panels import Studio
from deglare_viewer.panels.applying import mined, wanted, written
from deglare_viewer.panels.experiment import claims_of, facts_of, sheet_json
from deglare_viewer.panels.inspect import shelf_of
from deglare_viewer.panels.kept import listed, with_view, without_view
from deglare_viewer.panels.measured import frames_table
from deglare_viewer.panels.parts import in_words, message
from deglare_viewer.panels.results import cards, printed_rows, shown
from deglare_viewer.panels.stopping import StoppedError, Stops
from deglare_viewer.routes import Reading
from deglare_viewer.sessions import RunTable, UnknownRunError

Copy = Callable[..., Path]


def studio_of(*runs: Path, is_read_only: bool = False) -> Any:
    """What panels know, without a page around it."""
    table = RunTable(runs)
    return Studio(table, Reading(table), None, None, None, None, is_read_only)  # type: ignore[arg-type]


def test_a_message_names_the_run_and_its_version_and_is_never_the_same_twice(glare: Path) -> None:
    table = RunTable([glare])
    first, second = (json.loads(message(table, "glare", {"frame": "003"})) for _ in range(2))
    assert first["n"] != second["n"]
    assert first["run"] == "glare" and first["version"] == table.run("glare").version
    assert first["view"] == {"frame": "003"} and first["says"] is None


def test_where_there_is_nothing_to_show_the_message_says_what_to_do(glare: Path, copy_of: Copy) -> None:
    assert "deglare demo" in json.loads(message(RunTable(), None))["says"]
    run = copy_of(glare)
    (run / "run.json").write_text("{")
    told = json.loads(message(RunTable([run]), "glare"))
    assert told["run"] is None and "damaged" in told["says"] and str(run.parent) not in told["says"]


def test_labels_are_written_and_the_version_changes(glare: Path, copy_of: Copy) -> None:
    here = studio_of(copy_of(glare))
    before = here.table.run("glare").version
    told: list[tuple[int, int]] = []
    asked = {"run": "glare", "strategy": "difference", "alpha": 0.1, "teacher": "deep"}
    entry, strategy = wanted(here, asked)
    assert strategy is not None
    said = written(entry, strategy, lambda stage: lambda done, total: told.append((done, total)))
    assert "12 frames" in said and "% predicted" in said and "% projected" in said
    run = here.table.run("glare")
    assert run.version != before and run.strategy == "difference" and told[-1] == (12, 12)


def test_writing_can_be_stopped_by_whoever_started_it_and_leaves_the_labels_as_they_were(
    glare: Path, copy_of: Copy
) -> None:
    here, stops = studio_of(copy_of(glare)), Stops("it was stopped")
    before = here.table.run("glare")
    files = {path: path.read_bytes() for path in (before.root / "fused").iterdir()}

    def progress(done: int, total: int) -> None:
        if done == 3:
            stops.stop("somebody else")
            stops.stop("me")

    entry, strategy = wanted(here, {"run": "glare", "strategy": "projected"})
    assert strategy is not None
    stops.stop("me")  # of work that is over: it does not stop the next
    with pytest.raises(StoppedError, match="it was stopped"):
        written(entry, strategy, lambda stage: stops.watched("me", progress))
    assert {path: path.read_bytes() for path in (before.root / "fused").iterdir()} == files
    assert here.table.run("glare").version == before.version or here.table.run("glare").strategy == before.strategy
    assert "12 frames" in written(entry, strategy, lambda stage: stops.watched("me", lambda done, total: None))


def test_reflections_are_mined_without_touching_the_labels(glare: Path, copy_of: Copy) -> None:
    here = studio_of(copy_of(glare))
    before = here.table.run("glare")
    files = {path: path.read_bytes() for path in (before.root / "fused").iterdir()}
    entry, strategy = wanted(here, {"kind": "mine", "run": "glare"})
    told: list[str] = []
    said = mined(entry, lambda stage: lambda done, total: told.append(stage))
    run = here.table.run("glare")
    assert strategy is None and "12 frames are mined" in said and "(recall)" in said
    assert set(told) == {"mining reflections"}
    assert run.has_mined and not before.has_mined and run.version != before.version
    assert {path: path.read_bytes() for path in (run.root / "fused").iterdir()} == files


def test_labels_by_a_mask_are_written_after_it_was_mined(glare: Path, copy_of: Copy) -> None:
    here = studio_of(copy_of(glare))
    entry, strategy = wanted(here, {"run": "glare", "strategy": "union", "alpha": 0.3})
    assert strategy is not None
    for stages in (["mining reflections", "writing labels"], ["writing labels"]):
        told: list[str] = []
        written(entry, strategy, lambda stage, told=told: told.append(stage) or (lambda done, total: None))
        assert told == stages
        assert here.table.run("glare").has_mined and here.table.run("glare").strategy == "union"


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (42, "42 s"), (89.6, "90 s"), (200, "3 min")])
def test_time_is_said_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "nothing": (None, RequestError, "nothing was asked"),
    "another run": ({"run": "nobody"}, UnknownRunError, "no such run"),
    "a path": ({"run": "/etc"}, UnknownRunError, "no such run"),
    "magic": ({"run": "glare", "strategy": "magic"}, RequestError, "no strategy"),
    "no strategy": ({"run": "glare"}, RequestError, "a name and a threshold"),
    "a text as threshold": ({"run": "glare", "strategy": "uncertainty", "alpha": "1"}, RequestError, "a threshold"),
    "true as threshold": ({"run": "glare", "strategy": "uncertainty", "alpha": True}, RequestError, "a threshold"),
    "another teacher": ({"run": "glare", "strategy": "blend", "teacher": "deeper"}, RequestError, "depth of deep"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_written_is_refused_in_a_sentence(glare: Path, what: str) -> None:
    asked, kind, said = REFUSED[what]
    with pytest.raises(kind, match=said):
        wanted(studio_of(glare), asked)


@pytest.mark.parametrize("alpha", [float("nan"), -1.0, float("inf")])
def test_a_threshold_that_is_none_is_refused(glare: Path, copy_of: Copy, alpha: float) -> None:
    here = studio_of(copy_of(glare))
    with pytest.raises(RequestError):
        wanted(here, {"run": "glare", "strategy": "uncertainty", "alpha": alpha})


def test_a_failure_is_kept_noted_and_removed(glare: Path, copy_of: Copy) -> None:
    here = studio_of(copy_of(glare))
    view = {"run": "glare", "frame": "003", "x": 40, "y": 30, "strategy": "uncertainty", "alpha": 0.25}
    (item,) = json.loads(with_view(here, {"view": view, "note": ""}))["items"]
    assert View.from_query(item["query"]) == View("glare", "003", 40, 30, 0.25, "uncertainty")
    (noted,) = json.loads(with_view(here, {"view": item["view"], "note": "a hole"}))["items"]
    assert (noted["id"], noted["note"]) == (item["id"], "a hole")
    gone = json.loads(without_view(here, {"run": "glare", "id": item["id"]}))
    assert gone["items"] == [] and "press k" in gone["says"]


def test_kept_failures_speak_of_the_run_under_the_id_that_it_has_now(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare, "first-name")
    with_view(studio_of(run), {"view": {"run": "first-name", "frame": "003"}})
    other = studio_of(run.rename(run.parent / "second-name"))
    (item,) = json.loads(listed(other, "second-name"))["items"]
    assert item["view"]["run"] == "second-name" and "run=second-name" in item["query"]


def test_a_studio_that_is_read_only_writes_nothing(glare: Path) -> None:
    here = studio_of(glare, is_read_only=True)
    for attempt in (
        lambda: wanted(here, {"run": "glare", "strategy": "blend"}),
        lambda: wanted(here, {"run": "glare", "kind": "mine"}),
        lambda: with_view(here, {"view": {"run": "glare", "frame": "003"}}),
        lambda: without_view(here, {"run": "glare", "id": "x"}),
    ):
        with pytest.raises(RequestError, match="read-only"):
            attempt()
    assert json.loads(listed(here, "glare"))["fixed"] is True
    assert not (glare / "annotations").exists()


def test_a_list_of_failures_that_is_damaged_is_a_sentence(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    (run / "annotations").mkdir()
    (run / "annotations" / "failures.json").write_text("{")
    said = json.loads(listed(studio_of(run), "glare"))
    assert said["items"] == [] and "failures.json" in said["says"] and str(run.parent) not in said["says"]


def test_what_can_be_saved_is_what_the_run_has(glare: Path, copy_of: Copy) -> None:
    offered = {one["what"]: one["choices"] for one in json.loads(shelf_of(studio_of(glare), "glare"))}
    assert offered["depth"]["layer"] == ["fused", "predicted", "projected", "uncertainty", "truth"]
    assert offered["table"] == {"of": ["regions", "frames"]} and "labels" in offered
    bare = copy_of(glare, "bare")
    for path in (bare / "depth").iterdir():
        path.unlink()
    offered = {one["what"]: one["choices"] for one in json.loads(shelf_of(studio_of(bare), "bare"))}
    assert "truth" not in offered["depth"]["layer"] and offered["table"] == {"of": ["frames"]}
    assert shelf_of(studio_of(), None) == "[]"


def test_frames_are_listed_the_worst_first() -> None:
    def frame(name: str, error: float | None) -> dict[str, Any]:
        values = {"abs_rel": {"all": 0.1, "reflective": error}, "bias": {"highlight": error}}
        return {"name": name, "layers": {"predicted": values}}

    columns = ["predicted/abs_rel/reflective", "predicted/bias/highlight", "predicted/abs_rel/all"]
    frames = [frame("a", 0.2), frame("b", None), frame("c", 0.31249)]
    table = json.loads(frames_table({"tables": [1], "columns": columns, "frames": frames}))
    assert (table["by"], table["down"], table["leads"]) == (1, True, True)
    assert table["rows"] == [["a", 0.2, 0.2, 0.1], ["b", None, None, 0.1], ["c", 0.31249, 0.31249, 0.1]]
    assert [one["title"] for one in table["columns"]] == ["frame", "reflective", "highlight", "all"]


def test_without_truth_frames_are_listed_by_how_unsure_the_teachers_are() -> None:
    frames = [{"name": "a", "sigma_m": 0.1, "moved_m": 0.0}, {"name": "b", "sigma_m": 0.4, "moved_m": None}]
    table = json.loads(frames_table({"tables": [], "columns": ["sigma_m", "moved_m"], "frames": frames}))
    assert table["rows"] == [["a", 0.1, 0.0], ["b", 0.4, None]] and "teachers" in table["columns"][1]["hint"]


def test_results_are_the_numbers_of_the_report(glare: Path) -> None:
    regions, rows, said, card = shown(studio_of(glare), "glare", "reflective")
    report = RunReport.read(InspectedRun.open(glare).folder.report)
    assert regions[0] == "all" and "reflective" in regions
    table = json.loads(rows)
    assert [row[0] for row in table["rows"]] == list(report.layers)
    number, company = table["rows"][0][1]
    assert number == report.layers["predicted/deep"].value("reflective", "abs_rel")
    assert "pixels of" in company and "reflective" in company
    assert "other frames than the paper's" in said and card.startswith("protocol   rooms")


def test_a_run_without_a_report_says_so(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    (run / "report.json").unlink()
    regions, rows, said, card = shown(studio_of(run), "glare", None)
    assert regions == [] and json.loads(rows)["rows"] == [] and "no report.json" in said and card == ""


def test_the_experiment_that_ships_is_shown_as_it_was_recorded() -> None:
    recorded = shipped_experiment()
    assert recorded is not None
    for lines in recorded.sheets().values():
        table = json.loads(sheet_json(lines))
        titles = [column["title"] for column in table["columns"]]
        assert titles[:2] == ["network", "trained by"] and len(titles) == 2 + len(HEADS)
        for line, row in zip(lines, table["rows"], strict=True):
            assert row[:2] == [line.network, line.title]
            means = [None if cell is None else cell.mean for cell in line.cells]
            assert [None if cell is None else cell[0] for cell in row[2:]] == means
    assert "deglare bench distill3d" in facts_of(recorded) and "**no**" in claims_of(recorded)


def test_the_papers_numbers_and_the_model_cards_are_there() -> None:
    table = published().table("scannet-reflection-val")
    rows = json.loads(printed_rows(table))
    assert [one["title"] for one in rows["columns"]][:3] == ["network", "training", "Abs Rel"]
    assert rows["rows"][0] == ["Monodepth2", "self-supervised", 0.206, 0.227, 0.584, 0.246, 0.75, 0.912, 0.961]
    assert "monodepth2-small" in cards()


class Afternoon:
    """A panel that somebody might write: all that it takes."""

    title = "Afternoon"
    upload_bytes = 0

    def build(self, studio: Studio) -> None:
        """Counts the frames of the chosen run."""
        count = gr.Number(label="frames")
        studio.on_run(lambda id: len(studio.table.run(id).names), [studio.run], [count])


def test_a_new_panel_is_a_class_and_a_line(glare: Path) -> None:
    with studio(glare, panels=[Afternoon()]) as client:
        config = client.get("/config").json()
        assert [one["props"]["label"] for one in config["components"] if one["type"] == "tabitem"] == ["Afternoon"]
        opened = call(client, config["dependencies"][0]["id"], [])
        assert opened["data"][0]["value"] == "glare"


def test_the_page_is_whole_and_names_nobody_else(glare: Path) -> None:
    with studio(glare) as client:
        page = client.get("/").text
        labels = [
            one["props"]["label"] for one in client.get("/config").json()["components"] if one["type"] == "tabitem"
        ]
        assert labels == ["Inspect", "Annotate", "Results"]
        assert "</studio/static/viewport.js>; rel=modulepreload" in client.get("/").headers["link"]
        assert "link" not in client.get("/config").headers
        for host in ("googleapis", "gstatic", "huggingface.co/datasets", "cdn."):
            assert host not in page


def test_a_page_opens_at_the_run_of_its_address(glare: Path, copy_of: Copy) -> None:
    with studio(glare, copy_of(glare, "other")) as client:
        event = client.get("/config").json()["dependencies"][0]["id"]
        for query, run in (("", "glare"), ("?run=other", "other"), ("?run=nobody", "glare"), ("?run=/etc", "glare")):
            body = {"data": [], "fn_index": event, "session_hash": "visitor"}
            assert client.post(f"/gradio_api/queue/join{query}", json=body).status_code == 200
            with client.stream("GET", "/gradio_api/queue/data?session_hash=visitor") as stream:
                done = next(line for line in stream.iter_lines() if "process_completed" in line)
            assert json.loads(done.removeprefix("data:"))["output"]["data"][0]["value"] == run
