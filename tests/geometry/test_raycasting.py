"""What only ray casting knows: triangles, normals, angles, and rays from anywhere."""

from concurrent.futures import ThreadPoolExecutor

import known_meshes as known
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import FAR_M, MOST_BACK_FACES, NUDGE_M, RayCaster, camera_rays
from deglare.types import Camera, inverse_rigid

CAMERA = Camera(85.0, 80.0, 45.3, 32.9, (70, 96))
CENTRE, RADIUS = (0.2, -0.1, 2.0), 0.7


@pytest.fixture(scope="module")
def ball() -> RayCaster:
    return RayCaster(known.ball(CENTRE, RADIUS), threads=1)


def shells(count: int) -> Mesh:
    """Boxes around the origin, each within the next, at half widths of 1, 2, 3 ... metres; all solid."""
    halves = np.arange(1.0, count + 1)
    return known.together(*(known.box((-h, -h, -h), (h, h, h)) for h in halves))


def test_rays_start_at_the_near_depth_and_run_through_pixel_centres(pose) -> None:
    world_T_cam = pose((0.3, -0.5, 0.9), (1.0, 2.0, -3.0))[0].numpy()
    rays = camera_rays(CAMERA, world_T_cam, 0.7).astype(np.float64)
    cam_T_world = inverse_rigid(world_T_cam)
    starts = rays[:, :3] @ cam_T_world[:3, :3].T + cam_T_world[:3, 3]
    ways = rays[:, 3:] @ cam_T_world[:3, :3].T
    v, u = np.indices(CAMERA.size_hw)
    np.testing.assert_allclose(CAMERA.project(starts), np.stack([u, v], axis=-1).reshape(-1, 2), atol=1e-3)
    np.testing.assert_allclose(starts[:, 2], 0.7, atol=1e-6)
    np.testing.assert_allclose(ways, CAMERA.rays().reshape(-1, 3), atol=1e-6)


def test_a_view_of_a_ball_has_its_normals_in_world_axes_and_their_angle_to_the_ray(ball: RayCaster, pose) -> None:
    world_T_cam = pose((0.2, -0.3, 1.0), (0.7, 0.2, 0.1))[0].numpy()
    view = ball.hit(CAMERA, world_T_cam)
    seen = view.depth.valid
    assert 0.05 < seen.mean() < 0.95
    rays = CAMERA.rays() @ world_T_cam[:3, :3].T
    places = rays * view.depth.metres[..., None] + world_T_cam[:3, 3]
    outwards = (places - CENTRE) / RADIUS
    np.testing.assert_allclose(view.normals[seen], outwards[seen], atol=0.02)
    cosine = -(outwards * rays).sum(-1) / np.linalg.norm(rays, axis=-1)
    np.testing.assert_allclose(view.cos_incidence[seen], cosine[seen], atol=0.02)
    assert view.cos_incidence.min() >= 0 and view.cos_incidence.max() <= 1 + 1e-6
    assert view.cos_incidence[seen].max() > 0.99


def test_a_view_has_the_depth_of_the_projection_and_says_nothing_where_nothing_is_seen(ball: RayCaster) -> None:
    view, depth = ball.hit(CAMERA, np.eye(4)), ball.project(CAMERA, np.eye(4))
    np.testing.assert_array_equal(view.depth.metres, depth.metres)
    np.testing.assert_array_equal(view.depth.valid, depth.valid)
    missed = ~depth.valid
    assert np.all(view.triangles[missed] == -1) and np.all(view.triangles[~missed] >= 0)
    assert np.all(view.normals[missed] == 0) and np.all(view.cos_incidence[missed] == 0)


def test_the_triangle_of_a_pixel_is_the_one_its_point_lies_in(pose) -> None:
    mesh = known.ball(CENTRE, RADIUS, steps=12)
    world_T_cam = pose((0.1, 0.2, 0.3), (0.3, 0.1, 0.0))[0].numpy()
    view = RayCaster(mesh, threads=1).hit(CAMERA, world_T_cam)
    seen = view.depth.valid
    places = (CAMERA.unproject(view.depth.metres) @ world_T_cam[:3, :3].T + world_T_cam[:3, 3])[seen]
    corners = mesh.vertices_m[mesh.faces[view.triangles[seen]]].astype(np.float64)
    sides = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=-1)
    shares = np.einsum("nij,nj->ni", np.linalg.pinv(sides), places - corners[:, 0])
    assert shares.min() > -1e-3 and shares.sum(axis=1).max() < 1 + 1e-3
    np.testing.assert_allclose(np.einsum("nij,nj->ni", sides, shares) + corners[:, 0], places, atol=1e-5)


