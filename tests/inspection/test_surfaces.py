"""Surfaces of runs: who sees a vertex, and what they say of it, against cubes and walls that are known by formula."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_meshes import ball, grid_faces, quad, together
from known_runs import BOX_CAMERA, OFF_M, box_run, wall_run
from made_runs import MadeFrame, MadeRun
from plain_scenes import CAMERA, facing

from deglare.data.files import read_depth, read_json, write_json
from deglare.data.run_folder import MANIFEST
from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh, vertex_normals
from deglare.geometry.raycasting import NEAR_M, RayCaster
from deglare.inspection import surfaces
from deglare.inspection.fused_mesh import mesh_of_depth
from deglare.inspection.layers import metres_of
from deglare.inspection.run import InspectedRun
from deglare.inspection.sights import Vertices, seen_from
from deglare.inspection.simplifying import simplified
from deglare.inspection.surfaces import ERROR_LIMIT_M, SIGMA_LIMIT_M, UNSEEN, packed, surface
from deglare.inspection.wire import unpacked_arrays
from deglare.pictures import DepthRange, amount_picture, depth_picture, error_picture
from deglare.types import inverse_rigid

FRAMES = 8


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> InspectedRun:
    return InspectedRun.open(box_run(FRAMES).write(tmp_path_factory.mktemp("surfaces") / "box"))


def sights(run: InspectedRun) -> dict[str, list[tuple[int, int, int, float]]]:
    """Vertex, row, column and depth of every vertex that a frame sees: a cube hides nothing that faces the camera."""
    mesh, camera = run.mesh(), run.camera
    assert mesh.normals is not None
    found: dict[str, list[tuple[int, int, int, float]]] = {}
    for name, pose in run.poses.items():
        found[name] = []
        cam_T_world = inverse_rigid(pose)
        for place, (vertex, normal) in enumerate(zip(mesh.vertices_m, mesh.normals, strict=True)):
            x, y, z = cam_T_world[:3, :3] @ vertex + cam_T_world[:3, 3]
            column, row = round(x / z * camera.fx + camera.cx), round(y / z * camera.fy + camera.cy)
            inside = z >= NEAR_M and 0 <= row < camera.size_hw[0] and 0 <= column < camera.size_hw[1]
            if inside and normal @ (pose[:3, 3] - vertex) > 0:
                found[name].append((place, row, column, z))
    return found


def test_a_vertex_of_a_cube_is_seen_by_the_frames_that_it_faces(box: InspectedRun) -> None:
    found = surface(box, "predicted", "views")
    counts = np.zeros(len(found.colours), dtype=int)
    for seen in sights(box).values():
        counts[[place for place, *_ in seen]] += 1
    assert 0 < counts.min(initial=9, where=counts > 0) < counts.max() and (counts == 0).any()
    expected = depth_picture(counts[None].astype(float), counts[None] > 0, DepthRange(0.0, float(counts.max())))[0]
    expected[counts == 0] = UNSEEN
    np.testing.assert_array_equal(found.colours, expected)
    assert found.legend is not None
    assert (found.legend.low, found.legend.high, found.legend.unit) == (0, counts.max(), "frames")


def test_error_is_the_mean_over_the_frames_that_see_a_vertex(box: InspectedRun) -> None:
    sums, counts = np.zeros(len(box.mesh().vertices_m)), np.zeros(len(box.mesh().vertices_m))
    for name, seen in sights(box).items():
        truth = read_depth(box.folder.layer("depth", name))
        for place, row, column, z in seen:
            if truth.valid[row, column]:
                sums[place] += z - truth.metres[row, column]
                counts[place] += 1
    known = counts > 0
    mean = sums[known] / counts[known]
    assert mean.min() > OFF_M - 0.03  # the true cube is larger on every side, so the mesh is too far
    found = surface(box, "predicted", "error")
    expected = error_picture(mean[None].astype(np.float64), np.ones((1, len(mean)), dtype=bool), ERROR_LIMIT_M)[0]
    np.testing.assert_allclose(found.colours[known].astype(int), expected.astype(int), atol=2)
    assert np.all(found.colours[~known] == UNSEEN)
    assert found.legend is not None and found.legend.map == "RdBu_r"
    assert (found.legend.low, found.legend.high) == (-0.5, 0.5)
    assert np.all(found.colours[known][:, 0] > found.colours[known][:, 2])  # red: too far


def test_uncertainty_is_the_mean_sigma_of_the_frames_that_see_a_vertex(box: InspectedRun) -> None:
    sums, counts = np.zeros(len(box.mesh().vertices_m)), np.zeros(len(box.mesh().vertices_m))
    for number, seen in enumerate(sights(box).values()):
        places = [place for place, *_ in seen]
        sums[places] += 0.1 + 0.05 * number
        counts[places] += 1
    known = counts > 0
    expected = amount_picture((sums[known] / counts[known])[None], SIGMA_LIMIT_M)[0]
    found = surface(box, "predicted", "uncertainty")
    np.testing.assert_allclose(found.colours[known].astype(int), expected.astype(int), atol=1)
    assert found.legend is not None and (found.legend.high, found.legend.map) == (0.6, "magma")


def grid_wall(z: float, half_m: float, steps: int) -> Mesh:
    """A wall across the view that faces a camera at the origin."""
    places = np.linspace(-half_m, half_m, steps)
    y, x = np.meshgrid(places, places, indexing="ij")
    points = np.stack([x, y, np.full_like(x, z)], axis=-1).reshape(-1, 3).astype(np.float32)
    return Mesh(points, grid_faces(np.ones(x.shape, dtype=bool)))


def test_what_stands_behind_something_is_not_seen() -> None:
    wall = grid_wall(3.0, 1.2, 41)
    screen = quad(np.array([[-0.4, -0.3, 1.5], [-0.4, 0.3, 1.5], [0.4, 0.3, 1.5], [0.4, -0.3, 1.5]]))
    mesh = together(wall, screen)
    depth = RayCaster(mesh).project(CAMERA, facing())
    found = seen_from(Vertices.of(mesh), CAMERA, facing(), depth, 0.05)
    sees = np.zeros(len(mesh.vertices_m), dtype=bool)
    sees[found.vertices] = True
    x, y = np.abs(wall.vertices_m[:, 0]), np.abs(wall.vertices_m[:, 1])
    hidden, free = (x < 0.74) & (y < 0.54), (x > 0.86) | (y > 0.66)  # its shadow on the wall, less a pixel
    assert hidden.any() and free.any()
    on_wall = sees[: len(wall.vertices_m)]
    assert not on_wall[hidden].any() and on_wall[free].all()
    assert sees[len(wall.vertices_m) :].all()


def test_what_faces_away_or_lies_behind_or_beside_the_camera_is_not_seen() -> None:
    wall = grid_wall(2.0, 0.5, 5)
    open_view = metres_of(np.zeros(CAMERA.size_hw, dtype=np.uint16))
    away = Vertices(wall.vertices_m, -Vertices.of(wall).normals)
    assert len(seen_from(Vertices.of(wall), CAMERA, facing(), open_view, 0.05).vertices) == 25
    assert len(seen_from(away, CAMERA, facing(), open_view, 0.05).vertices) == 0
    assert len(seen_from(Vertices.of(wall), CAMERA, facing(z=2.5), open_view, 0.05).vertices) == 0
    assert len(seen_from(Vertices.of(wall), CAMERA, facing(x=9.0), open_view, 0.05).vertices) == 0
    assert len(seen_from(Vertices.of(wall), CAMERA, facing(z=2.0 - 0.9 * NEAR_M), open_view, 0.05).vertices) == 0


def test_predicted_depth_fused_again_is_the_mesh_of_the_run(glare_run: InspectedRun) -> None:
    again = mesh_of_depth(glare_run, lambda name: metres_of(glare_run.predicted_mm(name)))
    mesh = glare_run.mesh()
    np.testing.assert_array_equal(again.vertices_m, mesh.vertices_m)
    np.testing.assert_array_equal(again.faces, mesh.faces)
    assert again.colours is not None and mesh.colours is not None
    np.testing.assert_array_equal(again.colours, mesh.colours)


def test_the_surface_of_the_labels_has_fewer_holes_than_that_of_the_prediction(glare_run: InspectedRun) -> None:
    predicted, fused = (surface(glare_run, of, "error") for of in ("predicted", "fused"))
    behind = [float(np.mean(one.vertices.metres[:, 2] > 2.2)) for one in (predicted, fused)]
    assert behind[1] < behind[0]
    flat = np.abs(fused.vertices.metres[:, 2] - 2.0) < 0.02
    seen = np.any(fused.colours != UNSEEN, axis=1)
    assert np.mean(flat & seen) > 0.5
    assert np.all(fused.colours[flat & seen].min(axis=1) > 225)  # right: nearly white


def test_own_colours_need_no_legend_and_a_surface_without_any_is_grey(box: InspectedRun, tmp_path: Path) -> None:
    found = surface(box, "predicted", "rgb")
    np.testing.assert_array_equal(found.colours, box.mesh().colours)
    assert found.legend is None and found.note is None
    plain = InspectedRun.open(wall_run(2).write(tmp_path / "plain"))
    assert plain.mesh().colours is None
    assert np.all(surface(plain, "predicted", "rgb").colours == surfaces.UNCOLOURED)


@pytest.mark.parametrize("colour", ["rgb", "error", "uncertainty", "views"])
def test_the_wire_holds_the_mesh_and_says_what_its_colours_mean(box: InspectedRun, colour: str) -> None:
    found = surface(box, "predicted", colour)
    header, arrays = unpacked_arrays(packed(found))
    assert (header["vertices"], header["faces"]) == (len(box.mesh().vertices_m), len(box.mesh().faces))
    assert [(layer["name"], layer["type"], layer["channels"]) for layer in header["layers"]] == [
        ("positions", "f32", 3),
        ("normals", "i8", 3),
        ("colours", "u8", 3),
        ("faces", "u32", 3),
    ]
    assert all(layer["offset"] % 4 == 0 for layer in header["layers"])
    np.testing.assert_array_equal(arrays["positions"], box.mesh().vertices_m)
    np.testing.assert_array_equal(arrays["faces"], box.mesh().faces)
    np.testing.assert_array_equal(arrays["colours"], found.colours)
    np.testing.assert_allclose(arrays["normals"] / 127, found.vertices.normals, atol=1 / 254)
    expected = None if colour == "rgb" else {"what", "unit", "low", "high", "map"}
    assert (header["legend"] if expected is None else set(header["legend"])) == expected
    assert "NaN" not in json.dumps(header)


def test_a_large_surface_is_thinned_out_and_says_so(box: InspectedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surfaces, "MOST_FACES", 300)
    for colour in ("rgb", "uncertainty"):
        found = surface(box, "predicted", colour)
        assert 0 < len(found.faces) <= 300
        assert found.note == f"shown with {len(found.faces):,} of {len(box.mesh().faces):,} faces"
        assert found.legend is None or (found.note or "-") in found.legend.what


def test_of_a_long_run_every_nth_frame_is_asked_and_the_legend_says_so(
    box: InspectedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surfaces, "MOST_VIEWS", 4)
    seen: list[tuple[int, int]] = []
    found = surface(box, "predicted", "views", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.legend is not None and "4 of 8 frames were asked" in found.legend.what


@pytest.mark.parametrize("most", [200, 5000, 40_000])
def test_a_thinned_ball_is_still_a_closed_ball(most: int) -> None:
    dense = ball((0.5, -1.0, 2.0), 1.0, steps=150)
    thin = simplified(replace(dense, colours=np.full(dense.vertices_m.shape, 90, dtype=np.uint8)), most)
    assert most / 4 < len(thin.faces) <= most
    radius = np.linalg.norm(thin.vertices_m - (0.5, -1.0, 2.0), axis=1)
    cell = np.sqrt(8 * np.pi / most) * 1.2
    assert radius.max() < 1.001 and radius.min() > 1 - cell
    corners = thin.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert np.all(corners[:, 0] != corners[:, 1])
    assert len(np.unique(thin.faces, axis=0)) == len(thin.faces)
    outwards = np.einsum("vi,vi->v", vertex_normals(thin.vertices_m, thin.faces), thin.vertices_m - (0.5, -1.0, 2.0))
    assert np.mean(outwards > 0) > 0.99
    assert thin.colours is not None and np.all(thin.colours == 90)


def test_a_mesh_with_few_faces_stays_itself() -> None:
    mesh = grid_wall(2.0, 1.0, 5)
    assert simplified(mesh, 32) is mesh


def test_the_surface_of_the_labels_is_fused_once_for_each_version_of_them(tmp_path: Path) -> None:
    root = box_run(4).write(tmp_path / "box")
    run = InspectedRun.open(root)
    seen: list[int] = []
    first = surface(run, "fused", "rgb", progress=lambda done, total: seen.append(total))
    assert seen == [2, 2]  # every other frame
    again = surface(run, "fused", "rgb", progress=lambda done, total: seen.append(total))
    assert seen == [2, 2] and again.vertices.metres is first.vertices.metres
    manifest = read_json(root / MANIFEST)
    assert isinstance(manifest, dict)
    manifest["stages"]["fuse"]["inputs"] = "others"
    write_json(root / MANIFEST, manifest)
    surface(run.current(), "fused", "rgb", progress=lambda done, total: seen.append(total))
    assert seen == [2, 2, 2, 2]


def test_what_cannot_be_shown_is_refused_in_a_sentence(tmp_path: Path, box: InspectedRun) -> None:
    for of, colour in (("truth", "rgb"), ("predicted", "heat")):
        with pytest.raises(RequestError, match="there is no surface of"):
            surface(box, of, colour)
    root = wall_run(2, has_truth=False).write(tmp_path / "wall")
    with pytest.raises(RequestError, match="no true depth"):
        surface(InspectedRun.open(root), "predicted", "error")
    manifest = read_json(root / MANIFEST)
    assert isinstance(manifest, dict)
    del manifest["stages"]["fuse"]
    write_json(root / MANIFEST, manifest)
    with pytest.raises(RequestError, match="no labels yet"):
        surface(InspectedRun.open(root), "fused", "rgb")


def test_an_exception_from_progress_ends_the_work(box: InspectedRun) -> None:
    def cancel(done: int, total: int) -> None:
        raise InterruptedError

    for of in ("predicted", "fused"):
        with pytest.raises(InterruptedError):
            surface(box, of, "views", progress=cancel)


def test_pixels_without_truth_or_sigma_say_nothing(tmp_path: Path) -> None:
    wall = grid_wall(2.0, 0.4, 9)
    depth = RayCaster(wall).project(BOX_CAMERA, facing())
    left = np.arange(BOX_CAMERA.size_hw[1])[None] < BOX_CAMERA.cx
    truth = replace(depth, valid=depth.valid & ~left)
    sigma = np.where(left, np.float32(np.nan), np.full(BOX_CAMERA.size_hw, 0.3, dtype=np.float32))
    frame = MadeFrame(facing(), {"base": depth}, depth, sigma, truth=truth)
    run = InspectedRun.open(MadeRun(BOX_CAMERA, {"000": frame}, wall).write(tmp_path / "half"))
    x, y = wall.vertices_m[:, 0], wall.vertices_m[:, 1]
    within = np.maximum(np.abs(x), np.abs(y)) < 0.35
    is_left, is_right = within & (x < -0.05), within & (x > 0.05)
    for colour in ("error", "uncertainty"):
        grey = np.all(surface(run, "predicted", colour).colours == UNSEEN, axis=1)
        assert grey[is_left].all() and not grey[is_right].any()
