"""What a run gives away as files: depth of a frame, surfaces, labels, tables; clips are in `clips`."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator

import numpy as np
from PIL import Image

from deglare.data.files import UNKNOWN_UNCERTAINTY, read_png16
from deglare.data.run_folder import LabelSource
from deglare.errors import DataError, RequestError
from deglare.geometry.mesh_files import mesh_bytes
from deglare.inspection.downloads import Download, safe_name
from deglare.inspection.layers import Millimetres, metres_of, sigma_of
from deglare.inspection.painting import DEPTHS, require_layer
from deglare.inspection.run import FrameId, InspectedRun
from deglare.inspection.surfaces import surface
from deglare.inspection.tables import METRICS, Breakdown
from deglare.progress import Progress, quiet

MEASURES = (*DEPTHS, "uncertainty")
"""Layers in metres."""
MESHES = {"glb": "model/gltf-binary", "ply": "application/octet-stream"}


def depth_png(run: InspectedRun, frame: FrameId, layer: str = "predicted", teacher: str | None = None) -> Download:
    """One of `MEASURES` as 16-bit PNG in millimetres: depth 0 is none, uncertainty 65535 is unknown."""
    name, buffer = run.frame(frame), io.BytesIO()
    Image.fromarray(_millimetres(run, name, layer, teacher)).save(buffer, format="PNG")
    return Download.of(_depth_name(run, name, layer, teacher, ".png"), "image/png", buffer.getvalue())


def depth_npz(run: InspectedRun, frame: FrameId, layer: str = "predicted", teacher: str | None = None) -> Download:
    """One of `MEASURES` in metres, with what is needed to make points of it; `numpy.load` reads it.

    ``metres`` float32, NaN where not ``valid``; ``camera`` fx, fy, cx, cy in pixels, centres on whole numbers;
    ``world_T_cam`` 4x4, axes x right, y down, z forward.
    """
    name, buffer, camera = run.frame(frame), io.BytesIO(), run.camera
    steps = _millimetres(run, name, layer, teacher)
    if layer == "uncertainty":
        metres, valid = sigma_of(steps).sigma_m, steps != UNKNOWN_UNCERTAINTY
    else:
        metres, valid = metres_of(steps).metres, steps > 0
    np.savez_compressed(
        buffer,
        metres=np.where(valid, metres, np.float32(np.nan)),
        valid=valid,
        camera=np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        world_T_cam=run.poses[name],
    )
    return Download.of(_depth_name(run, name, layer, teacher, ".npz"), "application/octet-stream", buffer.getvalue())


def mesh_file(
    run: InspectedRun, of: str = "predicted", kind: str = "glb", colour: str = "rgb", progress: Progress = quiet
) -> Download:
    """A surface as GLB or PLY, in world axes and metres, coloured as `surface` colours it."""
    if kind not in MESHES:
        raise RequestError(f"a mesh is written as {' or '.join(MESHES)}, not as '{kind[:20]}'")
    shown = surface(run, of, colour, progress)
    return Download.of(
        safe_name(run.name, of, colour, suffix=f".{kind}"), MESHES[kind], mesh_bytes(shown.mesh, f".{kind}")
    )


def labels_zip(run: InspectedRun, progress: Progress = quiet) -> Download:
    """Labels of every frame and where they are from, as their files are, with a text that says what they are."""
    if not run.has_fused:
        raise RequestError(f"{run.name} has no labels yet: fuse it first")
    return Download(safe_name(run.name, "labels", suffix=".zip"), "application/zip", lambda: _zipped(run, progress))


def table_csv(run: InspectedRun, found: Breakdown) -> Download:
    """One line for each region, layer and metric; the protocol is not in it, so keep `Breakdown.card` beside it."""
    lines: list[list[object]] = [["by", "region", "layer", "metric", "value", "low", "high", "pixels", "frames"]]
    for region in found.rows():
        for layer, numbers in region.layers.items():
            for metric in METRICS:
                row = numbers[metric]
                counts = [row.pixels, row.frames]
                lines.append([region.by, region.name, layer, metric, row.value, row.low, row.high, *counts])
    return Download.of(safe_name(run.name, "regions", suffix=".csv"), "text/csv", _csv(lines))


def frames_csv(run: InspectedRun, found: Breakdown) -> Download:
    """One line for each frame; a number that there is none of is left empty."""
    lines: list[list[object]] = [["frame", "name", *found.columns]]
    lines += [[row.frame, row.name, *(row.values[column] for column in found.columns)] for row in found.frames]
    return Download.of(safe_name(run.name, "frames", suffix=".csv"), "text/csv", _csv(lines))


def _millimetres(run: InspectedRun, name: str, layer: str, teacher: str | None) -> Millimetres:
    if layer not in MEASURES:
        raise RequestError(f"'{layer[:40]}' is not measured in metres: choose one of {', '.join(MEASURES)}")
    require_layer(run, layer)
    if layer == "predicted":
        return run.predicted_mm(name, teacher)
    if layer == "uncertainty":
        return run.read(run.folder.layer("uncertainty", name), read_png16)
    return run.depth_mm(name, "depth" if layer == "truth" else layer)


def _depth_name(run: InspectedRun, frame: str, layer: str, teacher: str | None, suffix: str) -> str:
    made_by = [run.teacher(teacher)] if layer == "predicted" else []
    return safe_name(run.name, frame, layer, *made_by, suffix=suffix)


def _csv(lines: list[list[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["" if cell is None else cell for cell in line] for line in lines])
    return text.getvalue().encode()


class _Pieces:
    """What was written since it was last taken: as much of a file as `zipfile` needs."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _zipped(run: InspectedRun, progress: Progress) -> Iterator[bytes]:
    """Piece by piece: memory holds one file, however long the run is. PNG is not compressed again."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry("README.txt"), readme(run))
        for done, name in enumerate(run.names, start=1):
            for layer in ("fused", "source"):
                archive.writestr(_entry(f"{layer}/{name}.png"), _bytes_of(run, layer, name))
            yield pieces.take()
            progress(done, len(run.names))
    yield pieces.take()


def _entry(name: str) -> zipfile.ZipInfo:
    """The same bytes whenever it is made, and a file that may be read once it is unpacked."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    return entry


def readme(run: InspectedRun) -> str:
    """What the labels are, for whoever finds them without us."""
    camera, (height, width) = run.camera, run.camera.size_hw
    codes = ", ".join(f"{source.value} {source.name.lower()}" for source in LabelSource)
    return "\n".join(
        (
            f"Depth labels of {run.name}: {len(run.names)} frames of {width}x{height} pixels, made by deglare.",
            f"Predicted by {run.base}, mended by the strategy '{run.strategy}'; labels of version {run.version}.",
            "",
            "fused/NAME.png   z-depth along the optical axis, 16-bit, in millimetres; 0 is no label.",
            f"source/NAME.png  where each label is from, 8-bit: {codes}.",
            "",
            f"Camera, in pixels with their centres on whole numbers: fx {camera.fx!r}, fy {camera.fy!r}, "
            f"cx {camera.cx!r}, cy {camera.cy!r}.",
            "",
        )
    )


def _bytes_of(run: InspectedRun, layer: str, name: str) -> bytes:
    """A file of the run as it is."""
    path = run.folder.layer(layer, name)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{layer}/{path.name} of {run.name} cannot be read ({error.strerror}): is it gone?") from error
