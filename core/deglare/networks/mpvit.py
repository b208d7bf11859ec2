"""MPViT as MonoViT uses it: at every scale, convolutions and transformers of several receptive fields side by side.

Against the classification network, the second stem layer keeps the size and every stage halves it, so that features
come at 1/2 to 1/32. Attention is factorised: linear, not quadratic, in the number of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

LAYER_NORM_EPS = 1e-6
WINDOWS = (3, 5, 7)
"""Sizes in pixels of the relative position encodings; heads are dealt out among them."""


@dataclass(frozen=True)
class MPViTShape:
    """Sizes of an MPViT."""

    widths: tuple[int, int, int, int] = (64, 128, 216, 288)
    layers: tuple[int, int, int, int] = (1, 3, 6, 3)
    paths: tuple[int, int, int, int] = (2, 3, 3, 3)
    heads: int = 8
    mlp_ratio: int = 4
    drop_path: float = 0.2
    """Share of residual branches left out in the last layer while training; grows linearly from 0."""

    def drops(self, stage: int) -> list[float]:
        """The share for each layer of one stage."""
        first, last = sum(self.layers[:stage]), sum(self.layers) - 1
        return [self.drop_path * (first + layer) / last for layer in range(self.layers[stage])]


MPVIT_SMALL = MPViTShape()


class MPViTEncoder(nn.Module):
    """A stem and four stages."""

    def __init__(self, shape: MPViTShape = MPVIT_SMALL) -> None:
        super().__init__()
        first = shape.widths[0]
        outs = (*shape.widths[1:], shape.widths[-1])
        self.channels = (first, *outs)
        self.stem = nn.Sequential(ConvNorm(3, first // 2, 3, 2), ConvNorm(first // 2, first, 3))
        self.stages = nn.ModuleList(Stage(shape, number, out) for number, out in enumerate(outs))
        self.apply(_initialise)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Features at 1/2, 1/4, 1/8, 1/16 and 1/32."""
        features = [self.stem(image)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features


class Stage(nn.Module):
    """Halve the size, then a local path beside several attention paths, then mix them."""

    def __init__(self, shape: MPViTShape, number: int, out_channels: int) -> None:
        super().__init__()
        width, paths = shape.widths[number], shape.paths[number]
        drops = shape.drops(number)
        self.embeds = nn.ModuleList(PatchEmbed(width, stride=2 if p == 0 else 1) for p in range(paths))
        self.local = LocalPath(width)
        self.paths = nn.ModuleList(AttentionPath(width, shape.heads, shape.mlp_ratio, drops) for _ in range(paths))
        self.aggregate = ConvNorm(width * (paths + 1), out_channels, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Each embedding looks at the one before it, so the third path sees 7x7 pixels."""
        embedded = []
        for embed in self.embeds:
            x = embed(x)
            embedded.append(x)
        outs = [path(one) for path, one in zip(self.paths, embedded, strict=True)]
        return self.aggregate(torch.cat([self.local(embedded[0]), *outs], dim=1))


class ConvNorm(nn.Module):
    """Convolution, batch norm and, usually, Hardswish."""

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int = 1, activated: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.activated = activated

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h2 w2"]:
        """Divide the size by the stride."""
        x = self.bn(self.conv(x))
        return functional.hardswish(x) if self.activated else x


class PatchEmbed(nn.Module):
    """A separable 3x3 convolution with batch norm and Hardswish."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, stride, padding=1, groups=width, bias=False)
        self.pointwise = nn.Conv2d(width, width, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Divide the size by the stride."""
        return functional.hardswish(self.bn(self.pointwise(self.depthwise(x))))


class LocalPath(nn.Module):
    """The convolutional path: an inverted residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = ConvNorm(width, width, 1)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.project = ConvNorm(width, width, 1, activated=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Keep the shape."""
        return x + self.project(functional.hardswish(self.bn(self.depthwise(self.expand(x)))))


class AttentionPath(nn.Module):
    """Transformer blocks that share their two position encodings."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, drops: Sequence[float]) -> None:
        super().__init__()
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.relative = RelativePosition(width, heads)
        self.blocks = nn.ModuleList(Block(width, heads, mlp_ratio, drop) for drop in drops)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Keep the shape."""
        for block in self.blocks:
            x = block(x + self.position(x), self.relative)
        return x


class RelativePosition(nn.Module):
    """Depthwise convolutions of the values, a window size for each group of heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        groups = _dealt(heads, len(WINDOWS))
        self.widths = [width // heads * group for group in groups]
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, window, padding=window // 2, groups=channels)
            for channels, window in zip(self.widths, WINDOWS, strict=True)
        )

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Keep the shape."""
        parts = zip(self.convs, values.split(self.widths, dim=1), strict=True)
        return torch.cat([convolution(part) for convolution, part in parts], dim=1)


class Block(nn.Module):
    """Factorised attention and a two-layer perceptron, each beside a shortcut."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.heads, self.drop_path = heads, drop_path
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.fc1 = nn.Linear(width, width * mlp_ratio)
        self.fc2 = nn.Linear(width * mlp_ratio, width)

    def forward(self, image: Float[Tensor, "b c h w"], relative: RelativePosition) -> Float[Tensor, "b c h w"]:
        """Keep the shape."""
        size_hw = image.shape[2:]
        x = image.flatten(2).transpose(1, 2)
        x = x + self._dropped(self._attend(self.norm1(x), size_hw, relative))
        x = x + self._dropped(self.fc2(functional.gelu(self.fc1(self.norm2(x)))))
        return x.transpose(1, 2).unflatten(2, size_hw)

    def _attend(self, x: Float[Tensor, "b n c"], size_hw: torch.Size, relative: RelativePosition) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        placed = relative(v.transpose(1, 2).unflatten(2, size_hw)).flatten(2).transpose(1, 2)
        q_heads, k_heads, v_heads = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        scale = q_heads.shape[-1] ** -0.5
        attended = q_heads @ (k_heads.softmax(dim=2).transpose(2, 3) @ v_heads)
        return self.proj(scale * attended.transpose(1, 2).flatten(2) + q * placed)

    def _dropped(self, branch: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """Leave out this branch for some images of the batch while training."""
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        return branch * (branch.new_empty(branch.shape[0], 1, 1).bernoulli_(keep) / keep)


def _dealt(heads: int, groups: int) -> list[int]:
    """Heads for each window, the remainder to the larger ones: 8 heads become 2, 3 and 3."""
    return [heads // groups + (1 if group >= groups - heads % groups else 0) for group in range(groups)]


def _initialise(module: nn.Module) -> None:
    """He's initialisation for convolutions before a batch norm; the position encodings keep torch's, smaller."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d) and module.bias is None:
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
