"""What strangers can do with the clips of others, and with clips that are made to do harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from attacks import call, studio
from bringing import CLIP_BYTES, CLIPS, RULES, bringing, small_clip, until
from fastapi.testclient import TestClient

from deglare_viewer.films.filming import Filming
from deglare_viewer.sessions import RunTable

SECRET = "the words of the secret"  # noqa: S105
STRANGERS = {
    "none at all": "0" * 32,
    "upwards": "..",
    "a path": "/etc/passwd",
    "encoded": "..%2f..%2fsecret",
    "upper case": "A" * 32,
    "too short": "0" * 31,
    "a run": "glare",
    "zero byte": "%00" * 8,
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return small_clip(tmp_path_factory.mktemp("clips") / "hall.mp4").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("kept")
    (root / "secret").write_text(SECRET)
    return root / "uploads"


@pytest.fixture(scope="module")
def client(glare: Path, folder: Path) -> Iterator[TestClient]:
    with bringing(glare, folder) as client:
        yield client


@pytest.fixture(scope="module")
def done(client: TestClient, folder: Path, clip: bytes) -> str:
    """The id of a clip that is worked through. Not to be changed."""
    return finished(client, folder, clip)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def brought(client: TestClient, clip: bytes, name: str = "hall.mp4") -> str:
    return client.post(CLIPS, params={"name": name}, content=clip).json()["id"]


def finished(client: TestClient, folder: Path, clip: bytes) -> str:
    id = brought(client, clip)
    (folder / id / "go").touch()
    client.post(f"{CLIPS}/{id}/start")
    until(lambda: client.get(f"{CLIPS}/{id}").json()["state"] == "done")
    return id


@pytest.mark.parametrize("who", STRANGERS)
def test_a_clip_is_reached_by_its_own_id_alone(client: TestClient, folder: Path, clip: bytes, who: str) -> None:
    brought(client, clip)
    at = f"{CLIPS}/{STRANGERS[who]}"
    answers = [client.get(at), client.get(f"{at}/files/depth.mp4")]
    answers += [client.post(f"{at}/{act}") for act in ("start", "stop", "delete")]
    for answer in answers:
        if answer.request.url.path != "/":  # what a client itself makes of two dots leads to the page
            assert answer.status_code in (400, 404, 405), (answer.request.url, answer.status_code)
        for told in (SECRET, "root:", str(folder), str(folder.parent), "Traceback"):
            assert told not in answer.text


@pytest.mark.parametrize(
    "name",
    ["../film.json", "film.json", "/etc/passwd", "../../../secret", "work.log", "mesh.glb/../../film.json"],
)
def test_no_name_of_a_file_leads_out_of_what_may_be_saved(
    client: TestClient, folder: Path, done: str, name: str
) -> None:
    for sent in (quote(name, safe=""), quote(quote(name, safe=""), safe="")):
        answer = client.get(f"{CLIPS}/{done}/files/{sent}")
        assert answer.status_code in (400, 404) and SECRET not in answer.text and str(folder) not in answer.text


def test_a_link_among_the_results_is_not_followed(client: TestClient, folder: Path, clip: bytes) -> None:
    id = finished(client, folder, clip)
    for place in ("results/mesh.glb", "fused/003.png"):
        (folder / id / "hall" / place).unlink()
        (folder / id / "hall" / place).symlink_to(folder.parent / "secret")
    for name in ("mesh.glb", "depth_png.zip", "transforms.zip"):
        answer = client.get(f"{CLIPS}/{id}/files/{name}")
        assert answer.status_code == 400 and SECRET not in answer.text


@pytest.mark.parametrize(
    "name", ["hall.txt", "hall.m3u8", "hall", "hall.mp4.svg", "../../hall.html", "x" * 400 + ".mp4"]
)
def test_what_is_not_called_a_video_is_not_even_written(
    client: TestClient, folder: Path, clip: bytes, name: str
) -> None:
    before = kept(folder)
    answer = client.post(CLIPS, params={"name": name}, content=clip)
    assert answer.status_code == 400 and list(answer.json()) == ["error"]
    assert kept(folder) == before


def test_a_name_is_a_name_and_nothing_else(client: TestClient, folder: Path, clip: bytes) -> None:
    name = "../<img src=x onerror=alert(1)>$(touch x);--out=y.mp4"
    told = client.post(CLIPS, params={"name": name}, content=clip).json()
    assert told["name"] == name.removeprefix("../")
    assert kept(folder / told["id"]) == ["film.json", "img-src-x-onerror-alert-1-touch-x-out-y.mp4"]


def test_what_is_no_video_gets_a_sentence_without_a_path(client: TestClient, folder: Path) -> None:
    before = kept(folder)
    for content in (b"hello" * 100, b"#EXTM3U\n/etc/passwd\n" * 9, b"ffconcat version 1.0\nfile /etc/passwd\n" * 3):
        answer = client.post(CLIPS, params={"name": "a.mp4"}, content=content)
        assert answer.status_code == 410 and "a.mp4" in answer.json()["error"]
        assert str(folder) not in answer.text and kept(folder) == before


def test_a_clip_has_a_limit_and_other_bodies_have_theirs(client: TestClient, folder: Path) -> None:
    large, before = b"x" * (CLIP_BYTES + 1), kept(folder)
    assert client.post(f"{CLIPS}?name=a.mp4", content=large).status_code == 413
    assert client.post(f"{CLIPS}/?name=a.mp4", content=large).status_code == 413
    id = "0" * 32
    assert client.post(f"{CLIPS}/{id}/start", content=large).status_code == 413
    assert client.post("/gradio_api/upload", files={"files": ("a.mp4", b"x")}).status_code == 413
    assert kept(folder) == before


def test_a_clip_must_say_how_long_it_is_and_keep_to_it(client: TestClient, folder: Path, clip: bytes) -> None:
    def pieces() -> Iterator[bytes]:
        yield clip

    before = kept(folder)
    assert client.post(f"{CLIPS}?name=a.mp4", content=pieces()).status_code == 411
    for length in (len(clip) - 1, len(clip) + 1):
        headers = {"Content-Length": str(length)}
        answer = client.post(f"{CLIPS}?name=a.mp4", content=clip, headers=headers)
        assert answer.status_code == 410 and kept(folder) == before


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}]
)
def test_another_site_can_neither_bring_clips_nor_touch_them(
    client: TestClient, folder: Path, clip: bytes, headers: dict[str, str]
) -> None:
    id = brought(client, clip)
    before = kept(folder)
    for path in (f"{CLIPS}?name=a.mp4", f"{CLIPS}/{id}/start", f"{CLIPS}/{id}/delete"):
        assert client.post(path, content=clip, headers=headers).status_code in (403, 421)
    assert client.get(f"{CLIPS}/{id}", headers=headers).status_code in (403, 421)
    assert kept(folder) == before


def test_nothing_that_everybody_sees_names_a_clip_or_its_run(client: TestClient, folder: Path, clip: bytes) -> None:
    id = finished(client, folder, clip)
    look, _ = element_events(client)
    opened = call(client, look, [], {"id": id, "ids": [id]})
    run = opened["data"][0]["value"]
    assert client.get(f"/studio/{run}/manifest").status_code == 200
    for path in ("/studio/runs", "/config", "/", "/gradio_api/info", f"{CLIPS}"):
        assert id not in client.get(path).text
    client.post(f"{CLIPS}/{id}/delete")
    assert client.get(f"/studio/{run}/manifest").status_code == 404


def element_events(client: TestClient) -> tuple[int, int]:
    """Those of the tab: to look at a clip's run, and to name the clips that a browser knows."""
    config = client.get("/config").json()
    (element,) = (one["id"] for one in config["components"] if one["props"].get("elem_id") == "dg-films")
    of = {name: one["id"] for one in config["dependencies"] for id, name in one["targets"] if id == element}
    return of["select"], of["input"]


