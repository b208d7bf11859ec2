"""What is at a hit point: surface id, normal, place on the surface, texture colour and baked light."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from deglare.rooms.scene import FACE_U, FACE_V
from deglare.rooms.tensors import Lightmaps, SceneTensors, Solids
from deglare.rooms.textures import TEXTURE_SIZE


class Place(NamedTuple):
    """Where on which surface a point lies."""

    surface: Tensor  # n, surface id
    normal: Tensor  # n 3, towards the side it is seen from
    metres_uv: Tensor  # n 2, from the middle of the surface
    unit_uv: Tensor  # n 2, 0 to 1 over the surface


def place_of(solids: Solids, points: Tensor, solid: Tensor) -> Place:
    """The place of each point (n x 3) on the solid it was found on."""
    place = _place_on_box(solids, points, solid.clamp_max(solids.boxes - 1))
    if len(solids.ball_radius) == 0:
        return place
    is_box = solid < solids.boxes
    on_ball = _place_on_ball(solids, points, (solid - solids.boxes).clamp_min(0))
    choose = [is_box] + [is_box[:, None]] * 3
    return Place(*(torch.where(c, a, b) for c, a, b in zip(choose, place, on_ball, strict=True)))


def _place_on_box(solids: Solids, points: Tensor, box: Tensor) -> Place:
    away = points - solids.centre[box]
    cos, sin, half = solids.cos_yaw[box], solids.sin_yaw[box], solids.half[box]
    local = torch.stack([away[:, 0] * cos + away[:, 1] * sin, away[:, 1] * cos - away[:, 0] * sin, away[:, 2]], dim=1)
    axis = (half - local.abs()).abs().argmin(1, keepdim=True)
    positive = local.gather(1, axis) > 0
    outward = torch.where(positive, 1.0, -1.0) * torch.where(box == 0, -1.0, 1.0)[:, None]
    normal = torch.zeros_like(local).scatter(1, axis, outward)
    normal = torch.stack(
        [normal[:, 0] * cos - normal[:, 1] * sin, normal[:, 0] * sin + normal[:, 1] * cos, normal[:, 2]], dim=1
    )
    spans = torch.tensor([FACE_U, FACE_V], device=points.device).T[axis[:, 0]]
    metres_uv = local.gather(1, spans)
    unit_uv = (metres_uv / half.gather(1, spans) * 0.5 + 0.5).clamp(0, 1)
    return Place(box * 6 + axis[:, 0] * 2 + positive[:, 0].long(), normal, metres_uv, unit_uv)


def _place_on_ball(solids: Solids, points: Tensor, ball: Tensor) -> Place:
    radius = solids.ball_radius[ball][:, None]
    normal = (points - solids.ball_centre[ball]) / radius
    angles = torch.stack([torch.atan2(normal[:, 1], normal[:, 0]), torch.asin(normal[:, 2].clamp(-1, 1))], dim=1)
    span = torch.tensor([2 * math.pi, math.pi], device=points.device)
    return Place(solids.boxes * 6 + ball, normal, angles * radius, (angles / span + 0.5).clamp(0, 1))


def texture_colour(scene: SceneTensors, surface: Tensor, metres_uv: Tensor, footprint_m: Tensor) -> Tensor:
    """Reflectance (n x 3) averaged over a footprint: trilinear in the mip levels, times the tint."""
    tile = scene.tile_m[surface]
    uv = metres_uv / tile[:, None]
    last = len(scene.mip_first) - 1
    level = torch.log2((footprint_m / tile * TEXTURE_SIZE).clamp_min(1)).clamp_max(last)
    fine = level.floor().long()
    blend = (level - fine)[:, None]
    colour = _texel(scene, scene.texture[surface], uv, fine)
    coarse = (blend[:, 0] > 0).nonzero()[:, 0]
    if len(coarse):
        above = (fine[coarse] + 1).clamp_max(last)
        coarser = _texel(scene, scene.texture[surface[coarse]], uv[coarse], above)
        colour[coarse] += blend[coarse] * (coarser - colour[coarse])
    return colour * scene.tint[surface]


def _texel(scene: SceneTensors, texture: Tensor, uv: Tensor, level: Tensor) -> Tensor:
    """Bilinear look-up in one mip level each; the texture repeats."""
    size = TEXTURE_SIZE >> level
    xy = (uv - uv.floor()) * size[:, None] - 0.5
    low = xy.floor()
    weight = (xy - low)[..., None]
    low = low.long() % size[:, None]
    high = (low + 1) % size[:, None]
    base = scene.mip_first[level] + texture * size * size
    top, bottom = base + low[:, 1] * size, base + high[:, 1] * size
    atlas = scene.mip_texels
    upper = torch.lerp(atlas.index_select(0, top + low[:, 0]), atlas.index_select(0, top + high[:, 0]), weight[:, 0])
    lower = torch.lerp(
        atlas.index_select(0, bottom + low[:, 0]), atlas.index_select(0, bottom + high[:, 0]), weight[:, 0]
    )
    return torch.lerp(upper, lower, weight[:, 1])


def baked_light(maps: Lightmaps, surface: Tensor, unit_uv: Tensor) -> Tensor:
    """Irradiance / pi (n x 3), bilinear between texel centres."""
    columns, rows, first = maps.columns[surface], maps.rows[surface], maps.first[surface]
    x = (unit_uv[:, 0] * columns - 0.5).clamp_min(0)
    y = (unit_uv[:, 1] * rows - 0.5).clamp_min(0)
    x0, y0 = torch.minimum(x.long(), columns - 1), torch.minimum(y.long(), rows - 1)
    x1, y1 = torch.minimum(x0 + 1, columns - 1), torch.minimum(y0 + 1, rows - 1)
    wx, wy = (x - x0)[:, None], (y - y0)[:, None]
    texels = maps.texels
    upper = torch.lerp(
        texels.index_select(0, first + y0 * columns + x0), texels.index_select(0, first + y0 * columns + x1), wx
    )
    lower = torch.lerp(
        texels.index_select(0, first + y1 * columns + x0), texels.index_select(0, first + y1 * columns + x1), wx
    )
    return torch.lerp(upper, lower, wy)
