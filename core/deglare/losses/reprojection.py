"""Monodepth2's loss: what each source looks like from the target, the best of them, at four scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deglare.errors import DataError
from deglare.geometry.warping import is_seen, sample
from deglare.losses.fixed_target import Target, error_to
from deglare.losses.log_depth import upsampled
from deglare.losses.smoothness import smoothness_over_scales
from deglare.losses.view_synthesis import epipolar, places_at

TIE_BREAK = 1e-5
"""Standard deviation of the noise on identity errors: where nothing moved at all, neither side always wins."""

UNSEEN = 10.0
"""Stands for the error of a source that does not see a pixel: larger than any error."""


class Views(NamedTuple):
    """A target, its sources and the geometry between them. Images are in [0, 1], not augmented in colour."""

    target: Float[Tensor, "b 3 h w"]
    sources: Float[Tensor, "b s 3 h w"]
    source_T_target: Float[Tensor, "b s 4 4"]
    K: Float[Tensor, "b 3 3"]
    """Of the target and of its sources, in pixels of the images."""


class Scale(NamedTuple):
    """What one scale gives."""

    loss: Float[Tensor, ""]
    """Mean over pixels of the smallest error."""
    moving: Bool[Tensor, "b 1 h w"]
    """Pixels that a warped source explains better than the unwarped ones: the others give no gradient."""


class PhotometricLoss(NamedTuple):
    """The mean over scales, and its parts."""

    total: Float[Tensor, ""]
    photometric: Float[Tensor, ""]
    smoothness: Float[Tensor, ""]
    """Already weighted."""
    moving: Bool[Tensor, "b 1 h w"]
    """Of the finest scale."""


def reprojection_loss(
    views: Views,
    disparities: Sequence[Float[Tensor, "b 1 _ _"]],
    smoothness_weight: float = 1e-3,
    noise: Float[Tensor, "s h w"] | None = None,
    automask: bool = True,
    ignore_unseen: bool = False,
) -> PhotometricLoss:
    """The loss of disparities in 1/m, finest scale first.

    Args:
        views: What was seen from where.
        disparities: Each is brought to full resolution before it warps; its smoothness is measured at its own.
        smoothness_weight: Halved from scale to scale.
        noise: Breaks ties between unwarped sources, see `tie_break_noise`; none if not given.
        automask: Whether pixels that look best unwarped are left alone.
        ignore_unseen: Whether a source that does not see a pixel is left out there, and pixels that none sees are
            left out of the mean. Otherwise its border pixels are repeated, as Monodepth2 does.

    Where a disparity, a pose or K is not finite the loss is NaN, whatever the images say: torch's sampler would return
    colours for such places, and crash in its gradient on the CPU.
    """
    if not all_finite(*disparities, views.source_T_target, views.K):
        return _undefined(views.target)
    size_hw = (views.target.shape[2], views.target.shape[3])
    target = Target.of(views.target)
    still = identity_errors(target, views.sources, noise) if automask else None
    lines = [epipolar(pose, views.K, views.K, size_hw) for pose in views.source_T_target.unbind(1)]
    scales = []
    for disparity in disparities:
        full = upsampled(disparity, size_hw)
        places = [places_at(line, full) for line in lines]
        images = [sample(source, xy) for source, (xy, _) in zip(views.sources.unbind(1), places, strict=True)]
        errors = torch.cat([error_to(target, image) for image in images], dim=1)
        valid = torch.cat([is_seen(xy, z, size_hw) for xy, z in places], dim=1) if ignore_unseen else None
        scales.append(minimum(errors, still, valid))
    photometric = torch.stack([scale.loss for scale in scales]).mean()
    smoothness = smoothness_over_scales(disparities, views.target, smoothness_weight)
    return PhotometricLoss(photometric + smoothness, photometric, smoothness, scales[0].moving)


def minimum(
    errors: Float[Tensor, "b s h w"],
    still: Float[Tensor, "b s h w"] | None = None,
    valid: Bool[Tensor, "b s h w"] | None = None,
) -> Scale:
    """The smallest error of each pixel over warped sources and, where given, unwarped ones."""
    if valid is not None:
        errors = errors.masked_fill(~valid, UNSEEN)
    least = errors.amin(1, keepdim=True)
    seen = torch.ones_like(least, dtype=torch.bool) if valid is None else valid.any(1, keepdim=True)
    if still is None:
        moving = seen
    else:
        least_still = still.amin(1, keepdim=True)
        moving = seen & (least < least_still)
        least = torch.minimum(least, least_still)
    return Scale((least * seen).sum() / seen.sum().clamp(min=1), moving)


@torch.no_grad()
def identity_errors(
    target: Target, sources: Float[Tensor, "b s 3 h w"], noise: Float[Tensor, "s h w"] | None = None
) -> Float[Tensor, "b s h w"]:
    """The errors of sources as they are, without any warp."""
    errors = torch.cat([error_to(target, source) for source in sources.unbind(1)], dim=1)
    return errors if noise is None else errors + noise


def tie_break_noise(
    sources: int, size_hw: tuple[int, int], generator: torch.Generator
) -> Float[Tensor, "{sources} {size_hw[0]} {size_hw[1]}"]:
    """Gaussian noise of `TIE_BREAK`, one image a source for a whole batch; drawn on the generator's device."""
    if sources < 1:
        raise DataError("a photometric loss needs at least one source")
    return TIE_BREAK * torch.randn(sources, *size_hw, generator=generator, device=generator.device)


def all_finite(*tensors: Tensor) -> bool:
    """Whether torch's sampler may be trusted with what these lead to."""
    return bool(torch.stack([tensor.detach().isfinite().all() for tensor in tensors]).all())


def _undefined(target: Float[Tensor, "b 3 h w"]) -> PhotometricLoss:
    nan = target.new_full((), torch.nan)
    return PhotometricLoss(nan, nan, nan, torch.zeros_like(target[:, :1], dtype=torch.bool))
