"""The surfaces of a run to turn around: of predicted and of fused depth, coloured by what somebody asks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from deglare.data.files import read_png16
from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import RayCaster
from deglare.geometry.resampling import resize_truth
from deglare.inspection.fused_mesh import fused_mesh
from deglare.inspection.layers import metres_of, sigma_of
from deglare.inspection.levels import every_nth
from deglare.inspection.run import InspectedRun
from deglare.inspection.sights import DepthOf, Finding, Means, Seen, Vertices, means_over
from deglare.inspection.simplifying import simplified
from deglare.inspection.wire import packed_arrays
from deglare.pictures import AMOUNT_MAP, DEPTH_MAP, ERROR_MAP, DepthRange, amount_picture, depth_picture, error_picture
from deglare.progress import Progress, quiet

Of = Literal["predicted", "fused"]
Colour = Literal["rgb", "error", "uncertainty", "views"]

ERROR_LIMIT_M, SIGMA_LIMIT_M = 0.5, 0.6
MOST_FACES = 400_000
MOST_VIEWS = 120
"""Frames that are asked about vertices; every n-th of a longer run."""

UNCOLOURED = (150, 150, 155)
"""A surface that was fused without colours."""
UNSEEN = (84, 84, 88)
"""Vertices that no frame says anything of."""


@dataclass(frozen=True)
class Legend:
    """What colours mean."""

    what: str
    unit: str
    low: float
    high: float
    map: str
    """Its name, as in matplotlib."""

    def with_note(self, note: str) -> Legend:
        """The same with something said beside it, if there is anything to say."""
        return replace(self, what=f"{self.what} ({note})") if note else self


@dataclass(frozen=True, eq=False)
class ColouredMesh:
    """A surface as it is shown."""

    vertices: Vertices
    faces: Int32[np.ndarray, "f 3"]
    colours: UInt8[np.ndarray, "v 3"]
    legend: Legend | None = None
    """None where colours are those of the images."""
    note: str | None = None
    """What was left out to show it, in words."""

    @property
    def mesh(self) -> Mesh:
        """As files of meshes take it."""
        return Mesh(self.vertices.metres, self.faces, self.vertices.normals, self.colours)


def surface(run: InspectedRun, of: str = "predicted", colour: str = "rgb", progress: Progress = quiet) -> ColouredMesh:
    """A surface of a run, in colours.

    Args:
        run: Opened.
        of: "predicted", the run's own mesh, or "fused", that of its labels.
        colour: "rgb"; "error", signed, in metres, over the frames that see a vertex; "uncertainty", their mean sigma;
            "views", how many they are.
        progress: Told how far it is; an exception from it ends the work.
    """
    if of not in get_args(Of) or colour not in get_args(Colour):
        raise RequestError(
            f"there is no surface of '{of[:40]}' by '{colour[:40]}': choose of {', '.join(get_args(Of))} and by "
            f"{', '.join(get_args(Colour))}"
        )
    if colour == "error" and not run.has_truth:
        raise RequestError(f"{run.name} has no true depth: colour its surface by uncertainty instead")
    full = run.mesh() if of == "predicted" else run.kept.fused_mesh(run.version, lambda: fused_mesh(run, progress))
    mesh = simplified(full, MOST_FACES)
    vertices, notes = Vertices.of(mesh), _notes(mesh, full)
    if colour == "rgb":
        return ColouredMesh(vertices, mesh.faces, _own_colours(mesh), None, "; ".join(notes) or None)
    names = every_nth(run.names, MOST_VIEWS)
    if len(names) < len(run.names):
        notes.append(f"{len(names)} of {len(run.names)} frames were asked")
    found = means_over(run, vertices, names, _depth_of(run, of, full), _finding(run, colour), progress)
    colours, legend = _colours(found, colour)
    said = "; ".join(notes)
    return ColouredMesh(vertices, mesh.faces, colours, legend.with_note(said), said or None)


def packed(coloured: ColouredMesh) -> bytes:
    """As `packed_arrays` lays it out: positions, normals times 127, colours, faces."""
    fields: dict[str, Any] = {
        "vertices": len(coloured.vertices.metres),
        "faces": len(coloured.faces),
        "legend": None if coloured.legend is None else vars(coloured.legend),
        "note": coloured.note,
    }
    arrays = {
        "positions": coloured.vertices.metres,
        "normals": np.rint(coloured.vertices.normals * 127).astype(np.int8),
        "colours": coloured.colours,
        "faces": coloured.faces.astype(np.uint32),
    }
    return packed_arrays(fields, arrays)


def _notes(shown: Mesh, full: Mesh) -> list[str]:
    if len(shown.faces) == len(full.faces):
        return []
    return [f"shown with {len(shown.faces):,} of {len(full.faces):,} faces"]


def _own_colours(mesh: Mesh) -> UInt8[np.ndarray, "v 3"]:
    return mesh.colours if mesh.colours is not None else np.full(mesh.vertices_m.shape, UNCOLOURED, dtype=np.uint8)


def _depth_of(run: InspectedRun, of: str, full: Mesh) -> DepthOf:
    """How a surface is seen: of the run's own mesh that is on disk, of another it is found now, at half the size."""
    if of == "predicted":
        return lambda name: metres_of(run.depth_mm(name, "projected"))
    caster, size_hw = RayCaster(full, threads=1), run.camera.size_hw
    half = run.camera.resized((max(size_hw[0] // 2, 1), max(size_hw[1] // 2, 1)))
    return lambda name: resize_truth(caster.project(half, run.poses[name]), size_hw)


def _finding(run: InspectedRun, colour: str) -> Finding:
    """What a frame says of the vertices that it sees."""

    def error(name: str, seen: Seen) -> Float32[np.ndarray, " n"]:
        truth = metres_of(run.depth_mm(name, "depth"))
        known = truth.valid[seen.rows, seen.columns]
        return np.where(known, seen.z_m - truth.metres[seen.rows, seen.columns], np.float32(np.nan))

    def sigma(name: str, seen: Seen) -> Float32[np.ndarray, " n"]:
        uncertainty = sigma_of(run.read(run.folder.layer("uncertainty", name), read_png16))
        return uncertainty.sigma_m[seen.rows, seen.columns]

    def nothing(name: str, seen: Seen) -> Float32[np.ndarray, " n"]:
        return np.full(len(seen.vertices), np.nan, dtype=np.float32)

    return {"error": error, "uncertainty": sigma, "views": nothing}[colour]


def _colours(found: Means, colour: str) -> tuple[UInt8[np.ndarray, "v 3"], Legend]:
    """In the colours that the quantity has everywhere; grey where nothing is known."""
    values, known = found.values[None], np.isfinite(found.values)[None]
    if colour == "error":
        legend = Legend("mean error over the frames that see it", "m", -ERROR_LIMIT_M, ERROR_LIMIT_M, ERROR_MAP)
        picture = error_picture(values, known, ERROR_LIMIT_M)
    elif colour == "uncertainty":
        legend = Legend("mean sigma over the frames that see it", "m", 0.0, SIGMA_LIMIT_M, AMOUNT_MAP)
        picture = amount_picture(values, SIGMA_LIMIT_M)
    else:
        known = (found.frames > 0)[None]
        legend = Legend("frames that see it", "frames", 0.0, float(max(found.frames.max(initial=0), 1)), DEPTH_MAP)
        picture = depth_picture(found.frames[None].astype(np.float64), known, DepthRange(0.0, legend.high))
    return np.where(known[0][:, None], picture[0], np.array(UNSEEN, dtype=np.uint8)), legend
