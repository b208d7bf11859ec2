"""Frames sorted by reflection, as ScanNet-Reflection is: a rule, and lists on disk."""

from __future__ import annotations

from pathlib import Path

from deglare.data.files import read_json, write_text
from deglare.errors import DataError
from deglare.rooms.shooting import Shot

MANIFEST = "scene.json"
REFLECTION_FROM = 0.02
"""A frame is of the Reflection subset if at least this share of its pixels are highlights ..."""
NO_REFLECTION_BELOW = 0.002
"""... and of NoReflection if fewer than this are. Frames between are in neither."""


def frame_facts(shot: Shot) -> dict[str, object]:
    """What the manifest says about a frame."""
    mask = shot.labels.highlight
    highlight = 0.0 if mask is None else float(mask.mean())
    return {
        "subset": subset_of(highlight),
        "highlight": round(highlight, 6),
        "reflective": round(float(shot.labels.reflective.mean()), 6),
    }


def subset_of(highlight: float) -> str:
    """The subset of a frame with this share of highlight pixels."""
    if highlight >= REFLECTION_FROM:
        return "reflection"
    return "no-reflection" if highlight < NO_REFLECTION_BELOW else "between"


def write_subsets(out: Path) -> dict[str, int]:
    """Lists of frames (``scene frame`` a line) over all scenes in a folder, and how many each holds."""
    lists: dict[str, list[str]] = {"reflection": [], "no-reflection": []}
    for manifest in sorted(out.glob(f"[!.]*/{MANIFEST}")):  # hidden ones are unfinished
        for name, subset in sorted(_subsets_in(manifest).items()):
            if subset in lists:
                lists[subset].append(f"{manifest.parent.name} {name}")
    for subset, lines in lists.items():
        write_text(out / f"{subset}.txt", "".join(f"{line}\n" for line in lines))
    return {subset: len(lines) for subset, lines in lists.items()}


def _subsets_in(manifest: Path) -> dict[str, str]:
    """The subset of every frame of a scene."""
    content = read_json(manifest)
    try:
        return {name: facts["subset"] for name, facts in content["frames"].items()}  # type: ignore[index, call-overload]
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{manifest} is not the manifest of a room: move its folder out of the way") from error
