"""Networks for other runtimes: ONNX, compared with torch before it is kept."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deglare.data.files import write_atomically
from deglare.errors import RequestError
from deglare.networks.checkpoints import recipe_to_json
from deglare.networks.depth_network import DepthNetwork, require_multiples

OPSET = 18
PARITY = 1e-4
"""How far, relative to torch, any pixel of the exported network's depth may be."""

INPUT, OUTPUT = "image", "depth_m"


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    opset: int
    size_hw: tuple[int, int]
    worst_relative: float
    """The largest difference from torch at any pixel, relative to its depth, over one and over three images."""


class MetricDepth(nn.Module):
    """A network as others use it: image in, metres out."""

    def __init__(self, network: DepthNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Z-depth in metres."""
        return self.network.depth_m(image)


def export_onnx(network: DepthNetwork, path: str | Path, size_hw: tuple[int, int]) -> Exported:
    """Write ``image`` (b 3 h w in [0, 1]) to ``depth_m`` (b 1 h w) for any batch and one size.

    The file is run with onnxruntime on noise, once with one and once with three images, and is only kept if it agrees
    with torch to `PARITY`. Its metadata holds the recipe and says that it gives metres.
    """
    path = Path(path)
    require_multiples(size_hw)
    module = MetricDepth(network).eval()
    packed = _exported(module, size_hw, network.device)
    worst = max(_difference(module, packed, batch, size_hw) for batch in (1, 3))
    if not worst <= PARITY:
        raise RequestError(
            f"the exported network differs from torch by {worst:.2g} of the depth, more than {PARITY:g}: not written"
        )
    write_atomically(path, lambda out: out.write(packed))
    return Exported(path, OPSET, size_hw, worst)


def _exported(module: MetricDepth, size_hw: tuple[int, int], device: torch.device) -> bytes:
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise RequestError("exporting needs onnx and onnxscript: pip install 'deglare[onnx]'") from error
    example = torch.rand(2, 3, *size_hw, device=device)
    with warnings.catch_warnings(), torch.inference_mode(False):
        warnings.simplefilter("ignore")  # the exporter's own, about itself
        program = torch.onnx.export(
            module,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1, max=4096)}},
            dynamo=True,
            verbose=False,
        )
    model = cast(torch.onnx.ONNXProgram, program).model_proto
    mark = recipe_to_json(module.network.recipe) | {"unit": "m"}
    onnx.helper.set_model_props(model, {"deglare": json.dumps(mark)})
    return model.SerializeToString()


def _difference(module: MetricDepth, packed: bytes, batch: int, size_hw: tuple[int, int]) -> float:
    import onnxruntime

    noise = np.random.default_rng(batch).random((batch, 3, *size_hw), dtype=np.float32)
    with torch.inference_mode():
        ours = module(torch.from_numpy(noise).to(module.network.device)).cpu().numpy()
    session = onnxruntime.InferenceSession(packed, providers=["CPUExecutionProvider"])
    theirs = np.asarray(session.run([OUTPUT], {INPUT: noise})[0])
    return float(np.max(np.abs(theirs - ours) / ours))
