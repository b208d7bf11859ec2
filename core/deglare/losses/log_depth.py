"""Learning from labels: the mean absolute difference of log depth, over the scales of a decoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def log_depth_loss(
    depth_m: Float[Tensor, "b 1 h w"], label_m: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """``mean over valid pixels of |ln depth - ln label|``; zero where no pixel is valid.

    Labels that are not finite and positive are left out whatever ``valid`` says.
    """
    known = valid & label_m.isfinite() & (label_m > 0)
    label = torch.where(known, label_m, 1.0)
    difference = (depth_m.log() - label.log()).abs() * known
    return difference.sum() / known.sum().clamp(min=1)


def log_depth_over_scales(
    disparities: Sequence[Float[Tensor, "b 1 _ _"]], label_m: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """The mean over scales; disparities in 1/m are first brought to the label's size, bilinearly."""
    size_hw = (label_m.shape[2], label_m.shape[3])
    losses = [log_depth_loss(1 / upsampled(one, size_hw), label_m, valid) for one in disparities]
    return torch.stack(losses).mean()


def upsampled(disparity: Float[Tensor, "b 1 _ _"], size_hw: tuple[int, int]) -> Float[Tensor, "b 1 h w"]:
    """Bilinear, with pixel centres where they are (``align_corners`` off)."""
    if disparity.shape[2:] == size_hw:
        return disparity
    return functional.interpolate(disparity, size=size_hw, mode="bilinear", align_corners=False)
