"""Any ONNX file that turns one image into one depth map."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from deglare.errors import CheckpointError, RequestError
from deglare.geometry.resizing import resize_image
from deglare.networks.depth_network import nearest_multiples
from deglare.networks.teachers import as_image, resized_inverse
from deglare.networks.weights import MAX_WEIGHT_BYTES
from deglare.types import DepthMap, RelativeDepth, Rgb

METADATA_KEY = "deglare"
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class ImageInput:
    """The image input of an ONNX file."""

    name: str
    dtype: type[np.generic]
    channels_first: bool
    height: int | None
    """None where the file leaves it open."""
    width: int | None

    def size_for(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """The size to resize an image to: what the file fixes, else the nearest multiples of 32."""
        near = nearest_multiples(size_hw)
        return self.height or near[0], self.width or near[1]


class OnnxTeacher:
    """An ONNX file on the CPU. Colours go in as 0 to 1, or as they are where the input is of whole numbers.

    Args:
        path: The file.
        is_metric: Whether it gives metres; relative otherwise. A file that we exported says so itself.
        gives_disparity: Whether larger is nearer.
        name: The file's, unless given.
    """

    def __init__(
        self, path: Path, is_metric: bool = False, gives_disparity: bool = False, name: str | None = None
    ) -> None:
        self.session = _session(path)
        self.image_input = _image_input(self.session, path)
        self.is_metric = is_metric or _says_metric(self.session)
        self.gives_disparity = gives_disparity
        self.path, self.name = path, name or path.stem

    @property
    def fingerprint(self) -> str:
        """Over the file, and how its output is read."""
        digest = hashlib.sha256(self.path.read_bytes())
        digest.update(repr((self.is_metric, self.gives_disparity)).encode())
        return digest.hexdigest()

    def predict(self, rgb: Rgb) -> DepthMap | RelativeDepth:
        """Depth at the size of the image; values that are not above 0 are invalid."""
        size_hw = (rgb.shape[0], rgb.shape[1])
        pixels = self._prepared(rgb)
        output = self.session.run(None, {self.image_input.name: pixels})[0]
        values = self._flattened(np.asarray(output))
        valid = np.isfinite(values) & (values > 0)
        inverse = values if self.gives_disparity else np.divide(1, values, out=np.zeros_like(values), where=valid)
        inverse, valid = resized_inverse(inverse, valid, size_hw)
        valid = valid & (inverse > 0)
        depth = np.divide(1, inverse, out=np.zeros_like(inverse), where=valid)
        valid = valid & np.isfinite(depth) & (depth > 0)
        return DepthMap(depth, valid) if self.is_metric else RelativeDepth(depth, valid)

    def _prepared(self, rgb: Rgb) -> np.ndarray:
        wanted_hw = self.image_input.size_for((rgb.shape[0], rgb.shape[1]))
        image = resize_image(as_image(rgb)[None], wanted_hw).numpy()
        if not self.image_input.channels_first:
            image = image.transpose(0, 2, 3, 1)
        if self.image_input.dtype is np.uint8:
            return np.rint(image * 255).astype(np.uint8)
        return image.astype(self.image_input.dtype)

    def _flattened(self, output: np.ndarray) -> Float[np.ndarray, "h w"]:
        values = output.squeeze()
        if values.ndim != 2:
            raise CheckpointError(f"{self.path} gives {output.shape} for one image, not one depth map")
        return values.astype(np.float32)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise RequestError("ONNX files need onnxruntime: pip install 'deglare[onnx]'") from error
    if not path.is_file():
        raise RequestError(f"there is no file {path}: check the spelling")
    if path.stat().st_size > MAX_WEIGHT_BYTES:
        raise CheckpointError(f"{path} has more than the {MAX_WEIGHT_BYTES} bytes that weights may have")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no class
        first = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{path} is no ONNX file that can be run: {first}") from error


def _image_input(session: Any, path: Path) -> ImageInput:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise CheckpointError(f"{path} wants {len(inputs)} inputs ({', '.join(i.name for i in inputs)}), not one image")
    (only,) = inputs
    sides = [side if isinstance(side, int) and side > 0 else None for side in only.shape]
    if len(sides) != 4 or 3 not in (sides[1], sides[3]) or sides[0] not in (1, None) or only.type not in TYPES:
        raise CheckpointError(
            f"{path} takes {only.type} of {only.shape}, but a depth model takes one image: 1 x 3 x height x width, "
            f"or 1 x height x width x 3, of float or uint8"
        )
    channels_first = sides[1] == 3
    height, width = sides[2:] if channels_first else sides[1:3]
    return ImageInput(only.name, TYPES[only.type], channels_first, height, width)


def _says_metric(session: Any) -> bool:
    """Whether the file bears our own mark of metric depth."""
    mark = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "{}")
    try:
        value = json.loads(mark)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("unit") == "m"