HANDED: tuple[object, ...] = (
    None,
    7,
    "x",
    "../secret",
    ["0" * 32],
    {"id": "glare"},
    {"id": "0" * 32, "ids": ["glare"]},
)


@pytest.mark.parametrize("value", HANDED, ids=repr)
def test_values_that_are_handed_in_past_the_page_lead_to_nobodys_clip(
    client: TestClient, folder: Path, done: str, value: object
) -> None:
    look, know = element_events(client)
    opened = call(client, look, [], value if isinstance(value, dict) else {"id": value, "ids": value})
    assert opened.get("success") is not True
    named = call(client, know, [json.dumps(value) if isinstance(value, dict) else value, "glare"])
    for answer in (opened, named):
        for told in (SECRET, str(folder), done, "Traceback"):
            assert told not in json.dumps(answer)


def test_a_studio_that_takes_no_clips_has_no_way_to_bring_one(glare: Path, clip: bytes) -> None:
    with studio(glare, is_read_only=True) as client:
        assert client.post(f"{CLIPS}?name=a.mp4", content=clip).status_code == 413
        assert client.post(f"{CLIPS}?name=a.mp4", content=b"").status_code in (404, 405)
        labels = [one["props"].get("label") for one in client.get("/config").json()["components"]]
        assert "Video" not in labels


def test_with_a_password_no_clip_is_brought_without_it(glare: Path, tmp_path: Path, clip: bytes) -> None:
    with bringing(glare, tmp_path / "kept", replace(RULES, password=SECRET)) as client:
        assert client.post(f"{CLIPS}?name=a.mp4", content=clip).status_code == 401
        assert client.get(f"{CLIPS}/{'0' * 32}").status_code == 401 and list(tmp_path.iterdir()) == []


def test_folders_that_are_no_clips_are_neither_read_nor_removed(tmp_path: Path) -> None:
    outside = tmp_path / "private"
    outside.mkdir()
    (outside / "film.json").write_text('{"schema": 1, "name": "x", "file": "x.mp4", "made_at": 0}')
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / ("0" * 32)).symlink_to(outside)
    (folder / "notes").mkdir()
    damaged = folder / ("1" * 32)
    damaged.mkdir()
    (damaged / "film.json").write_text('{"schema": 1, "name": "x", "file": "../../x.mp4", "made_at": 0}')
    films = Filming(folder, RunTable())
    films.begin()
    for root in folder.iterdir():
        assert client_sees_nothing(films, root.name)
    assert (outside / "film.json").is_file() and (folder / "notes").is_dir()


def client_sees_nothing(films: Filming, id: str) -> bool:
    try:
        films.film(id)
    except Exception as error:
        return "not here" in str(error)
    return False
