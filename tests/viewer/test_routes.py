"""What the page reads: every route says what `deglare.inspection` says, and every failure is one sentence."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from deglare.data.files import read_png16
from deglare.data.run_folder import RunFolder
from deglare.fusion.relabelling import relabel
from deglare.fusion.strategies import Blend
from deglare.geometry.mesh_files import read_mesh
from deglare.inspection.run import InspectedRun
from deglare.inspection.wire import unpacked_arrays
from deglare_viewer.routes import FRESH, KEPT, serve_routes, static_files

Copy = Callable[..., Path]
READS = (
    "manifest",
    "frames/3/layers",
    "point?frame=3&x=40&y=30",
    "why?frame=5&x=40&y=30",
    "pick?o=0.3,0,0&d=0,0,1",
    "curves",
    "mesh",
    "breakdown",
)


@pytest.fixture(scope="module")
def client(glare: Path) -> TestClient:
    return TestClient(serve_routes([glare]))


def test_every_run_is_listed(client: TestClient) -> None:
    answer = client.get("/studio/runs")
    assert answer.json() == {"runs": [{"id": "glare", "name": "glare", "frames": 12, "error": None}]}
    assert answer.headers["cache-control"] == FRESH


def test_the_manifest_names_the_run_by_its_id(client: TestClient, glare: Path) -> None:
    manifest = client.get("/studio/glare/manifest").json()
    run = InspectedRun.open(glare)
    assert manifest["id"] == "glare" and manifest["frames"] == list(run.names)
    assert manifest["version"] == run.version and manifest["size_hw"] == [64, 96]


def test_the_layers_of_a_frame_are_those_of_its_files(client: TestClient, glare: Path) -> None:
    header, arrays = unpacked_arrays(client.get("/studio/glare/frames/3/layers?teacher=deeper").content)
    assert (header["h"], header["w"]) == (64, 96)
    assert np.array_equal(arrays["predicted"].reshape(64, 96), read_png16(glare / "predicted" / "deeper" / "003.png"))
    assert np.array_equal(arrays["fused"].reshape(64, 96), read_png16(glare / "fused" / "003.png"))


@pytest.mark.parametrize("what", READS)
def test_an_answer_may_be_kept_for_as_long_as_its_version_is_the_runs_own(client: TestClient, what: str) -> None:
    version = client.get("/studio/glare/manifest").json()["version"]
    mark = "&" if "?" in what else "?"
    for asked, kept in (("", FRESH), (f"{mark}v=other", FRESH), (f"{mark}v={version}", KEPT)):
        answer = client.get(f"/studio/glare/{what}{asked}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == kept


def test_a_point_is_what_inspection_says_of_it(client: TestClient) -> None:
    asked = "/studio/glare/point?frame=3&x=48&y=32"
    values = {(one["name"], one["teacher"]): one["metres"] for one in client.get(asked).json()["values"]}
    assert values["truth", None] == pytest.approx(2.0) and ("predicted", "deep") in values
    switched = client.get(f"{asked}&strategy=projected").json()
    assert switched["source"] == "projected"


def test_a_ray_straight_ahead_meets_the_wall(client: TestClient) -> None:
    found = client.get("/studio/glare/pick?o=0.3,0,0&d=0,0,1&frame=5").json()
    assert found["hit"] and found["frame"] == 5 and found["xyz"][2] == pytest.approx(2.0, abs=0.1)


def test_the_mesh_comes_in_one_piece(client: TestClient, glare: Path) -> None:
    header, arrays = unpacked_arrays(client.get("/studio/glare/mesh?colour=views").content)
    assert header["vertices"] == len(arrays["positions"]) and header["faces"] == len(arrays["faces"])
    assert header["faces"] == len(read_mesh(glare / "mesh.ply").faces)


def test_curves_and_breakdown_speak_of_the_regions(client: TestClient) -> None:
    assert "reflective" in client.get("/studio/glare/curves").json()["regions"]
    breakdown = client.get("/studio/glare/breakdown").json()
    assert breakdown["tables"][0]["by"] == "region" and len(breakdown["frames"]) == 12


WRONG = {
    "nobody/manifest": (404, "no such run"),
    "glare/frames/99/layers": (400, "no frame 99"),
    "glare/frames/-1/layers": (400, "no frame -1"),
    "glare/frames/x/layers": (400, "frame"),
    "glare/frames/0/layers?teacher=nobody": (400, "none of the teachers"),
    "glare/point?frame=0&x=96&y=0": (400, "outside"),
    "glare/point?frame=0&x=1": (400, "y"),
    "glare/point?frame=0&x=1&y=1&strategy=magic": (400, "no strategy"),
    "glare/point?frame=0&x=1&y=1&alpha=nan": (400, "alpha"),
    "glare/pick?o=1,2&d=0,0,1": (400, "three numbers"),
    "glare/pick?o=1,2,inf&d=0,0,1": (400, "finite"),
    "glare/pick?o=0,0,0&d=0,0,0": (400, "no ray"),
    "glare/mesh?of=nothing": (400, "no surface"),
    "glare/download/nothing": (404, "nothing of that name"),
    "glare/download/depth": (400, "which frame"),
    "glare/download/depth?frame=0&format=exe": (400, "png or npz"),
    "glare/download/depth?frame=0&layer=rgb": (400, "not measured in metres"),
    "glare/download/table?of=nothing": (400, "choose one"),
    "static/nothing.js": (404, "no such file"),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_question_gets_a_status_and_a_sentence(client: TestClient, path: str) -> None:
    status, said = WRONG[path]
    answer = client.get(f"/studio/{path}")
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"] and said in answer.json()["error"]
    assert answer.headers["cache-control"] == FRESH


def test_nothing_is_written_through_the_routes(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, "/studio/glare/manifest").status_code == 405


def test_new_labels_are_another_version_with_other_layers(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    client = TestClient(serve_routes([run]))
    before = client.get("/studio/glare/manifest").json()["version"], client.get("/studio/glare/frames/3/layers").content
    relabel(RunFolder(run), Blend(), threads=1)
    after = client.get("/studio/glare/manifest").json()["version"], client.get("/studio/glare/frames/3/layers").content
    assert before[0] != after[0] and before[1] != after[1]


@pytest.mark.parametrize("what", READS)
def test_a_run_that_is_deleted_while_it_is_open_is_gone_in_one_sentence(glare: Path, copy_of: Copy, what: str) -> None:
    run = copy_of(glare)
    client = TestClient(serve_routes([run]))
    client.get("/studio/glare/manifest")
    shutil.rmtree(run)
    answer = client.get(f"/studio/glare/{what}")
    assert answer.status_code == 410
    assert "gone" in answer.json()["error"] and str(run.parent) not in answer.text


def test_a_frame_that_vanishes_while_its_run_is_open_is_a_sentence(glare: Path, copy_of: Copy) -> None:
    run = copy_of(glare)
    client = TestClient(serve_routes([run]))
    client.get("/studio/glare/manifest")
    (run / "projected" / "004.png").unlink()
    answer = client.get("/studio/glare/frames/4/layers")
    assert answer.status_code == 410 and "004.png" in answer.json()["error"]
    assert str(run.parent) not in answer.text


def test_depth_is_saved_as_it_lies_in_the_run(client: TestClient, glare: Path) -> None:
    png = client.get("/studio/glare/download/depth?name=003&layer=fused")
    assert png.headers["content-disposition"] == 'attachment; filename="glare_003_fused.png"'
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png.content))), read_png16(glare / "fused" / "003.png"))
    npz = np.load(io.BytesIO(client.get("/studio/glare/download/depth?frame=3&layer=truth&format=npz").content))
    assert np.allclose(npz["metres"], 2.0) and npz["world_T_cam"].shape == (4, 4)


def test_meshes_labels_tables_and_clips_are_saved_under_names_that_say_what_they_are(client: TestClient) -> None:
    def content(what: str, name: str) -> bytes:
        answer = client.get(f"/studio/glare/download/{what}")
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        return answer.content

    assert content("mesh?format=glb", "glare_predicted_rgb.glb").startswith(b"glTF")
    assert content("mesh?of=fused&format=ply", "glare_fused_rgb.ply").startswith(b"ply")
    assert content("table?of=regions", "glare_regions.csv").startswith(b"by,region,layer")
    assert content("table?of=frames", "glare_frames.csv").startswith(b"frame,name")
    with zipfile.ZipFile(io.BytesIO(content("labels", "glare_labels.zip"))) as archive:
        assert len([name for name in archive.namelist() if name.startswith("fused/")]) == 12
    assert content("clip?layer=fused&format=gif", "glare_fused.gif").startswith(b"GIF8")
    assert content("clip?layer=side by side", "glare_rgb_predicted_fused.mp4")[4:8] == b"ftyp"


def test_the_page_gets_its_own_files_and_nothing_else_of_the_package(client: TestClient) -> None:
    assert {"viewport.js", "page.js", "source.js", "studio.css"} <= {path.name for path in static_files()}
    for path in static_files():
        answer = client.get(f"/studio/static/{path.name}")
        assert answer.content == path.read_bytes() and answer.headers["cache-control"] == "no-cache"
    assert client.get("/studio/static/viewport.js").headers["content-type"].startswith("text/javascript")
    assert json.loads(client.get("/studio/static/app.py").text)["error"] == "there is no such file"
