"""Light that does not depend on where one looks from, baked into lightmaps once for each room.

Direct light with soft shadows from every lamp, then a few gathers over the hemisphere for light between surfaces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from deglare.rooms.highlights import tangents
from deglare.rooms.intersect import first_hit
from deglare.rooms.surfaces import baked_light, place_of, texture_colour
from deglare.rooms.tensors import SceneTensors, Solids, dot

OFF_SURFACE_M = 2e-3
LAMP_CELL_M = 0.25
"""A lamp is sampled by points about this far apart."""


@dataclass(frozen=True)
class LightingSettings:
    """How carefully light is baked."""

    texel_m: float = 0.08
    """Side of a lightmap texel."""
    directions: int = 64
    """Directions over the hemisphere in each gather."""


@dataclass(frozen=True, eq=False)
class Texels:
    """The points that are lit: one for each lightmap texel, in order."""

    points: Tensor  # n 3, just off the surface
    normals: Tensor  # n 3
    buried: Tensor  # n, inside another solid
    open: Tensor  # numbers of those that are not, in an order in which neighbours are alike


def bake(scene: SceneTensors, settings: LightingSettings | None = None) -> SceneTensors:
    """Return the scene with its lightmaps filled.

    Light is passed on twice; each further time it loses the same share as from the first to the second, so the rest
    is a geometric series.
    """
    settings = settings or LightingSettings()
    texels = _texels(scene)
    direct = _direct(scene, texels)
    lit = _with_light(scene, direct, texels)
    once = _gathered(lit, texels, settings.directions)
    passed_on = _gathered(_with_light(scene, once, texels), texels, settings.directions)
    # In double and rounded: a sum's last bits depend on how many threads there are, and the room must not.
    kept = round(float(passed_on.double().sum() / once.double().sum().clamp_min(1e-9)), 6)
    return _with_light(scene, direct + once + passed_on / (1 - min(kept, 0.9)), texels)


def _texels(scene: SceneTensors) -> Texels:
    maps, solids = scene.lightmaps, scene.solids
    counts = maps.columns * maps.rows
    surface = torch.repeat_interleave(torch.arange(len(counts), device=scene.device), counts)
    inside = torch.arange(len(surface), device=scene.device) - maps.first[surface]
    columns, rows = maps.columns[surface], maps.rows[surface]
    uv = torch.stack([(inside % columns + 0.5) / columns, (inside // columns + 0.5) / rows], dim=1)
    points, normals = points_at(solids, surface, uv)
    points = points + OFF_SURFACE_M * normals
    buried = _buried(solids, points)
    order = _alike(points, normals)
    return Texels(points, normals, buried, order[~buried[order]])


def _alike(points: Tensor, normals: Tensor, cell_m: float = 0.6) -> Tensor:
    """An order in which texels that face one way and lie in one cell follow each other, for the tracer's bundles."""
    facing = (normals * 2).round().long() + 2
    cell = (points / cell_m).floor().long() + 16
    key = facing[:, 0]
    for digit in (facing[:, 1], facing[:, 2], cell[:, 2], cell[:, 1], cell[:, 0]):
        key = key * 32 + digit.clamp(0, 31)
    return key.argsort(stable=True)


