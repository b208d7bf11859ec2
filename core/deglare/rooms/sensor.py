"""From light to pixels: exposure, sensor noise, the sRGB curve and 8 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from deglare.rooms.render import render
from deglare.rooms.tensors import SceneTensors
from deglare.types import Camera

MIDDLE_GREY = 0.21
"""The room's median radiance is exposed to this, in linear light."""


@dataclass(frozen=True)
class SensorSettings:
    """How the camera responds. Noise is in linear light, where white is 1."""

    read_noise: float = 0.0015
    shot_noise: float = 0.0003
    """Variance for each unit of light."""
    exposure_drift: float = 0.02
    """How much automatic exposure wanders along the walk, as a deviation of the logarithm."""


def room_exposure(scene: SceneTensors, camera: Camera, world_T_cam: Tensor) -> float:
    """One exposure for the room: its median light over a few small views becomes `MIDDLE_GREY`."""
    small = camera.resized((24, 32))
    views = world_T_cam[:: max(1, len(world_T_cam) // 8)]
    light = render(scene, small, views).radiance.mean(-1)
    return MIDDLE_GREY / max(float(light.median()), 1e-3)


def drifting_gain(frames: int, settings: SensorSettings, generator: torch.Generator) -> list[float]:
    """A slowly wandering factor around 1 for each frame."""
    level, gains = 0.0, []
    for step in torch.randn(frames, generator=generator).tolist():
        level = 0.95 * level + math.sqrt(1 - 0.95**2) * step
        gains.append(math.exp(settings.exposure_drift * level))
    return gains


def develop(radiance: Tensor, settings: SensorSettings, generator: torch.Generator) -> Tensor:
    """Exposed linear light (... 3) to sRGB uint8; ``generator`` lives on the light's device."""
    grain = torch.randn(radiance.shape, generator=generator, device=radiance.device)
    deviation = (settings.read_noise**2 + settings.shot_noise * radiance.clamp(0, 1)).sqrt()
    return (srgb(radiance + deviation * grain) * 255 + 0.5).to(torch.uint8)


def srgb(linear: Tensor) -> Tensor:
    """The sRGB curve, 0 to 1."""
    linear = linear.clamp(0, 1)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp_min(1e-8) ** (1 / 2.4) - 0.055)
