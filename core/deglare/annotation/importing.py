"""Subsets from files: those that `deglare.annotation.exporting` writes, and other people's lists and COCO files.

What is read is hostile until parsed: names must be plain, sizes and runs are checked, and a hash that a file states
must be that of what it holds.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from deglare.annotation.actions import Action, exclusion, tag, whole_mask
from deglare.annotation.exporting import COLUMNS, EXCLUDED, EXCLUDED_ID, HEADER, NO_RUNS
from deglare.annotation.masks import SURFACE_CODES, combined
from deglare.annotation.rasters import STEPS, polygon
from deglare.annotation.rle import mask_of, unpacked
from deglare.annotation.store import Annotations
from deglare.annotation.subset import Subset, SubsetFrame
from deglare.data.files import MAX_PIXELS, read_json, read_png8, read_text
from deglare.errors import LabelError

MAX_FRAMES = 1_000_000
BIGGEST_CELL = 64 << 20


def import_subset(path: Path) -> Subset:
    """Read a subset; its form is told by what lies there: a folder, .json, .csv, or a list."""
    if path.is_dir():
        return _read_png(path)
    if path.suffix.lower() == ".json":
        return _read_coco(path)
    return _read_csv(path) if path.suffix.lower() == ".csv" else read_list(path)


def read_list(path: Path, tag: str = "reflective") -> Subset:
    """Frames of one tag, each line a scene and a frame, apart by a space or a slash; ``#`` starts a comment."""
    lines = (line.split("#")[0].replace("/", " ").split() for line in read_text(path).splitlines())
    found = []
    for number, words in enumerate(lines, start=1):
        if len(words) not in (0, 2):
            raise LabelError(f"{path}, line {number} has {len(words)} words: each line is a scene and a frame")
        found += [SubsetFrame(words[0], words[1], tag)] if words else []
    return Subset(tuple(found))


def import_into(annotations: Annotations, annotator: str, subset: Subset, scene: str) -> tuple[str, ...]:
    """Put what a subset says of one scene in place, under an annotator's name; the frames that were not there.

    All of it is kept, or nothing: tags replace tags, masks replace masks as if drawn by hand.
    """
    names, actions, unknown = set(annotations.frames.names), list[tuple[str, Action]](), list[str]()
    for one in (one for one in subset.frames if one.scene == scene):
        if one.frame not in names:
            unknown.append(one.frame)
            continue
        if one.size_hw not in (None, annotations.frames.sizes_hw[one.frame]):
            raise LabelError(
                f"the mask of frame {one.name} is {one.size_hw} but its image is "
                f"{annotations.frames.sizes_hw[one.frame]} pixels: resize the masks"
            )
        found = [None if one.tag is None else tag(one.tag)]
        found += [None if one.surfaces is None else whole_mask(one.surfaces)]
        found += [None if one.excluded is None else exclusion(one.excluded)]
        actions += [(one.frame, action) for action in found if action is not None]
    annotations.do_all(annotator, actions)
    return tuple(unknown)


def _read_coco(path: Path) -> Subset:
    value = read_json(path)
    try:
        info, images, marks = (value[key] for key in ("info", "images", "annotations"))  # type: ignore[index]
        kinds = {int(one["id"]): str(one["name"]) for one in value["categories"]}  # type: ignore[index]
        by_image: dict[int, list[Any]] = {int(image["id"]): [] for image in images}
        for mark in marks:
            by_image[mark["image_id"]].append(mark)
        frames = tuple(_coco_frame(image, by_image[image["id"]], kinds) for image in images)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabelError(f"{path} is no COCO file that can be read ({error!r}): export it again") from error
    return _unchanged(Subset(frames), info.get("subset_sha256") if isinstance(info, dict) else None, path)


def _coco_frame(image: dict[str, Any], marks: list[Any], kinds: dict[int, str]) -> SubsetFrame:
    """Other people's files name an image by its file alone: the folder is the scene, the stem the frame."""
    named = Path(str(image["file_name"]))
    scene, frame = image.get("scene", named.parent.name), image.get("frame", named.stem)
    height, width = int(image["height"]), int(image["width"])
    parts: dict[int, np.ndarray] = {}
    for mark in marks:
        code = _code(kinds[mark["category_id"]])
        mask = _coco_mask(mark["segmentation"], (height, width))
        parts[code] = mask | parts[code] if code in parts else mask
    excluded = parts.pop(EXCLUDED_ID, None)
    drawn = parts or image.get("has_mask", False)
    return SubsetFrame(
        str(scene), str(frame), image.get("tag"), combined(parts, (height, width)) if drawn else None, excluded
    )


