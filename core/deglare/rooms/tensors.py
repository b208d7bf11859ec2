"""A room as tensors on one device: what the tracer reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from deglare.rooms.scene import FACE_AXES, FACE_U, FACE_V, RoomScene
from deglare.rooms.textures import TEXTURE_SIZE


@dataclass(frozen=True, eq=False)
class Solids:
    """Boxes and balls. Box 0 is the room, hit from inside."""

    centre: Tensor  # boxes 3
    half: Tensor  # boxes 3
    cos_yaw: Tensor  # boxes
    sin_yaw: Tensor  # boxes
    ball_centre: Tensor  # balls 3
    ball_radius: Tensor  # balls

    @property
    def boxes(self) -> int:
        """How many boxes; solid numbers from here on are balls."""
        return self.centre.shape[0]


@dataclass(frozen=True, eq=False)
class Lightmaps:
    """Irradiance / pi on every surface, as one list of texels; a surface's texels form a small grid."""

    texels: Tensor  # texels 3
    first: Tensor  # surfaces, index of the first texel
    columns: Tensor  # surfaces
    rows: Tensor  # surfaces


@dataclass(frozen=True, eq=False)
class SceneTensors:
    """Everything that shading needs."""

    solids: Solids
    texture: Tensor  # surfaces, texture number
    tint: Tensor  # surfaces 3
    tile_m: Tensor  # surfaces
    f0: Tensor  # surfaces
    roughness: Tensor  # surfaces
    emission: Tensor  # surfaces
    material: Tensor  # surfaces
    mip_texels: Tensor  # all levels of all textures, 3
    mip_first: Tensor  # levels
    lamp_corners: Tensor  # lamps 4 3
    lamp_normal: Tensor  # lamps 3
    lamp_radiance: Tensor  # lamps 3
    lightmaps: Lightmaps

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.tint.device


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product over the last, three long axis: several times faster than a sum over it."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def to_tensors(scene: RoomScene, device: torch.device | str = "cpu", texel_m: float = 0.08) -> SceneTensors:
    """Put a room on a device, with dark lightmaps of about ``texel_m`` metres a texel."""

    def floats(values: object, *shape: int) -> Tensor:
        return torch.tensor(np.asarray(values, dtype=np.float32), device=device).reshape(shape)

    surfaces = scene.surfaces
    yaw = floats([box.yaw for box in scene.boxes], -1)
    solids = Solids(
        floats([box.centre for box in scene.boxes], -1, 3),
        floats([box.half for box in scene.boxes], -1, 3),
        yaw.cos(),
        yaw.sin(),
        floats([ball.centre for ball in scene.balls], -1, 3),
        floats([ball.radius for ball in scene.balls], -1),
    )
    mip_texels, mip_first = _mipmaps(floats(np.stack(scene.textures), -1, TEXTURE_SIZE, TEXTURE_SIZE, 3))
    return SceneTensors(
        solids=solids,
        texture=torch.tensor([s.texture for s in surfaces], device=device),
        tint=floats([s.tint for s in surfaces], -1, 3),
        tile_m=floats([s.tile_m for s in surfaces], -1),
        f0=floats([s.finish.f0 for s in surfaces], -1),
        roughness=floats([s.finish.roughness for s in surfaces], -1),
        emission=floats([s.emission for s in surfaces], -1),
        material=torch.tensor([int(s.finish.material) for s in surfaces], device=device),
        mip_texels=mip_texels,
        mip_first=mip_first,
        lamp_corners=floats([lamp.corners for lamp in scene.lamps], -1, 4, 3),
        lamp_normal=floats([lamp.normal for lamp in scene.lamps], -1, 3),
        lamp_radiance=floats([lamp.radiance for lamp in scene.lamps], -1, 3),
        lightmaps=_dark_lightmaps(scene, texel_m, device),
    )


def _mipmaps(textures: Tensor) -> tuple[Tensor, Tensor]:
    """All levels down to 2x2 one behind the other: level by level, texture by texture, row by row."""
    levels, first, total = [], [], 0
    level = textures
    while level.shape[1] >= 2:
        first.append(total)
        levels.append(level.reshape(-1, 3))
        total += levels[-1].shape[0]
        level = F.avg_pool2d(level.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    return torch.cat(levels), torch.tensor(first, device=textures.device)


def _dark_lightmaps(scene: RoomScene, texel_m: float, device: torch.device | str) -> Lightmaps:
    def texels(metres: float, fewest: int) -> int:
        return int(np.clip(round(metres / texel_m), fewest, 96))

    columns, rows = [], []
    for number, box in enumerate(scene.boxes):
        for axis in FACE_AXES:
            fewest = 8 if number == 0 else 3
            columns.append(texels(2 * box.half[FACE_U[axis]], fewest))
            rows.append(texels(2 * box.half[FACE_V[axis]], fewest))
    for _ in scene.balls:
        columns.append(12)
        rows.append(6)
    counts = np.array(columns) * np.array(rows)
    first = np.concatenate([[0], np.cumsum(counts)])
    as_tensor = [torch.tensor(np.asarray(v), device=device) for v in (first[:-1], columns, rows)]
    return Lightmaps(torch.zeros(int(first[-1]), 3, device=device), *as_tensor)
