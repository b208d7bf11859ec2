from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_scenes import CAMERA, corner, facing, look_at, plane, sphere

from deglare.errors import DataError, RequestError
from deglare.geometry.blocks import OFFSETS, SIDE, BlockPool
from deglare.geometry.culling import blocks_in_view
from deglare.geometry.depth_view import prepare_view
from deglare.geometry.incidence import incidence_weights
from deglare.geometry.mesh import Mesh
from deglare.geometry.volume import Volume
from deglare.geometry.volume_settings import PUBLISHED, VolumeSettings
from deglare.geometry.votes import FREE, SOLID, WEIGHT, Lookup, Voting
from deglare.types import Camera, DepthMap, Rigid, inverse_rigid

VOXEL = 0.05
CORNER_VIEWS = [look_at((1.4 + 0.1 * i, 1.9 - 0.15 * i, 1.2 + 0.05 * i)) for i in range(6)]
AROUND = [look_at((2 * np.cos(a), 2 * np.sin(a), 0.5 * np.cos(3 * a))) for a in np.arange(0, 2 * np.pi, 0.35)]
WALL = 2.013
"""Depth of a wall that lies between two voxels."""


def fused(views: Iterable[Rigid], depth: Callable[[Rigid], DepthMap], settings: VolumeSettings | None = None) -> Volume:
    volume = Volume(settings)
    for view in views:
        volume.integrate(depth(view), CAMERA, view)
    return volume


def wall(metres: float) -> DepthMap:
    return DepthMap.of_positive(np.full(CAMERA.size_hw, metres, dtype=np.float32))


def wall_seen_at(*depths: float, settings: VolumeSettings | None = None) -> Volume:
    """Views from one place that do not agree how far the wall is."""
    volume = Volume(settings)
    for metres in depths:
        volume.integrate(wall(metres), CAMERA, facing())
    return volume


def front(mesh: Mesh) -> np.ndarray:
    """Vertices of what faces the camera at the origin, that looks along z, away from the edge of the image."""
    assert mesh.normals is not None
    facing_it = mesh.normals[:, 2] < -0.9
    middle = np.abs(mesh.vertices_m[:, :2]).max(axis=1) < 0.3 * mesh.vertices_m[:, 2]
    return mesh.vertices_m[facing_it & middle]


