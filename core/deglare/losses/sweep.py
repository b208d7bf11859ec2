"""The photometric error along every pixel's ray, as a function of depth: what self-supervision sees.

On a matte surface its minimum is the surface. On a highlight it is the virtual depth of the mirrored lamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from deglare.errors import DataError
from deglare.geometry.projection import stack_intrinsics
from deglare.geometry.warping import warp
from deglare.losses.photometric import photometric_error
from deglare.types import DepthMap, Frame, inverse_rigid

UNSEEN = 1.0
"""The error where a source does not see the point: worse than any match."""


def sweep_depths(near_m: float, far_m: float, count: int, device: torch.device | str = "cpu") -> Float[Tensor, "d"]:
    """Depths in metres with equal steps of inverse depth, near to far."""
    return 1 / torch.linspace(1 / near_m, 1 / far_m, count, device=device)


def error_along_rays(
    target: Float[Tensor, "3 h w"],
    sources: Float[Tensor, "s 3 h w"],
    source_T_target: Float[Tensor, "s 4 4"],
    K: Float[Tensor, "3 3"],
    depths_m: Float[Tensor, "d"],
    window: int = 5,
) -> Float[Tensor, "d h w"]:
    """The smallest error over the sources at each depth, averaged over ``window`` pixels: one flat patch a pixel."""
    count, (height, width) = len(sources), target.shape[1:]
    many = target.expand(count, -1, -1, -1)
    Ks = K.expand(count, -1, -1)
    errors = []
    for depth in depths_m:
        flat = depth.expand(count, 1, height, width)
        seen = warp(sources, flat, source_T_target, Ks, Ks)
        error = photometric_error(many, seen.image).masked_fill(~seen.valid, UNSEEN)
        errors.append(_mean(error, window).amin(0)[0])
    return torch.stack(errors)


def best_depth(
    errors: Float[Tensor, "d h w"], depths_m: Float[Tensor, "d"]
) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
    """Depth in metres of the smallest error, and that error; between the steps by a parabola in inverse depth."""
    lowest, index = errors.min(0)
    inner = index.clamp(1, len(depths_m) - 2)[None]
    before, here, after = (errors.gather(0, inner + step)[0] for step in (-1, 0, 1))
    bend = (before - 2 * here + after).clamp_min(1e-9)
    shift = (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    shift = torch.where(inner[0] == index, shift, torch.zeros_like(shift))
    inverse = 1 / depths_m
    step = (inverse[-1] - inverse[0]) / (len(depths_m) - 1)
    return 1 / (inverse[index] + shift * step), lowest


def _mean(error: Tensor, window: int) -> Tensor:
    return functional.avg_pool2d(error, window, stride=1, padding=window // 2, count_include_pad=False)


@dataclass(frozen=True)
class Sweep:
    """Which depths are tried, and how large a patch must match."""

    near_m: float = 0.5
    far_m: float = 10.0
    steps: int = 64
    window: int = 9


@torch.no_grad()
def photometric_depth(target: Frame, sources: Sequence[Frame], sweep: Sweep | None = None) -> DepthMap:
    """The depth that the photometric loss alone prefers, pixel by pixel, without any network.

    Frames need poses and images of one camera. Pixels that no source sees at any depth are invalid.
    """
    sweep = sweep or Sweep()
    depths = sweep_depths(sweep.near_m, sweep.far_m, sweep.steps)
    poses = torch.stack([_source_T_target(target, source) for source in sources])
    errors = error_along_rays(
        _as_tensor(target), torch.stack([_as_tensor(s) for s in sources]), poses, _K(target), depths, sweep.window
    )
    metres, lowest = best_depth(errors, depths)
    return DepthMap(metres.numpy(), (lowest < UNSEEN).numpy())


def _as_tensor(frame: Frame) -> Float[Tensor, "3 h w"]:
    return torch.from_numpy(frame.rgb().copy()).permute(2, 0, 1).float() / 255


def _K(frame: Frame) -> Float[Tensor, "3 3"]:
    return stack_intrinsics([frame.camera])[0]


def _source_T_target(target: Frame, source: Frame) -> Float[Tensor, "4 4"]:
    if target.world_T_cam is None or source.world_T_cam is None:
        raise DataError(f"frame {target.name} or {source.name} has no pose: a sweep moves points between views")
    return torch.tensor(inverse_rigid(source.world_T_cam) @ target.world_T_cam, dtype=torch.float32)
