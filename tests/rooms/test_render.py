"""What a camera sees, checked by formula and by seeing the same thing in another way."""

import numpy as np
import pytest
import torch
from torch import Tensor

from deglare.geometry.planes import mirror_camera, virtual_depth
from deglare.rooms.highlights import fresnel
from deglare.rooms.render import Rendering, render
from deglare.rooms.scene import PERFECT_MIRROR, Finish, RoomScene, Surface
from deglare.rooms.shooting import ShootSettings, specular_share
from deglare.rooms.tensors import SceneTensors
from deglare.rooms.trajectory import walk
from deglare.types import Camera, Material, Rigid, inverse_rigid

SIZE_M = (5.0, 6.0, 2.6)
POLISHED = Finish(Material.GLOSSY, f0=0.06, roughness=0.006)
LAMP = (0.4, 0.3, 2.5)
"""The middle of the glowing face."""
FLOOR = torch.tensor([[0.0, 0, 1]]), torch.tensor([0.0])


def camera_of(width: int, height: int) -> Camera:
    return ShootSettings(size_hw=(height, width)).camera


def see(scene: SceneTensors, camera: Camera, *world_T_cams: Rigid, exposure: float = 1.0) -> Rendering:
    return render(scene, camera, torch.tensor(np.stack(world_T_cams), dtype=torch.float32), exposure)


def world_rays(camera: Camera, world_T_cam: Rigid) -> np.ndarray:
    """Directions through the pixels (h x w x 3), scaled to one metre of z-depth."""
    return camera.rays() @ world_T_cam[:3, :3].T


@pytest.fixture(scope="module")
def lamp_room(make_room, add_lamp, light) -> tuple[RoomScene, SceneTensors]:
    """A polished floor under one small lamp."""
    room = make_room(SIZE_M, floor=POLISHED)
    add_lamp(room, (LAMP[0], LAMP[1], LAMP[2] + 0.01), 0.06, 30.0)
    return room, light(room)


