"""The mirror image of a glowing rectangle in a rough surface, in closed form and therefore without noise.

A GGX surface of roughness a has micro-facet slopes with the density P(s) = 1 / (pi a^2 (1 + |s|^2 / a^2)^2). The
facets that show one point of the lamp have one slope, so the lamp becomes a quadrilateral in the plane of slopes, and
the share of facets that show it is the integral of P over that quadrilateral. P is round about the origin, so the
integral is a sum over edges: an edge at signed distance d from the origin, from u1 to u2 along itself, gives
d / (2 pi r) * (atan(u2 / r) - atan(u1 / r)) with r = sqrt(d^2 + a^2).

Slopes are taken to first order about the mirrored ray, which keeps straight edges straight: as the roughness goes to
zero the highlight is exactly the lamp's mirror image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deglare.rooms.tensors import dot

SIDEWAYS = 0.05
"""Corners at a right angle to the mirrored ray, and beyond, are taken to lie this far ahead: they show in no facet."""


def lamp_share(points: Tensor, onward: Tensor, normals: Tensor, roughness: Tensor, corners: Tensor) -> Tensor:
    """Share of each point's facets (n), 0 to 1, that mirror the lamp with ``corners`` (4 x 3) to the eye.

    ``onward`` is the direction in which the ray from the eye goes on from the mirror.
    """
    slopes, above = mirror_slopes(points, onward, normals, corners)
    share = polygon_share(slopes, roughness)
    return torch.where(above, share, torch.zeros_like(share))


def mirror_slopes(points: Tensor, onward: Tensor, normals: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes (n x 4 x 2) that mirror each corner to the eye, and whether the whole lamp is above the surface.

    Tilting a facet turns what it mirrors by twice as much in the plane of incidence, and by twice the cosine of the
    incidence across it.
    """
    to_lamp = corners[None] - points[:, None]
    across = torch.linalg.cross(normals, onward)
    is_slanted = dot(across, across)[:, None] > 1e-8
    across = torch.where(is_slanted, across, tangents(normals)[0])
    across = across / dot(across, across).sqrt()[:, None]
    within = torch.linalg.cross(across, onward)
    ahead = dot(to_lamp, onward[:, None])
    ahead = torch.maximum(ahead, SIDEWAYS * dot(to_lamp, to_lamp).sqrt())
    cosine = dot(normals, onward).clamp_min(0.05)[:, None]
    slopes = torch.stack(
        [dot(to_lamp, within[:, None]) / (2 * ahead), dot(to_lamp, across[:, None]) / (2 * cosine * ahead)], dim=2
    )
    return slopes, (dot(to_lamp, normals[:, None]) > 0).all(1)


def polygon_share(corners: Tensor, roughness: Tensor) -> Tensor:
    """Integral of the slope density over convex polygons (n x k x 2) around any place, in either sense of turning."""
    following = corners.roll(-1, dims=1)
    edge = following - corners
    length = edge.norm(dim=2).clamp_min(1e-9)
    distance = (corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]) / length
    along = edge / length[..., None]
    start, end = (corners * along).sum(2), (following * along).sum(2)
    reach = (distance**2 + roughness[:, None] ** 2).sqrt().clamp_min(1e-9)
    turned = distance / reach * (torch.atan(end / reach) - torch.atan(start / reach))
    return (turned.sum(1).abs() / (2 * math.pi)).clamp_max(1)


def tangents(normals: Tensor) -> tuple[Tensor, Tensor]:
    """Two directions that complete each normal to an orthonormal frame."""
    helper = torch.where(normals[:, 2:].abs() > 0.9, normals.new_tensor([1.0, 0, 0]), normals.new_tensor([0, 0, 1.0]))
    tangent = torch.linalg.cross(helper, normals)
    tangent = tangent / tangent.norm(dim=1, keepdim=True)
    return tangent, torch.linalg.cross(normals, tangent)


def fresnel(cosine: Tensor, f0: Tensor) -> Tensor:
    """Mirrored share of unpolarised light: exact for dielectrics (f0 up to 0.2), Schlick's for metal mirrors.

    Schlick's form is a fifth too low for dielectrics at the slanted angles at which floors are seen.
    """
    cosine = cosine.clamp(0, 1)
    root = f0.clamp(0, 0.2).sqrt()
    index = (1 + root) / (1 - root)
    inner = (1 - (1 - cosine**2) / index**2).clamp_min(0).sqrt()
    across = (cosine - index * inner) / (cosine + index * inner)
    within = (index * cosine - inner) / (index * cosine + inner)
    dielectric = 0.5 * (across**2 + within**2)
    schlick = f0 + (1 - f0) * (1 - cosine) ** 5
    return torch.where(f0 <= 0, torch.zeros_like(f0), torch.where(f0 <= 0.2, dielectric, schlick))
