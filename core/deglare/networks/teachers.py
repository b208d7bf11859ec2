"""Whatever turns an image into depth: networks of ours, ONNX files, models of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from deglare.errors import RequestError
from deglare.geometry.resizing import resize_disparity, resize_image
from deglare.networks.building import NETWORKS
from deglare.networks.checkpoints import load_network
from deglare.networks.depth_network import DepthNetwork, nearest_multiples, require_multiples
from deglare.networks.disparity import disparity_of
from deglare.networks.weights import hash_of_weights
from deglare.types import DepthMap, RelativeDepth, Rgb

TRANSFORMERS_PREFIX = "hf:"
Runtime = Literal["torch", "openvino", "auto"]
"""What computes a network of ours; "auto" is openvino where it is installed and the device is the CPU."""

Precision = Literal["auto", "fp32", "bf16"]
"""What a compiled network multiplies in; "auto" is bf16 where the processor has it."""

HOLE = 1e-4
"""A resized pixel with a larger share of invalid ones is invalid."""


@runtime_checkable
class Teacher(Protocol):
    """Anything with a name that predicts depth, at the size of the image."""

    name: str
    """Names files and folders of predictions."""

    def predict(self, rgb: Rgb) -> DepthMap | RelativeDepth:
        """Metric depth, or relative depth, for which larger is farther."""
        ...


class NetworkTeacher:
    """A network of ours, frozen.

    Args:
        network: Put in evaluation mode and on ``device``.
        name: The network's own, unless given.
        size_hw: Images are resized to this for the network; None: the size it was trained at, else the multiples of
            32 nearest to the image's own.
        device: Where to compute.
    """

    def __init__(
        self,
        network: DepthNetwork,
        name: str | None = None,
        size_hw: tuple[int, int] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.network = network.eval().to(device)
        self.name = name or network.recipe.network
        self.size_hw = size_hw or network.recipe.size_hw
        if self.size_hw is not None:
            require_multiples(self.size_hw)

    @property
    def fingerprint(self) -> str:
        """Over weights, size and what computes them."""
        return hash_of_weights(self.network, self.network.recipe.depth_range, self.size_hw, self.arithmetic)

    @property
    def arithmetic(self) -> str:
        """What the network is computed in."""
        return "torch"

    def predict(self, rgb: Rgb) -> DepthMap:
        """Metric depth at the size of the image."""
        return self.predict_batch([rgb])[0]

    def predict_batch(self, rgbs: Sequence[Rgb]) -> list[DepthMap]:
        """The same for several images of one size, in one pass."""
        if not rgbs:
            return []
        if len({rgb.shape for rgb in rgbs}) > 1:
            raise RequestError("the images of a batch must have one size: predict them one by one")
        images = torch.stack([as_image(rgb) for rgb in rgbs]).to(self.network.device)
        size_hw = (images.shape[2], images.shape[3])
        with torch.inference_mode():
            sigmoid = self.sigmoid(resize_image(images, self.size_hw or nearest_multiples(size_hw)))
            disparity = resize_disparity(disparity_of(sigmoid, self.network.recipe.depth_range), size_hw)
            metres = (1 / disparity)[:, 0].cpu().numpy()
        return [DepthMap.of_positive(one) for one in metres]

    def sigmoid(self, images: Float[Tensor, "b 3 h w"]) -> Float32[Tensor, "b 1 h w"]:
        """What the network says about images of a size that it takes."""
        return self.network(images)[0].float()


def load_model(
    name_or_path: str | Path,
    *,
    is_metric: bool = False,
    device: str | torch.device = "cpu",
    runtime: Runtime = "torch",
    precision: Precision = "auto",
) -> Teacher:
    """A teacher by whatever names it.

    Args:
        name_or_path: A network that is shipped with weights; a checkpoint's folder or ``.safetensors``; "file.onnx";
            "hf:NAME" for a depth model of transformers, by name or local folder.
        is_metric: An ONNX file does not say whether it gives metres: this does. Its depth is relative by default.
        device: Where to compute; ONNX files run on the CPU.
        runtime: What computes a network of ours. "torch" is exact; "openvino" compiles it for the CPU and is several
            times faster; "auto" chooses. ONNX files and models of transformers have their own.
        precision: Of the compiled network; torch knows fp32 only.
    """
    text = str(name_or_path)
    _require_choices(runtime, precision)
    if runtime == "openvino" and (text.startswith(TRANSFORMERS_PREFIX) or text.endswith(".onnx")):
        raise RequestError(f"only networks of ours are compiled with openvino, not '{text}': leave out the runtime")
    if text.startswith(TRANSFORMERS_PREFIX):
        from deglare.networks.transformers_teacher import TransformersTeacher

        return TransformersTeacher(text.removeprefix(TRANSFORMERS_PREFIX), device=device)
    if text.endswith(".onnx"):
        from deglare.networks.onnx_teacher import OnnxTeacher

        return OnnxTeacher(Path(text), is_metric=is_metric)
    if text in NETWORKS or text in shipped_names():
        return _network_teacher(_shipped(text), text, device, runtime, precision)
    path = Path(text)
    if not path.exists():
        raise RequestError(
            f"there is no model '{text}': give a checkpoint's folder or .safetensors, a .onnx file, hf:NAME, or one "
            f"that ships: {', '.join(shipped_names())}"
        )
    return _network_teacher(load_network(path), path.stem, device, runtime, precision)


def shipped_names() -> tuple[str, ...]:
    """The networks that come with weights."""
    folder = files("deglare.samples") / "weights"
    return tuple(sorted(Path(one.name).stem for one in folder.iterdir() if one.name.endswith(".safetensors")))


def as_image(rgb: Rgb) -> Float32[Tensor, "3 h w"]:
    """Colours as the networks take them: [0, 1], channels first."""
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float() / 255


def resized_inverse(
    inverse: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], size_hw: tuple[int, int]
) -> tuple[Float32[np.ndarray, "h2 w2"], Bool[np.ndarray, "h2 w2"]]:
    """Resize inverse depth and its validity; a pixel is valid if all that it is made of was."""
    if inverse.shape == size_hw:
        return inverse.astype(np.float32), valid
    solid = np.where(valid, inverse, 0).astype(np.float32)
    stacked = torch.from_numpy(np.stack([solid, (~valid).astype(np.float32)])[:, None])
    values, holes = resize_disparity(stacked, size_hw)[:, 0].numpy()
    return values, holes < HOLE


def _require_choices(runtime: str, precision: str) -> None:
    for chosen, choices in ((runtime, get_args(Runtime)), (precision, get_args(Precision))):
        if chosen not in choices:
            raise RequestError(f"'{chosen}' is none of {', '.join(choices)}: choose one")


def _network_teacher(
    network: DepthNetwork, name: str, device: str | torch.device, runtime: Runtime, precision: Precision
) -> NetworkTeacher:
    on_cpu = torch.device(device).type == "cpu"
    if runtime == "openvino" and not on_cpu:
        raise RequestError(f"openvino computes on the CPU, not on {device}: choose runtime 'torch' or device 'cpu'")
    if runtime == "openvino" or (runtime == "auto" and on_cpu and find_spec("openvino") is not None):
        from deglare.networks.fast import CompiledTeacher

        return CompiledTeacher(network, name, precision=precision)
    if precision == "bf16":
        raise RequestError("bf16 is for networks compiled with openvino on the CPU: torch computes in fp32 here")
    return NetworkTeacher(network, name=name, device=device)


def _shipped(name: str) -> DepthNetwork:
    resource = files("deglare.samples") / "weights" / f"{name}.safetensors"
    if not resource.is_file():
        raise RequestError(
            f"no weights for '{name}' are shipped with this version: train them (deglare train), or name a checkpoint"
        )
    with as_file(resource) as path:
        return load_network(path)
