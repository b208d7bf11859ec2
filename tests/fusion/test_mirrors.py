"""Rooms whose depth is a formula: their large planes are found, glare and mirrors closed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from known_meshes import from_depth, together
from plain_scenes import look_at

from deglare.data.opening import open_sequence
from deglare.data.posed_folder import PosedFolder
from deglare.data.run_folder import RunFolder
from deglare.fusion.estimators import Flip
from deglare.fusion.labelling import Labelling
from deglare.fusion.large_planes import LargePlane, large_planes
from deglare.fusion.mirrors import MirrorSettings, View, closed_m2, closed_mesh, mesh_without_mirrors
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.staging import silently
from deglare.geometry.mesh import Mesh
from deglare.geometry.mesh_projection import open_projector
from deglare.types import Camera, DepthMap, Rgb, Rigid

CAMERA = Camera(80.0, 80.0, 63.5, 47.5, (96, 128))
SIZE = (4.0, 3.0, 2.5)
"""Of the room, from the origin."""

AHEAD = [look_at((x, 0.8, 1.6), (2.0, 2.4, 0.3)) for x in np.linspace(0.6, 3.4, 7)]
BACK = [look_at((2.0, 2.4, 1.2), (x, 0.0, z)) for x in (0.2, 2.0, 3.8) for z in (0.6, 1.9)]
POSES = [*AHEAD, *BACK]
"""The mirror is ahead; what it shows lies at the back."""

Hit = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From origin and directions (n 3) to lengths."""


def box_hit(origin: np.ndarray, rays: np.ndarray, size: tuple[float, float, float]) -> np.ndarray:
    """The walls of a box from the origin, seen from within."""
    with np.errstate(divide="ignore"):
        return np.where(rays > 0, (np.array(size) - origin) / rays, -origin / rays).min(axis=1)


