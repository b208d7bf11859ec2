"""Walk through a room with a camera: every frame as arrays, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from deglare.rooms.builder import RoomStyle
from deglare.rooms.furnish import furnish
from deglare.rooms.lighting import LightingSettings, bake
from deglare.rooms.render import Rendering, render
from deglare.rooms.scene import RoomScene
from deglare.rooms.sensor import SensorSettings, develop, drifting_gain, room_exposure
from deglare.rooms.tensors import SceneTensors, to_tensors
from deglare.rooms.trajectory import WalkSettings, walk
from deglare.types import Camera, DepthMap, Rgb, Rigid, SurfaceLabels

REFLECTIVE_SHARE = 0.33
"""A pixel is reflective where at least this share of its light is mirrored."""
DARK = 0.004
"""Pixels with less light than this (linear, white is 1) show nothing, hence mirror nothing."""


@dataclass(frozen=True)
class ShootSettings:
    """Everything besides the seed that decides what the frames of a room look like."""

    frames: int = 90
    size_hw: tuple[int, int] = (288, 384)
    field_of_view_deg: float = 58.1
    """Horizontal."""
    style: RoomStyle = field(default_factory=RoomStyle)
    walk: WalkSettings = field(default_factory=WalkSettings)
    lighting: LightingSettings = field(default_factory=LightingSettings)
    sensor: SensorSettings = field(default_factory=SensorSettings)

    @property
    def camera(self) -> Camera:
        """The pinhole camera of these frames."""
        height, width = self.size_hw
        focal = width / (2 * np.tan(np.radians(self.field_of_view_deg) / 2))
        return Camera(float(focal), float(focal), (width - 1) / 2, (height - 1) / 2, self.size_hw)


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame with all that is known about it."""

    number: int
    rgb: Rgb
    depth: DepthMap
    labels: SurfaceLabels
    world_T_cam: Rigid


@dataclass(frozen=True, eq=False)
class Shoot:
    """A room that is ready to be walked through."""

    seed: int
    settings: ShootSettings
    room: RoomScene
    scene: SceneTensors
    world_T_cams: Float64[np.ndarray, "n 4 4"]
    exposures: list[float]


def prepare_shoot(seed: int, settings: ShootSettings, device: torch.device | str = "cpu", path: int = 0) -> Shoot:
    """Build, light and expose the room of a seed, and plan the walk: ``path`` 0 for the data set's, others for more."""
    room = furnish(seed, settings.style)
    scene = bake(to_tensors(room, device, settings.lighting.texel_m), settings.lighting)
    chance = np.random.default_rng([seed, 1, path] if path else [seed, 1])
    world_T_cams = walk(room, chance, settings.frames, settings.walk)
    exposure = room_exposure(scene, settings.camera, _on(scene, world_T_cams))
    gains = drifting_gain(settings.frames, settings.sensor, torch.Generator().manual_seed(seed))
    return Shoot(seed, settings, room, scene, world_T_cams, [exposure * gain for gain in gains])


def shots(shoot: Shoot, start: int = 0) -> Iterator[Shot]:
    """Render the frames one after the other. A frame depends on the seed and its number alone."""
    materials = shoot.scene.material.to(torch.uint8)
    for number in range(start, len(shoot.world_T_cams)):
        seen, rgb = view(shoot, number)
        share = specular_share(seen)[0]
        labels = SurfaceLabels(
            reflective=(share >= REFLECTIVE_SHARE).cpu().numpy(),
            specular_share=share.cpu().numpy(),
            material=materials[seen.surface[0]].cpu().numpy(),
            surface_id=seen.surface[0].cpu().numpy().astype(np.uint16),
        )
        depth = DepthMap.of_positive(seen.depth_m[0].cpu().numpy())
        yield Shot(number, rgb.cpu().numpy(), depth, labels, shoot.world_T_cams[number])


def view(shoot: Shoot, number: int) -> tuple[Rendering, UInt8[torch.Tensor, "h w 3"]]:
    """Render one frame, and what the camera makes of it; both stay on the scene's device."""
    poses = _on(shoot.scene, shoot.world_T_cams[number : number + 1])
    seen = render(shoot.scene, shoot.settings.camera, poses, shoot.exposures[number])
    grain = torch.Generator(shoot.scene.device).manual_seed(shoot.seed * 100_003 + number)
    return seen, develop(seen.radiance[0], shoot.settings.sensor, grain)


def specular_share(seen: Rendering) -> torch.Tensor:
    """Share of each pixel's light (b h w) that is mirrored, 0 where it is too dark to tell."""
    light = seen.radiance.mean(-1)
    share = seen.mirrored.mean(-1) / light.clamp_min(1e-6)
    return torch.where(light > DARK, share, torch.zeros_like(share)).clamp(0, 1)


def still(shoot: Shoot, world_T_cam: Rigid) -> Shoot:
    """The same room seen from one given pose."""
    return replace(shoot, world_T_cams=world_T_cam[None], exposures=shoot.exposures[:1])


def _on(scene: SceneTensors, world_T_cams: Float64[np.ndarray, "n 4 4"]) -> torch.Tensor:
    return torch.tensor(world_T_cams, dtype=torch.float32, device=scene.device)
