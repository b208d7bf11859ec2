"""A whole depth network: an image in [0, 1] goes in, four sigmoid disparities come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deglare.errors import RequestError
from deglare.networks.disparity import INDOOR, MetricRange, depth_of, disparity_of

MULTIPLE = 32
"""The sides of an image must be multiples of this: five halvings on the way in, five doublings on the way out."""

SMALLEST = 64
"""Mirrored borders need two pixels at 1/32."""


@dataclass(frozen=True)
class Recipe:
    """All that is needed to build a network again and to read its output; written beside its weights."""

    network: str
    """A name of `NETWORKS`."""
    encoder: str | None = None
    """The timm encoder that took the place of the network's own."""
    depth_range: MetricRange = INDOOR
    size_hw: tuple[int, int] | None = None
    """The size it was trained at, where that is known."""
    training: Mapping[str, object] = field(default_factory=dict)
    """Facts about the training, JSON-able."""


class DepthNetwork(nn.Module):
    """An encoder and a decoder, with the normalisation that the encoder was trained with inside.

    Args:
        encoder: Returns features at 1/2 to 1/32.
        decoder: Turns them into four sigmoid disparities.
        recipe: What this network is.
        mean: Subtracted from each colour channel.
        std: What the channels are then divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, recipe: Recipe, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.recipe = encoder, decoder, recipe
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b 1 _ _"]]:
        """Sigmoid disparities at 1/1, 1/2, 1/4 and 1/8 of an image in [0, 1]; 1 is nearest."""
        require_multiples((int(rgb.shape[2]), int(rgb.shape[3])))  # traced, they are tensors
        return self.decoder(self.encoder((rgb - self.mean) / self.std))

    def disparities(self, rgb: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b 1 _ _"]]:
        """In 1/m and float32, at all scales, finest first."""
        return [disparity_of(sigmoid.float(), self.recipe.depth_range) for sigmoid in self(rgb)]

    def depth_m(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Z-depth in metres, at the size of the image."""
        return depth_of(self(rgb)[0], self.recipe.depth_range)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.mean.device


def require_multiples(size_hw: tuple[int, int]) -> None:
    """Raise a `RequestError` unless both sides are multiples of 32, and at least 64."""
    if min(size_hw) < SMALLEST or size_hw[0] % MULTIPLE or size_hw[1] % MULTIPLE:
        height, width = nearest_multiples(size_hw)
        raise RequestError(
            f"an image of {size_hw[1]}x{size_hw[0]} does not fit the networks, whose sides are multiples of "
            f"{MULTIPLE} from {SMALLEST} on: resize it to {width}x{height}"
        )


def nearest_multiples(size_hw: tuple[int, int]) -> tuple[int, int]:
    """The nearest size that the networks take."""
    height, width = (max(round(side / MULTIPLE) * MULTIPLE, SMALLEST) for side in size_hw)
    return height, width