def points_at(solids: Solids, surface: Tensor, unit_uv: Tensor) -> tuple[Tensor, Tensor]:
    """Points and normals (n x 3) at places of surfaces: the inverse of `deglare.rooms.surfaces.place_of`."""
    boxes = solids.boxes
    box = (surface // 6).clamp_max(boxes - 1)
    axis, sign = (surface % 6) // 2, (surface % 2) * 2.0 - 1
    local, facing = (
        torch.zeros(len(surface), 3, device=unit_uv.device),
        torch.zeros(len(surface), 3, device=unit_uv.device),
    )
    half = solids.half[box]
    spans = torch.tensor([[1, 2], [0, 2], [0, 1]], device=unit_uv.device)[axis]
    local.scatter_(1, axis[:, None], (sign * half.gather(1, axis[:, None])[:, 0])[:, None])
    local.scatter_(1, spans, (unit_uv * 2 - 1) * half.gather(1, spans))
    facing.scatter_(1, axis[:, None], (sign * torch.where(box == 0, -1.0, 1.0))[:, None])
    cos, sin = solids.cos_yaw[box], solids.sin_yaw[box]
    points, normals = _turned(local, cos, sin) + solids.centre[box], _turned(facing, cos, sin)
    ball = (surface - boxes * 6).clamp_min(0)
    on_ball = surface >= boxes * 6
    if bool(on_ball.any()):
        round_, height = (unit_uv[:, 0] * 2 - 1) * math.pi, (unit_uv[:, 1] - 0.5) * math.pi
        outward = torch.stack([round_.cos() * height.cos(), round_.sin() * height.cos(), height.sin()], dim=1)
        sphere = solids.ball_centre[ball] + outward * solids.ball_radius[ball][:, None]
        points = torch.where(on_ball[:, None], sphere, points)
        normals = torch.where(on_ball[:, None], outward, normals)
    return points, normals


def _turned(vectors: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    x, y, z = vectors.unbind(1)
    return torch.stack([x * cos - y * sin, x * sin + y * cos, z], dim=1)


def _buried(solids: Solids, points: Tensor) -> Tensor:
    """Whether each point lies inside a box other than the room, or outside the room."""
    buried = ((points - solids.centre[0]).abs() > solids.half[0]).any(1)
    for box in range(1, solids.boxes):
        away = points - solids.centre[box]
        local = _turned(away, solids.cos_yaw[box].expand(1), -solids.sin_yaw[box].expand(1))
        buried |= (local.abs() < solids.half[box]).all(1)
    return buried


def _direct(scene: SceneTensors, texels: Texels) -> Tensor:
    """Irradiance / pi from the lamps."""
    light = torch.zeros_like(texels.points)
    for lamp in range(len(scene.lamp_corners)):
        for point, area in _lamp_points(scene.lamp_corners[lamp]):
            light += _from_point(scene, texels, lamp, point, area)
    return light


def _lamp_points(corners: Tensor) -> Iterator[tuple[Tensor, float]]:
    """Points spread over a lamp, and the area that each stands for."""
    side_a, side_b = corners[1] - corners[0], corners[3] - corners[0]
    lengths = float(side_a.norm()), float(side_b.norm())
    columns, rows = (int(np.clip(math.ceil(length / LAMP_CELL_M), 2, 4)) for length in lengths)
    for column in range(columns):
        for row in range(rows):
            point = corners[0] + side_a * ((column + 0.5) / columns) + side_b * ((row + 0.5) / rows)
            yield point, lengths[0] * lengths[1] / (columns * rows)


def _from_point(scene: SceneTensors, texels: Texels, lamp: int, point: Tensor, area: float) -> Tensor:
    towards = point - texels.points
    distance = dot(towards, towards).sqrt()
    towards = towards / distance[:, None]
    falls = dot(towards, texels.normals).clamp_min(0)
    leaves = -(towards @ scene.lamp_normal[lamp]).clamp_max(0)
    strength = falls * leaves / distance.square().clamp_min(0.01) * (area / math.pi)
    lit = texels.open[strength[texels.open] > 1e-6]
    hit = first_hit(scene.solids, texels.points[lit], towards[lit])
    seen = hit.metres > distance[lit] - 0.02
    light = torch.zeros_like(texels.points)
    light[lit] = (strength[lit] * seen)[:, None] * scene.lamp_radiance[lamp]
    return light


def _gathered(scene: SceneTensors, texels: Texels, directions: int) -> Tensor:
    """Mean radiance over the hemisphere from surfaces lit so far; lamps are left out, they were counted directly."""
    tangent, bitangent = tangents(texels.normals)
    light = torch.zeros_like(texels.points)
    open_ = texels.open
    start, tangent, bitangent, normal = (v[open_] for v in (texels.points, tangent, bitangent, texels.normals))
    for x, y, z in _hemisphere(directions):
        towards = x * tangent + y * bitangent + z * normal
        hit = first_hit(scene.solids, start, towards)
        place = place_of(scene.solids, start + towards * hit.metres[:, None], hit.solid)
        colour = texture_colour(scene, place.surface, place.metres_uv, hit.metres * 0.3)
        light[open_] += colour * baked_light(scene.lightmaps, place.surface, place.unit_uv)
    return light / directions


def _hemisphere(count: int) -> list[tuple[float, float, float]]:
    """Directions spread evenly with the density of the cosine (a Fibonacci spiral)."""
    rank = (np.arange(count) + 0.5) / count
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
    radius = np.sqrt(rank)
    return list(zip(radius * np.cos(turn), radius * np.sin(turn), np.sqrt(1 - rank), strict=True))


def _with_light(scene: SceneTensors, light: Tensor, texels: Texels) -> SceneTensors:
    """The scene with smoothed ``light``; buried texels take what their neighbours on the surface have."""
    maps = scene.lightmaps
    smooth = torch.empty_like(light)
    shapes = torch.stack([maps.rows, maps.columns], dim=1)
    for rows, columns in torch.unique(shapes, dim=0).tolist():
        alike = ((maps.rows == rows) & (maps.columns == columns)).nonzero()[:, 0]
        index = maps.first[alike][:, None] + torch.arange(rows * columns, device=light.device)
        grid = light[index].reshape(-1, rows, columns, 3).permute(0, 3, 1, 2)
        weight = (~texels.buried[index]).to(light.dtype).reshape(-1, 1, rows, columns)
        smooth[index] = _fill(grid, weight).permute(0, 2, 3, 1).reshape(-1, rows * columns, 3)
    return replace(scene, lightmaps=replace(maps, texels=smooth))


def _fill(grid: Tensor, weight: Tensor, rounds: int = 3) -> Tensor:
    """A 3x3 mean over lit texels; texels without any lit neighbour wait for the next round."""

    def blur(image: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, 1)

    for _ in range(rounds):
        around = blur(weight)
        mean = blur(grid * weight) / around.clamp_min(1e-6)
        if bool((weight > 0).all()):
            return mean
        grid = torch.where(weight > 0, grid, mean)
        weight = torch.maximum(weight, (around > 0).to(weight.dtype))
    return blur(grid * weight) / blur(weight).clamp_min(1e-6)
