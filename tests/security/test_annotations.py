"""What strangers send to the routes of annotations: other sites, other runs, garbage, and too much of it."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from attacks import studio
from fastapi.testclient import TestClient

from deglare.annotation import MESH
from deglare.annotation.rle import encoded, packed
from deglare.data.files import MAX_PIXELS
from deglare_viewer.guarding import Rules

Copy = Callable[..., Path]
AT = "/studio/glare/annotations"
STROKE = {"kind": "paint", "points": [[20, 20]], "radius": 4, "surface": "glossy"}
WHOLE = {"do": "stroke", "annotator": "ann", "frame": "003", "stroke": STROKE, "after": 0}
FACES = {"kind": "faces", "count": 40, "runs": encoded(np.ones((1, 40), bool)), "surface": "glossy"}
MANY = packed(np.array([0, MAX_PIXELS]))
ON_MESH = WHOLE | {"frame": MESH, "stroke": FACES}
READ = ("", "/queue", "/frames/{}", "/frames/{}/picture", "/frames/{}/suspects", "/frames/{}/pair?a=a&b=b")
ELSEWHERE = ("..", "../../etc/passwd", "/etc/passwd", "003/../../run.json", "003%00", "nowhere", "", "a" * 5000)


@pytest.fixture(scope="module")
def run(glare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(glare, tmp_path_factory.mktemp("marked") / "glare"))


@pytest.fixture(scope="module")
def client(run: Path) -> Iterator[TestClient]:
    with studio(run, rules=Rules(subset_bytes=100_000)) as client:
        yield client


def sent(client: TestClient, body: bytes, run: str = "glare") -> tuple[int, str]:
    answer = client.post(f"/studio/{run}/annotations/do", content=body)
    for told in ("root:", "Traceback", gettempdir(), "pytest"):
        assert told not in answer.text
    return answer.status_code, answer.text


@pytest.mark.parametrize("name", ELSEWHERE, ids=lambda name: name[:24])
def test_names_of_runs_and_frames_lead_nowhere_else(client: TestClient, run: Path, name: str) -> None:
    for path in READ:
        for template in (f"/studio/{{}}/annotations{path}", f"{AT}{path}" if "{}" in path else ""):
            asked = template.replace("{}", quote(name, safe=""), 1).replace("{}", "003")
            answer = client.get(asked)
            if answer.request.url.path not in ("/", AT, f"{AT}/") and asked != f"{AT}{path}":
                assert answer.status_code in (307, 400, 404, 409), (asked, answer.status_code)
            assert "root:" not in answer.text and str(run) not in answer.text
    assert sent(client, json.dumps(WHOLE | {"frame": name}).encode())[0] == 400
    assert sent(client, json.dumps(WHOLE).encode(), quote(name[:50], safe="") or "x")[0] in (400, 404, 405)


GARBAGE: dict[str, Any] = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "a list": b"[1]",
    "nothing": b"",
    "deep": b"[" * 100_000,
    "no number": json.dumps(WHOLE | {"stroke": STROKE | {"points": [[float("nan"), 1]]}}),
    "infinity": json.dumps(WHOLE | {"stroke": STROKE | {"points": [[float("inf"), 1]]}}),
    "beyond a double": json.dumps(WHOLE).replace("[[20, 20]]", "[[1e999, 1]]"),
    "a long number": json.dumps(WHOLE).replace("[[20, 20]]", f"[[{'9' * 400}, 1]]"),
    "a longer number": json.dumps(WHOLE).replace("[[20, 20]]", f"[[{'9' * 9000}, 1]]"),
    "a wide brush": json.dumps(WHOLE | {"stroke": STROKE | {"radius": 1e9}}),
    "no radius": json.dumps(WHOLE | {"stroke": STROKE | {"radius": None}}),
    "a true radius": json.dumps(WHOLE | {"stroke": STROKE | {"radius": True}}),
    "far away": json.dumps(WHOLE | {"stroke": STROKE | {"points": [[1e9, 1]]}}),
    "ragged": json.dumps(WHOLE | {"stroke": STROKE | {"points": [[1], [1, 2, 3]]}}),
    "words": json.dumps(WHOLE | {"stroke": STROKE | {"points": [["a", "b"]]}}),
    "objects": json.dumps(WHOLE | {"stroke": STROKE | {"points": [{"x": 1}]}}),
    "no points": json.dumps(WHOLE | {"stroke": STROKE | {"points": []}}),
    "many points": json.dumps(WHOLE | {"stroke": STROKE | {"points": [[1, 1]] * 20_001}}),
    "another surface": json.dumps(WHOLE | {"stroke": STROKE | {"surface": "marble"}}),
    "no stroke": json.dumps(WHOLE | {"stroke": None}),
    "nobody": json.dumps(WHOLE | {"annotator": ""}),
    "a long name": json.dumps(WHOLE | {"annotator": "a" * 81}),
    "a hidden name": json.dumps(WHOLE | {"annotator": "a\u202eb\n"}),
    "a list for a name": json.dumps(WHOLE | {"annotator": ["ann"]}),
    "another deed": json.dumps(WHOLE | {"do": "__init__"}),
    "a list for a deed": json.dumps(WHOLE | {"do": ["tag"]}),
    "a wrong tag": json.dumps(WHOLE | {"do": "tag", "tag": "<script>"}),
    "no proposal": json.dumps(WHOLE | {"do": "accept", "proposal": 10**14}),
    "a true proposal": json.dumps(WHOLE | {"do": "accept", "proposal": True}),
    "no choices": json.dumps(WHOLE | {"do": "settle", "a": "x", "b": "y", "choices": {"-1": "a"}}),
    "triangles of another mesh": json.dumps(ON_MESH),
    "triangles of a frame": json.dumps(ON_MESH | {"frame": "003"}),
    "a stroke of pixels on the mesh": json.dumps(ON_MESH | {"stroke": STROKE}),
    "triangles without end": json.dumps(ON_MESH | {"stroke": FACES | {"count": 10**14}}),
    "triangles below none": json.dumps(ON_MESH | {"stroke": FACES | {"count": -1}}),
    "half a triangle": json.dumps(ON_MESH | {"stroke": FACES | {"count": 40.5}}),
    "true triangles": json.dumps(ON_MESH | {"stroke": FACES | {"count": True}}),
    "triangles that are no runs": json.dumps(ON_MESH | {"stroke": FACES | {"runs": "\u2028" * 9}}),
    "triangles that unpack without end": json.dumps(ON_MESH | {"stroke": FACES | {"runs": MANY, "count": MAX_PIXELS}}),
    "more runs than triangles": json.dumps(ON_MESH | {"stroke": FACES | {"runs": MANY}}),
    "triangles as a list": json.dumps(ON_MESH | {"stroke": FACES | {"runs": [1, 2]}}),
    "triangles of marble": json.dumps(ON_MESH | {"stroke": FACES | {"surface": "marble"}}),
    "triangles of a list": json.dumps(ON_MESH | {"stroke": FACES | {"surface": ["glossy"]}}),
    "no number to mend": json.dumps(WHOLE | {"do": "correct", "proposal": "1"}),
    "nothing to mend": json.dumps(WHOLE | {"do": "correct"}),
    "nothing that mends": json.dumps(WHOLE | {"do": "correct", "proposal": 1, "stroke": {}}),
    "a list that mends": json.dumps(WHOLE | {"do": "correct", "proposal": 1, "stroke": [STROKE]}),
    "triangles that mend a frame": json.dumps(WHOLE | {"do": "correct", "proposal": 1, "stroke": FACES}),
    "mended nowhere": json.dumps(WHOLE | {"do": "correct", "proposal": 1, "frame": "nowhere"}),
    "mended again, after a word": json.dumps(WHOLE | {"do": "correct", "proposal": 1, "again": True, "after": "x"}),
    "no settler": json.dumps(WHOLE | {"do": "settle", "a": 1, "b": None, "choices": {}}),
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_garbage_gets_a_sentence_and_leaves_nothing(client: TestClient, body: bytes | str) -> None:
    status, text = sent(client, body if isinstance(body, bytes) else body.encode())
    assert status == 400 and list(json.loads(text)) == ["error"]
    for name in ("ann", "a" * 80):
        assert client.get(AT, params={"annotator": name}).json()["looked_at"] == []


def test_a_body_has_a_limit_and_a_subset_another(client: TestClient, glare: Path) -> None:
    large = json.dumps(WHOLE | {"more": "x" * (1 << 20)}).encode()
    assert sent(client, large)[0] == 413
    target = f"{AT}/import?name=a.txt&annotator=ann"
    assert client.post(target, content=b"x" * 100_001).status_code == 413
    assert client.post(target, content=b"glare 003\n").status_code == 200
    assert client.post(f"{AT}/do", json=WHOLE | {"do": "undo"}).status_code == 200
    with studio(glare) as closed:
        assert closed.post(target, content=b"glare 003\n").status_code == 413


def test_an_archive_that_grows_without_end_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deglare_viewer.annotating.files.MOST_BYTES", 1 << 20)
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames.csv", b"\0" * (4 << 20))
    answer = client.post(f"{AT}/import?name=a.zip&annotator=ann", content=body.getvalue())
    assert answer.status_code == 400 and "split it" in answer.json()["error"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_another_site_neither_reads_nor_writes(client: TestClient, headers: dict[str, str]) -> None:
    for path in (AT, f"{AT}/frames/003", f"{AT}/frames/003/picture", f"{AT}/export/coco"):
        assert client.get(path, headers=headers).status_code == 403
    for path in (f"{AT}/do", f"{AT}/import?name=a.txt&annotator=ann"):
        assert client.post(path, headers=headers, content=json.dumps(WHOLE)).status_code == 403
    assert client.get(AT, params={"annotator": "ann"}).json()["looked_at"] == []


def test_a_link_out_of_a_run_is_not_followed(glare: Path, copy_of: Copy, tmp_path: Path) -> None:
    run = copy_of(glare)
    (tmp_path / "elsewhere").mkdir()
    (run / "annotations").symlink_to(tmp_path / "elsewhere")
    with studio(run) as client:
        assert client.post(f"{AT}/do", json=WHOLE).status_code == 410
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_is_sent_by_name_is_shown_as_text(client: TestClient) -> None:
    name = "<img src=x onerror=alert(1)>"
    assert client.post(f"{AT}/do", json=WHOLE | {"annotator": name}).status_code == 200
    overview = client.get(AT)
    assert overview.headers["content-type"] == "application/json" and name in overview.json()["annotators"]
    exported = client.get(f"{AT}/export/list", params={"annotator": name, "scene": 'x"; filename="evil.exe'})
    assert exported.status_code in (400, 409, 410)