def _coco_mask(segment: Any, size_hw: tuple[int, int]) -> np.ndarray:
    """Runs, packed or not, or outlines in COCO's coordinates, where pixel centres lie at halves."""
    if isinstance(segment, dict):
        counts = segment["counts"]
        runs = unpacked(counts) if isinstance(counts, str) else np.array(counts, dtype=np.int64)
        if tuple(segment["size"]) != size_hw:
            raise LabelError(f"a mask of {segment['size']} pixels belongs to an image of {size_hw}")
        return mask_of(runs, size_hw)
    if min(size_hw) < 1 or size_hw[0] * size_hw[1] > MAX_PIXELS:
        raise LabelError(f"outlines need the size of their image, up to {MAX_PIXELS} pixels, not {size_hw}")
    mask = np.zeros(size_hw, dtype=bool)
    for outline in segment:
        points = np.array(outline, dtype=np.float64).reshape(-1, 2) - 0.5
        if not np.all(np.abs(points) < 1e6):  # false for NaN too
            raise LabelError("an outline has a point that lies nowhere: export it again")
        mask |= polygon(np.rint(points * STEPS).astype(np.int64), size_hw)
    return mask


def _read_png(folder: Path) -> Subset:
    frames = []
    for row in _rows(folder / "frames.csv", HEADER):
        one = SubsetFrame(row["scene"], row["frame"], row["tag"] or None)  # before its names are part of a path
        places = [folder / layer / one.scene / f"{one.frame}.png" for layer in ("surfaces", EXCLUDED)]
        surfaces, excluded = (read_png8(place) if place.is_file() else None for place in places)
        if surfaces is not None and not np.isin(surfaces, [0, *SURFACE_CODES.values()]).all():
            raise LabelError(f"{places[0]} has values that are no surface: they are 0 and {SURFACE_CODES}")
        frames.append(SubsetFrame(one.scene, one.frame, one.tag, surfaces, None if excluded is None else excluded > 0))
    stated = read_json(folder / "subset.json") if (folder / "subset.json").is_file() else None
    return _unchanged(Subset(tuple(frames)), stated.get("subset_sha256") if isinstance(stated, dict) else None, folder)


def _read_csv(path: Path) -> Subset:
    return Subset(tuple(_csv_frame(row, path) for row in _rows(path, COLUMNS)))


def _csv_frame(row: dict[str, str], path: Path) -> SubsetFrame:
    scene, frame, tag = row["scene"], row["frame"], row["tag"] or None
    if not row["height"]:
        return SubsetFrame(scene, frame, tag)
    try:
        size_hw = int(row["height"]), int(row["width"])
        runs = {
            code: np.array([int(count) for count in row[name].split()], dtype=np.int64)
            for name, code in (*SURFACE_CODES.items(), (EXCLUDED, EXCLUDED_ID))
            if row[name] not in ("", NO_RUNS)
        }
    except (ValueError, OverflowError) as error:
        raise LabelError(f"{path} is damaged at frame {scene}/{frame}: {error}; export it again") from error
    parts = {code: mask_of(counts, size_hw) for code, counts in runs.items()}
    excluded = parts.pop(EXCLUDED_ID, None)
    drawn = any(row[name] for name in SURFACE_CODES)
    return SubsetFrame(scene, frame, tag, combined(parts, size_hw) if drawn else None, excluded)


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file with just these columns."""
    csv.field_size_limit(BIGGEST_CELL)
    try:
        header, *rows = list(csv.reader(io.StringIO(read_text(path)), strict=True)) or [[]]
    except csv.Error as error:
        raise LabelError(f"{path} is no CSV file that can be read: {error}") from error
    if tuple(header) != columns or any(len(row) != len(columns) for row in rows) or len(rows) > MAX_FRAMES:
        raise LabelError(f"{path} should have the columns {', '.join(columns)}, and a row for each frame")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _code(name: str) -> int:
    if name == EXCLUDED:
        return EXCLUDED_ID
    if name not in SURFACE_CODES:
        raise LabelError(f"category '{name[:40]}' is no surface that mirrors: rename it to {', '.join(SURFACE_CODES)}")
    return SURFACE_CODES[name]


def _unchanged(subset: Subset, stated: object, path: Path) -> Subset:
    if stated is not None and stated != subset.sha256:
        raise LabelError(f"{path} says it is subset {str(stated)[:12]} but holds {subset.sha256[:12]}: it was changed")
    return subset
