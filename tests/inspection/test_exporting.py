"""What a run gives away comes back as it was: depth, surfaces, labels and tables."""

from __future__ import annotations

import csv
import io
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from known_runs import NORMAL, box_run, wall_run
from PIL import Image

from deglare.data.files import read_depth, read_json, read_png16, write_json
from deglare.data.run_folder import MANIFEST
from deglare.errors import DataError, RequestError
from deglare.geometry.mesh_files import read_mesh
from deglare.inspection.breakdown import break_down
from deglare.inspection.downloads import Download, safe_name
from deglare.inspection.exporting import (
    MEASURES,
    depth_npz,
    depth_png,
    frames_csv,
    labels_zip,
    mesh_file,
    table_csv,
)
from deglare.inspection.run import InspectedRun
from deglare.inspection.surfaces import surface

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> InspectedRun:
    return InspectedRun.open(wall_run(4).write(tmp_path_factory.mktemp("exported") / "my wall, at night"))


def without_labels(root: Path) -> InspectedRun:
    manifest = read_json(root / MANIFEST)
    assert isinstance(manifest, dict)
    del manifest["stages"]["fuse"]
    write_json(root / MANIFEST, manifest)
    return InspectedRun.open(root)


@pytest.mark.parametrize("layer", MEASURES)
def test_a_png_holds_the_millimetres_of_the_run(run: InspectedRun, tmp_path: Path, layer: str) -> None:
    path = depth_png(run, 2, layer).write(tmp_path)
    files = {"predicted": run.folder.predicted("base", "002"), "truth": run.folder.layer("depth", "002")}
    on_disk = files[layer] if layer in files else run.folder.layer(layer, "002")
    np.testing.assert_array_equal(read_png16(path), read_png16(on_disk))
    with Image.open(path) as image:
        assert image.mode.startswith("I;16")
    assert path.name.startswith(f"my-wall-at-night_002_{layer}")


def test_a_png_of_another_teacher_is_named_after_it(run: InspectedRun, tmp_path: Path) -> None:
    path = depth_png(run, "001", "predicted", "other").write(tmp_path)
    assert path.name == "my-wall-at-night_001_predicted_other.png"
    np.testing.assert_array_equal(read_png16(path), read_png16(run.folder.predicted("other", "001")))


def test_points_made_of_the_truth_in_an_npz_lie_on_the_wall(run: InspectedRun) -> None:
    with np.load(io.BytesIO(depth_npz(run, 3, "truth").content()), allow_pickle=False) as content:
        metres, valid, (fx, fy, cx, cy), world_T_cam = (
            content[key] for key in ("metres", "valid", "camera", "world_T_cam")
        )
    v, u = np.indices(metres.shape)
    at_cam = np.stack([(u - cx) / fx * metres, (v - cy) / fy * metres, metres], axis=-1)[valid]
    points = at_cam @ world_T_cam[:3, :3].T + world_T_cam[:3, 3]
    assert np.abs(points @ np.array(NORMAL) - 2.0).max() < 2e-3


@pytest.mark.parametrize("layer", MEASURES)
def test_an_npz_holds_metres_and_nan_where_there_are_none(run: InspectedRun, layer: str) -> None:
    with np.load(io.BytesIO(depth_npz(run, 0, layer).content()), allow_pickle=False) as content:
        assert sorted(content.files) == ["camera", "metres", "valid", "world_T_cam"]
        metres, valid = content["metres"], content["valid"]
        np.testing.assert_array_equal(content["world_T_cam"], run.poses["000"])
    assert metres.dtype == np.float32 and valid.dtype == bool
    np.testing.assert_array_equal(np.isfinite(metres), valid)
    steps = np.array(Image.open(io.BytesIO(depth_png(run, 0, layer).content())))
    np.testing.assert_array_equal(np.rint(metres[valid] * 1000), steps[valid])
    np.testing.assert_array_equal(valid, steps != 65535 if layer == "uncertainty" else steps != 0)
    assert not valid.all() or layer in ("predicted", "fused", "truth")


def test_what_a_run_does_not_have_is_refused(run: InspectedRun, tmp_path: Path) -> None:
    for make in (depth_png, depth_npz):
        with pytest.raises(RequestError, match="not measured in metres"):
            make(run, 0, "rgb")
        with pytest.raises(RequestError, match="there is no frame"):
            make(run, 99)
        with pytest.raises(RequestError, match="none of the teachers"):
            make(run, 0, "predicted", "../..")
    bare = without_labels(wall_run(2, has_truth=False).write(tmp_path / "bare"))
    for layer, missing in (("fused", "labels"), ("truth", "true depth")):
        with pytest.raises(RequestError, match=f"has no {missing}"):
            depth_png(bare, 0, layer)
    with pytest.raises(RequestError, match="no labels yet"):
        labels_zip(bare)


@pytest.mark.parametrize("kind", ["glb", "ply"])
@pytest.mark.parametrize("colour", ["rgb", "error"])
def test_a_mesh_comes_back_with_its_colours(tmp_path: Path, kind: str, colour: str) -> None:
    run = InspectedRun.open(box_run(2, steps=5).write(tmp_path / "box"))
    mesh = read_mesh(mesh_file(run, "predicted", kind, colour).write(tmp_path))
    expected = surface(run, "predicted", colour).mesh
    np.testing.assert_array_equal(mesh.vertices_m, expected.vertices_m)
    np.testing.assert_array_equal(mesh.faces, expected.faces)
    assert mesh.colours is not None and expected.colours is not None
    np.testing.assert_array_equal(mesh.colours, expected.colours)
    assert mesh.normals is not None and expected.normals is not None
    np.testing.assert_allclose(mesh.normals, expected.normals, atol=1e-6)


