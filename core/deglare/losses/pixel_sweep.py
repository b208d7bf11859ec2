"""The photometric error along one pixel's ray: what `error_along_rays` gives there, from the patch that it looks at."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deglare.geometry.projection import project, rays, transform
from deglare.geometry.warping import is_seen, sample
from deglare.losses.photometric import photometric_error
from deglare.losses.sweep import UNSEEN

Part = tuple[slice, slice]
"""Rows and columns."""


class RayErrors(NamedTuple):
    """The curve of one pixel."""

    errors: Float[Tensor, "d"]
    seen: Bool[Tensor, "d"]
    """Whether any source sees the pixel itself at that depth: where none does the error says nothing."""


@torch.no_grad()
def error_at_pixel(
    target: Float[Tensor, "3 h w"],
    sources: Float[Tensor, "s 3 h w"],
    source_T_target: Float[Tensor, "s 4 4"],
    K: Float[Tensor, "3 3"],
    depths_m: Float[Tensor, "d"],
    xy: tuple[int, int],
    window: int = 5,
) -> RayErrors:
    """`error_along_rays` at one pixel (x, y)."""
    size_hw, count = (target.shape[1], target.shape[2]), len(sources)
    patch = _around(xy, window // 2 + 1, size_hw)  # one pixel more than is averaged, for the windows of SSIM
    directions = rays(K[None], size_hw)[:, :, *patch]
    points = (directions * depths_m[:, None, None, None]).repeat(count, 1, 1, 1)
    at_source = transform(points, source_T_target.repeat_interleave(len(depths_m), 0))
    pixels_xy, z = project(at_source, K.expand(len(at_source), -1, -1))
    valid = is_seen(pixels_xy, z, size_hw)
    seen = _sampled(sources, pixels_xy)
    error = photometric_error(target[None, :, *patch].expand_as(seen), seen).masked_fill(~valid, UNSEEN)
    means = error[:, 0, *_inside(_around(xy, window // 2, size_hw), patch)].mean((1, 2))
    at_pixel = valid[:, 0, xy[1] - patch[0].start, xy[0] - patch[1].start]
    return RayErrors(means.reshape(count, -1).amin(0), at_pixel.reshape(count, -1).any(0))


def _sampled(sources: Float[Tensor, "s 3 hs ws"], pixels_xy: Float[Tensor, "sd 2 h w"]) -> Float[Tensor, "sd 3 h w"]:
    """Patches of every source in turn; those of one source lie below each other while they are sampled."""
    count, (height, width) = len(sources), pixels_xy.shape[2:]
    stacked = pixels_xy.reshape(count, -1, 2, height, width).transpose(1, 2).flatten(2, 3)
    return sample(sources, stacked).unflatten(2, (-1, height)).transpose(1, 2).flatten(0, 1)


def _around(xy: tuple[int, int], reach: int, size_hw: tuple[int, int]) -> Part:
    """All pixels within ``reach`` of one, as far as there are any."""
    rows, columns = (
        slice(max(at - reach, 0), min(at + reach + 1, side)) for at, side in zip(xy[::-1], size_hw, strict=True)
    )
    return rows, columns


def _inside(part: Part, whole: Part) -> Part:
    """A part of an image, counted from the corner of a larger part."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, whole, strict=True))
    return rows, columns
