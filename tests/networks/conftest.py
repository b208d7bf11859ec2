"""Published checkpoints as their tables describe them: names and shapes, with random numbers. No network is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

Tensors = dict[str, Tensor]

PLAIN_SHAPES = [
    (256, 512),
    (256, 512),
    (128, 256),
    (128, 256),
    (64, 128),
    (64, 128),
    (32, 64),
    (32, 96),
    (16, 32),
    (16, 16),
]
HEAD_CHANNELS = (16, 32, 64, 128)

CONV_0 = {
    **{"00": (32, 64), "10": (32, 64), "20": (64, 128), "30": (128, 256), "40": (256, 512)},
    **dict.fromkeys(("01", "02", "03", "04"), (16, 32)),
    **dict.fromkeys(("11", "12", "13"), (32, 64)),
    **dict.fromkeys(("21", "22"), (64, 128)),
    "31": (128, 256),
}
CONV_1 = {
    **{"10": (32, 96), "20": (64, 128), "30": (128, 256), "11": (32, 64), "21": (64, 128), "12": (32, 64)},
    "04": (16, 16),
}
ATTENTION = {"31": (256, 512), "22": (128, 384), "13": (64, 256), "04": (32, 192)}
DOWNSAMPLE = {"02": (64, 128), "12": (128, 192), "03": (64, 160)}
SQUEEZE = {"f1": (64, 128), "f2": (128, 216), "f3": (256, 288), "f4": (512, 288)}

MPVIT_WIDTHS, MPVIT_OUTS = (64, 128, 216, 288), (128, 216, 288, 288)
MPVIT_LAYERS, MPVIT_PATHS = (1, 3, 6, 3), (2, 3, 3, 3)


@dataclass
class Draw:
    """Random tensors by name, small enough that no activation saturates."""

    tensors: Tensors = field(default_factory=dict)
    gain: float = 1.2
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(3))

    def weight(self, name: str, *shape: int) -> None:
        fan_in = max(torch.Size(shape[1:]).numel(), 1)
        self.tensors[name] = torch.randn(shape, generator=self.generator) * self.gain / fan_in**0.5

    def bias(self, name: str, channels: int) -> None:
        self.tensors[name] = 0.1 * torch.randn(channels, generator=self.generator)

    def conv(self, name: str, *shape: int, biased: bool = True) -> None:
        self.weight(f"{name}.weight", *shape)
        if biased:
            self.bias(f"{name}.bias", shape[0])

    def norm(self, name: str, channels: int, running: bool = True) -> None:
        self.tensors[f"{name}.weight"] = 1 + 0.1 * torch.randn(channels, generator=self.generator)
        self.bias(f"{name}.bias", channels)
        if running:
            self.bias(f"{name}.running_mean", channels)
            self.tensors[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=self.generator)
            self.tensors[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def alias(self, old: str, new: str) -> None:
        for name in [n for n in self.tensors if n.startswith(old)]:
            self.tensors[new + name.removeprefix(old)] = self.tensors[name].clone()


def draw_resnet(in_channels: int = 3) -> Tensors:
    """``encoder.pth`` of Monodepth2 and HR-Depth, without its numbers."""
    draw = Draw()
    draw.conv("encoder.conv1", 64, in_channels, 7, 7, biased=False)
    draw.norm("encoder.bn1", 64)
    channels = 64
    for layer, width in enumerate((64, 128, 256, 512), start=1):
        for block in (0, 1):
            name = f"encoder.layer{layer}.{block}"
            draw.conv(f"{name}.conv1", width, channels, 3, 3, biased=False)
            draw.norm(f"{name}.bn1", width)
            draw.conv(f"{name}.conv2", width, width, 3, 3, biased=False)
            draw.norm(f"{name}.bn2", width)
            if channels != width:
                draw.conv(f"{name}.downsample.0", width, channels, 1, 1, biased=False)
                draw.norm(f"{name}.downsample.1", width)
            channels = width
    draw.conv("encoder.fc", 1000, 512)
    return draw.tensors


def draw_plain() -> Tensors:
    """``depth.pth`` of Monodepth2."""
    draw = Draw()
    for number, shape in enumerate(PLAIN_SHAPES):
        draw.conv(f"decoder.{number}.conv.conv", *shape, 3, 3)
    for scale, channels in enumerate(HEAD_CHANNELS):
        draw.conv(f"decoder.{10 + scale}.conv", 1, channels, 3, 3)
    return draw.tensors


def draw_dense(heads: str = "dispConvScale", squeezed: bool = False) -> Tensors:
    """``depth.pth`` of HR-Depth or MonoViT, every layer twice."""
    draw = Draw()
    for name, (outs, ins) in SQUEEZE.items() if squeezed else ():
        draw.conv(f"convs.{name}.ca.fc.0", ins // 16, ins, biased=False)
        draw.conv(f"convs.{name}.ca.fc.2", ins, ins // 16, biased=False)
        draw.conv(f"convs.{name}.conv_se", outs, ins, 3, 3)
    for number, nodes in enumerate((CONV_0, CONV_1)):
        for node, shape in nodes.items():
            draw.conv(f"convs.X_{node}_Conv_{number}.conv.conv", *shape, 3, 3)
    for node, (outs, ins) in ATTENTION.items():
        draw.conv(f"convs.X_{node}_attention.fc.0", ins // 16, ins, biased=False)
        draw.conv(f"convs.X_{node}_attention.fc.2", ins, ins // 16, biased=False)
        draw.conv(f"convs.X_{node}_attention.conv_se", outs, ins, 1, 1)
    for node, shape in DOWNSAMPLE.items():
        draw.conv(f"convs.X_{node}_downsample.conv", *shape, 1, 1, biased=False)
    for scale, channels in enumerate(HEAD_CHANNELS):
        draw.conv(f"convs.{heads}{scale}.conv", 1, channels, 3, 3)
    layers = list(dict.fromkeys(name.split(".")[1] for name in draw.tensors))
    for number, layer in enumerate(layers):
        draw.alias(f"convs.{layer}.", f"decoder.{number}.")
    return draw.tensors


def draw_mpvit() -> Tensors:
    """``encoder.pth`` of MonoViT, with the three names of each shared layer."""
    draw = Draw(gain=0.5)  # residuals add up
    for number, (ins, outs) in enumerate(((3, 32), (32, 64))):
        draw.conv(f"stem.{number}.conv", outs, ins, 3, 3, biased=False)
        draw.norm(f"stem.{number}.bn", outs)
    for stage, width in enumerate(MPVIT_WIDTHS):
        _draw_stage(draw, stage, width)
    return draw.tensors


def _draw_stage(draw: Draw, stage: int, width: int) -> None:
    for path in range(MPVIT_PATHS[stage]):
        name = f"patch_embed_stages.{stage}.patch_embeds.{path}.patch_conv"
        draw.conv(f"{name}.dwconv", width, 1, 3, 3, biased=False)
        draw.conv(f"{name}.pwconv", width, width, 1, 1, biased=False)
        draw.norm(f"{name}.bn", width)
        _draw_path(draw, f"mhca_stages.{stage}.mhca_blks.{path}", width, MPVIT_LAYERS[stage])
    name = f"mhca_stages.{stage}.InvRes"
    for conv in ("conv1", "conv2"):
        draw.conv(f"{name}.{conv}.conv", width, width, 1, 1, biased=False)
        draw.norm(f"{name}.{conv}.bn", width)
    draw.conv(f"{name}.dwconv", width, 1, 3, 3, biased=False)
    draw.norm(f"{name}.norm", width)
    name = f"mhca_stages.{stage}.aggregate"
    draw.conv(f"{name}.conv", MPVIT_OUTS[stage], width * (MPVIT_PATHS[stage] + 1), 1, 1, biased=False)
    draw.norm(f"{name}.bn", MPVIT_OUTS[stage])


def _draw_path(draw: Draw, name: str, width: int, layers: int) -> None:
    draw.conv(f"{name}.cpe.proj", width, 1, 3, 3)
    for number, (heads, window) in enumerate(((2, 3), (3, 5), (3, 7))):
        draw.conv(f"{name}.crpe.conv_list.{number}", width // 8 * heads, 1, window, window)
    for layer in range(layers):
        inner = f"{name}.MHCA_layers.{layer}"
        draw.alias(f"{name}.cpe.", f"{inner}.cpe.")
        draw.alias(f"{name}.crpe.", f"{inner}.crpe.")
        draw.alias(f"{name}.crpe.", f"{inner}.factoratt_crpe.crpe.")
        draw.conv(f"{inner}.factoratt_crpe.qkv", 3 * width, width)
        draw.conv(f"{inner}.factoratt_crpe.proj", width, width)
        draw.conv(f"{inner}.mlp.fc1", 4 * width, width)
        draw.conv(f"{inner}.mlp.fc2", width, 4 * width)
        draw.norm(f"{inner}.norm1", width, running=False)
        draw.norm(f"{inner}.norm2", width, running=False)


@dataclass(frozen=True)
class Published:
    """The two parts of a published checkpoint, as dictionaries of tensors and numbers."""

    family: str
    encoder: dict[str, object]
    decoder: Tensors


def _draw(family: str) -> Published:
    encoder = draw_mpvit() if family == "monovit" else draw_resnet()
    numbers = {"height": 192, "width": 640, "use_stereo": False}
    decoders: dict[str, Callable[[], Tensors]] = {
        "monodepth2": draw_plain,
        "hrdepth": draw_dense,
        "monovit": lambda: draw_dense("dispconv", squeezed=True),
    }
    return Published(family, {**encoder, **numbers}, decoders[family]())


@pytest.fixture(scope="session", params=["monodepth2", "hrdepth", "monovit"])
def published(request: pytest.FixtureRequest) -> Published:
    """Each family in turn."""
    return _draw(request.param)


@pytest.fixture(scope="session")
def published_monovit() -> Published:
    return _draw("monovit")


@pytest.fixture(scope="session")
def published_hrdepth() -> Published:
    return _draw("hrdepth")


@pytest.fixture(scope="session")
def published_monodepth2() -> Published:
    return _draw("monodepth2")


@pytest.fixture
def seeded() -> Iterator[None]:
    """The same random numbers whatever ran before, and no trace afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
