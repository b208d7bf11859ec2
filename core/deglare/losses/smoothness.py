"""Depth should change where the image changes: edge-aware smoothness of normalised disparity."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from deglare.geometry.resizing import resize_image

LEAST = 1e-7
"""Keeps the mean disparity from being zero."""


def edge_aware_smoothness(disparity: Float[Tensor, "b 1 h w"], image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """``mean |dx d| exp(-mean_c |dx I|) + mean |dy d| exp(-mean_c |dy I|)``, d divided by its mean over each image.

    Without that division a network would do best to put everything far away.
    """
    normalised = disparity / (disparity.mean((2, 3), keepdim=True) + LEAST)
    total = image.new_zeros(())
    for dim in (2, 3):
        change = image.diff(dim=dim).abs().mean(1, keepdim=True)
        total = total + (normalised.diff(dim=dim).abs() * (-change).exp()).mean()
    return total


def smoothness_over_scales(
    disparities: Sequence[Float[Tensor, "b 1 _ _"]], image: Float[Tensor, "b 3 h w"], weight: float
) -> Float[Tensor, ""]:
    """The mean over scales, finest first, each at its own size; the weight is halved from scale to scale."""
    total = image.new_zeros(())
    for number, disparity in enumerate(disparities):
        coarse = resize_image(image, (disparity.shape[2], disparity.shape[3]))
        total = total + edge_aware_smoothness(disparity, coarse) * (weight / 2**number)
    return total / len(disparities)
