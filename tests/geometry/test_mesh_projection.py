"""Both back ends against depth that is known by formula, and against each other."""

from collections.abc import Callable, Iterator
from functools import cache

import known_meshes as known
import numpy as np
import pytest
import torch

from deglare.errors import DataError, RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.mesh_projection import Projector, open_projector
from deglare.geometry.planes import plane_depth, transform_plane
from deglare.geometry.projection import invert
from deglare.geometry.raycasting import FAR_M
from deglare.samples import open_sample
from deglare.types import Camera, DepthMap, Rigid

CAMERA = Camera(85.0, 80.0, 45.3, 32.9, (70, 96))
HERE: Rigid = np.eye(4)
EXACT_M = 2e-4
NOTHING = Mesh(np.zeros((0, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.int32))

Open = Callable[..., Projector]


@cache
def why_gl_does_not_start() -> str:
    try:
        open_projector(NOTHING, "pyrender").close()
    except RequestError as error:
        return str(error)
    return ""


@pytest.fixture(params=["raycast", "pyrender"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Projectors by one of the back ends, closed after the test."""
    if request.param == "pyrender" and why_gl_does_not_start():
        pytest.skip(why_gl_does_not_start())
    projectors: list[Projector] = []

    def build(mesh: Mesh, near_m: float = 0.4) -> Projector:
        projectors.append(open_projector(mesh, request.param, near_m, threads=1))
        return projectors[-1]

    yield build
    for projector in projectors:
        projector.close()


def facing(normal: tuple[float, float, float], offset_m: float) -> Mesh:
    """A wall n·x = d sixty metres wide, whose free side holds the origin (for d > 0)."""
    n = np.array(normal) / np.linalg.norm(normal)
    right = np.cross(n, (0.0, 1.0, 0.0))
    right, down = right / np.linalg.norm(right), np.cross(n, right / np.linalg.norm(right))
    corners = [30 * (a * right + b * down) + offset_m * n for a, b in ((-1, -1), (-1, 1), (1, 1), (1, -1))]
    return known.quad(np.array(corners))


def wall_depth(camera: Camera, world_T_cam: Rigid, normal: tuple[float, float, float], offset_m: float) -> np.ndarray:
    n = torch.nn.functional.normalize(torch.tensor([normal], dtype=torch.float64))
    in_cam = transform_plane(n, torch.tensor([offset_m], dtype=torch.float64), invert(torch.tensor(world_T_cam)[None]))
    return plane_depth(*in_cam, torch.tensor(camera.matrix)[None], camera.size_hw)[0, 0].numpy()


def box_depth(camera: Camera, world_T_cam: Rigid, low: tuple[float, ...], high: tuple[float, ...]) -> np.ndarray:
    """Z-depth of a box seen from outside, inf beside it: the last slab entered, unless another was left before."""
    directions = camera.rays() @ world_T_cam[:3, :3].T
    ends = (np.array([low, high])[:, None, None] - world_T_cam[:3, 3]) / directions
    entered, left = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
    return np.where(entered < left, entered, np.inf)


def ball_depth(camera: Camera, world_T_cam: Rigid, centre: tuple[float, ...], radius: float) -> np.ndarray:
    """Z-depth of a ball seen from outside, inf beside it: the nearer root of |o + t d - c| = r."""
    directions, towards = camera.rays() @ world_T_cam[:3, :3].T, np.array(centre) - world_T_cam[:3, 3]
    a, b = (directions**2).sum(-1), directions @ towards
    root = b**2 - a * (towards @ towards - radius**2)
    return np.where(root > 0, (b - np.sqrt(np.maximum(root, 0))) / a, np.inf)


def require_equal(found: DepthMap, expected: np.ndarray, within_m: float = EXACT_M, stray: float = 0.0) -> None:
    """The same depth wherever there is any; a share of ``stray`` pixels may differ in whether there is."""
    should = np.isfinite(expected)
    assert np.mean(found.valid != should) <= stray
    both = found.valid & should
    assert both.any()
    np.testing.assert_allclose(found.metres[both], expected[both], atol=within_m, rtol=0)
    assert np.all(found.metres[~found.valid] == 0)


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.5, -0.3, 1.0), (-0.8, 0.6, 1.0)])
def test_a_wall_has_the_depth_of_its_formula_at_every_pixel_centre(opened: Open, pose, normal) -> None:
    world_T_cam = pose((0.1, -0.2, 0.3), (0.2, -0.1, 0.15))[0].numpy()
    expected = wall_depth(CAMERA, world_T_cam, normal, 2.5)
    found = opened(facing(normal, 2.5)).project(CAMERA, world_T_cam)
    require_equal(found, expected)
    assert found.metres.dtype == np.float32


def test_an_eighth_of_a_pixel_would_be_noticed() -> None:
    normal, shifted = (-0.8, 0.6, 1.0), Camera(85.0, 80.0, 45.425, 32.9, (70, 96))
    moved = wall_depth(shifted, HERE, normal, 2.5) - wall_depth(CAMERA, HERE, normal, 2.5)
    assert np.median(np.abs(moved)) > 5 * EXACT_M


def test_a_box_has_the_depth_of_its_formula(opened: Open, pose) -> None:
    low, high = (-0.6, -0.4, 1.7), (0.5, 0.7, 2.6)
    world_T_cam = pose((0.25, -0.35, 0.1), (0.9, 0.5, -0.4))[0].numpy()
    expected = box_depth(CAMERA, world_T_cam, low, high)
    assert 0.1 < np.isfinite(expected).mean() < 0.9
    require_equal(opened(known.box(low, high)).project(CAMERA, world_T_cam), expected, stray=0.002)


def test_a_ball_has_the_depth_of_its_formula_but_for_the_rim(opened: Open, pose) -> None:
    centre, radius = (0.2, -0.1, 2.0), 0.7
    world_T_cam = pose((0.05, 0.1, -0.7), (0.1, 0.1, 0.1))[0].numpy()
    expected = ball_depth(CAMERA, world_T_cam, centre, radius)
    rim = np.abs(np.gradient(np.where(np.isfinite(expected), expected, 9.0))).max(axis=0) > 0.1
    found = opened(known.ball(centre, radius)).project(CAMERA, world_T_cam)
    kept = DepthMap(np.where(rim, np.float32(0), found.metres), found.valid & ~rim)
    require_equal(kept, np.where(rim, np.inf, expected), within_m=4 * EXACT_M)


def test_a_depth_map_made_into_a_mesh_projects_back_onto_itself(opened: Open, pose) -> None:
    world_T_cam = pose((0.4, 0.9, -0.2), (3.0, -2.0, 1.0))[0].numpy()
    v, u = np.indices(CAMERA.size_hw)
    depth = DepthMap.of_positive((2 + 0.3 * np.sin(u / 7) * np.cos(v / 5)).astype(np.float32))
    found = opened(known.from_depth(depth, CAMERA, world_T_cam, jump=1.0)).project(CAMERA, world_T_cam)
    inside = np.s_[1:-1, 1:-1]  # the outermost pixel centres lie on the very edge of the mesh
    assert found.valid[inside].mean() > 0.99  # rays exactly through corners may slip between the triangles
    apart = np.abs(found.metres - depth.metres)[inside][found.valid[inside]]
    assert apart.max() < EXACT_M


def test_within_a_room_every_pixel_is_hit(opened: Open, pose) -> None:
    room = known.turned(known.box((-2, -1.5, -2.5), (2, 1.5, 2.5)))
    projector = opened(room)
    for turn in range(8):
        assert projector.project(CAMERA, pose((0.1 * turn, 0.8 * turn, 0.0))[0].numpy()).valid.all()


def test_nothing_is_seen_before_the_near_depth(opened: Open) -> None:
    near, far = facing((0, 0, 1), 0.5), facing((0, 0, 1), 3.0)
    both = known.together(near, far)
    require_equal(opened(both, 0.49).project(CAMERA, HERE), np.full(CAMERA.size_hw, 0.5))
    require_equal(opened(both, 0.51).project(CAMERA, HERE), np.full(CAMERA.size_hw, 3.0))


def test_a_camera_in_falsely_solid_space_sees_the_first_surface_that_faces_it(opened: Open, pose) -> None:
    room = known.turned(known.box((-2, -2, -2), (2, 2, 3)))
    solid = known.together(known.box((-0.9, -0.8, -0.7), (0.8, 0.9, 1.1)), known.box((-1.2, -1.1, -1), (1, 1.3, 1.5)))
    world_T_cam = pose((0.1, 0.2, 0.3), (0.1, 0.05, 0.0))[0].numpy()
    expected = opened(room).project(CAMERA, world_T_cam)
    found = opened(known.together(room, solid)).project(CAMERA, world_T_cam)
    require_equal(found, expected.metres.astype(np.float64))


def test_a_wall_seen_from_behind_hides_nothing_and_is_nothing(opened: Open) -> None:
    behind = known.turned(facing((0, 0, 1), 1.0))
    assert not opened(behind).project(CAMERA, HERE).valid.any()
    found = opened(known.together(behind, facing((0, 0, 1), 3.0))).project(CAMERA, HERE)
    require_equal(found, np.full(CAMERA.size_hw, 3.0))


def test_what_is_too_far_is_not_seen(opened: Open) -> None:
    for depth_m, is_seen in ((0.99 * FAR_M, True), (1.01 * FAR_M, False)):
        corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * 2 * depth_m
        wall = known.quad(np.column_stack([corners, np.full(4, depth_m)]))
        found = opened(wall).project(CAMERA, HERE)
        assert found.valid.all() if is_seen else not found.valid.any()


def test_a_mesh_without_faces_is_seen_nowhere(opened: Open) -> None:
    vertices_only = Mesh(np.ones((4, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.int32))
    for mesh in (NOTHING, vertices_only):
        found = opened(mesh).project(CAMERA, HERE)
        assert found.size_hw == CAMERA.size_hw and not found.valid.any()


def test_one_projector_serves_cameras_of_several_sizes_in_any_order(opened: Open) -> None:
    normal = (0.3, 0.2, 1.0)
    projector = opened(facing(normal, 2.0))
    for size_hw in ((70, 96), (33, 41), (140, 100), (70, 96)):
        camera = CAMERA.resized(size_hw)
        require_equal(projector.project(camera, HERE), wall_depth(camera, HERE, normal, 2.0))


def test_two_projectors_live_side_by_side_and_outlive_each_other(opened: Open) -> None:
    first, second = opened(facing((0, 0, 1), 2.0)), opened(facing((0, 0, 1), 3.0))
    for _ in range(2):
        require_equal(first.project(CAMERA, HERE), np.full(CAMERA.size_hw, 2.0))
        require_equal(second.project(CAMERA, HERE), np.full(CAMERA.size_hw, 3.0))
    first.close()
    first.close()
    require_equal(second.project(CAMERA, HERE), np.full(CAMERA.size_hw, 3.0))
    with opened(facing((0, 0, 1), 4.0)) as third:
        require_equal(third.project(CAMERA, HERE), np.full(CAMERA.size_hw, 4.0))
    require_equal(second.project(CAMERA, HERE), np.full(CAMERA.size_hw, 3.0))


def test_what_was_projected_before_is_not_drawn_over(opened: Open, pose) -> None:
    projector = opened(facing((0, 0, 1), 2.0))
    before = projector.project(CAMERA, HERE)
    projector.project(CAMERA, pose((0.0, 0.0, 0.0), (0.0, 0.0, 1.0))[0].numpy())
    require_equal(before, np.full(CAMERA.size_hw, 2.0))


@pytest.mark.parametrize("near_m", [0.0, -1.0, FAR_M, float("nan")])
def test_a_near_depth_that_is_none_is_refused(opened: Open, near_m: float) -> None:
    with pytest.raises(RequestError, match="rays cannot start"):
        opened(NOTHING, near_m)


def test_a_pose_that_is_none_is_refused(opened: Open) -> None:
    projector = opened(facing((0, 0, 1), 2.0))
    lost = HERE.copy()
    lost[0, 3] = -np.inf
    for world_T_cam in (lost, 2 * HERE, np.diag([1.0, 1, -1, 1])):
        with pytest.raises(DataError, match="pose"):
            projector.project(CAMERA, world_T_cam)


def test_an_unknown_back_end_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RequestError, match="'vulkan' is none of raycast, pyrender"):
        open_projector(NOTHING, "vulkan")


def test_both_back_ends_agree_on_the_sample_scene() -> None:
    if why_gl_does_not_start():
        pytest.skip(why_gl_does_not_start())
    sample = open_sample()
    mesh = known.together(*(surface(index) for index in (0, 24, 48)))
    camera = sample[0].camera.resized((144, 192))
    with open_projector(mesh, "raycast", threads=1) as caster, open_projector(mesh, "pyrender") as drawer:
        for frame in sample[4::17]:
            assert frame.world_T_cam is not None
            cast, drawn = (p.project(camera, frame.world_T_cam) for p in (caster, drawer))
            both = cast.valid & drawn.valid
            assert both.mean() > 0.3
            assert (cast.valid != drawn.valid).mean() < 0.005
            apart = np.abs(cast.metres - drawn.metres)[both]
            assert np.mean(apart < 0.01) > 0.99
            assert np.median(apart) < 1e-4


def surface(index: int) -> Mesh:
    frame = open_sample()[index]
    depth, world_T_cam = frame.depth(), frame.world_T_cam
    assert depth is not None and world_T_cam is not None
    return known.from_depth(depth, frame.camera, world_T_cam, step=2)


def test_the_sample_seen_from_where_it_was_measured_is_what_was_measured(opened: Open) -> None:
    frame = open_sample()[24]
    truth, world_T_cam = frame.depth(), frame.world_T_cam
    assert truth is not None and world_T_cam is not None
    found = opened(surface(24)).project(frame.camera, world_T_cam)
    measured = np.zeros_like(truth.valid)
    measured[::2, ::2] = True  # the pixels that became corners
    both = found.valid & truth.valid & measured
    assert both[2:-2:2, 2:-2:2].mean() > 0.9
    assert np.quantile(np.abs(found.metres - truth.metres)[both], 0.99) < 0.002
