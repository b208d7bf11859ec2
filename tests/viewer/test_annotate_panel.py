"""The tab of annotations as its page uses it: what is answered was kept, and looking leaves no trace."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from deglare.annotation import SURFACE_CODES, TAGS, open_annotations, subset_of
from deglare.annotation.masks import from_json
from deglare_viewer.annotating.routes import add_annotation_routes
from deglare_viewer.routes import add_routes
from deglare_viewer.sessions import RunTable

Copy = Callable[..., Path]
AT = "/studio/glare/annotations"
FRAME, OTHER = "003", "007"


@contextmanager
def studio(run: Path, *, is_read_only: bool = False) -> Iterator[TestClient]:
    """The routes of a studio, without Gradio and the door."""
    app = FastAPI(openapi_url=None)
    reading = add_routes(app, RunTable([run]))
    add_annotation_routes(app, reading, is_read_only=is_read_only)
    with TestClient(app) as client:
        yield client
    reading.close()


@pytest.fixture
def run(glare: Path, copy_of: Copy) -> Path:
    return copy_of(glare)


@pytest.fixture
def client(run: Path) -> Iterator[TestClient]:
    with studio(run) as client:
        yield client


def stroke(x: float = 40.0, y: float = 30.0, radius: float = 6.0, surface: str = "glossy") -> dict[str, Any]:
    return {"kind": "paint", "points": [[x, y], [x + 10, y]], "radius": radius, "surface": surface}


def do(client: TestClient, what: str, frame: str = FRAME, annotator: str = "ann", **fields: Any) -> dict[str, Any]:
    answer = client.post(f"{AT}/do", json={"do": what, "annotator": annotator, "frame": frame, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: TestClient, what: str, status: int = 400, **fields: Any) -> str:
    sent = {"do": what, "annotator": "ann", "frame": FRAME, **fields}
    answer = client.post(f"{AT}/do", json=sent)
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def told(client: TestClient, annotator: str = "ann") -> dict[str, Any]:
    return client.get(AT, params={"annotator": annotator}).json()


def seen(client: TestClient, frame: str = FRAME, annotator: str = "ann") -> dict[str, Any]:
    return client.get(f"{AT}/frames/{frame}", params={"annotator": annotator}).json()


def test_looking_leaves_no_trace(client: TestClient, run: Path) -> None:
    overview = told(client)
    assert len(overview["frames"]) == 12 and overview["tags"] == {} and overview["refusal"] is None
    assert overview["surfaces"] == SURFACE_CODES and tuple(overview["tags_there_are"]) == TAGS
    assert seen(client)["is_marked"] is False and seen(client)["mask"]["surfaces"] == {}
    assert not (run / "annotations").exists()


def test_what_is_answered_is_on_the_disk(client: TestClient, run: Path) -> None:
    state = do(client, "stroke", stroke=stroke(), after=0)
    do(client, "tag", tag="reflective")
    with open_annotations(run, read_only=True) as kept:
        there = kept.state("ann", FRAME)
    assert there.tag == "reflective" and there.surfaces.sum() > 100
    assert (from_json(state["mask"]) == there.surfaces).all()
    assert told(client)["tags"] == {FRAME: "reflective"} and told(client)["looked_at"] == [FRAME]


def test_another_server_goes_on_where_the_first_was_stopped_undo_included(run: Path) -> None:
    with studio(run) as first:
        do(first, "stroke", stroke=stroke(), after=0)
        do(first, "tag", frame=OTHER, tag="waste")
    with studio(run) as second:
        assert do(second, "undo")["frame"] == OTHER and told(second)["tags"] == {}
        assert do(second, "undo")["mask"]["surfaces"] == {}
        assert do(second, "redo")["frame"] == FRAME
        assert list(seen(second)["mask"]["surfaces"]) == ["glossy"]
        do(second, "redo")
    assert "nothing" in refused_in(run, "redo")


def refused_in(run: Path, what: str) -> str:
    with studio(run) as client:
        return refused(client, what)


def test_a_stroke_that_is_sent_again_because_no_answer_came_is_written_once(client: TestClient, run: Path) -> None:
    sent = {"stroke": stroke(), "after": 0, "again": True}
    first, second = do(client, "stroke", **sent), do(client, "stroke", **sent)
    assert first == second
    do(client, "stroke", stroke=stroke(), after=second["last_seq"])
    with open_annotations(run, read_only=True) as kept:
        assert len(kept.log("ann", FRAME)) == 2


def test_a_studio_for_reading_shows_what_is_there_and_writes_nothing(client: TestClient, run: Path) -> None:
    do(client, "stroke", stroke=stroke(), after=0)
    with studio(run, is_read_only=True) as reader:
        assert list(seen(reader)["mask"]["surfaces"]) == ["glossy"]
        assert "--read-only" in told(reader)["refusal"]
        for what in ("tag", "stroke", "undo", "carry"):
            assert "only shows" in refused(reader, what, tag="waste", stroke=stroke(), after=0)
        answer = reader.post(f"{AT}/import", params={"name": "a.txt", "annotator": "ann"}, content=b"")
        assert "only shows" in answer.json()["error"]


def test_two_visitors_on_one_run_keep_both_strokes(run: Path) -> None:
    with studio(run) as one, studio(run) as other:
        do(one, "stroke", stroke=stroke(20), after=0)
        do(other, "stroke", stroke=stroke(60), after=0)
        both = from_json(seen(one)["mask"])
        assert both[30, 20] and both[30, 60]
        assert seen(one) == seen(other)


def test_a_mask_is_carried_accepted_rejected_and_taken_back(client: TestClient) -> None:
    assert "paint" in refused(client, "carry")
    do(client, "stroke", stroke=stroke(), after=0)
    do(client, "carry")
    waiting = told(client)["waiting"]
    assert len(waiting) > 3 and FRAME not in waiting
    (proposal,) = seen(client, waiting[0])["proposals"]
    assert proposal["origin"] == f"frame {FRAME}" and from_json(proposal["mask"]).any()
    taken = do(client, "accept", waiting[0], proposal=proposal["seq"])
    assert taken["mask"] == proposal["mask"] and taken["proposals"] == []
    (second,) = seen(client, waiting[1])["proposals"]
    assert do(client, "reject", waiting[1], proposal=second["seq"])["mask"]["surfaces"] == {}
    do(client, "accept_all", waiting[2], origin=proposal["origin"])
    assert told(client)["waiting"] == []
    assert "decided" in refused(client, "accept", frame=waiting[0], proposal=proposal["seq"])


def test_what_was_carried_is_withdrawn_when_all_of_it_was_erased_and_carried_again(client: TestClient) -> None:
    do(client, "stroke", stroke=stroke(), after=0)
    do(client, "carry")
    assert told(client)["waiting"]
    do(client, "stroke", stroke=stroke() | {"kind": "erase", "radius": 60}, after=0)
    do(client, "carry")
    assert told(client)["waiting"] == []
    assert "paint" in refused(client, "carry")


def test_the_queue_leaves_out_what_was_looked_at_and_the_second_pass_is_what_the_first_saw(client: TestClient) -> None:
    queue = client.get(f"{AT}/queue").json()["queue"]
    scores = [one["score"] for one in queue]
    assert queue and scores == sorted(scores, reverse=True)
    do(client, "tag", queue[0]["frame"], tag="unsure")
    assert queue[0]["frame"] not in [one["frame"] for one in client.get(f"{AT}/queue").json()["queue"]]
    second = client.get(f"{AT}/queue", params={"annotator": "bob", "first": "ann"}).json()["queue"]
    assert [one["frame"] for one in second] == [queue[0]["frame"]]
    assert told(client, "bob")["tags"] == {} and told(client, "bob")["annotators"] == ["ann"]


def test_marks_start_from_what_the_teachers_are_unsure_of(client: TestClient) -> None:
    answer = client.post(f"{AT}/do", json={"do": "start", "annotator": "ann", "frame": FRAME, "surface": "mirror"})
    if answer.status_code == 200:
        (proposal,) = answer.json()["proposals"]
        assert proposal["origin"] == "uncertainty" and list(proposal["mask"]["surfaces"]) == ["mirror"]
    else:
        assert "unsure of nothing" in answer.json()["error"]


def test_suspect_truth_is_shown_left_out_and_taken_in_again(client: TestClient) -> None:
    do(client, "stroke", stroke=stroke(), after=0)
    answer = client.get(f"{AT}/frames/{FRAME}/suspects", params={"annotator": "ann"}).json()
    assert set(answer) == {"size_hw", "through", "missing"}
    left_out = do(client, "exclude")
    assert (left_out["excluded"] is None) == (answer["through"] is None and answer["missing"] is None)
    assert do(client, "exclude", none=True)["excluded"] is None


@pytest.mark.parametrize(("form", "end"), [("list", "txt"), ("coco", "json"), ("png", "zip"), ("csv", "csv")])
def test_a_subset_goes_out_and_comes_back_as_it_was(client: TestClient, run: Path, form: str, end: str) -> None:
    do(client, "stroke", stroke=stroke(surface="glass"), after=0)
    do(client, "tag", tag="reflective")
    do(client, "tag", OTHER, tag="waste")
    answer = client.get(f"{AT}/export/{form}", params={"annotator": "ann"})
    name = answer.headers["content-disposition"].split('"')[1]
    with open_annotations(run, read_only=True) as kept:
        whole = subset_of(kept, "glare", "ann")
    expected = whole.tagged("reflective") if form == "list" else whole
    assert name == f"glare_reflective_{expected.sha256[:12]}.{end}"
    sent = {"name": name, "annotator": "bob"}
    brought = client.post(f"{AT}/import", params=sent, content=answer.content).json()
    assert brought == {"sha256": expected.sha256, "frames": len(expected.frames), "unknown": []}
    assert client.get(f"{AT}/subset", params={"annotator": "bob"}).json()["sha256"] == expected.sha256


def test_a_file_that_was_changed_or_is_none_is_refused_without_the_servers_places(client: TestClient) -> None:
    do(client, "stroke", stroke=stroke(), after=0)
    coco = client.get(f"{AT}/export/coco", params={"annotator": "ann"}).content
    for name, body in (
        ("a.json", coco.replace(b'"glossy"', b'"marble"')),
        ("a.json", coco.replace(b"null", b'"waste"')),
        ("a.json", b"{"),
        ("a.csv", b"a,b\n1,2\n"),
        ("a.txt", b"one two three\n"),
        ("a.txt", b"elsewhere 003\n"),
        ("a.zip", b"PK"),
        ("a.exe", b"x"),
    ):
        answer = client.post(f"{AT}/import", params={"name": name, "annotator": "bob"}, content=body)
        assert answer.status_code in (400, 409, 410), (name, answer.text)
        assert str(gettempdir()) not in answer.text and "subset/" not in answer.text
    assert told(client, "bob")["looked_at"] == []


def test_an_archive_writes_nowhere_else(client: TestClient, run: Path) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("frames.csv", "scene,frame,tag\nglare,003,waste\n")
        for name in (
            "../out.csv",
            f"{gettempdir()}/deglare-out.csv",
            "surfaces/../../out.png",
            "surfaces/../frames.png",
        ):
            archive.writestr(name, b"x")
    answer = client.post(f"{AT}/import", params={"name": "a.zip", "annotator": "bob"}, content=body.getvalue())
    assert answer.json()["frames"] == 1
    assert not (Path(gettempdir()) / "deglare-out.csv").exists() and not list(run.parent.rglob("out.*"))


def test_two_annotators_are_compared_and_their_differences_settled(client: TestClient) -> None:
    do(client, "stroke", stroke=stroke(40), after=0)
    do(client, "stroke", stroke=stroke(44), after=0, annotator="bob")
    do(client, "tag", tag="reflective")
    do(client, "tag", tag="unsure", annotator="bob")
    report = client.get(f"{AT}/agreement", params={"a": "ann", "b": "bob"}).json()
    assert report["tags"] == {"same": 0, "both": 1} and 0.5 < report["whole"]["any"]["iou"] < 1
    (frame,) = report["frames"]
    pair = client.get(f"{AT}/frames/{FRAME}/pair", params={"a": "ann", "b": "bob"}).json()
    assert pair["a"]["mask"] == seen(client)["mask"] and pair["b"]["tag"] == "unsure"
    choices = {str(one["number"]): "b" for one in frame["differences"]}
    sent = {"a": "ann", "b": "bob", "annotator": "settled", "choices": choices}
    assert "choose a tag" in refused(client, "settle", **sent)
    settled = do(client, "settle", **sent, tag="reflective")
    assert settled["mask"] == pair["b"]["mask"] and settled["tag"] == "reflective"
    assert told(client)["settled"] == [FRAME]
    nobody = client.get(f"{AT}/agreement", params={"a": "ann", "b": "eve"})
    assert nobody.status_code == 400 and "two people" in nobody.json()["error"]


def test_a_picture_is_kept_by_the_browser_as_long_as_the_run_stays_as_it_is(client: TestClient, run: Path) -> None:
    version = told(client)["version"]
    answer = client.get(f"{AT}/frames/{FRAME}/picture", params={"v": version})
    assert answer.headers["cache-control"].endswith("immutable") and answer.headers["content-type"].startswith("image/")
    assert client.get(f"{AT}/frames/{FRAME}/picture").headers["cache-control"] == "no-store"
    next((run / "color").glob(f"{FRAME}.*")).unlink()
    assert client.get(f"{AT}/frames/{FRAME}/picture").status_code == 410


def test_a_folder_that_nobody_may_write_to_is_said_and_still_shown(client: TestClient, run: Path) -> None:
    (run / "annotations").write_text("in the way")
    said = refused(client, "tag", 409, tag="waste")
    assert str(run) not in said
    assert told(client)["tags"] == {}