def test_a_mesh_of_another_kind_is_refused(run: InspectedRun) -> None:
    with pytest.raises(RequestError, match="glb or ply"):
        mesh_file(run, "predicted", "obj")


def test_labels_unpack_to_the_files_of_the_run_and_say_their_units(run: InspectedRun, tmp_path: Path) -> None:
    path = labels_zip(run).write(tmp_path)
    assert path.name == "my-wall-at-night_labels.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "README.txt",
            *(f"{layer}/{name}.png" for name in run.names for layer in ("fused", "source")),
        ]
        for name in archive.namelist()[1:]:
            assert archive.read(name) == (run.root / name).read_bytes()
        assert all(stat.S_IMODE(entry.external_attr >> 16) == 0o644 for entry in archive.infolist())
        text = archive.read("README.txt").decode()
        archive.extractall(tmp_path / "unpacked")
    assert "16-bit, in millimetres; 0 is no label" in text and "2 projected" in text
    assert "strategy 'uncertainty'" in text and f"fx {run.camera.fx!r}" in text
    fused = read_depth(tmp_path / "unpacked" / "fused" / "001.png")
    np.testing.assert_array_equal(fused.metres, read_depth(run.folder.layer("fused", "001")).metres)


def test_labels_stream_frame_by_frame_and_come_out_the_same_each_time(run: InspectedRun) -> None:
    seen: list[tuple[int, int]] = []
    download = labels_zip(run, progress=lambda done, total: seen.append((done, total)))
    assert seen == []  # nothing is read before it is asked for
    pieces = list(download.chunks())
    assert len(pieces) == len(run.names) + 1 and seen == [(i, 4) for i in (1, 2, 3, 4)]
    assert b"".join(pieces) == download.content() == labels_zip(run).content()


def test_a_label_that_is_gone_is_one_sentence_and_leaves_no_file(
    glare_folder: Path, copy_of: Callable[[Path], Path], tmp_path: Path
) -> None:
    run = InspectedRun.open(copy_of(glare_folder))
    run.folder.layer("fused", "004").unlink()
    with pytest.raises(DataError, match=r"fused/004\.png"):
        labels_zip(run).write(tmp_path / "labels.zip")
    assert not list(tmp_path.glob("*labels.zip*")) and not list(tmp_path.glob(".*labels*"))


def test_the_table_of_regions_holds_the_numbers_of_the_breakdown_exactly(run: InspectedRun) -> None:
    found = break_down(run, threads=1)
    download = table_csv(run, found)
    lines = list(csv.DictReader(io.StringIO(download.content().decode())))
    by_key = {(line["by"], line["region"], line["layer"], line["metric"]): line for line in lines}
    count = 0
    for region in found.rows():
        for layer, numbers in region.layers.items():
            for metric, row in numbers.items():
                line = by_key[region.by, region.name, layer, metric]
                ends = [None if not line[end] else float(line[end]) for end in ("low", "high")]
                assert (float(line["value"]), *ends) == (row.value, row.low, row.high)
                assert (int(line["pixels"]), int(line["frames"])) == (row.pixels, row.frames)
                count += 1
    assert count == len(lines) and download.name == "my-wall-at-night_regions.csv"


def test_the_table_of_frames_holds_every_column(run: InspectedRun, tmp_path: Path) -> None:
    found = break_down(run, threads=1)
    lines = list(csv.DictReader(io.StringIO(frames_csv(run, found).content().decode())))
    for line, row in zip(lines, found.frames, strict=True):
        assert (int(line["frame"]), line["name"]) == (row.frame, row.name)
        assert {column: float(line[column]) for column in found.columns} == row.values
    bare = without_labels(wall_run(2, has_truth=False).write(tmp_path / "bare"))
    content = frames_csv(bare, break_down(bare, threads=1)).content().decode()
    assert content.splitlines()[0] == "frame,name,sigma_m,moved_m"
    assert content.splitlines()[1].endswith(",")  # nothing moved where nothing was fused
    assert "nan" not in content.lower() and table_csv(bare, break_down(bare)).content().count(b"\n") == 1


@example(["+"])
@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_any_name_becomes_a_safe_one(parts: list[str]) -> None:
    name = safe_name(*parts, suffix=".png")
    assert SAFE.fullmatch(name) and name.endswith(".png") and len(name) < 400


@pytest.mark.parametrize(
    ("part", "plain"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("..\\windows", "windows"),
        ('a"; rm -rf /', "a-rm--rf"),
        ("Küche 2", "Kuche-2"),
        ("...", "unnamed"),
        ("\r\nSet-Cookie: x", "Set-Cookie-x"),
        ("000123", "000123"),
    ],
)
def test_names_lose_what_a_system_or_a_header_could_trip_over(part: str, plain: str) -> None:
    assert safe_name(part, "labels", suffix=".zip") == f"{plain}_labels.zip"


def test_a_download_goes_into_a_folder_under_its_name_or_where_it_is_told(tmp_path: Path) -> None:
    download = Download.of("a.bin", "application/octet-stream", b"abc")
    assert download.write(tmp_path) == tmp_path / "a.bin"
    assert download.write(tmp_path / "b.bin").read_bytes() == b"abc" == (tmp_path / "a.bin").read_bytes()
    assert download.content() == download.content() == b"abc"
