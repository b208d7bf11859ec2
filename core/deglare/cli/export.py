"""``deglare export``: trained networks for other runtimes, annotated subsets for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from deglare.annotation.actions import Tag
from deglare.cli import Result
from deglare.cli.terminal import say
from deglare.errors import RequestError

if TYPE_CHECKING:
    from deglare.networks.depth_network import DepthNetwork

KINDS = {"onnx": ".onnx", "weights": ".safetensors"}
FORMS = {"list": ".txt", "coco": ".json", "png": "", "csv": ".csv"}


def export(
    kind: Positional[Literal["onnx", "weights", "subset"]],
    source: Annotated[Positional[Path], tyro.conf.arg(metavar="MODEL|RUN")],
    out: Path,
    size: tuple[int, int] | None = None,
    half: bool = False,
    form: Literal["list", "coco", "png", "csv"] = "coco",
    tag: Tag = "reflective",
    annotator: str | None = None,
    scene: str | None = None,
) -> Result:
    """Write a trained network for other runtimes, its weights alone, or what was annotated in a run.

    onnx: image in, depth in metres out, any batch. The file is run beside torch before it is kept: it agrees to a
    ten-thousandth of the depth or is not written. weights: a checkpoint that load_model reads. subset: tags and masks
    of reflective surfaces, with a hash that deglare eval prints beside its numbers.

    Args:
        kind: What is written: onnx, weights or subset.
        source: A checkpoint of ours (.safetensors), the folder of a training or of a published checkpoint; for subset
            a run or sequence.
        out: The file to write; for PNG masks a folder that is not there yet.
        size: For onnx, width and height in pixels, multiples of 32; the size it was trained at if not given.
        half: For weights, kernels in 16 bits: half the bytes.
        form: For subset: list (scene and frame on each line), coco (JSON with run lengths), png (masks) or csv.
        tag: For a list: whose frames are listed.
        annotator: For subset: whose annotations; what was settled, or the only annotator's, if not given.
        scene: For subset: the scene's name in it; the folder's if not given.
    """
    if kind == "subset":
        if size is not None or half:
            raise RequestError("--size is for onnx and --half for weights: leave them out")
        return _subset(source, out, form, tag, annotator, scene)
    if out.suffix.lower() != KINDS[kind]:
        raise RequestError(f"--out should end in {KINDS[kind]}, not '{out.name}'")
    if (kind == "onnx" and half) or (kind == "weights" and size is not None):
        raise RequestError("--size is for onnx and --half for weights: leave the other out")
    return _onnx(source, out, size) if kind == "onnx" else _weights(source, out, half)


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


def _subset(source: Path, out: Path, form: str, tag: str, annotator: str | None, scene: str | None) -> Result:
    from deglare.annotation import export_subset, open_annotations, subset_of

    if out.suffix.lower() != FORMS[form]:
        wanted = f"end in {FORMS[form]}" if FORMS[form] else "be a folder"
        raise RequestError(f"--out should {wanted} for --form {form}, not '{out.name}'")
    with open_annotations(source, read_only=True) as annotations:
        subset = subset_of(annotations, scene or source.resolve().name, annotator)
        lost = sum(annotations.lost().values())
    export_subset(subset, out, form, tag)
    written = subset.tagged(tag) if form == "list" else subset
    say(f"{out}: {len(written.frames)} frames, subset sha256 {written.sha256}")
    if lost:
        say(f"left out: {lost} actions on images that are not there now")
    return {"out": str(out), "form": form, "frames": len(written.frames), "subset_sha256": written.sha256}


def _network(model: Path) -> DepthNetwork:
    """A checkpoint; of a training that has not finished, its newest one."""
    from deglare.networks.checkpoints import load_network
    from deglare.training.snapshots import load_snapshot, snapshots

    if model.is_dir() and not any(model.glob("*.safetensors")) and (places := snapshots(model)):
        return load_snapshot(places[-1]).network
    return load_network(model)
