"""The door before everything: whose name is called, who sent it, what the password is, how long the body may be."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import HOME, studio
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from deglare_viewer.guarding import HEADERS, Rules, hostname_of, is_known_host

PASSWORD = "open sesame"  # noqa: S105
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104
EVERYWHERE = (
    "/",
    "/config",
    "/theme.css",
    "/gradio_api/info",
    "/gradio_api/app_id",
    "/gradio_api/file=nothing",
    "/studio/runs",
    "/studio/glare/manifest",
    "/studio/glare/download/labels",
    "/studio/static/viewport.js",
)


@pytest.fixture(scope="module")
def client(glare: Path) -> Iterator[TestClient]:
    with studio(glare) as client:
        yield client


@pytest.mark.parametrize("path", EVERYWHERE)
def test_the_page_itself_is_let_in(client: TestClient, path: str) -> None:
    own = {"Origin": HOME, "Sec-Fetch-Site": "same-origin"}
    assert client.get(path, headers=own).status_code in (200, 403, 404)
    assert "another site" not in client.get(path, headers=own).text


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::2]",
        "192.168.0.7",
    ],
)
def test_a_name_that_is_not_ours_is_refused_so_that_dns_rebinding_reads_nothing(
    client: TestClient, path: str, host: str
) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421 and list(answer.json()) == ["error"]


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:7860", "[::1]:7860", "LOCALHOST:1"])
def test_this_machine_is_known_by_its_names_on_any_port(client: TestClient, host: str) -> None:
    assert client.get("/studio/runs", headers={"Host": host}).status_code == 200


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://localhost:7860.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
)


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("headers", FOREIGN, ids=lambda one: " ".join(one.values()))
def test_another_site_reads_nothing(client: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 403 and list(answer.json()) == ["error"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda one: " ".join(one.values()))
@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/run/predict", "/"])
def test_another_site_writes_nothing(client: TestClient, path: str, headers: dict[str, str]) -> None:
    assert client.post(path, headers=headers, content=b"{}").status_code == 403
    preflight = {**headers, "Access-Control-Request-Method": "POST"}
    assert client.options(path, headers=preflight).status_code == 403


def test_a_link_to_a_permalink_may_be_followed_from_anywhere(client: TestClient) -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/?run=glare&frame=003", headers=visit).status_code == 200
    assert client.get("/studio/glare/download/labels", headers=visit).status_code == 403


@pytest.mark.parametrize("path", [*EVERYWHERE, "/nowhere"])
def test_every_answer_forbids_other_hosts_frames_and_guessing(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    assert "http" not in policy and "*" not in policy and "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", [*EVERYWHERE, "/gradio_api/upload", "/gradio_api/queue/data?session_hash=a"])
def test_where_there_is_a_password_nothing_is_served_without_it(glare: Path, path: str) -> None:
    with studio(glare, rules=Rules(password=PASSWORD)) as client:
        for given in (None, "Basic", "Basic ???", basic("open"), f"Bearer {PASSWORD}", basic(f"{PASSWORD} ")):
            answer = client.get(path, headers={} if given is None else {"Authorization": given})
            assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic")
        if "queue/data" not in path:
            known = client.get(path, headers={"Authorization": basic(PASSWORD)})
            assert known.status_code in (200, 403, 404, 405)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


def test_a_password_may_hold_colons_and_letters_of_any_language(glare: Path) -> None:
    for password in ("öffne:dich", ":", "a:b:"):
        with studio(glare, rules=Rules(password=password)) as client:
            assert client.get("/studio/runs", headers={"Authorization": basic(password)}).status_code == 200


SHUT = (
    "/gradio_api/proxy=http://evil.example/",
    "/gradio_api/proxy=http%3A%2F%2F127.0.0.1%3A22%2F",
    "/monitoring",
    "/gradio_api/monitoring",
    "/gradio_api/monitoring/summary",
    "/gradio_api/vibe-code",
    "/gradio_api/dev/reload",
    "/gradio_api/profiling/traces",
    "/gradio_api/run-history/records",
    "/gradio_api/runs",
    "/gradio_api/openapi.json",
    "/gradio_api/deep_link",
    "/gradio_api/login",
    "/login",
    "/docs",
    "/openapi.json",
    "/custom_component/1/client/component/style.css",
)


@pytest.mark.parametrize("path", SHUT)
def test_what_the_studio_does_not_use_of_gradio_stays_shut(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path, json={}).status_code == 404


def test_nobody_uploads_where_no_panel_takes_a_file(client: TestClient) -> None:
    answer = client.post("/gradio_api/upload", files={"files": ("a.txt", b"hello")})
    assert answer.status_code == 413


def test_an_upload_and_any_other_body_have_a_limit(glare: Path) -> None:
    with studio(glare, rules=Rules(upload_bytes=10_000, body_bytes=5_000)) as client:
        assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"x" * 20_000)}).status_code == 413
        assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"x" * 2_000)}).status_code == 200
        assert client.post("/gradio_api/queue/join", content=b"x" * 6_000).status_code == 413
        assert client.post("/gradio_api/uploads", content=b"x" * 6_000).status_code == 404


def test_a_body_of_unknown_length_is_refused(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"{"
        yield b"}"

    assert client.post("/gradio_api/queue/join", content=pieces()).status_code == 411
    both = {"Transfer-Encoding": "chunked", "Content-Length": "2"}
    assert client.post("/gradio_api/queue/join", content=b"{}", headers=both).status_code == 411


def test_web_sockets_are_refused(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect("/gradio_api/queue/join"):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:80", "localhost"),
        ("[::1]:80", "::1"),
        ("Example.ORG", "example.org"),
        ("a:b:c", ""),
        ("[::1", ""),
        ("x" * 3, "xxx"),
        ("host:99999999", ""),
    ],
)
def test_a_host_header_is_read_strictly(host: str, name: str) -> None:
    assert hostname_of(host) == name


def test_a_server_on_every_address_takes_addresses_and_its_own_names_only() -> None:
    rules = Rules.for_host(EVERY_ADDRESS, ["Studio.example"])
    assert is_known_host("192.168.0.7:7860", rules) and is_known_host("[fe80::1]", rules)
    assert is_known_host("studio.example", rules) and is_known_host("localhost", rules)
    assert not is_known_host("evil.example", rules) and not is_known_host("", rules)
    assert not is_known_host("192.168.0.7", Rules.for_host("127.0.0.1"))
