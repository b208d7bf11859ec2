"""The names of layers in published checkpoints, and ours. Nothing here reads a file.

A key function takes a published name to ours, to None where the layer is known and never used, and leaves a name that
it does not know as it is: loading then reports it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from deglare.errors import CheckpointError

Family = Literal["monodepth2", "hrdepth", "monovit"]
Tensors = Mapping[str, Tensor]
Key = Callable[[str], str | None]
Rule = tuple[str, str | Callable[[re.Match[str]], str | None]]
"""A pattern for a whole name, and what it becomes."""

ALIASES = re.compile(r"decoder\.(\d+)\.(.+)")
"""HR-Depth and MonoViT keep every decoder layer under ``convs.NAME`` and again under ``decoder.NUMBER``."""

BLOCK = r"mhca_stages\.(\d)\.mhca_blks\.(\d)\."
LAYER = BLOCK + r"MHCA_layers\.(\d+)\."
PATH_NAMES = r"stages.\1.paths.\2."
LAYER_NAMES = r"stages.\1.paths.\2.blocks.\3."

RESNET_RULES: tuple[Rule, ...] = ((r"fc\.(?:weight|bias)", lambda _: None),)

PLAIN_RULES: tuple[Rule, ...] = (
    (r"decoder\.(\d)\.conv\.conv\.(.+)", lambda m: f"{('before', 'after')[int(m[1]) % 2]}.{4 - int(m[1]) // 2}.{m[2]}"),
    (r"decoder\.(1[0-3])\.conv\.(.+)", lambda m: f"heads.{int(m[1]) - 10}.{m[2]}"),
)

DENSE_RULES: tuple[Rule, ...] = (
    (r"convs\.X_0[0-3]_Conv_0\..+", lambda _: None),
    (r"convs\.X_04_Conv_([01])\.conv\.conv\.(.+)", r"last.\1.\2"),
    (r"convs\.X_(\d\d)_Conv_0\.conv\.conv\.(.+)", r"halve.\1.\2"),
    (r"convs\.X_(\d)(\d)_Conv_1\.conv\.conv\.(.+)", lambda m: f"join.{int(m[1]) - 1}{int(m[2]) + 1}.{m[3]}"),
    (r"convs\.X_(\d\d)_downsample\.conv\.(.+)", r"squeeze.\1.\2"),
    (r"convs\.X_(\d\d)_attention\.fc\.0\.(.+)", r"attend.\1.attention.squeeze.\2"),
    (r"convs\.X_(\d\d)_attention\.fc\.2\.(.+)", r"attend.\1.attention.excite.\2"),
    (r"convs\.X_(\d\d)_attention\.conv_se\.(.+)", r"attend.\1.conv.\2"),
    (r"convs\.(?:dispConvScale|dispconv)(\d)\.conv\.(.+)", r"heads.\1.\2"),
)

SQUEEZE_RULES: tuple[Rule, ...] = (
    (r"convs\.f(\d)\.ca\.fc\.0\.(.+)", lambda m: f"squeeze.{int(m[1]) - 1}.attention.squeeze.{m[2]}"),
    (r"convs\.f(\d)\.ca\.fc\.2\.(.+)", lambda m: f"squeeze.{int(m[1]) - 1}.attention.excite.{m[2]}"),
    (r"convs\.f(\d)\.conv_se\.(.+)", lambda m: f"squeeze.{int(m[1]) - 1}.conv.{m[2]}"),
)

MPVIT_RULES: tuple[Rule, ...] = (
    (r"patch_embed_stages\.(\d)\.patch_embeds\.(\d)\.patch_conv\.dwconv\.(.+)", r"stages.\1.embeds.\2.depthwise.\3"),
    (r"patch_embed_stages\.(\d)\.patch_embeds\.(\d)\.patch_conv\.pwconv\.(.+)", r"stages.\1.embeds.\2.pointwise.\3"),
    (r"patch_embed_stages\.(\d)\.patch_embeds\.(\d)\.patch_conv\.bn\.(.+)", r"stages.\1.embeds.\2.bn.\3"),
    (BLOCK + r"(?:MHCA_layers\.\d+\.)?cpe\.proj\.(.+)", PATH_NAMES + r"position.\3"),
    (
        BLOCK + r"(?:MHCA_layers\.\d+\.)?(?:factoratt_crpe\.)?crpe\.conv_list\.(.+)",
        PATH_NAMES + r"relative.convs.\3",
    ),
    (LAYER + r"factoratt_crpe\.(qkv|proj)\.(.+)", LAYER_NAMES + r"\4.\5"),
    (LAYER + r"mlp\.(fc[12])\.(.+)", LAYER_NAMES + r"\4.\5"),
    (LAYER + r"(norm[12])\.(.+)", LAYER_NAMES + r"\4.\5"),
    (r"mhca_stages\.(\d)\.InvRes\.conv1\.(.+)", r"stages.\1.local.expand.\2"),
    (r"mhca_stages\.(\d)\.InvRes\.dwconv\.(.+)", r"stages.\1.local.depthwise.\2"),
    (r"mhca_stages\.(\d)\.InvRes\.norm\.(.+)", r"stages.\1.local.bn.\2"),
    (r"mhca_stages\.(\d)\.InvRes\.conv2\.(.+)", r"stages.\1.local.project.\2"),
    (r"mhca_stages\.(\d)\.aggregate\.(.+)", r"stages.\1.aggregate.\2"),
)


def from_published(encoder: Tensors, decoder: Tensors, what: str) -> tuple[Family, dict[str, Tensor]]:
    """Recognise the family and give every tensor the name it has in our network of that family.

    Args:
        encoder: Without any prefix: ``conv1.weight`` or ``stem.0.conv.weight`` and so on.
        decoder: ``decoder.0.conv.conv.weight`` or ``convs.X_04_attention.fc.0.weight`` and so on.
        what: Names the checkpoint in errors.
    """
    family = family_of(encoder, decoder, what)
    encoder_key, decoder_key = KEYS[family]
    if family != "monodepth2":
        decoder = without_aliases(decoder, what)
    named = {f"encoder.{name}": tensor for name, tensor in renamed(encoder, encoder_key, what).items()}
    return family, named | {f"decoder.{name}": t for name, t in renamed(decoder, decoder_key, what).items()}


def family_of(encoder: Tensors, decoder: Tensors, what: str) -> Family:
    """Which network these tensors belong to, by names that only one family has."""
    if "stem.0.conv.weight" in encoder or "convs.f1.conv_se.weight" in decoder:
        return "monovit"
    if "convs.X_04_attention.fc.0.weight" in decoder:
        return "hrdepth"
    if "decoder.13.conv.weight" in decoder or "decoder.0.conv.conv.weight" in decoder:
        return "monodepth2"
    raise CheckpointError(
        f"{what} is no checkpoint of Monodepth2, HR-Depth or MonoViT: its decoder has none of the layers "
        f"decoder.13.conv, convs.X_04_attention or convs.f1"
    )


def without_aliases(decoder: Tensors, what: str) -> dict[str, Tensor]:
    """Drop the second copy of each layer, having seen that it equals a first one."""
    named: dict[str, dict[str, Tensor]] = defaultdict(dict)
    numbered: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in decoder.items():
        if alias := ALIASES.fullmatch(name):
            numbered[alias[1]][alias[2]] = tensor
        elif name.count(".") > 1:
            _, layer, rest = name.split(".", 2)
            named[layer][rest] = tensor
    for number, layer in numbered.items():
        if not any(_equal(layer, other) for other in named.values()):
            raise CheckpointError(f"{what} holds decoder.{number} as a second copy of a layer, but it equals none")
    return {name: tensor for name, tensor in decoder.items() if not ALIASES.fullmatch(name)}


def renamed(tensors: Tensors, key: Key, what: str) -> dict[str, Tensor]:
    """Apply a key function; two names of one layer must hold the same numbers."""
    ours: dict[str, Tensor] = {}
    first: dict[str, str] = {}
    for name, tensor in tensors.items():
        new = key(name)
        if new is None:
            continue
        if new in ours and not torch.equal(ours[new], tensor):
            raise CheckpointError(f"{what}: {first[new]} and {name} name one layer but hold different numbers")
        ours[new] = tensor
        first.setdefault(new, name)
    return ours


def resnet_key(name: str) -> str | None:
    """ResNet-18 has torchvision's names here too; the classifier goes."""
    return _apply(RESNET_RULES, name)


