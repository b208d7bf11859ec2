"""Decoders: from features at 1/2 to 1/32 to four sigmoid disparities at 1/1 to 1/8, the largest first.

* `PlainDecoder` is Monodepth2's U-Net.
* `DenseDecoder` is HR-Depth's: a triangle of nodes in which each sees all nodes of its scale and one of the next.
* `SqueezedDecoder` is MonoViT's: attention brings the features to the widths of the dense one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from deglare.networks.layers import ChannelAttention, ConvElu, SigmoidHead, doubled

SCALES = 4
WIDTHS = (16, 32, 64, 128, 256)
"""Channels at 1/1 to 1/16 of all three published decoders."""

SQUEEZED = (64, 128, 256, 512)
"""Channels at 1/4 to 1/32 behind MonoViT's squeeze, those of ResNet-18."""

PLAIN_NODES = ("01", "11", "21", "02", "12", "03")
"""Row (scale) and column of the nodes of the dense decoder that convolve."""

ATTENTION_NODES = ("31", "22", "13", "04")
"""The last node of each scale, which re-weighs channels."""

EVALUATION_ORDER = ("01", "11", "21", "31", "02", "12", "22", "03", "13", "04")


class PlainDecoder(nn.Module):
    """Convolve, double, join the encoder's features, convolve; five times."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        skips = (0, *channels[:-1])
        below = (*widths[1:], channels[-1])
        self.before = nn.ModuleList(ConvElu(wide, narrow) for wide, narrow in zip(below, widths, strict=True))
        self.after = nn.ModuleList(ConvElu(width + skip, width) for width, skip in zip(widths, skips, strict=True))
        self.heads = nn.ModuleList(SigmoidHead(width) for width in widths[:SCALES])

    def forward(self, features: Sequence[Float[Tensor, "b _ _ _"]]) -> list[Tensor]:
        """Disparities ``b 1 h w``, the largest first."""
        x, disparities = features[-1], []
        for level in reversed(range(len(self.before))):
            x = doubled(self.before[level](x))
            if level > 0:
                x = torch.cat([x, features[level - 1]], dim=1)
            x = self.after[level](x)
            if level < SCALES:
                disparities.append(self.heads[level](x))
        return disparities[::-1]


class DenseDecoder(nn.Module):
    """Node ``rc`` joins all nodes left of it in row r with the doubled, halved-in-width node ``(r+1)(c-1)``."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        given = {f"{row}0": width for row, width in enumerate(channels)}
        wide = given | {node: widths[int(node[0]) + 1] for node in EVALUATION_ORDER}
        joined = {node: wide[_below(node)] // 2 + sum(wide[n] for n in _left_of(node)) for node in EVALUATION_ORDER}
        self.halve = nn.ModuleDict({_below(n): ConvElu(wide[_below(n)], wide[_below(n)] // 2) for n in joined})
        self.squeeze = nn.ModuleDict(
            {node: nn.Conv2d(joined[node], 2 * wide[node], 1, bias=False) for node in PLAIN_NODES if node[1] != "1"}
        )
        self.join = nn.ModuleDict(
            {n: ConvElu(2 * wide[n] if n in self.squeeze else joined[n], wide[n]) for n in PLAIN_NODES}
        )
        self.attend = nn.ModuleDict({node: AttentionNode(joined[node], wide[node]) for node in ATTENTION_NODES})
        self.last = nn.ModuleList([ConvElu(wide["04"], widths[0]), ConvElu(widths[0], widths[0])])
        self.heads = nn.ModuleList(SigmoidHead(width) for width in widths[:SCALES])

    def forward(self, features: Sequence[Float[Tensor, "b _ _ _"]]) -> list[Tensor]:
        """Disparities ``b 1 h w``, the largest first."""
        nodes = {f"{row}0": feature for row, feature in enumerate(features)}
        for node in EVALUATION_ORDER:
            above = doubled(self.halve[_below(node)](nodes[_below(node)]))
            x = torch.cat([above, *(nodes[name] for name in _left_of(node))], dim=1)
            nodes[node] = self.attend[node](x) if node in self.attend else self._joined(node, x)
        full = self.last[1](doubled(self.last[0](nodes["04"])))
        ends = (full, nodes["04"], nodes["13"], nodes["22"])
        return [head(end) for head, end in zip(self.heads, ends, strict=True)]

    def _joined(self, node: str, x: Tensor) -> Tensor:
        return self.join[node](self.squeeze[node](x) if node in self.squeeze else x)


class SqueezedDecoder(nn.Module):
    """Channel attention on all but the first features, then the dense decoder."""

    def __init__(
        self, channels: Sequence[int], widths: Sequence[int] = WIDTHS, squeezed: Sequence[int] = SQUEEZED
    ) -> None:
        super().__init__()
        self.squeeze = nn.ModuleList(
            SqueezeNode(wide, narrow) for wide, narrow in zip(channels[1:], squeezed, strict=True)
        )
        self.dense = DenseDecoder((channels[0], *squeezed), widths)

    def forward(self, features: Sequence[Float[Tensor, "b _ _ _"]]) -> list[Tensor]:
        """Disparities ``b 1 h w``, the largest first."""
        narrowed = [node(feature) for node, feature in zip(self.squeeze, features[1:], strict=True)]
        return self.dense([features[0], *narrowed])


class AttentionNode(nn.Module):
    """Channel attention, then a 1x1 convolution and ReLU."""

    kernel = 1

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.attention = ChannelAttention(channels)
        self.conv = nn.Conv2d(channels, out_channels, self.kernel, padding=self.kernel // 2)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h w"]:
        """Keep the size."""
        return functional.relu(self.conv(self.attention(features)))


class SqueezeNode(AttentionNode):
    """Channel attention, then a 3x3 convolution (zero borders) and ReLU."""

    kernel = 3


def _below(node: str) -> str:
    """The node of the next smaller scale that a node takes in: 31 for 22."""
    return f"{int(node[0]) + 1}{int(node[1]) - 1}"


def _left_of(node: str) -> list[str]:
    return [f"{node[0]}{column}" for column in range(int(node[1]))]
