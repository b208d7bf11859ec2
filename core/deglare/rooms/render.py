"""One picture of a room: colour, exact depth, surface ids and how much of each pixel's light is mirrored.

Every pixel is traced once through its centre, which gives depth and ids. Where the surface or the mirrored surface
changes between neighbours, eight more rays smooth the edge. Lamps in glossy surfaces come from a closed form; the rest
of the mirrored room is traced and blurred by the roughness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from deglare.rooms.shading import shade
from deglare.rooms.tensors import SceneTensors
from deglare.types import Camera

TILE = 8
"""Pixels are traced in tiles of this side: an 8x8 tile is one bundle of rays."""
BRIGHTEST = 4.0
"""Radiance times exposure is cut here before neighbouring rays are averaged, or a lamp would eat its edge."""
VISIBLE = 0.02
"""Neighbours whose three channels differ by less in sum need no smoothing."""
ROOKS = ((1, 5), (3, 1), (5, 7), (7, 3), (0, 2), (2, 6), (4, 0), (6, 4))
"""Eight places on an 8x8 grid in a pixel, no two in one row or column."""
LOBE = 0.55
"""A Gaussian of this times alpha has the half-width of GGX slopes at half height."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """Layers of b views, linear light. ``mirrored`` is the part of ``radiance`` that comes off the surface."""

    radiance: Tensor  # b h w 3
    mirrored: Tensor  # b h w 3
    depth_m: Tensor  # b h w, z-depth through the pixel centre
    surface: Tensor  # b h w, surface id
    virtual_m: Tensor  # b h w, z-depth of what is mirrored, 0 where nothing is


@torch.no_grad()
def render(
    scene: SceneTensors, camera: Camera, world_T_cam: Tensor, exposure: float = 1.0, bounces: int = 2
) -> Rendering:
    """Render b views (``world_T_cam``: b x 4 x 4). Radiance is multiplied with ``exposure``."""
    views, (height, width) = world_T_cam.shape[0], camera.size_hw
    order = _tile_order(height, width, scene.device)
    view = torch.arange(views, device=scene.device).repeat_interleave(len(order))
    pixel = order.repeat(views)
    rays = _rays(camera, world_T_cam, view, pixel, torch.zeros(2, device=scene.device))
    spread = 1 / camera.fx
    seen = shade(scene, rays.origin, rays.direction, spread, bounces)

    def image(values: Tensor) -> Tensor:
        laid = torch.empty((views, height * width, *values.shape[1:]), dtype=values.dtype, device=values.device)
        laid[view, pixel] = values
        return laid.reshape(views, height, width, *values.shape[1:])

    colours = torch.cat([seen.own, seen.lamps, seen.mirrored], dim=1).mul(exposure)
    colours = image(_limited(colours))
    surface, beyond = image(seen.surface), image(seen.beyond)
    edge = _visible_edges(surface * 65536 + beyond, colours)
    again_view, again_pixel = _where(edge, order)
    colours.reshape(views, -1, 9)[again_view, again_pixel] = _smoothed(
        scene, camera, world_T_cam, again_view, again_pixel, exposure, bounces
    )
    metres, beyond_m = image(seen.metres), image(seen.beyond_m)
    along = image(rays.z_per_metre)
    own, lamps, mirrored = colours.split(3, dim=3)
    mirrored = blur_by_roughness(mirrored, _blur_pixels(scene, camera, surface, metres, beyond_m), surface)
    virtual_m = torch.where(beyond_m > 0, (metres + beyond_m) * along, torch.zeros_like(metres))
    return Rendering(own + mirrored, lamps + mirrored, metres * along, surface, virtual_m)


class _Rays(NamedTuple):
    origin: Tensor
    direction: Tensor
    z_per_metre: Tensor


def _rays(camera: Camera, world_T_cam: Tensor, view: Tensor, pixel: Tensor, shift_xy: Tensor) -> _Rays:
    """Rays through pixels of views, moved by ``shift_xy`` pixels."""
    width = camera.size_hw[1]
    x = ((pixel % width) + shift_xy[..., 0] - camera.cx) / camera.fx
    y = (torch.div(pixel, width, rounding_mode="floor") + shift_xy[..., 1] - camera.cy) / camera.fy
    in_camera = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    length = in_camera.norm(dim=-1)
    turn = world_T_cam[view, :3, :3]
    direction = (turn @ in_camera[..., None])[..., 0] / length[:, None]
    return _Rays(world_T_cam[view, :3, 3], direction, 1 / length)


def _smoothed(
    scene: SceneTensors, camera: Camera, world_T_cam: Tensor, view: Tensor, pixel: Tensor, exposure: float, bounces: int
) -> Tensor:
    """Mean light (n x 9) of eight rays spread over each pixel."""
    shifts = (torch.tensor(ROOKS, dtype=torch.float32, device=scene.device) + 0.5) / 8 - 0.5
    rays = len(shifts)
    view, pixel = view.repeat_interleave(rays), pixel.repeat_interleave(rays)  # the rays of a pixel share a bundle
    ray = _rays(camera, world_T_cam, view, pixel, shifts.repeat(len(view) // rays, 1))
    seen = shade(scene, ray.origin, ray.direction, 0.5 / camera.fx, bounces)
    colours = _limited(torch.cat([seen.own, seen.lamps, seen.mirrored], dim=1).mul(exposure))
    return colours.reshape(-1, rays, 9).mean(1)


def _limited(colours: Tensor) -> Tensor:
    """Cut radiance at `BRIGHTEST`, the mirrored lamps no higher than what they are part of."""
    own, lamps, mirrored = colours.clamp_max(BRIGHTEST).split(3, dim=1)
    return torch.cat([own, torch.minimum(lamps, own), mirrored], dim=1)


def _visible_edges(ids: Tensor, colours: Tensor) -> Tensor:
    """Pixels (b x h x w) with a neighbour of another id and another colour."""
    light = colours[..., :3].sum(-1) + colours[..., 6:].sum(-1)
    across = (ids[:, :, 1:] != ids[:, :, :-1]) & ((light[:, :, 1:] - light[:, :, :-1]).abs() > VISIBLE)
    down = (ids[:, 1:] != ids[:, :-1]) & ((light[:, 1:] - light[:, :-1]).abs() > VISIBLE)
    edge = torch.zeros_like(ids, dtype=torch.bool)
    edge[:, :, 1:] |= across
    edge[:, :, :-1] |= across
    edge[:, 1:] |= down
    edge[:, :-1] |= down
    return edge


def _where(mask: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Views and pixels where the mask holds, in tile order."""
    view, place = mask.reshape(mask.shape[0], -1)[:, order].nonzero(as_tuple=True)
    return view, order[place]