def room_hit(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """The walls of the room."""
    return box_hit(origin, rays, SIZE)


def depth_of(hit: Hit, pose: Rigid) -> DepthMap:
    rays = CAMERA.rays().reshape(-1, 3) @ pose[:3, :3].T
    return DepthMap.of_positive(hit(pose[:3, 3], rays).reshape(CAMERA.size_hw))


def place_on(hit_m: np.ndarray, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    return origin + hit_m[:, None] * rays


def with_glare(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """A patch of the floor, which wanders with the camera, lies 0.8 m deeper."""
    hit_m = room_hit(origin, rays)
    x, y, z = place_on(hit_m, origin, rays).T
    deep = (z < 1e-6) & (np.hypot(x - origin[0], y - 1.9) < 0.35)
    below = (-0.8 - origin[2]) / rays[:, 2]
    return np.where(deep, below, hit_m)


def with_mirror(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """A mirror on the wall y = 3, from 1.4 to 2.6 m and from 0.3 to 1.3 m high, shows the room once more."""
    hit_m = room_hit(origin, rays)
    x, y, z = place_on(hit_m, origin, rays).T
    mirror = (y > SIZE[1] - 1e-6) & (np.abs(x - 2.0) < 0.6) & (np.abs(z - 0.8) < 0.5)
    far = box_hit(origin, rays, (SIZE[0], 2 * SIZE[1], SIZE[2]))
    return np.where(mirror, far, hit_m)


def with_door(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """In the same place an opening, and behind it the floor goes on to a wall 0.9 m away."""
    hit_m = room_hit(origin, rays)
    x, y, z = place_on(hit_m, origin, rays).T
    door = (y > SIZE[1] - 1e-6) & (np.abs(x - 2.0) < 0.6) & (np.abs(z - 0.8) < 0.5)
    return np.where(door, box_hit(origin, rays, (SIZE[0], SIZE[1] + 0.9, SIZE[2])), hit_m)


def seen(hit: Hit) -> list[View]:
    return [View(depth_of(hit, pose), CAMERA, pose) for pose in POSES]


def fused(hit: Hit) -> Mesh:
    """All that is seen, triangles as large as pixels; where the middle camera ahead sees glare, no floor is left."""
    mesh = together(*(from_depth(view.depth, CAMERA, view.world_T_cam, jump=0.1) for view in seen(hit)))
    if hit is not with_glare:
        return mesh
    x, y, z = mesh.vertices_m[mesh.faces].mean(axis=1).T
    glare = np.hypot(x - AHEAD[3][0, 3], y - 1.9) < 0.35
    return Mesh(mesh.vertices_m, mesh.faces[~(glare & (np.abs(z) < 0.1))])


def error_where(mesh: Mesh, hit: Hit, pose: Rigid) -> tuple[float, float]:
    """Largest error against the empty room, where the plain prediction is wrong and where it is right."""
    truth, predicted = depth_of(room_hit, pose), depth_of(hit, pose)
    with open_projector(mesh, threads=1) as projector:
        found = projector.project(CAMERA, pose)
    wrong = np.abs(predicted.metres - truth.metres) > 0.01
    off = np.where(found.valid, np.abs(found.metres - truth.metres), 0)
    return float(np.quantile(off[wrong], 0.95)), float(np.quantile(off[~wrong], 0.99))


def test_the_planes_of_a_room_are_found_and_face_its_inside() -> None:
    """Every direction alike: the room is turned about two axes."""
    turn = look_at((1.0, 2.0, 0.5))[:3, :3]
    rng = np.random.default_rng(0)
    view = fused(room_hit)
    noisy = view.vertices_m + rng.normal(0, 0.005, view.vertices_m.shape)
    planes = large_planes(Mesh((noisy @ turn.T).astype(np.float32), view.faces))
    found = {tuple(np.rint(turn.T @ plane.normal).astype(int)): plane for plane in planes}
    assert found[0, 0, 1].offset_m == pytest.approx(0, abs=0.02), "the floor"
    assert found[0, -1, 0].offset_m == pytest.approx(-3, abs=0.02), "the wall ahead"
    assert all(np.abs(turn.T @ plane.normal).max() > 0.999 for plane in planes)


def test_a_plane_knows_heights_and_reflections() -> None:
    plane = LargePlane(np.array([0.0, -1.0, 0.0]), -3.0, 1.0)
    points = np.array([[1.0, 2.0, 0.5], [1.0, 4.0, 0.5]])
    assert plane.height_m(points).tolist() == [1.0, -1.0]
    np.testing.assert_allclose(plane.reflected(points)[:, 1], [4.0, 2.0])
    first, second = plane.axes
    np.testing.assert_allclose(np.cross(first, second), plane.normal, atol=1e-12)


@pytest.mark.parametrize("hit", [with_glare, with_mirror])
def test_glare_and_mirrors_are_closed_by_their_plane(hit: Hit) -> None:
    mesh, area = closed_mesh(fused(hit), seen(hit))
    before, after = (error_where(one, hit, AHEAD[3]) for one in (fused(hit), mesh))
    assert before[0] > 0.3
    assert after[0] < 0.06, "within a cell's edge and the thickness of noise"
    assert after[1] <= before[1] + 1e-6
    assert 0.3 < area < 4


@pytest.mark.parametrize("hit", [room_hit, with_door])
def test_what_is_neither_stays_open(hit: Hit) -> None:
    """Strips of floor may go on behind a wall, where nobody sees them."""
    mesh = fused(hit)
    closed, area = closed_mesh(mesh, seen(hit))
    assert area < (0.03 if hit is room_hit else 1.1)
    assert np.array_equal(closed.vertices_m[: len(mesh.vertices_m)], mesh.vertices_m)
    with open_projector(closed, threads=1) as projector:
        for pose in AHEAD[::3]:
            found, truth = projector.project(CAMERA, pose), depth_of(hit, pose)
            off = np.abs(found.metres - truth.metres)[found.valid]
            assert np.quantile(off, 0.99) < 0.05


def test_an_empty_mesh_has_no_planes() -> None:
    empty = Mesh(np.zeros((0, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.int32))
    assert large_planes(empty) == []
    assert closed_mesh(empty, seen(room_hit))[1] == 0


class Knows:
    """A teacher that is told by the colour which frame it sees, and falls for the mirror."""

    name = "knows"

    def predict(self, rgb: Rgb) -> DepthMap:
        return depth_of(with_mirror, POSES[round(int(rgb[:16, :16].mean()) / 15)])


@pytest.fixture
def work(tmp_path: Path) -> Labelling:
    folder = PosedFolder(tmp_path / "room")
    folder.write_camera(CAMERA)
    for number in range(len(POSES)):
        folder.write_frame(f"{number:02d}", np.full((*CAMERA.size_hw, 3), 15 * number, dtype=np.uint8))
    folder.write_poses((f"{number:02d}", pose) for number, pose in enumerate(POSES))
    settings = LabelSettings(uncertainty=Flip(), mesh=MeshSettings(every=1))
    run = RunFolder(tmp_path / "run")
    run.root.mkdir()
    return Labelling(run, open_sequence(tmp_path / "room"), (Knows(),), settings, 1, silently)


def test_a_run_gets_a_stage_that_is_done_once(work: Labelling) -> None:
    predicted = work.predict(work.frames())
    work.project(mesh_without_mirrors(work, predicted))
    first = work.run.mesh.read_bytes()
    stages = work.run.manifest().stages
    assert stages["mirrors"].is_finished and closed_m2(work.run) > 0.1
    assert stages["project"].inputs
    mesh_without_mirrors(work, predicted)
    assert work.run.mesh.read_bytes() == first
    finer = MirrorSettings(least_votes=2)
    other = mesh_without_mirrors(work, predicted, finer)
    assert work.run.is_current("mirrors", other.settings, other.inputs)
    mesh_without_mirrors(work, predicted)
    assert work.run.mesh.read_bytes() == first, "closed anew from the mesh as it was"


def test_a_stage_that_was_cut_off_begins_with_the_open_mesh(work: Labelling) -> None:
    predicted = work.predict(work.frames())
    key = mesh_without_mirrors(work, predicted)
    first = work.run.mesh.read_bytes()
    manifest = work.run.manifest()
    stages = {name: stage for name, stage in manifest.stages.items() if name != "mirrors"}
    work.run.write_manifest(type(manifest)(manifest.source, manifest.camera, manifest.poses, stages))
    work.run.begin(key.stage, key.settings, key.inputs, ())
    mesh_without_mirrors(work, predicted)
    assert work.run.mesh.read_bytes() == first