def plain_key(name: str) -> str | None:
    """Monodepth2's numbered decoder layers."""
    return _apply(PLAIN_RULES, name)


def dense_key(name: str) -> str | None:
    """HR-Depth's nodes. ``X_rc_Conv_1`` bears the name of the node that it consumes."""
    return _apply(DENSE_RULES, name)


def squeezed_key(name: str) -> str | None:
    """MonoViT's decoder: its squeeze, then HR-Depth's nodes."""
    squeezed = _apply(SQUEEZE_RULES, name)
    if squeezed != name:
        return squeezed
    dense = dense_key(name)
    return None if dense is None else f"dense.{dense}"


def mpvit_key(name: str) -> str | None:
    """MPViT; the position encodings that blocks share are stored once for each block."""
    return _apply(MPVIT_RULES, name)


KEYS: dict[Family, tuple[Key, Key]] = {
    "monodepth2": (resnet_key, plain_key),
    "hrdepth": (resnet_key, dense_key),
    "monovit": (mpvit_key, squeezed_key),
}


def _apply(rules: tuple[Rule, ...], name: str) -> str | None:
    for pattern, becomes in rules:
        if match := re.fullmatch(pattern, name):
            return match.expand(becomes) if isinstance(becomes, str) else becomes(match)
    return name


def _equal(a: Tensors, b: Tensors) -> bool:
    return a.keys() == b.keys() and all(a[key].shape == b[key].shape and torch.equal(a[key], b[key]) for key in a)
