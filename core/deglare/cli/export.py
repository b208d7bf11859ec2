"""``deglare export``: trained networks for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from deglare.cli import Result
from deglare.cli.terminal import say
from deglare.errors import RequestError

if TYPE_CHECKING:
    from deglare.networks.depth_network import DepthNetwork

KINDS = {"onnx": ".onnx", "weights": ".safetensors"}


def export(
    kind: Positional[Literal["onnx", "weights"]],
    model: Positional[Path],
    out: Path,
    size: tuple[int, int] | None = None,
    half: bool = False,
) -> Result:
    """Write a trained network for other runtimes, or its weights alone.

    onnx: image in, depth in metres out, any batch. The file is run beside torch before it is kept: it agrees to a
    ten-thousandth of the depth or is not written. weights: a checkpoint that load_model reads.

    Args:
        kind: The form: onnx or weights.
        model: A checkpoint of ours (.safetensors), the folder of a training or of a published checkpoint.
        out: The file to write.
        size: For onnx, width and height in pixels, multiples of 32; the size it was trained at if not given.
        half: For weights, kernels in 16 bits: half the bytes.
    """
    if out.suffix.lower() != KINDS[kind]:
        raise RequestError(f"--out should end in {KINDS[kind]}, not '{out.name}'")
    if (kind == "onnx" and half) or (kind == "weights" and size is not None):
        raise RequestError("--size is for onnx and --half for weights: leave the other out")
    return _onnx(model, out, size) if kind == "onnx" else _weights(model, out, half)


def _onnx(model: Path, out: Path, size: tuple[int, int] | None) -> Result:
    from deglare.networks.export import export_onnx

    network = _network(model)
    size_hw = network.recipe.size_hw if size is None else (size[1], size[0])
    if size_hw is None:
        raise RequestError(f"{model} does not say the size it was trained at: give --size WIDTH HEIGHT")
    written = export_onnx(network, out, size_hw)
    say(
        f"{out}: opset {written.opset}, {size_hw[1]}x{size_hw[0]}, any batch; "
        f"differs from torch by at most {written.worst_relative:.1e} of the depth"
    )
    return {"out": str(out), "opset": written.opset, "size_hw": size_hw, "worst_relative": written.worst_relative}


def _weights(model: Path, out: Path, half: bool) -> Result:
    from deglare.networks.checkpoints import save_network

    save_network(_network(model), out, half)
    size = out.stat().st_size
    say(f"{out}: {size / 1e6:.1f} MB")
    return {"out": str(out), "bytes": size}


def _network(model: Path) -> DepthNetwork:
    """A checkpoint; of a training that has not finished, its newest one."""
    from deglare.networks.checkpoints import load_network
    from deglare.training.snapshots import load_snapshot, snapshots

    if model.is_dir() and not any(model.glob("*.safetensors")) and (places := snapshots(model)):
        return load_snapshot(places[-1]).network
    return load_network(model)