def _tile_order(height: int, width: int, device: torch.device) -> Tensor:
    """Pixel numbers tile by tile; tiles at the border may be cut."""
    number = torch.arange(height * width, device=device).reshape(height, width)
    rows, columns = number // width // TILE, number % width // TILE
    tile = rows * (width // TILE + 1) + columns
    return number.reshape(-1)[tile.reshape(-1).argsort(stable=True)]


def _blur_pixels(scene: SceneTensors, camera: Camera, surface: Tensor, metres: Tensor, beyond_m: Tensor) -> Tensor:
    """How far the roughness smears what is mirrored, as the sigma of a Gaussian in pixels."""
    share = beyond_m / (metres + beyond_m).clamp_min(1e-3)
    return 2 * LOBE * scene.roughness[surface] * share * camera.fx * (beyond_m > 0)


def blur_by_roughness(mirrored: Tensor, sigma: Tensor, surface: Tensor) -> Tensor:
    """Blur the mirrored room (b h w 3) surface by surface, by the mean sigma in pixels of each."""
    blurred = mirrored.clone()
    for view in range(mirrored.shape[0]):
        for number in torch.unique(surface[view][sigma[view] > 0.3]).tolist():
            mask = surface[view] == number
            rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
            box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
            inside = mask[box].float()
            mean = (sigma[view][box] * inside).double().sum() / inside.double().sum()
            width = round(float(mean), 6)  # a sum's last bits depend on how many threads there are
            smooth = _masked_blur(mirrored[view][box], inside, width)
            blurred[view][box] = torch.where(mask[box][..., None], smooth, blurred[view][box])
    return blurred


def _masked_blur(image: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """Gaussian mean over the masked pixels only."""
    radius = max(1, round(2.5 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    layers = torch.cat([image.permute(2, 0, 1) * mask, mask[None]])[:, None]
    layers = F.conv2d(layers, kernel.reshape(1, 1, 1, -1), padding=(0, radius))
    layers = F.conv2d(layers, kernel.reshape(1, 1, -1, 1), padding=(radius, 0))[:, 0]
    return (layers[:3] / layers[3].clamp_min(1e-4)).permute(1, 2, 0)
