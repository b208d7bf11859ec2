"""Every network by name, and how its encoder comes by its first weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deglare.errors import RequestError
from deglare.networks.decoders import DenseDecoder, PlainDecoder, SqueezedDecoder
from deglare.networks.depth_network import DepthNetwork, Recipe
from deglare.networks.disparity import INDOOR, MetricRange
from deglare.networks.encoder_weights import IMAGENET, load_encoder_file, load_imagenet
from deglare.networks.mpvit import MPViTEncoder, MPViTShape
from deglare.networks.resnet import ResNetEncoder
from deglare.networks.timm_encoder import TimmEncoder

GREY = ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225))
"""Mean and standard deviation that Monodepth2 and HR-Depth normalise with."""

RAW = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""MonoViT takes colours as they are."""


@dataclass(frozen=True)
class Architecture:
    """How the parts of a network are made."""

    encoder: Callable[[], ResNetEncoder | MPViTEncoder]
    decoder: Callable[[Sequence[int]], PlainDecoder | DenseDecoder | SqueezedDecoder]
    """From the encoder's channels at 1/2 to 1/32."""
    mean_std: tuple[tuple[float, float, float], tuple[float, float, float]]


HALF_RESNET = partial(ResNetEncoder, widths=(32, 32, 64, 128, 256))
HALF = (8, 16, 32, 64, 128)
NARROW_MPVIT = partial(
    MPViTEncoder, MPViTShape(widths=(32, 48, 80, 112), layers=(1, 1, 2, 1), paths=(2, 2, 2, 2), drop_path=0.05)
)

NETWORKS: dict[str, Architecture] = {
    "monodepth2": Architecture(ResNetEncoder, PlainDecoder, GREY),
    "hrdepth": Architecture(ResNetEncoder, DenseDecoder, GREY),
    "monovit": Architecture(MPViTEncoder, SqueezedDecoder, RAW),
    "monodepth2-small": Architecture(HALF_RESNET, partial(PlainDecoder, widths=HALF), GREY),
    "hrdepth-small": Architecture(HALF_RESNET, partial(DenseDecoder, widths=HALF), GREY),
    "monovit-small": Architecture(
        NARROW_MPVIT, partial(SqueezedDecoder, widths=HALF, squeezed=(32, 64, 128, 256)), RAW
    ),
}


def build(
    name: str,
    *,
    encoder: str | None = None,
    weights: str | Path | None = None,
    depth_range: MetricRange = INDOOR,
) -> DepthNetwork:
    """Build a network. Its decoder's weights are random, from torch's generator: seed that for the same network again.

    Args:
        name: One of `NETWORKS`.
        encoder: A timm encoder in place of the network's own; it brings its own normalisation.
        weights: The encoder's: "imagenet" fetches timm's, a path reads a local file, None leaves them random.
        depth_range: What the sigmoid stands for.
    """
    if name not in NETWORKS:
        raise RequestError(f"there is no network '{name}': choose {', '.join(NETWORKS)}")
    architecture = NETWORKS[name]
    mean_std = architecture.mean_std
    if encoder is None:
        body = architecture.encoder()
    else:
        body = TimmEncoder(encoder, pretrained=weights == IMAGENET)
        mean_std = (body.mean, body.std)
    _start(body, weights)
    return DepthNetwork(body, architecture.decoder(body.channels), Recipe(name, encoder, depth_range), *mean_std)


def _start(encoder: ResNetEncoder | MPViTEncoder | TimmEncoder, weights: str | Path | None) -> None:
    if weights == IMAGENET:
        load_imagenet(encoder)
    elif weights is not None:
        load_encoder_file(encoder, Path(weights))
