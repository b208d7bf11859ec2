"""ImageNet weights into an encoder: torchvision's and timm's names, and the published mpvit_small.pth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from deglare.errors import CheckpointError, RequestError
from deglare.networks.mpvit import MPViTEncoder
from deglare.networks.published import mpvit_key, renamed
from deglare.networks.resnet import RESNET18_WIDTHS, ResNetEncoder
from deglare.networks.timm_encoder import TimmEncoder, timm_weights
from deglare.networks.weights import load_strictly, read_weights

IMAGENET = "imagenet"
RESNET18 = "resnet18.tv_in1k"
CLASSIFIERS = ("fc.", "head.", "classifier.", "cls_head.", "conv_head.", "last_linear.", "norm.", "head_", "bn2.")
"""Where the names of layers behind the features begin; they may be left over."""

TORCHVISION_MOBILENETV2 = "features.18.0.weight"


def load_imagenet(encoder: nn.Module) -> None:
    """Fetch ImageNet weights from timm, where there are any for this encoder."""
    if isinstance(encoder, TimmEncoder):
        return  # timm has loaded them already
    if isinstance(encoder, ResNetEncoder) and encoder.channels == RESNET18_WIDTHS:
        _load(encoder, timm_weights(RESNET18), RESNET18)
        return
    raise RequestError(
        "timm has no ImageNet weights for this network's own encoder: choose a timm encoder "
        "(encoder='mobilenetv2_100'), or name a local file"
    )


def load_encoder_file(encoder: nn.Module, path: Path) -> None:
    """Read encoder weights from a local ``.safetensors`` or ``.pth``; all that the encoder needs must be there."""
    tensors = read_weights(path).tensors
    if isinstance(encoder, MPViTEncoder):
        tensors = renamed(_without_classifier(tensors), mpvit_key, str(path))
    elif isinstance(encoder, TimmEncoder) and TORCHVISION_MOBILENETV2 in tensors:
        tensors = _from_torchvision_mobilenetv2(encoder, tensors)
    _load(encoder, tensors, str(path))


def _load(encoder: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    own = encoder.body if isinstance(encoder, TimmEncoder) else encoder
    wanted = own.state_dict()
    leftover = [name for name in tensors if name not in wanted and not name.startswith(CLASSIFIERS)]
    kept = {name: tensor for name, tensor in tensors.items() if name in wanted or name in leftover}
    load_strictly(own, kept, what)


def _without_classifier(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(CLASSIFIERS)}


def _from_torchvision_mobilenetv2(encoder: TimmEncoder, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Torchvision counts the same layers in the same order; its last two are behind the features."""
    wanted = encoder.body.state_dict()
    given = [tensor for name, tensor in tensors.items() if not name.startswith(("features.18.", "classifier."))]
    if len(given) != len(wanted):
        raise CheckpointError(
            f"these are torchvision's MobileNetV2 weights, with {len(given)} tensors, but the encoder "
            f"'{encoder.name}' has {len(wanted)}: they fit mobilenetv2_100"
        )
    return dict(zip(wanted, given, strict=True))
