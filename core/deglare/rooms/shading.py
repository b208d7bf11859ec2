"""The light that comes back along rays: what a surface scatters and emits, and what it mirrors."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from deglare.rooms.highlights import fresnel, lamp_share
from deglare.rooms.intersect import first_hit
from deglare.rooms.surfaces import baked_light, place_of, texture_colour
from deglare.rooms.tensors import SceneTensors, dot

OFF_MIRROR_M = 2e-3
"""Mirrored rays start this far off the surface."""
LAMP_DEPTH_M = 0.08
"""A mirrored ray reaches a lamp if it is free to within this distance of the lamp's plane."""
LOBE_REACH = 24.0
"""Light further than this many roughnesses from the mirrored ray is not looked for."""
PIXEL_SLOPE = 0.4
"""A pixel shows a patch of slopes, not one: the lobe is widened by this share of it, so that thin highlights do not
flicker."""


class Shaded(NamedTuple):
    """What rays bring back."""

    own: Tensor  # n 3, light the surface scatters or emits, and lamps it mirrors
    lamps: Tensor  # n 3, the mirrored lamps among it
    mirrored: Tensor  # n 3, the mirrored room without lamps
    metres: Tensor  # n, ray length
    beyond_m: Tensor  # n, ray length from the surface to what it mirrors, 0 where nothing is
    surface: Tensor  # n
    beyond: Tensor  # n, mirrored surface, -1 where nothing is


class Bounce(NamedTuple):
    """Rays that leave a mirror."""

    start: Tensor  # n 3, just off the surface
    onward: Tensor  # n 3
    normal: Tensor  # n 3
    roughness: Tensor  # n


def shade(scene: SceneTensors, origins: Tensor, directions: Tensor, spread: float, bounces: int) -> Shaded:
    """Light along rays; ``spread`` is the opening of a ray in radians, ``bounces`` how often mirrors are followed."""
    hit = first_hit(scene.solids, origins, directions)
    points = origins + directions * hit.metres[:, None]
    place = place_of(scene.solids, points, hit.solid)
    surface = place.surface
    cosine = -dot(place.normal, directions).clamp(-1, -0.05)
    albedo = texture_colour(scene, surface, place.metres_uv, hit.metres * spread / cosine.sqrt())
    own = albedo * (baked_light(scene.lightmaps, surface, place.unit_uv) + scene.emission[surface][:, None])
    lamps, mirrored = torch.zeros_like(own), torch.zeros_like(own)
    beyond_m, beyond = torch.zeros_like(hit.metres), torch.full_like(surface, -1)
    glossy = (scene.f0[surface] > 0).nonzero()[:, 0]
    if len(glossy) and bounces > 0:
        share = fresnel(cosine[glossy], scene.f0[surface[glossy]])[:, None]
        bounce = _bounce(points[glossy], directions[glossy], place.normal[glossy], scene.roughness[surface[glossy]])
        far = shade(scene, bounce.start, bounce.onward, 2 * spread, bounces - 1)  # rays open on their way
        patch = PIXEL_SLOPE * spread * (hit.metres[glossy] + far.metres) / (2 * far.metres.clamp_min(0.05))
        glare = _mirrored_lamps(scene, bounce._replace(roughness=torch.hypot(bounce.roughness, patch)), far.metres)
        is_lamp = (scene.emission[far.surface] > 0)[:, None]
        own[glossy] = own[glossy] * (1 - share) + share * glare
        lamps[glossy] = share * glare
        mirrored[glossy] = share * torch.where(is_lamp, 0.0, far.own + far.mirrored)
        beyond_m[glossy], beyond[glossy] = far.metres, far.surface
    return Shaded(own, lamps, mirrored, hit.metres, beyond_m, surface, beyond)


def _bounce(points: Tensor, directions: Tensor, normal: Tensor, roughness: Tensor) -> Bounce:
    onward = directions - 2 * dot(directions, normal)[:, None] * normal
    return Bounce(points + OFF_MIRROR_M * normal, onward, normal, roughness)


def _mirrored_lamps(scene: SceneTensors, bounce: Bounce, free_m: Tensor) -> Tensor:
    """Radiance of the lamps in the mirror, before Fresnel: the share of facets that show them.

    ``free_m`` is how far the mirrored rays go before they meet anything.
    """
    glare = torch.zeros_like(bounce.start)
    for corners, facing, radiance in zip(scene.lamp_corners, scene.lamp_normal, scene.lamp_radiance, strict=True):
        near = _may_show(bounce, free_m, corners, facing)
        if len(near):
            share = lamp_share(
                bounce.start[near], bounce.onward[near], bounce.normal[near], bounce.roughness[near], corners
            )
            glare[near] += share[:, None] * radiance
    return glare


def _may_show(bounce: Bounce, free_m: Tensor, corners: Tensor, facing: Tensor) -> Tensor:
    """Numbers of the rays that come near a lamp, from its bright side, and are free until there."""
    middle = corners.mean(0)
    radius = (corners[0] - middle).norm()
    to_middle = middle - bounce.start
    towards = -(bounce.onward @ facing)
    until = -(to_middle @ facing) / towards.clamp_min(0.05)
    distance_sq = dot(to_middle, to_middle)
    off = (distance_sq - dot(to_middle, bounce.onward) ** 2).clamp_min(0).sqrt()
    reach = radius + LOBE_REACH * bounce.roughness * distance_sq.sqrt()
    faces = (towards > 1e-3) & ((to_middle @ facing) < 0)
    return (faces & (off < reach) & (free_m > until - LAMP_DEPTH_M)).nonzero()[:, 0]
