"""The few layers that all decoders share. Image borders are mirrored, not zero: depth does not end at the frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from deglare.geometry.projection import precise


class ConvElu(nn.Conv2d):
    """A 3x3 convolution with mirrored borders, then ELU."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3, padding=1, padding_mode="reflect")

    def forward(self, input: Tensor) -> Tensor:
        """Keep the size."""
        return functional.elu(super().forward(input))


class SigmoidHead(nn.Conv2d):
    """A 3x3 convolution with mirrored borders to one channel, then a sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1, 3, padding=1, padding_mode="reflect")

    def forward(self, input: Tensor) -> Tensor:
        """Disparity between 0 and 1, ``b 1 h w``."""
        return torch.sigmoid(precise(super().forward(input)))  # in bf16 it would be off by 0.4 % of the depth


class ChannelAttention(nn.Module):
    """Weigh every channel by what the whole image holds: mean, squeeze by sixteen (to eight at least), excite."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(channels // 16, 8)
        self.squeeze = nn.Linear(channels, squeezed, bias=False)
        self.excite = nn.Linear(squeezed, channels, bias=False)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Keep the shape."""
        mean = features.mean((2, 3))
        weights = torch.sigmoid(self.excite(functional.relu(self.squeeze(mean))))
        return features * weights[:, :, None, None]


def doubled(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    """Each pixel becomes 2x2."""
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")