def test_a_surface_too_far_has_no_triangle_either() -> None:
    corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * 2.5 * FAR_M
    view = RayCaster(known.quad(np.column_stack([corners, np.full(4, 1.5 * FAR_M)])), threads=1).hit(CAMERA, np.eye(4))
    assert not view.depth.valid.any()
    assert np.all(view.triangles == -1) and np.all(view.normals == 0) and np.all(view.cos_incidence == 0)


@given(
    length=st.floats(0.01, 50), x=st.floats(-1, 1), y=st.floats(-1, 1), z=st.floats(-1, 1), height=st.floats(0.1, 20)
)
def test_lengths_count_in_units_of_the_direction(ball: RayCaster, length, x, y, z, height) -> None:
    away = np.array([x, y, z + 2])
    away /= np.linalg.norm(away)
    origin = np.array(CENTRE) + (RADIUS + height) * away
    hits = ball.cast(origin[None], -length * away[None])
    assert hits.lengths[0] * length == pytest.approx(height, abs=1e-3)
    np.testing.assert_allclose(hits.normals[0], away, atol=0.02)
    assert hits.triangles[0] >= 0


def test_rays_that_meet_nothing_say_so_and_no_rays_are_no_hits(ball: RayCaster) -> None:
    hits = ball.cast(np.zeros((3, 3)), np.array([[0.0, 0, -1], [0, 0, 0], [np.nan, 0, 1]]))
    assert np.all(np.isinf(hits.lengths)) and np.all(hits.triangles == -1) and np.all(hits.normals == 0)
    none = ball.cast(np.zeros((0, 3)), np.zeros((0, 3)))
    assert len(none.lengths) == len(none.triangles) == len(none.normals) == 0


@pytest.mark.parametrize("length", [0.01, 1.0, 300.0])
def test_a_ray_leaves_solid_space_whatever_its_length(length: float) -> None:
    inside_a_ball_in_a_room = known.together(
        known.ball((0, 0, 0), 1.0, steps=20), known.turned(known.box((-3, -3, -3), (3, 3, 3)))
    )
    direction = length * np.array([[0.36, 0.48, 0.8]])
    hits = RayCaster(inside_a_ball_in_a_room, threads=1).cast(np.zeros((1, 3)), direction)
    assert hits.lengths[0] * length == pytest.approx(3 / 0.8, abs=1e-5)
    np.testing.assert_allclose(hits.normals[0], (0, 0, -1), atol=1e-6)


def test_a_front_face_right_behind_a_back_face_is_not_jumped_over() -> None:
    gap = 3 * NUDGE_M
    behind, front = (np.array([[-1, -1, z], [-1, 1, z], [1, 1, z], [1, -1, z]]) for z in (1.0, 1.0 + gap))
    mesh = known.together(known.turned(known.quad(behind)), known.quad(front))
    hits = RayCaster(mesh, threads=1).cast(np.zeros((1, 3)), np.array([[0.1, 0.2, 1.0]]))
    assert hits.lengths[0] == pytest.approx(1 + gap, abs=1e-5)


@pytest.mark.parametrize(("count", "is_met"), [(MOST_BACK_FACES, True), (MOST_BACK_FACES + 1, False)])
def test_a_ray_gives_up_after_many_back_faces_and_has_then_met_nothing(count: int, is_met: bool) -> None:
    room = known.turned(known.box((-20, -20, -20), (20, 20, 20)))
    mesh = known.together(room, shells(count))
    hits = RayCaster(mesh, threads=1).cast(np.zeros((1, 3)), np.array([[0.3, 0.2, 1.0]]))
    assert bool(np.isfinite(hits.lengths[0])) is is_met
    assert (0 <= hits.triangles[0] < len(room.faces)) if is_met else hits.triangles[0] == -1
    assert np.any(hits.normals != 0) == is_met


def test_threads_that_share_a_caster_see_what_one_sees(pose) -> None:
    caster = RayCaster(known.ball(CENTRE, RADIUS), threads=1)
    poses = [pose((0.0, 0.0, 0.1 * turn), (0.05 * turn, 0.0, 0.0))[0].numpy() for turn in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda world_T_cam: caster.project(CAMERA, world_T_cam).metres, poses))
    for metres, world_T_cam in zip(together, poses, strict=True):
        np.testing.assert_array_equal(metres, caster.project(CAMERA, world_T_cam).metres)


def test_the_mesh_may_change_afterwards(ball: RayCaster) -> None:
    mesh = known.ball(CENTRE, RADIUS)
    caster = RayCaster(mesh, threads=1)
    mesh.vertices_m[:] = 0
    mesh.faces[:] = 0
    np.testing.assert_array_equal(caster.project(CAMERA, np.eye(4)).metres, ball.project(CAMERA, np.eye(4)).metres)