@pytest.mark.parametrize(("width", "height"), [(384, 288), (101, 77), (16, 16)])
def test_depth_of_an_empty_room_is_that_of_its_walls_at_every_pixel(make_room, light, look, width, height) -> None:
    scene = light(make_room(SIZE_M))
    camera, world_T_cam = camera_of(width, height), look((0.7, -0.4, 1.5), 35, -20, 4)
    rays, origin = world_rays(camera, world_T_cam), world_T_cam[:3, 3]
    low, high = np.array([-2.5, -3, 0]), np.array([2.5, 3, 2.6])
    expected = np.maximum((low - origin) / rays, (high - origin) / rays).min(-1)
    seen = see(scene, camera, world_T_cam)
    assert seen.depth_m.shape == (1, height, width)
    np.testing.assert_allclose(seen.depth_m[0].numpy(), expected, atol=1e-4)
    on_wall = np.isclose(np.abs(origin + rays * expected[..., None] - (0, 0, 1.3)), np.array(SIZE_M) / 2).argmax(-1)
    assert (seen.surface[0].numpy() // 2 == on_wall).mean() > 0.999


def test_two_views_at_once_are_the_two_views_alone(furnished, look) -> None:
    _, scene = furnished(11)
    camera = camera_of(52, 43)
    poses = look((0.2, 0.1, 1.5), 20), look((-0.3, 0.2, 1.6), 200)
    both = see(scene, camera, *poses, exposure=0.8)
    for number, pose in enumerate(poses):
        alone = see(scene, camera, pose, exposure=0.8)
        torch.testing.assert_close(both.depth_m[number], alone.depth_m[0], atol=1e-5, rtol=0)
        assert (both.surface[number] == alone.surface[0]).double().mean() > 0.999
        torch.testing.assert_close(both.radiance[number], alone.radiance[0], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(both.mirrored[number], alone.mirrored[0], atol=1e-4, rtol=1e-3)


def highlight_centroid(seen: Rendering) -> np.ndarray:
    """Pixel (x, y) of the mirrored lamp: the mean place of the brightest mirrored light."""
    glare = seen.mirrored[0].mean(-1)
    glare = (glare - 0.2 * glare.max()).clamp_min(0).double().numpy()
    y, x = np.indices(glare.shape)
    return np.array([(x * glare).sum(), (y * glare).sum()]) / glare.sum()


def nearest_to_rays(origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The point with the least squared distance to all rays."""
    across = np.eye(3) - directions[:, :, None] * directions[:, None]
    return np.linalg.solve(across.sum(0), (across @ origins[:, :, None]).sum(0))[:, 0]


def mirrored_lamp_poses(look) -> tuple[Rigid, Rigid]:
    """Two cameras that both see the lamp in the floor, a step to the side of each other."""
    return look((-1.6, -0.5, 1.5), 22, -48), look((-1.0, 1.5, 1.6), -46, -50)


def test_the_mirrored_lamp_sits_at_its_virtual_place_behind_the_floor(lamp_room, look) -> None:
    _, scene = lamp_room
    camera = camera_of(192, 144)
    origins, directions = [], []
    for pose in mirrored_lamp_poses(look):
        x, y = highlight_centroid(see(scene, camera, pose))
        ray = pose[:3, :3] @ np.array([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1])
        origins.append(pose[:3, 3])
        directions.append(ray / np.linalg.norm(ray))
    found = nearest_to_rays(np.array(origins), np.array(directions))
    np.testing.assert_allclose(found, (LAMP[0], LAMP[1], -LAMP[2]), atol=0.02)


def test_virtual_depth_is_that_of_the_mirrored_lamp(lamp_room, look) -> None:
    _, scene = lamp_room
    camera = camera_of(192, 144)
    for pose in mirrored_lamp_poses(look):
        seen = see(scene, camera, pose)
        x, y = highlight_centroid(seen).round().astype(int)
        expected = virtual_depth(torch.tensor([[LAMP]]), torch.tensor(pose[None], dtype=torch.float32), *FLOOR)
        assert float(seen.virtual_m[0, y, x]) == pytest.approx(float(expected), abs=0.03)
        assert float(seen.depth_m[0, y, x]) < float(expected) - 1


def test_virtual_points_on_the_floor_lie_as_far_below_it_as_what_they_mirror_is_above(lamp_room, look) -> None:
    _, scene = lamp_room
    camera, pose = camera_of(96, 72), mirrored_lamp_poses(look)[0]
    seen = see(scene, camera, pose)
    virtual = seen.virtual_m[0].double().numpy()
    assert np.array_equal(virtual > 0, seen.surface[0].numpy() == 4)
    points = pose[:3, 3] + world_rays(camera, pose)[virtual > 0] * virtual[virtual > 0][:, None]
    above = points * (1, 1, -1)
    half = np.array(SIZE_M) / 2
    off_walls = np.abs(np.abs(above - (0, 0, half[2])) - half).min(1)
    on_lamp = np.abs(above[:, 2] - LAMP[2]) < 0.03
    assert on_lamp.sum() > 3
    assert off_walls[~on_lamp].max() < 0.02
    assert (above[:, 2] > 0).all()


def seen_in_other_view(camera: Camera, first: Rigid, second: Rigid, seen: Rendering) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of view 0: the nearest pixel of view 1, and whether that one shows the same point."""
    points = first[:3, 3] + world_rays(camera, first) * seen.depth_m[0].double().numpy()[..., None]
    second_T_world = inverse_rigid(second)
    in_second = points @ second_T_world[:3, :3].T + second_T_world[:3, 3]
    xy = np.rint(camera.project(in_second)).astype(int)
    height, width = camera.size_hw
    inside = (in_second[..., 2] > 0.1) & (xy >= 0).all(-1) & (xy[..., 0] < width) & (xy[..., 1] < height)
    xy = np.where(inside[..., None], xy, 0)
    other_m = seen.depth_m[1].numpy()[xy[..., 1], xy[..., 0]]
    same = seen.surface[1].numpy()[xy[..., 1], xy[..., 0]] == seen.surface[0].numpy()
    return xy, inside & same & (np.abs(other_m - in_second[..., 2]) < 0.02 * in_second[..., 2])


def test_matte_points_keep_their_colour_between_views_and_highlights_do_not(furnished) -> None:
    seed, camera = 2_000_001, camera_of(128, 96)
    room, scene = furnished(seed)
    poses = walk(room, np.random.default_rng([seed, 1]), 60)
    matte, glare = [], []
    for start in (10, 22, 34):
        pair = poses[start], poses[start + 12]
        seen = see(scene, camera, *pair, exposure=0.2)
        xy, visible = seen_in_other_view(camera, *pair, seen)
        light = seen.radiance.mean(-1).clamp_min(1e-3).numpy()
        change = np.abs(np.log(light[0] / light[1][xy[..., 1], xy[..., 0]]))
        share = specular_share(seen)[0].numpy()
        is_matte = scene.f0.numpy()[seen.surface[0].numpy()] == 0
        matte.append(change[visible & is_matte])
        glare.append(change[visible & (share > 0.6)])
    matte, glare = np.concatenate(matte), np.concatenate(glare)
    assert min(len(matte) / 1000, len(glare) / 100) > 1
    assert np.median(matte) < 0.01
    assert np.quantile(matte, 0.9) < 0.1  # the nearest pixel is up to half a pixel away
    assert np.median(glare) > 0.1
    assert np.median(glare) > 20 * np.median(matte)


@pytest.fixture(scope="module")
def mirror_room(make_room, add_lamp, light) -> tuple[RoomScene, SceneTensors]:
    """One whole wall (x = 2.5) is a mirror; things stand before it."""
    room = make_room(SIZE_M, faces={1: Surface(tint=(0.03, 0.03, 0.03), finish=PERFECT_MIRROR)})
    room.add_box((1.0, 0.8, 0.5), (0.3, 0.4, 0.5), Surface(tint=(0.8, 0.3, 0.2)), yaw=0.4)
    room.add_box((0.6, -1.2, 0.4), (0.4, 0.3, 0.4), Surface(tint=(0.2, 0.5, 0.8)))
    room.add_ball((1.4, -0.4, 0.3), 0.3, Surface(tint=(0.3, 0.7, 0.3)))
    add_lamp(room, (-1.0, 0.0, 2.58), 0.3, 20.0)
    return room, light(room)


def test_a_perfect_mirror_shows_what_the_mirrored_camera_sees(mirror_room, look) -> None:
    _, scene = mirror_room
    camera, pose = camera_of(128, 96), look((0.2, 0.1, 1.5), 8, -18)
    wall = torch.tensor([[1.0, 0, 0]], dtype=torch.float64), torch.tensor([2.5], dtype=torch.float64)
    twin = mirror_camera(torch.tensor(pose[None]), *wall)[0].numpy()
    seen, behind = see(scene, camera, pose), see(scene, camera.flipped(), twin)
    there = behind.radiance.flip(2)[0].double().numpy()
    is_mirror = seen.surface[0].numpy() == 1
    cosine = world_rays(camera, pose)[..., 0] / np.linalg.norm(camera.rays(), axis=-1)
    share = fresnel(torch.tensor(cosine), torch.full(cosine.shape, 0.92, dtype=torch.float64)).numpy()
    expected = share[..., None] * there
    apart = np.abs(seen.mirrored[0].numpy() - expected).max(-1)[is_mirror]
    assert is_mirror.mean() > 0.3
    assert np.quantile(apart, 0.97) < 4e-3  # edges inside the mirror are smoothed by other rays
    depth = np.abs(seen.virtual_m[0].numpy() - behind.depth_m.flip(2)[0].numpy())[is_mirror]
    assert np.quantile(depth, 0.99) < 0.01


def test_all_light_is_mirrored_on_mirrors_and_none_on_matte_surfaces(mirror_room, look) -> None:
    _, scene = mirror_room
    seen = see(scene, camera_of(96, 72), look((0.2, 0.1, 1.5), 20, -25), exposure=4.0)
    share, surface = specular_share(seen)[0], seen.surface[0]
    inside = ~torch.nn.functional.max_pool2d((surface[1:, 1:] != surface[:-1, :-1]).float()[None], 3, 1, 1)[0].bool()
    mirror = (surface == 1)[1:, 1:] & inside
    matte = (scene.f0[surface] == 0)[1:, 1:] & inside
    assert float(share[1:, 1:][mirror].min()) > 0.9
    assert float(share[1:, 1:][matte].max()) == 0
    assert int(mirror.sum()) > 500
    assert int(matte.sum()) > 500


@pytest.mark.parametrize("seed", [3, 11, 2_000_000])
def test_light_is_finite_and_shares_lie_between_none_and_all(furnished, look, seed: int) -> None:
    _, scene = furnished(seed)
    seen = see(scene, camera_of(64, 48), look((0.1, 0.2, 1.5), 45), look((0.1, 0.2, 1.5), 225), exposure=0.3)
    layers: list[Tensor] = [seen.radiance, seen.mirrored, seen.depth_m, seen.virtual_m]
    assert all(bool(torch.isfinite(layer).all() & (layer >= 0).all()) for layer in layers)
    assert float((seen.mirrored - seen.radiance).max()) < 1e-5
    raw = seen.mirrored.mean(-1) / seen.radiance.mean(-1).clamp_min(1e-6)
    assert float(raw.max()) < 1 + 1e-4
    assert float(specular_share(seen).max()) <= 1
    assert bool((seen.mirrored[scene.f0[seen.surface] == 0] < 0.05).double().mean() > 0.97)


def test_exposure_scales_light_below_the_cut(lamp_room, look) -> None:
    _, scene = lamp_room
    pose = look((0.0, 0.0, 1.5), 90, -20)
    dim, bright = (see(scene, camera_of(48, 36), pose, exposure=e) for e in (0.5, 1.0))
    torch.testing.assert_close(dim.radiance * 2, bright.radiance, atol=1e-5, rtol=0.02)
