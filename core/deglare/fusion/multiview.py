"""Does predicted depth agree between views? On a highlight it does not: the mirrored lamp moves with the camera."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deglare.fusion.evidence import Neighbour
from deglare.geometry.projection import (
    NEAREST_Z_M,
    invert,
    project,
    stack_intrinsics,
    transform,
    unproject,
)
from deglare.geometry.warping import warp_depth
from deglare.types import Camera, DepthMap


def is_consistent(
    target: DepthMap, camera: Camera, neighbour: Neighbour, most_px: float, most_relative: float
) -> Bool[np.ndarray, "h w"]:
    """Where a pixel of the target, taken to the neighbour, comes back to itself.

    There it takes on the neighbour's own depth, so it comes back elsewhere, and at another depth, if the two depths
    disagree. Pixels that the neighbour does not see, because they lie outside its image or something hides them, do
    not come back either.

    Args:
        target: Depth of the frame that is asked about.
        camera: Of that frame.
        neighbour: The other view.
        most_px: It must come back within less than this distance, in pixels.
        most_relative: And with less than this difference of depth, as a share of its own.
    """
    metres = torch.from_numpy(np.where(target.valid, target.metres, np.float32(1)))[None, None]
    neighbour_T_target = torch.from_numpy(neighbour.neighbour_T_target).float()[None]
    K, K_neighbour = stack_intrinsics([camera]), stack_intrinsics([neighbour.camera])
    depth = neighbour.depth
    seen = warp_depth(
        torch.from_numpy(depth.metres)[None, None],
        torch.from_numpy(depth.valid)[None, None],
        metres,
        neighbour_T_target,
        K,
        K_neighbour,
    )
    points = transform(unproject(metres, K), neighbour_T_target)
    points = points * (seen.sampled_m / seen.computed_m.clamp(min=NEAREST_Z_M))  # along the neighbour's own rays
    pixels_xy, back_m = project(transform(points, invert(neighbour_T_target)), K)
    square_px = (pixels_xy - _pixel_grid(target.size_hw)).square().sum(1, keepdim=True)
    apart = (back_m - metres).abs() / metres
    agrees = seen.valid & (square_px < most_px**2) & (apart < most_relative)
    return agrees[0, 0].numpy() & target.valid


def _pixel_grid(size_hw: tuple[int, int]) -> Float[Tensor, "1 2 h w"]:
    """(x, y) of every pixel centre."""
    y, x = torch.meshgrid(torch.arange(size_hw[0]), torch.arange(size_hw[1]), indexing="ij")
    return torch.stack([x, y])[None].float()
