"""Whole networks on disk: our own safetensors files, and the published checkpoints of three families."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from deglare import __version__
from deglare.errors import CheckpointError, RequestError
from deglare.networks.building import NETWORKS, build
from deglare.networks.depth_network import DepthNetwork, Recipe
from deglare.networks.disparity import KITTI, MetricRange
from deglare.networks.published import from_published
from deglare.networks.weights import load_strictly, parse_metadata, read_weights, require_fit, write_weights

FORMAT = 1
METADATA_KEY = "deglare"
LARGEST_SIDE = 1 << 14
ENCODER_FILE, DECODER_FILE = "encoder.pth", "depth.pth"


def save_network(network: DepthNetwork, path: str | Path, half: bool = False) -> None:
    """Write weights and recipe to one ``.safetensors`` file.

    Args:
        network: What to write.
        path: Ends in ``.safetensors``.
        half: Write kernels in 16 bits, for half the bytes. What is computed is still 32 bits; vectors, such as the
            statistics of batch normalisation, keep them.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise RequestError(f"networks are saved as .safetensors, not as {path.name}")
    tensors = {
        name: tensor.half() if half and is_kernel(tensor) else tensor for name, tensor in network.state_dict().items()
    }
    write_weights(path, tensors, {METADATA_KEY: json.dumps(recipe_to_json(network.recipe))})


def load_network(path: str | Path, depth_range: MetricRange | None = None) -> DepthNetwork:
    """Read a network, in evaluation mode.

    Args:
        path: Our own ``.safetensors`` file; or the folder of a published checkpoint, with ``depth.pth`` and, unless
            both parts are in that, ``encoder.pth``; or that ``depth.pth``.
        depth_range: Overrules the file's own, which is 0.1 to 100 m for a published checkpoint.
    """
    path = Path(path)
    if not path.exists():
        raise RequestError(f"there is no checkpoint {path}: check the spelling")
    own = _own_file(path)
    network = _load_own(own) if own else _load_published(path if path.is_dir() else path.parent, path)
    if depth_range is not None:
        network.recipe = replace(network.recipe, depth_range=depth_range)
    return network.eval()


def is_kernel(tensor: Tensor) -> bool:
    """Whether it is of floats and has more than one dimension."""
    return tensor.is_floating_point() and tensor.ndim > 1


def recipe_to_json(recipe: Recipe) -> dict[str, object]:
    """What is written beside the weights."""
    return {
        "format": FORMAT,
        "version": __version__,
        "network": recipe.network,
        "encoder": recipe.encoder,
        "depth_range_m": [recipe.depth_range.nearest_m, recipe.depth_range.farthest_m],
        "size_hw": None if recipe.size_hw is None else list(recipe.size_hw),
        "training": dict(recipe.training),
    }


def recipe_from_json(value: Mapping[str, object], what: str) -> Recipe:
    """Read it back; nothing in it is believed before it is checked."""
    if value.get("format") != FORMAT:
        raise CheckpointError(f"{what} has format {value.get('format')!r}, but this version reads {FORMAT}: update it")
    network, encoder, training = value.get("network"), value.get("encoder"), value.get("training", {})
    if not isinstance(network, str) or network not in NETWORKS:
        raise CheckpointError(f"{what} is for the network {network!r}, which is none of {', '.join(NETWORKS)}")
    if not (encoder is None or isinstance(encoder, str)) or not isinstance(training, dict):
        raise CheckpointError(f"{what} describes its encoder or training in another form than this version writes")
    return Recipe(network, encoder, _range_of(value, what), _size_of(value.get("size_hw"), what), training)


def _own_file(path: Path) -> Path | None:
    """The safetensors file, itself or the only one in a folder without a published checkpoint."""
    if path.is_file():
        return path if path.suffix == ".safetensors" else None
    if (path / DECODER_FILE).exists():
        return None
    found = sorted(path.glob("*.safetensors"))
    if len(found) != 1:
        raise CheckpointError(
            f"{path} holds neither {DECODER_FILE} nor one .safetensors file (but {len(found)}): name the file itself"
        )
    return found[0]


def _load_own(path: Path) -> DepthNetwork:
    weights = read_weights(path)
    recipe = recipe_from_json(parse_metadata(weights.metadata, METADATA_KEY, path), str(path))
    return _built(recipe, weights.tensors, str(path))


def _load_published(folder: Path, path: Path) -> DepthNetwork:
    depth = read_weights(folder / DECODER_FILE if path.is_dir() else path)
    tensors = _stripped(depth.tensors, "module.")
    numbers = depth.numbers
    if any(name.startswith("encoder.") for name in tensors):
        encoder, decoder = _part(tensors, "encoder."), _part(tensors, "decoder.")
    else:
        both = read_weights(folder / ENCODER_FILE)
        encoder, decoder = _stripped(_stripped(both.tensors, "module."), "encoder."), tensors
        numbers = both.numbers
    family, named = from_published(encoder, decoder, str(path))
    size = [numbers[side] for side in ("height", "width") if side in numbers]
    recipe = Recipe(family, depth_range=KITTI, size_hw=_size_of(size or None, str(path)))
    return _built(recipe, named, str(path))


def _built(recipe: Recipe, tensors: Mapping[str, Tensor], what: str) -> DepthNetwork:
    """Fit the tensors to a network without memory first: a file may name an encoder of any size."""
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            require_fit(build(recipe.network, encoder=recipe.encoder), tensors, what)
        network = build(recipe.network, encoder=recipe.encoder)
    load_strictly(network, tensors, what)
    network.recipe = recipe
    return network


def _stripped(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _range_of(value: Mapping[str, object], what: str) -> MetricRange:
    match value.get("depth_range_m"):
        case [int() | float() as nearest, int() | float() as farthest] if 0 < nearest < farthest < float("inf"):
            return MetricRange(float(nearest), float(farthest))
    raise CheckpointError(f"{what} has the depth range {value.get('depth_range_m')!r}, not two rising numbers")


def _size_of(value: object, what: str) -> tuple[int, int] | None:
    match value:
        case None:
            return None
        case [int() as height, int() as width] if 0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE:
            return height, width
    raise CheckpointError(f"{what} was trained at {value!r}, which is no image size")
