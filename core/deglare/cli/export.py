"""``deglare export``: trained networks for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from deglare.cli import Result
from deglare.cli.terminal import say
from deglare.errors import RequestError


def export(
    kind: Positional[Literal["onnx"]], model: Positional[Path], out: Path, size: tuple[int, int] | None = None
) -> Result:
    """Write a trained network for other runtimes: image in, depth in metres out, any batch.

    The file is run beside torch before it is kept: it agrees to a ten-thousandth of the depth or is not written.

    Args:
        kind: The form; onnx.
        model: A checkpoint of ours (.safetensors) or the folder of a published one.
        out: The file to write.
        size: Width and height in pixels, multiples of 32; the size it was trained at if not given.
    """
    from deglare.networks.checkpoints import load_network
    from deglare.networks.export import export_onnx

    if out.suffix.lower() != f".{kind}":
        raise RequestError(f"--out should end in .{kind}, not '{out.name}'")
    network = load_network(model)
    size_hw = network.recipe.size_hw if size is None else (size[1], size[0])
    if size_hw is None:
        raise RequestError(f"{model} does not say the size it was trained at: give --size WIDTH HEIGHT")
    written = export_onnx(network, out, size_hw)
    say(
        f"{out}: opset {written.opset}, {size_hw[1]}x{size_hw[0]}, any batch; "
        f"differs from torch by at most {written.worst_relative:.1e} of the depth"
    )
    return {"out": str(out), "opset": written.opset, "size_hw": size_hw, "worst_relative": written.worst_relative}
