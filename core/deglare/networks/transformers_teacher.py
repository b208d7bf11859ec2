"""Depth models of transformers, by name or local folder."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float

from deglare.errors import CheckpointError, RequestError
from deglare.networks.teachers import resized_inverse
from deglare.networks.weights import hash_of_weights
from deglare.types import DepthMap, RelativeDepth, Rgb

Output = Literal["metres", "disparity"]

OUTPUTS: dict[str, Output] = {
    "depth_anything": "disparity",
    "dpt": "disparity",
    "zoedepth": "metres",
    "depth_pro": "metres",
    "glpn": "metres",
}
"""What ``predicted_depth`` is, by the model type of the configuration."""


class TransformersTeacher:
    """A frozen depth model. No code that comes with a model is run, and weights are read from safetensors only.

    Args:
        source: A name on the hub, or a local folder.
        device: Where to compute.
    """

    def __init__(self, source: str, device: str | torch.device = "cpu") -> None:
        self.processor, self.model = _loaded(source)
        self.output: Output = output_of(self.model.config, source)
        self.model.eval().to(device)
        self.name = source.rstrip("/").split("/")[-1]
        self.device = device

    @property
    def fingerprint(self) -> str:
        """Over the weights, and how the output is read."""
        return hash_of_weights(self.model, self.output)

    def predict(self, rgb: Rgb) -> DepthMap | RelativeDepth:
        """Metric depth where the configuration says so, else relative depth from the model's disparity."""
        inputs = self.processor(images=np.asarray(rgb), return_tensors="pt").to(self.device)
        with torch.inference_mode():
            predicted = self.model(**inputs).predicted_depth[0].float().cpu().numpy()
        return as_depth(predicted, self.output, (rgb.shape[0], rgb.shape[1]))


def output_of(config: Any, source: str) -> Output:
    """Whether a model gives metres or disparity."""
    if getattr(config, "depth_estimation_type", None) == "metric":
        return "metres"
    kind = getattr(config, "model_type", None)
    if kind not in OUTPUTS:
        raise RequestError(
            f"'{source}' is a {kind} model, and whether that gives depth or disparity is not known here: "
            f"known are {', '.join(OUTPUTS)}"
        )
    return OUTPUTS[kind]


def as_depth(predicted: Float[np.ndarray, "h w"], output: Output, size_hw: tuple[int, int]) -> DepthMap | RelativeDepth:
    """Depth at the size of the image. Disparity that is not above 0 is beyond any distance: invalid."""
    valid = np.isfinite(predicted) & (predicted > 0)
    inverse = predicted
    if output == "metres":
        inverse = np.divide(1, predicted, out=np.zeros_like(predicted), where=valid)
    inverse, valid = resized_inverse(inverse, valid, size_hw)
    depth = np.divide(1, inverse, out=np.zeros_like(inverse), where=valid & (inverse > 0))
    valid = valid & (depth > 0) & np.isfinite(depth)
    return DepthMap(depth, valid) if output == "metres" else RelativeDepth(depth, valid)


def _loaded(source: str) -> tuple[Any, Any]:
    try:
        from transformers import (  # pyright: ignore[reportMissingImports]
            AutoImageProcessor,
            AutoModelForDepthEstimation,
        )
    except ImportError as error:
        raise RequestError("models of transformers need it installed: pip install 'deglare[foundation]'") from error
    try:
        processor = AutoImageProcessor.from_pretrained(source, trust_remote_code=False)
        model = AutoModelForDepthEstimation.from_pretrained(source, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"transformers cannot load a depth model '{source}': {first}") from error
    return processor, model