def sums_of(volume: Volume) -> dict[tuple[int, ...], np.ndarray]:
    sums = volume._pool.sums[: volume.block_count].cpu().numpy()
    return {tuple(block): values for block, values in zip(volume._pool.corners.tolist(), sums, strict=True)}


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), weighted=st.booleans())
def test_the_sums_are_those_of_the_formula_voxel_by_voxel(seed: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    camera = Camera(rng.uniform(10, 40), rng.uniform(10, 40), rng.uniform(2, 18), rng.uniform(2, 12), (15, 21))
    pose = look_at(tuple(rng.uniform(-1, 1, 3)), tuple(rng.uniform(-3, 3, 3)))
    metres = np.where(rng.random((15, 21)) < 0.2, 0, rng.uniform(0.3, 2.5, (15, 21))).astype(np.float32)
    weights = rng.uniform(0, 2, (15, 21)).astype(np.float32) if weighted else None
    chosen = VolumeSettings(voxel_m=0.09, clip_m=0.2, back_m=0.7)
    view = prepare_view(DepthMap.of_positive(metres), camera, pose, chosen)
    corners, cpu = blocks_in_view(view, 0.09, 0.7), torch.device("cpu")
    pool = BlockPool(3, 10**8, cpu)
    Voting(chosen, cpu).vote(Lookup(view, weights, None, cpu), pool, corners, pool.rows(corners))
    found = pool.sums[: len(pool)].numpy()

    places = (corners[:, None] * SIDE + OFFSETS) * 0.09
    cam_T_world = inverse_rigid(pose)
    points = places @ cam_T_world[:3, :3].T + cam_T_world[:3, 3]
    exact = camera.project(points)
    pixels = np.floor(np.where(np.isfinite(exact), exact, -9) + 0.5)
    inside = (points[..., 2] > 1e-3) & np.all((pixels >= 0) & (pixels < (21, 15)), axis=-1)
    x, y = np.where(inside[..., None], pixels, 0).astype(int).transpose(2, 0, 1)
    s = view.metres[y, x] - points[..., 2]
    w = (1.0 if weights is None else weights[y, x]) * (inside & (s > -0.7))
    expected = np.stack([w * np.clip(s, 0, 0.2), w * np.clip(-s, 0, 0.2), w], axis=1)
    clear = np.abs(exact - np.floor(exact) - 0.5).min(axis=-1) > 1e-3  # not between two pixels
    clear &= ~(np.abs(s + 0.7) < 1e-4)
    off = np.abs(found - expected).max(axis=1)
    assert np.all(off[clear] < 1e-4)
    assert found[:, WEIGHT].any() and found[:, FREE].any() and found[:, SOLID].any()


def test_a_wall_comes_back_to_a_tenth_of_a_voxel_and_faces_the_cameras() -> None:
    normal = tuple(np.array([0.3, -0.2, 1.0]) / np.linalg.norm([0.3, -0.2, 1.0]))
    mesh = fused([facing(0.11 * i, 0.07 * i) for i in range(5)], lambda view: plane(normal, WALL, view)).mesh()
    off = mesh.vertices_m @ np.array(normal) - WALL
    assert len(off) > 2000
    assert np.abs(off).max() < 0.35 * VOXEL
    assert np.percentile(np.abs(off), 90) < 0.1 * VOXEL
    assert abs(off.mean()) < 0.01 * VOXEL
    a, b, c = (mesh.vertices_m[mesh.faces[:, i]] for i in range(3))
    towards_cameras = -np.cross(b - a, c - a) @ np.array(normal)
    assert np.mean(towards_cameras > 0) > 0.999
    assert np.mean(mesh.normals @ -np.array(normal) > 0.9) > 0.95


def in_a_hall(view: Rigid) -> DepthMap:
    ball = sphere(0.6, view)
    return DepthMap.of_positive(np.where(ball.valid, ball.metres, 4))


def ball_surface(settings: VolumeSettings) -> tuple[np.ndarray, np.ndarray]:
    """Distances from the middle of a ball of 0.6 m, and how far normals look outwards (1: straight)."""
    mesh = fused(AROUND, in_a_hall, settings).mesh()
    radius = np.linalg.norm(mesh.vertices_m, axis=1)
    outside = (radius > 0.4) & (radius < 1.5)  # neither its core, which no view reaches, nor the walls of the hall
    return radius[outside], (mesh.normals * mesh.vertices_m).sum(1)[outside] / radius[outside]


def test_a_sphere_comes_back_round_and_inside_out_nowhere() -> None:
    radius, outwards = ball_surface(VolumeSettings(back_m=0.1))
    assert np.median(np.abs(radius - 0.6)) < 0.1 * VOXEL
    assert abs(radius.mean() - 0.6) < 0.1 * VOXEL
    assert np.mean(outwards > 0.9) > 0.98


def test_voting_far_behind_makes_round_things_swell_by_less_than_a_voxel() -> None:
    radius, _ = ball_surface(VolumeSettings())
    assert 0 < np.median(radius) - 0.6 < VOXEL


def test_where_weight_is_zero_nothing_was_seen() -> None:
    depth = corner(CORNER_VIEWS[0])
    kept = np.zeros(CAMERA.size_hw, dtype=bool)
    kept[10:60, 20:70] = True
    weighted, masked = Volume(), Volume()
    weighted.integrate(depth, CAMERA, CORNER_VIEWS[0], weights=kept.astype(np.float32))
    masked.integrate(DepthMap(depth.metres, depth.valid & kept), CAMERA, CORNER_VIEWS[0])
    others = sums_of(masked)
    for block, sums in sums_of(weighted).items():
        np.testing.assert_array_equal(np.abs(sums), np.abs(others.get(block, np.zeros_like(sums))))


def test_weights_decide_between_views() -> None:
    for first, second, expected in ((3.0, 1.0, 2.0), (1.0, 3.0, 2.4)):
        volume = Volume()
        for metres, weight in ((2.0, first), (2.4, second)):
            volume.integrate(wall(metres), CAMERA, facing(), np.full(CAMERA.size_hw, weight, dtype=np.float32))
        assert np.median(front(volume.mesh())[:, 2]) == pytest.approx(expected, abs=0.04)


def test_min_weight_asks_for_more_than_one_view() -> None:
    volume = Volume()
    volume.integrate(wall(WALL), CAMERA, facing())
    left = wall(WALL)
    volume.integrate(DepthMap(left.metres, left.valid & (np.arange(96) < 48)), CAMERA, facing())
    assert volume.mesh().vertices_m[:, 0].max() > 0.8
    assert volume.mesh(min_weight=1.0).vertices_m[:, 0].max() < 0.1


def test_a_wrong_far_view_is_outvoted_and_does_not_move_the_wall() -> None:
    robust = front(wall_seen_at(*[WALL] * 4, 2.9).mesh())[:, 2]
    published = front(wall_seen_at(*[WALL] * 4, 2.9, settings=PUBLISHED).mesh())[:, 2]
    assert abs(np.median(robust) - WALL) < 0.6 * VOXEL
    assert abs(np.median(published) - WALL) > 3 * VOXEL


@pytest.mark.parametrize(("tau", "expected"), [(0.2, 1.8), (0.35, 1.8), (0.5, 2.2), (0.8, 2.2)])
def test_tau_is_the_share_of_views_that_may_see_it_nearer(tau: float, expected: float) -> None:
    mesh = wall_seen_at(*[1.8] * 4, *[2.2] * 6).mesh(tau)
    assert np.median(front(mesh)[:, 2]) == pytest.approx(expected, abs=VolumeSettings().clip_m)


@pytest.mark.parametrize("tau", [0.2, 0.35, 0.5, 0.8])
def test_where_views_agree_tau_does_not_matter(tau: float) -> None:
    off = front(wall_seen_at(WALL, WALL, WALL).mesh(tau))[:, 2] - WALL
    assert np.abs(off).max() < 0.02 * VOXEL


def test_any_tau_comes_from_the_same_sums() -> None:
    depths = (1.8, 1.9, 2.2, 2.3)
    asked_before, fresh = wall_seen_at(*depths), wall_seen_at(*depths)
    asked_before.mesh(0.5)
    asked_before.mesh(0.8)
    np.testing.assert_array_equal(asked_before.mesh(0.3).vertices_m, fresh.mesh(0.3).vertices_m)


def test_the_order_of_views_does_not_matter() -> None:
    def depth(view: Rigid) -> DepthMap:
        return DepthMap.of_positive(corner(view).metres * np.float32(1 + 0.2 * np.sin(9 * view[0, 3])))

    forwards, backwards = sums_of(fused(CORNER_VIEWS, depth)), sums_of(fused(CORNER_VIEWS[::-1], depth))
    assert forwards.keys() == backwards.keys()
    for block, sums in forwards.items():
        np.testing.assert_allclose(sums, backwards[block], atol=1e-5)


def test_the_same_views_again_take_no_more_memory_and_leave_the_surface_where_it_is() -> None:
    volume = fused(CORNER_VIEWS, corner)
    blocks, capacity, once = volume.block_count, len(volume._pool.sums), volume.mesh()
    for _ in range(3):
        for view in CORNER_VIEWS:
            volume.integrate(corner(view), CAMERA, view)
    assert (volume.block_count, len(volume._pool.sums)) == (blocks, capacity)
    np.testing.assert_allclose(volume.mesh().vertices_m, once.vertices_m, atol=1e-5)


def test_on_a_floor_where_glare_opens_a_hole_for_two_views_in_five_robust_beats_published() -> None:
    views = [look_at((1.2 + 0.02 * i, 1.0 - 0.03 * i, 1.1), (0.5, 0.5, 0.0)) for i in range(10)]

    def with_glare(volume: Volume) -> Volume:
        for i, view in enumerate(views):
            depth, places = corner(view), CAMERA.unproject(corner(view).metres) @ view[:3, :3].T + view[:3, 3]
            patch = (np.abs(places[..., :2] - 0.5).max(axis=-1) < 0.25) & (np.abs(places[..., 2]) < 0.01)
            hole = np.where(patch & (i % 5 < 2), 0.8 + 0.03 * i, 0).astype(np.float32)
            volume.integrate(DepthMap.of_positive(depth.metres + hole), CAMERA, view)
        return volume

    def depth_of_hole(mesh: Mesh) -> float:
        assert mesh.normals is not None
        v = mesh.vertices_m
        on_patch = (np.abs(v[:, :2] - 0.5).max(axis=1) < 0.15) & (mesh.normals[:, 2] > 0.5) & (v[:, 2] > -0.9)
        return float(np.median(-v[on_patch, 2]))

    robust, published = with_glare(Volume()).mesh(), with_glare(Volume(PUBLISHED)).mesh()
    assert abs(depth_of_hole(robust)) < VolumeSettings().clip_m
    assert depth_of_hole(published) > 3 * VOXEL


def test_incidence_weights_go_with_any_view() -> None:
    volume = Volume()
    for view in CORNER_VIEWS:
        volume.integrate(corner(view), CAMERA, view, incidence_weights(corner(view), CAMERA))
    off = np.abs(volume.mesh().vertices_m).min(axis=1)
    assert np.percentile(off, 90) < 0.1 * VOXEL


def test_colours_are_those_of_the_views_that_see_the_surface() -> None:
    volume = Volume(VolumeSettings(with_colour=True))
    left_red = np.where((np.arange(96) < 48)[None, :, None], (200, 10, 20), (10, 90, 220)).astype(np.uint8)
    image = np.broadcast_to(left_red, (*CAMERA.size_hw, 3)).copy()
    for _ in range(2):
        volume.integrate(wall(WALL), CAMERA, facing(), rgb=image)
    volume.integrate(wall(3.2), CAMERA, facing(), rgb=np.full_like(image, 255))  # looks through the wall
    mesh = volume.mesh()
    assert mesh.colours is not None
    on_wall = np.abs(mesh.vertices_m[:, 2] - WALL) < VOXEL
    off = np.abs(mesh.vertices_m[:, 0]) > 0.1
    left = mesh.vertices_m[:, 0] < 0
    assert np.abs(mesh.colours[on_wall & off & left] - np.array([200.0, 10, 20])).max() < 12
    assert np.abs(mesh.colours[on_wall & off & ~left] - np.array([10.0, 90, 220])).max() < 12


def test_it_fuses_on_the_device(device: str) -> None:
    on_device = Volume(device=device)
    for view in CORNER_VIEWS:
        on_device.integrate(corner(view), CAMERA, view)
    expected = fused(CORNER_VIEWS, corner).mesh()
    assert len(on_device.mesh().faces) == pytest.approx(len(expected.faces), rel=1e-3)


def test_views_may_come_from_within_and_from_outside_of_inference_mode() -> None:
    with torch.inference_mode():
        volume = wall_seen_at(WALL)
    volume.integrate(wall(WALL), CAMERA, facing(x=3.0))
    volume.integrate(wall(WALL), CAMERA, facing())
    np.testing.assert_allclose(front(volume.mesh())[:, 2], WALL, atol=0.02 * VOXEL)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"voxel_m": 0.0}, "above 0 m"),
        ({"voxel_m": float("nan")}, "finite"),
        ({"clip_m": 0.01}, "choose two voxels"),
        ({"back_m": 0.05}, "as large or larger"),
        ({"min_depth_m": 10.0}, "no range"),
        ({"max_voxels": 0}, "holds nothing"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        VolumeSettings(**wrong)


def test_without_a_view_there_is_no_mesh() -> None:
    with pytest.raises(DataError, match="nothing was fused"):
        Volume().mesh()


def test_without_depth_in_range_the_error_says_so() -> None:
    volume = wall_seen_at(2000.0, 2100.0)
    assert volume.views_without_depth == 2
    with pytest.raises(DataError, match=r"none of the 2 views has depth between 0\.1 and 10 m: is it in metres"):
        volume.mesh()


def test_views_that_agree_on_nothing_are_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="agree on no surface: are their depths to one scale"):
        wall_seen_at(WALL).mesh(min_weight=1.0)


