"""Subsets for other people's tools: a list of frames, COCO, PNG masks, CSV.

========  ==========================================================================================================
``list``  the frames of one tag, scene and frame on each line, as the published lists have them; no masks
``coco``  one JSON file: masks as packed runs, a category for each kind of surface, and one for excluded pixels
``png``   a folder: ``frames.csv``, and ``surfaces/SCENE/FRAME.png`` and ``excluded/SCENE/FRAME.png`` of 8 bits whose
          values are 0 and the codes of `deglare.types.Material`, or 255
``csv``   a row a frame, with a column of run lengths for each kind of surface, apart by spaces
========  ==========================================================================================================
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deglare.annotation.masks import SURFACE_CODES
from deglare.annotation.rle import counts_of, packed
from deglare.annotation.subset import Subset, SubsetFrame
from deglare.data.files import write_image, write_json, write_mask, write_text
from deglare.errors import RequestError

Form = Literal["list", "coco", "png", "csv"]
FORMS: tuple[Form, ...] = ("list", "coco", "png", "csv")

EXCLUDED = "excluded"
EXCLUDED_ID = 100
"""Beyond every code of a surface."""

HEADER = ("scene", "frame", "tag")
COLUMNS = (*HEADER, "height", "width", *SURFACE_CODES, EXCLUDED)
NO_RUNS = "-"
"""In a cell of a frame whose mask does not show that surface; an empty cell says that nobody drew."""


def export_subset(subset: Subset, out: Path, form: str, tag: str = "reflective") -> Path:
    """Write a subset in one of `FORMS`.

    Args:
        subset: What is written.
        out: The file, or for ``png`` a folder that is not there yet or empty.
        form: One of `FORMS`.
        tag: For ``list``: whose frames are listed.
    """
    if form not in FORMS:
        raise RequestError(f"there is no form '{form[:40]}': choose {', '.join(FORMS)}")
    if not subset.frames:
        raise RequestError("nothing is annotated yet: tag or paint a frame before you export")
    if form == "list":
        return _write_list(subset, out, tag)
    writers: dict[str, Callable[[Subset, Path], Path]] = {"coco": _write_coco, "png": _write_png, "csv": _write_csv}
    return writers[form](subset, out)


def _write_list(subset: Subset, out: Path, tag: str) -> Path:
    frames = subset.tagged(tag).frames
    if not frames:
        raise RequestError(f"no frame is tagged {tag}: tag some, or name another tag")
    write_text(out, "".join(f"{one.scene} {one.frame}\n" for one in frames))
    return out


def _write_coco(subset: Subset, out: Path) -> Path:
    categories = [{"id": code, "name": name, "supercategory": "reflective"} for name, code in SURFACE_CODES.items()]
    images, marks = [], list[dict[str, Any]]()
    for number, one in enumerate(subset.frames, start=1):
        height, width = one.size_hw or (0, 0)
        said = {"tag": one.tag, "has_mask": one.surfaces is not None}
        named = {"id": number, "file_name": one.name, "scene": one.scene, "frame": one.frame}
        images.append(named | {"height": height, "width": width} | said)
        for code, mask in _parts(one):
            marks.append({"id": len(marks) + 1, "image_id": number, "category_id": code} | _segment(mask))
    info = {"description": "reflective surfaces, marked with deglare", "subset_sha256": subset.sha256}
    categories.append({"id": EXCLUDED_ID, "name": EXCLUDED, "supercategory": "truth not to be scored"})
    write_json(out, {"info": info, "images": images, "annotations": marks, "categories": categories})
    return out


def _write_png(subset: Subset, out: Path) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RequestError(f"{out} is in the way: name a folder that is not there yet")
    for one in subset.frames:
        if one.surfaces is not None:
            write_image(out / "surfaces" / one.scene / f"{one.frame}.png", one.surfaces)
        if one.excluded is not None:
            write_mask(out / EXCLUDED / one.scene / f"{one.frame}.png", one.excluded)
    rows = [[one.scene, one.frame, one.tag or ""] for one in subset.frames]
    write_text(out / "frames.csv", _csv(HEADER, rows))
    write_json(out / "subset.json", {"subset_sha256": subset.sha256})
    return out


def _write_csv(subset: Subset, out: Path) -> Path:
    write_text(out, _csv(COLUMNS, [_row(one) for one in subset.frames]))
    return out


def _row(one: SubsetFrame) -> list[str]:
    parts = dict(_parts(one))
    runs = {code: " ".join(map(str, counts_of(mask).tolist())) for code, mask in parts.items()}
    drawn = NO_RUNS if one.surfaces is not None else ""
    size = ("", "") if one.size_hw is None else tuple(map(str, one.size_hw))
    cells = [runs.get(code, drawn) for code in SURFACE_CODES.values()]
    return [one.scene, one.frame, one.tag or "", *size, *cells, runs.get(EXCLUDED_ID, "")]


def _parts(one: SubsetFrame) -> list[tuple[int, np.ndarray]]:
    """Masks by category, those with a pixel."""
    codes = [] if one.surfaces is None else [int(code) for code in np.unique(one.surfaces) if code]
    parts = [(code, one.surfaces == code) for code in codes]
    return parts if one.excluded is None else [*parts, (EXCLUDED_ID, one.excluded)]


def _segment(mask: np.ndarray) -> dict[str, Any]:
    """COCO's fields of one mask; its box is x, y, width, height."""
    rows, columns = np.nonzero(mask)
    box = [0, 0, 0, 0]
    if len(rows):
        left, top = int(columns.min()), int(rows.min())
        box = [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1]
    runs = {"size": list(mask.shape), "counts": packed(counts_of(mask))}
    return {"segmentation": runs, "area": len(rows), "bbox": box, "iscrowd": 0}


def _csv(header: tuple[str, ...], rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()
