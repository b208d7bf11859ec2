"""Resizing that agrees with `Camera.resized`: exact to half a pixel.

Images that become smaller are averaged over the area that each new pixel covers, images that become larger are
interpolated. Depth is never averaged: a mean of two surfaces is a third one, in mid-air.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from deglare.geometry.projection import precise


def resize_intrinsics(
    K: Float[Tensor, "b 3 3"], from_hw: tuple[int, int], to_hw: tuple[int, int]
) -> Float[Tensor, "b 3 3"]:
    """The intrinsics of the resized image; the tensor twin of `Camera.resized`."""
    sy, sx = to_hw[0] / from_hw[0], to_hw[1] / from_hw[1]
    scale = K.new_tensor([[sx, sx, sx], [sy, sy, sy], [1, 1, 1]])
    shift = K.new_tensor([[0, 0, (sx - 1) / 2], [0, 0, (sy - 1) / 2], [0, 0, 0]])
    return K * scale + shift


def resize_image(image: Float[Tensor, "b c h w"], to_hw: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Area average along a side that shrinks, bilinear along a side that grows."""
    small_hw = (min(image.shape[2], to_hw[0]), min(image.shape[3], to_hw[1]))
    shrunk = _average(image, small_hw)
    if small_hw == tuple(to_hw):
        return shrunk
    return functional.interpolate(shrunk, size=to_hw, mode="bilinear", align_corners=False)


def resize_disparity(disparity: Float[Tensor, "b 1 h w"], to_hw: tuple[int, int]) -> Float[Tensor, "b 1 h2 w2"]:
    """Resize inverse depth in 1/m (not pixels, so values do not scale). A plane stays a plane: it is linear here."""
    return resize_image(disparity, to_hw)


def resize_depth(
    depth_m: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"], to_hw: tuple[int, int]
) -> tuple[Float[Tensor, "b 1 h2 w2"], Bool[Tensor, "b 1 h2 w2"]]:
    """Take depth and validity together from the nearest pixel centre.

    Nothing is mixed, so every depth that comes out went in. Where two centres are equally near (an even factor) the
    right and lower one is taken: half an old pixel off, the best that a single pixel can do.
    """
    rows = _nearest(depth_m.shape[2], to_hw[0], depth_m.device)
    columns = _nearest(depth_m.shape[3], to_hw[1], depth_m.device)
    return depth_m[:, :, rows][..., columns], valid[:, :, rows][..., columns]


def _nearest(old: int, new: int, device: torch.device) -> Tensor:
    """Old indices nearest to the new pixel centres, in whole numbers: (i + 1/2) * old / new, rounded down."""
    return (2 * torch.arange(new, device=device) + 1) * old // (2 * new)


def _average(image: Float[Tensor, "b c h w"], to_hw: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Average over the area of the new pixels; sides that keep their length are not touched."""
    values = precise(image)
    with torch.autocast(image.device.type, enabled=False):
        if to_hw[0] != image.shape[2]:
            values = _shares(image.shape[2], to_hw[0], values) @ values
        if to_hw[1] != image.shape[3]:
            values = values @ _shares(image.shape[3], to_hw[1], values).T
    return values.to(image.dtype)


def _shares(old: int, new: int, like: Tensor) -> Float[Tensor, "{new} {old}"]:
    """What share of each new pixel each old one covers along one side; rows sum to one."""
    new_start = torch.arange(new, device=like.device, dtype=torch.float64)[:, None] * (old / new)
    old_start = torch.arange(old, device=like.device, dtype=torch.float64)
    overlap = torch.minimum(new_start + old / new, old_start + 1) - torch.maximum(new_start, old_start)
    return (overlap.clamp(min=0) * (new / old)).to(like.dtype)
