"""What a visitor can save, by name: each a file that is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deglare.errors import RequestError

if TYPE_CHECKING:
    from deglare.inspection.downloads import Download
    from deglare.inspection.run import InspectedRun
    from deglare.inspection.tables import Breakdown


@dataclass(frozen=True)
class Wanted:
    """What is asked for; what a kind of file does not need is ignored."""

    frame: str | int | None = None
    """A name or a number."""
    teacher: str | None = None
    layer: str = "fused"
    format: str | None = None
    of: str = "predicted"
    """The depth behind a mesh; or ``frames`` or ``regions`` of a table."""
    colour: str = "rgb"


def depth_of(run: InspectedRun, wanted: Wanted) -> Download:
    """One layer of one frame."""
    from deglare.inspection.exporting import depth_npz, depth_png

    writers: dict[str | None, Callable[..., Download]] = {None: depth_png, "png": depth_png, "npz": depth_npz}
    if wanted.format not in writers:
        raise RequestError("depth is saved as png or npz: choose one of them")
    if wanted.frame is None:
        raise RequestError("the depth of which frame: name one")
    return writers[wanted.format](run, wanted.frame, wanted.layer, wanted.teacher)


def mesh_of(run: InspectedRun, wanted: Wanted) -> Download:
    """A surface."""
    from deglare.inspection.exporting import mesh_file

    return mesh_file(run, wanted.of, wanted.format or "glb", wanted.colour)


def clip_of(run: InspectedRun, wanted: Wanted) -> Download:
    """The sequence as a film."""
    from deglare.inspection.clips import SIDE_BY_SIDE, clip

    layers = SIDE_BY_SIDE if wanted.layer == "side by side" else (wanted.layer,)
    return clip(run, layers, wanted.format or "mp4", teacher=wanted.teacher)


def labels_of(run: InspectedRun, wanted: Wanted) -> Download:
    """Labels of every frame."""
    from deglare.inspection.exporting import labels_zip

    return labels_zip(run)


def table_of(run: InspectedRun, found: Breakdown, wanted: Wanted) -> Download:
    """The numbers of a breakdown, as a spreadsheet takes them."""
    from deglare.inspection.exporting import frames_csv, table_csv

    tables = {"regions": table_csv, "frames": frames_csv}
    if wanted.of not in tables:
        raise RequestError("there is a table of regions and one of frames: choose one of them")
    return tables[wanted.of](run, found)
