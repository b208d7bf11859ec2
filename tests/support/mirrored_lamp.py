"""A room whose floor mirrors one small lamp, or does not: rendered views, and the depth of the lamp's mirror image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from deglare.rooms.lighting import LightingSettings, bake
from deglare.rooms.render import Rendering, render
from deglare.rooms.scene import Finish, RoomScene, Surface
from deglare.rooms.sensor import srgb
from deglare.rooms.tensors import to_tensors
from deglare.rooms.textures import make_texture
from deglare.rooms.trajectory import look_along
from deglare.types import Camera, Frame, Material

CAMERA = Camera(130.0, 130.0, 79.5, 59.5, (120, 160))
POLISHED = Finish(Material.GLOSSY, f0=0.05, roughness=0.004)
STEP_M = 0.07


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
        pose = look_along(np.array([STEP_M * (number - 1), -1.2, 1.5]), np.pi / 2, -0.75)
        seen.append(render(scene, CAMERA, torch.tensor(pose[None], dtype=torch.float32), exposure=0.3))
        rgb = (srgb(seen[-1].radiance[0]) * 255 + 0.5).to(torch.uint8).numpy()
        frames.append(Frame(str(number), CAMERA, _returns(rgb), world_T_cam=pose))
    return frames, seen


def specular_share(seen: Rendering) -> np.ndarray:
    """Of the light of each pixel, how much is mirrored."""
    return (seen.mirrored.mean(-1) / seen.radiance.mean(-1))[0].numpy()


def _returns(rgb: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: rgb
