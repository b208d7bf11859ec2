"""A source image as the target camera would see it, given the target's depth and the pose between them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from deglare.geometry.projection import NEAREST_Z_M, precise, project, transform, unproject

EDGE_SLACK_PX = 0.01
"""A pixel this far outside still counts as inside: float32 does not return the last column exactly."""


class Warped(NamedTuple):
    """A source image sampled at the target's pixels."""

    image: Float[Tensor, "b c h w"]
    """In the precision of the source image; border pixels are repeated where the source saw nothing."""
    valid: Bool[Tensor, "b 1 h w"]
    """The point lies in front of the source camera and inside its image. Occlusion is not tested."""


class WarpedDepth(NamedTuple):
    """What the source depth map says about the target's points, for tests of consistency between views."""

    sampled_m: Float[Tensor, "b 1 h w"]
    """The source's own z-depth where the point falls, by bilinear interpolation."""
    computed_m: Float[Tensor, "b 1 h w"]
    """The point's z in source axes; equal to ``sampled_m`` where both depths are right and nothing hides the point."""
    valid: Bool[Tensor, "b 1 h w"]
    """Inside the source image, and all the pixels it was interpolated from are valid."""


def warp(
    source_image: Float[Tensor, "b c hs ws"],
    target_depth_m: Float[Tensor, "b 1 h w"],
    source_T_target: Float[Tensor, "b 4 4"],
    K_target: Float[Tensor, "b 3 3"],
    K_source: Float[Tensor, "b 3 3"],
) -> Warped:
    """Sample the source image where the target's pixels lie in it. Depth must be finite."""
    pixels_xy, z = correspondences(target_depth_m, source_T_target, K_target, K_source)
    size_hw = (source_image.shape[2], source_image.shape[3])
    return Warped(sample(source_image, pixels_xy), is_seen(pixels_xy, z, size_hw))


def warp_depth(
    source_depth_m: Float[Tensor, "b 1 hs ws"],
    source_valid: Bool[Tensor, "b 1 hs ws"],
    target_depth_m: Float[Tensor, "b 1 h w"],
    source_T_target: Float[Tensor, "b 4 4"],
    K_target: Float[Tensor, "b 3 3"],
    K_source: Float[Tensor, "b 3 3"],
) -> WarpedDepth:
    """Look up the source's depth at the target's points. Invalid source pixels may hold anything."""
    pixels_xy, z = correspondences(target_depth_m, source_T_target, K_target, K_source)
    solid = precise(source_depth_m).masked_fill(~source_valid, 0)
    holes = sample((~source_valid).to(solid.dtype), pixels_xy)
    size_hw = (source_depth_m.shape[2], source_depth_m.shape[3])
    return WarpedDepth(sample(solid, pixels_xy), z, is_seen(pixels_xy, z, size_hw) & (holes <= EDGE_SLACK_PX))


def correspondences(
    target_depth_m: Float[Tensor, "b 1 h w"],
    source_T_target: Float[Tensor, "b 4 4"],
    K_target: Float[Tensor, "b 3 3"],
    K_source: Float[Tensor, "b 3 3"],
) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 1 h w"]]:
    """Where each target pixel lies in the source image, (x, y) in source pixels, and its z in source axes."""
    return project(transform(unproject(target_depth_m, K_target), source_T_target), K_source)


def sample(image: Float[Tensor, "b c hs ws"], pixels_xy: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b c h w"]:
    """Bilinear interpolation at pixels (x, y); outside, the border pixels are repeated.

    The first and last pixel *centres* are -1 and 1 here, so the sampler must align corners: without that every
    sample is off by up to half a pixel at the edges.
    """
    height, width = image.shape[2], image.shape[3]
    dtype = torch.promote_types(precise(image).dtype, pixels_xy.dtype)
    values, wanted = image.to(dtype), pixels_xy.to(dtype)
    last = wanted.new_tensor([max(width - 1, 1), max(height - 1, 1)])
    grid = wanted.permute(0, 2, 3, 1) * (2 / last) - 1
    grid = grid.nan_to_num(nan=-2.0)  # torch's CPU gradient crashes on NaN; outside is where no pixel is seen
    sampled = functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return sampled.to(image.dtype)


def is_seen(
    pixels_xy: Float[Tensor, "b 2 h w"], z: Float[Tensor, "b 1 h w"], size_hw: tuple[int, int]
) -> Bool[Tensor, "b 1 h w"]:
    """Whether points fall between the outermost pixel centres of an image and lie in front of its camera."""
    last = pixels_xy.new_tensor([size_hw[1] - 1, size_hw[0] - 1])[:, None, None]
    inside = (pixels_xy >= -EDGE_SLACK_PX) & (pixels_xy <= last + EDGE_SLACK_PX)
    return inside.all(1, keepdim=True) & (z > NEAREST_Z_M)
