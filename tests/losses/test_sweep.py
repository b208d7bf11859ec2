"""What the photometric loss alone sees: the surface where it is matte, the mirrored lamp where it is polished."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from deglare.errors import DataError
from deglare.losses.sweep import Sweep, best_depth, error_along_rays, photometric_depth, sweep_depths
from deglare.rooms.lighting import LightingSettings, bake
from deglare.rooms.render import Rendering, render
from deglare.rooms.scene import Finish, RoomScene, Surface
from deglare.rooms.sensor import srgb
from deglare.rooms.tensors import to_tensors
from deglare.rooms.textures import make_texture
from deglare.rooms.trajectory import look_along
from deglare.types import Camera, Frame, Material

CAMERA = Camera(130.0, 130.0, 79.5, 59.5, (120, 160))


def room_with_floor(finish: Finish) -> RoomScene:
    """An empty room with a weakly patterned floor and one small bright lamp."""
    room = RoomScene((6.0, 6.0, 2.6))
    rng = np.random.default_rng(3)
    pattern = make_texture(rng, "concrete")
    wall = Surface(room.add_texture(make_texture(rng, "plaster")))
    floor = Surface(room.add_texture(1 + 0.3 * (pattern - 1)), (0.35, 0.33, 0.3), 1.0, finish)
    room.add_box((0, 0, 1.3), (3, 3, 1.3), wall, faces={4: floor})
    room.add_lamp((0.0, 1.6, 2.58), (0.25, 0.25, 0.018), 4, Surface(wall.texture, (1, 1, 1), 1.0, emission=20.0))
    return room


def views(finish: Finish) -> tuple[list[Frame], list[Rendering]]:
    """Three frames 7 cm apart that look down at the middle of the floor, without noise."""
    scene = bake(to_tensors(room_with_floor(finish), texel_m=0.3), LightingSettings(texel_m=0.3, directions=16))
    frames, seen = [], []
    for number in range(3):
        pose = look_along(np.array([0.07 * (number - 1), -1.2, 1.5]), np.pi / 2, -0.75)
        seen.append(render(scene, CAMERA, torch.tensor(pose[None], dtype=torch.float32), exposure=0.3))
        rgb = (srgb(seen[-1].radiance[0]) * 255 + 0.5).to(torch.uint8).numpy()
        frames.append(Frame(str(number), CAMERA, _returns(rgb), world_T_cam=pose))
    return frames, seen


def _returns(rgb: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: rgb


def test_on_a_matte_floor_the_loss_prefers_the_floor() -> None:
    frames, seen = views(Finish())
    found = photometric_depth(frames[1], [frames[0], frames[2]], Sweep(steps=96, window=9))
    truth = seen[1].depth_m[0].numpy()
    inner = (slice(20, 100), slice(20, 140))
    relative = np.abs(found.metres - truth)[inner] / truth[inner]
    assert np.median(relative) < 0.03


def test_on_a_polished_floor_the_loss_prefers_the_mirrored_lamp() -> None:
    frames, seen = views(Finish(Material.GLOSSY, f0=0.05, roughness=0.004))
    share = (seen[1].mirrored.mean(-1) / seen[1].radiance.mean(-1))[0].numpy()
    highlight = share > 0.5
    assert highlight.sum() > 60, "the lamp must be seen in the floor"
    found = photometric_depth(frames[1], [frames[0], frames[2]], Sweep(steps=96, window=9)).metres[highlight]
    surface = seen[1].depth_m[0].numpy()[highlight]
    virtual = seen[1].virtual_m[0].numpy()[highlight]
    nearer_the_lamp = np.abs(1 / found - 1 / virtual) < np.abs(1 / found - 1 / surface)
    assert nearer_the_lamp.mean() > 0.7
    assert np.median(found - surface) > 0.5 * np.median(virtual - surface) > 0.5


def test_a_parabola_finds_the_minimum_between_the_steps() -> None:
    depths = sweep_depths(1.0, 5.0, 32)
    inverse = 1 / depths
    truth = 0.3712
    errors = ((inverse - truth) ** 2)[:, None, None].expand(-1, 2, 3)
    metres, _ = best_depth(errors, depths)
    np.testing.assert_allclose(metres.numpy(), 1 / truth, rtol=1e-3)


def test_depth_that_no_source_sees_is_invalid() -> None:
    frames, _ = views(Finish())
    away = look_along(np.array([0.0, -1.2, 1.5]), -np.pi / 2, -0.75)
    turned = Frame("away", CAMERA, frames[0].load_rgb, world_T_cam=away)
    assert not photometric_depth(frames[1], [turned], Sweep(steps=8)).valid.any()


def test_frames_without_poses_are_refused() -> None:
    frames, _ = views(Finish())
    lost = Frame("lost", CAMERA, frames[0].load_rgb)
    with pytest.raises(DataError, match="lost has no pose"):
        photometric_depth(frames[1], [lost])


def test_the_error_at_the_true_depth_of_a_still_camera_is_zero() -> None:
    image = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0))
    K = torch.tensor([[20.0, 0, 11.5], [0, 20, 9.5], [0, 0, 1]])
    errors = error_along_rays(image, image[None], torch.eye(4)[None], K, sweep_depths(1, 4, 4))
    assert float(errors.abs().max()) < 1e-5