@pytest.mark.parametrize("tau", [0.0, 1.0, -0.1, float("nan")])
def test_tau_is_a_share(tau: float) -> None:
    with pytest.raises(RequestError, match="between 0 and 1"):
        wall_seen_at(WALL).mesh(tau)


def test_views_far_apart_run_into_the_limit_of_voxels() -> None:
    volume = Volume(VolumeSettings(max_voxels=10**6))
    with pytest.raises(DataError, match="more than the 1000000 allowed: is depth in metres, do the poses"):
        for i in range(100):
            volume.integrate(wall(WALL), CAMERA, facing(x=30.0 * i))


def test_what_does_not_fit_the_depth_is_refused() -> None:
    depth, pose = wall(WALL), facing()
    with pytest.raises(DataError, match="resize the camera"):
        Volume().integrate(depth, CAMERA.resized((36, 48)), pose)
    with pytest.raises(DataError, match="resize both together"):
        Volume().integrate(depth, CAMERA, pose, np.ones((3, 4), dtype=np.float32))
    with pytest.raises(DataError, match="finite and at least 0"):
        Volume().integrate(depth, CAMERA, pose, np.full(CAMERA.size_hw, np.nan, dtype=np.float32))
    with pytest.raises(DataError, match="no image of"):
        Volume(VolumeSettings(with_colour=True)).integrate(depth, CAMERA, pose)
    with pytest.raises(DataError, match="not rigid"):
        Volume().integrate(depth, CAMERA, pose * 2)
