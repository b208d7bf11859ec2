"""What strangers can reach: the opened runs through their routes, and no other file by any name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from attacks import call, events_of, studio
from fastapi.testclient import TestClient

import deglare_viewer
from deglare_viewer.sessions import RunTable

Copy = Callable[..., Path]
SECRET = "the words of the secret"  # noqa: S105

UPWARDS = (
    "..",
    "../..",
    "../../etc/passwd",
    "/etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e",
    "..\\..\\secret",
    "....//",
    "glare/../..",
    "%00",
    "glare%00",
)
TEMPLATES = (
    "/studio/{}/manifest",
    "/studio/{}/frames/0/layers",
    "/studio/glare/frames/{}/layers",
    "/studio/glare/frames/0/layers?teacher={}",
    "/studio/glare/point?frame=0&x=0&y=0&teacher={}",
    "/studio/glare/download/depth?name={}",
    "/studio/glare/download/depth?frame=0&layer={}",
    "/studio/glare/download/{}?frame=0",
    "/studio/static/{}",
    "/studio/{}",
)


@pytest.fixture(scope="module")
def client(glare: Path) -> Iterator[TestClient]:
    (glare.parent / "secret").write_text(SECRET)
    with studio(glare) as client:
        yield client


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("name", UPWARDS)
def test_no_name_leads_out_of_a_run(client: TestClient, glare: Path, template: str, name: str) -> None:
    for sent in (name, quote(name, safe=""), quote(quote(name, safe=""), safe="")):
        answer = client.get(template.format(sent))
        if answer.request.url.path != "/":  # what a client itself makes of two dots leads to the page
            assert answer.status_code in (400, 404, 409), (sent, answer.status_code)
        for told in ("root:", SECRET, str(glare), str(glare.parent)):
            assert told not in answer.text


@pytest.mark.parametrize(
    "prefix", ["/gradio_api/file=", "/gradio_api/file/", "/file=", "/gradio_api/static/", "/static/", "/assets/"]
)
def test_gradios_own_file_routes_read_nothing_of_a_run_or_of_the_checkout(
    client: TestClient, glare: Path, prefix: str
) -> None:
    package = Path(deglare_viewer.__file__)
    wanted = [
        glare / "run.json",
        glare / "color" / "000.jpg",
        glare.parent / "secret",
        package,
        package.parents[2] / "pyproject.toml",
        Path("/etc/passwd"),
        Path("pyproject.toml"),
        Path("../secret"),
    ]
    for path in wanted:
        for sent in (str(path), quote(str(path), safe=""), f"http://127.0.0.1/{path}"):
            answer = client.get(f"{prefix}{sent}")
            assert answer.status_code in (400, 403, 404), (sent, answer.status_code)


def test_a_link_in_a_run_that_leads_out_of_it_is_not_followed(glare: Path, copy_of: Copy, tmp_path: Path) -> None:
    run = copy_of(glare)
    outside = tmp_path / "private.jpg"
    outside.write_bytes((run / "color" / "003.jpg").read_bytes())
    (run / "color" / "003.jpg").unlink()
    (run / "color" / "003.jpg").symlink_to(outside)
    with studio(run) as client:
        (listed,) = client.get("/studio/runs").json()["runs"]
        assert "leads out of it" in listed["error"] and str(tmp_path) not in listed["error"]
        for path in ("manifest", "frames/3/layers", "download/labels"):
            assert client.get(f"/studio/glare/{path}").status_code == 410


def test_a_folder_that_is_a_link_out_of_the_run_is_not_entered(glare: Path, copy_of: Copy, tmp_path: Path) -> None:
    run = copy_of(glare)
    (run / "fused").rename(tmp_path / "elsewhere")
    (run / "fused").symlink_to(tmp_path / "elsewhere")
    (listed,) = RunTable([run]).listing()
    assert listed.fault is not None and "leads out of it" in listed.fault


def test_a_link_within_a_run_is_nothing_to_worry_about(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    (run / "color" / "latest.jpg").symlink_to(run / "color" / "003.jpg")
    assert RunTable([run]).first() == "glare"


def test_a_run_itself_may_be_reached_through_a_link(glare: Path, tmp_path: Path) -> None:
    (tmp_path / "shortcut").symlink_to(glare)
    assert RunTable([tmp_path / "shortcut"]).first() == "glare"


PATHS = (
    "/etc",
    "/etc/passwd",
    "../glare",
    "..",
    "file:///etc",
    "http://evil.example",
    "",
    None,
    7,
    ["glare"],
    {"run": 1},
)


@pytest.mark.parametrize("value", PATHS, ids=repr)
def test_components_that_are_set_by_hand_lead_nowhere(client: TestClient, glare: Path, value: object) -> None:
    """Gradio lets a client send any value for any component, shown or hidden, past the page."""
    config = client.get("/config").json()
    kinds = {one["id"]: one["type"] for one in config["components"]}
    for event in config["dependencies"]:
        data = [value if kinds.get(id) in ("dropdown", "html", "state") else None for id in event["inputs"]]
        extra = {"run": value, "strategy": value, "alpha": value, "view": {"run": value, "frame": value}, "id": value}
        answer = call(client, event["id"], data, {**extra, "row_value": [value], "index": [0, 0]})
        for told in ("root:", SECRET, str(glare), "Traceback"):
            assert told not in str(answer), event


def test_events_have_no_names_by_which_strangers_would_find_them(client: TestClient) -> None:
    assert client.get("/gradio_api/info").json() == {"named_endpoints": {}, "unnamed_endpoints": {}}
    assert events_of(client)


def test_nothing_was_written_by_any_of_this(client: TestClient, glare: Path) -> None:
    assert not (glare / "annotations").exists()
    assert "root:" not in client.get("/config").text and str(glare) not in client.get("/config").text
