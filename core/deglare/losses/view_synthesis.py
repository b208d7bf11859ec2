"""Warping by inverse depth: what the poses and the target's pixels give is computed once for all scales.

A target pixel p lies in the source at ``(d M p + t)_xy / (d M p + t)_z`` for depth d, with ``M = K_s R K_t^-1`` and
``t = K_s t``; with inverse depth q it is ``(M p + q t)_xy / (M p + q t)_z``: M p is fixed, so a scale costs three
multiplications and additions and two divisions a pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from deglare.geometry.projection import NEAREST_Z_M, precise, rays, transform


class Epipolar(NamedTuple):
    """Where the target's pixels lie in a source image, but for their depth."""

    at_infinity: Float[Tensor, "b 3 h w"]
    """Homogeneous source pixels of points infinitely far away."""
    towards: Float[Tensor, "b 3 1 1"]
    """What one 1/m of inverse depth adds."""


def epipolar(
    source_T_target: Float[Tensor, "b 4 4"],
    K_target: Float[Tensor, "b 3 3"],
    K_source: Float[Tensor, "b 3 3"],
    size_hw: tuple[int, int],
) -> Epipolar:
    """Prepare the warp of one source; differentiable in the pose."""
    turned = torch.cat([source_T_target[:, :, :3], torch.zeros_like(source_T_target[:, :, 3:])], dim=2)
    directions = transform(rays(K_target, size_hw), turned)
    moved = precise(source_T_target)[:, :3, 3, None, None]
    return Epipolar(_in_pixels(directions, K_source), _in_pixels(moved, K_source))


def places_at(
    lines: Epipolar, disparity: Float[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 1 h w"]]:
    """Source pixels (x, y) and z in metres in source axes, as `correspondences` gives; disparity is in 1/m."""
    inverse = precise(disparity)
    places = torch.addcmul(lines.at_infinity, inverse, lines.towards)
    scaled_z = places[:, 2:]
    pixels_xy = places[:, :2] / scaled_z.clamp(min=NEAREST_Z_M * inverse.detach())
    return pixels_xy, scaled_z.detach() / inverse.detach()


def _in_pixels(points: Float[Tensor, "b 3 h w"], K: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3 h w"]:
    x, y, z = points.split(1, dim=1)
    matrix = precise(K)[:, :, :, None, None]
    return torch.cat(
        [x * matrix[:, :1, 0] + z * matrix[:, :1, 2], y * matrix[:, 1:2, 1] + z * matrix[:, 1:2, 2], z], dim=1
    )
