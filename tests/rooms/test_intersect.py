import numpy as np
import pytest
import torch
from torch import Tensor

from deglare.rooms.intersect import NEAREST_M, first_hit
from deglare.rooms.lighting import points_at
from deglare.rooms.scene import RoomScene
from deglare.rooms.shooting import ShootSettings
from deglare.rooms.tensors import Solids

SEEDS = (3, 11, 2_000_004)


def random_rays(room: RoomScene, seed: int, count: int = 3000) -> tuple[Tensor, Tensor]:
    """Rays from anywhere in a room to anywhere."""
    rng = np.random.default_rng(seed)
    width, depth, height = room.size_m
    origins = rng.uniform(
        [-width / 2 + 0.01, -depth / 2 + 0.01, 0.01], [width / 2, depth / 2, height - 0.01], (count, 3)
    )
    directions = rng.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return torch.tensor(origins, dtype=torch.float32), torch.tensor(directions, dtype=torch.float32)


def camera_rays(world_T_cam: np.ndarray) -> tuple[Tensor, Tensor]:
    """The rays of a 64x48 picture, row by row."""
    rays = ShootSettings(size_hw=(48, 64)).camera.rays().reshape(-1, 3) @ world_T_cam[:3, :3].T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    origins = np.broadcast_to(world_T_cam[:3, 3], rays.shape)
    return torch.tensor(origins, dtype=torch.float32), torch.tensor(rays, dtype=torch.float32)


def naive_first_hit(room: RoomScene, origins: Tensor, directions: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Every ray with every solid, in double precision: the smallest distance and whose it is."""
    o, d = origins.double().numpy(), directions.double().numpy()
    d = np.where(np.abs(d) < 1e-12, 1e-12, d)
    metres = [leave_box(room, o, d)]
    for box in room.boxes[1:]:
        turn = np.array([[np.cos(box.yaw), -np.sin(box.yaw), 0], [np.sin(box.yaw), np.cos(box.yaw), 0], [0, 0, 1]])
        local_o, local_d = (o - np.array(box.centre)) @ turn, d @ turn
        with np.errstate(divide="ignore"):
            faces = np.stack([(side * np.array(box.half) - local_o) / local_d for side in (-1, 1)])
        enter, leave = faces.min(0).max(1), faces.max(0).min(1)
        metres.append(np.where((enter < leave) & (enter > NEAREST_M), enter, np.inf))
    for ball in room.balls:
        away = o - np.array(ball.centre)
        along = (away * d).sum(1)
        under = along**2 - (away**2).sum(1) + ball.radius**2
        near = -along - np.sqrt(np.maximum(under, 0))
        metres.append(np.where((under > 0) & (near > NEAREST_M), near, np.inf))
    return np.min(metres, axis=0), np.argmin(metres, axis=0)


def leave_box(room: RoomScene, o: np.ndarray, d: np.ndarray) -> np.ndarray:
    shell = room.boxes[0]
    to_wall = (np.sign(d) * np.array(shell.half) + np.array(shell.centre) - o) / d
    return to_wall.min(1)


def require_equal(room: RoomScene, solids: Solids, origins: Tensor, directions: Tensor) -> None:
    hit = first_hit(solids, origins, directions)
    metres, solid = naive_first_hit(room, origins, directions)
    apart = np.abs(hit.metres.numpy() - metres) > 1e-3
    other = (hit.solid.numpy() != solid) & (np.abs(hit.metres.numpy() - metres) > 1e-5)
    assert apart.mean() < 1e-3  # rays that touch an edge fall to either side in single precision
    assert other.mean() < 2e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_random_rays_hit_what_a_naive_search_hits(furnished, seed: int) -> None:
    room, scene = furnished(seed)
    require_equal(room, scene.solids, *random_rays(room, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rays_of_a_camera_hit_what_a_naive_search_hits(furnished, look, seed: int) -> None:
    room, scene = furnished(seed)
    for yaw in (20, 140, 260):
        require_equal(room, scene.solids, *camera_rays(look((0.3, -0.2, 1.6), yaw, -25)))


def test_a_bundle_may_be_as_narrow_as_a_single_ray(furnished) -> None:
    room, scene = furnished(SEEDS[0])
    origins, directions = (rays.repeat_interleave(64, dim=0) for rays in random_rays(room, 5, 300))
    jitter = 2e-4 * torch.randn(directions.shape, generator=torch.Generator().manual_seed(0))
    require_equal(room, scene.solids, origins, torch.nn.functional.normalize(directions + jitter, dim=1))


def test_every_ray_hits_something_inside_the_room(furnished) -> None:
    room, scene = furnished(SEEDS[1])
    origins, directions = random_rays(room, 1)
    hit = first_hit(scene.solids, origins, directions)
    points = origins + directions * hit.metres[:, None]
    off = (points - scene.solids.centre[0]).abs() - scene.solids.half[0]
    assert bool(torch.isfinite(hit.metres).all())
    assert float(hit.metres.min()) > 0
    assert float(off.max()) < 1e-3


def test_shuffled_rays_hit_the_same(furnished, look) -> None:
    _, scene = furnished(SEEDS[2])
    origins, directions = camera_rays(look((0.0, 0.0, 1.5), 75, -30))
    order = torch.randperm(len(origins), generator=torch.Generator().manual_seed(4))
    hit = first_hit(scene.solids, origins, directions)
    shuffled = first_hit(scene.solids, origins[order], directions[order])
    torch.testing.assert_close(shuffled.metres, hit.metres[order], atol=1e-5, rtol=0)
    assert (shuffled.solid == hit.solid[order]).double().mean() > 0.999


@pytest.mark.parametrize("rays", [1, 63, 64, 65])
def test_any_number_of_rays_can_be_traced(furnished, rays: int) -> None:
    room, scene = furnished(SEEDS[0])
    origins, directions = random_rays(room, 2, 200)
    some = first_hit(scene.solids, origins[:rays], directions[:rays])
    assert some.metres.shape == some.solid.shape == (rays,)
    torch.testing.assert_close(some.metres, first_hit(scene.solids, origins, directions).metres[:rays])


def test_a_ray_that_starts_on_a_surface_does_not_hit_that_surface(furnished) -> None:
    _, scene = furnished(SEEDS[0])
    solids = scene.solids
    surfaces = solids.boxes * 6 + len(solids.ball_radius)
    generator = torch.Generator().manual_seed(6)
    surface = torch.randint(6, surfaces, (4000,), generator=generator)
    points, normals = points_at(solids, surface, torch.rand(4000, 2, generator=generator))
    towards = torch.nn.functional.normalize(
        normals + 0.6 * torch.randn(4000, 3, generator=generator).clamp(-1, 1), dim=1
    )
    leaves = (towards * normals).sum(1) > 0.1
    hit = first_hit(solids, points, towards)
    own = torch.where(surface < solids.boxes * 6, surface // 6, surface - solids.boxes * 5)
    assert not bool((hit.solid == own)[leaves].any())
