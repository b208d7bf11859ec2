"""Open any sequence by looking at what lies there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deglare.data.convention import require_convention, require_depth_unit
from deglare.data.folders import folders_below
from deglare.data.image_folder import looks_like_image_folder, read_image_folder
from deglare.data.posed_folder import looks_like_posed_folder, read_posed_folder
from deglare.data.run_folder import looks_like_run, read_run
from deglare.data.scannet import looks_like_scannet, read_scannet
from deglare.data.sens import looks_like_sens, read_sens
from deglare.data.seven_scenes import looks_like_seven_scenes, read_seven_scenes
from deglare.data.tum import looks_like_tum, read_tum
from deglare.errors import DataError, RequestError
from deglare.types import Sequence


@dataclass(frozen=True)
class Format:
    """How one format is recognised and read."""

    looks_like: Callable[[Path], bool]
    read: Callable[[Path], Sequence]
    signs: str
    """What is looked for, for the message to someone whose folder is not recognised."""


FORMATS: dict[str, Format] = {
    "run": Format(looks_like_run, read_run, "run.json"),
    "posed-folder": Format(looks_like_posed_folder, read_posed_folder, "color/ with poses.txt or pose/"),
    "scannet": Format(looks_like_scannet, read_scannet, "color/ with pose/ and intrinsic/, or sensor_data/"),
    "sens": Format(looks_like_sens, read_sens, "one .sens file"),
    "7-scenes": Format(looks_like_seven_scenes, read_seven_scenes, "frame-*.color.png with frame-*.pose.txt"),
    "tum": Format(looks_like_tum, read_tum, "rgb.txt with groundtruth.txt"),
}
PLAIN_IMAGES = Format(looks_like_image_folder, read_image_folder, "images alone")
"""Asked last: nearly every format, and many a folder of sequences, has images somewhere."""

ALL_FORMATS: dict[str, Format] = {**FORMATS, "image-folder": PLAIN_IMAGES}


def open_sequence(path: str | Path, format: str = "auto") -> Sequence:
    """Open the sequence at ``path``; images are decoded when asked for.

    Poses are compared with depth on a few pairs of frames, where there are both: a sequence whose poses are plainly
    in another convention, or whose depth is in another unit, is refused.

    Args:
        path: A folder, or a ``.sens`` file.
        format: A name of `ALL_FORMATS`, or "auto" to look.
    """
    path = Path(path)
    if format not in ("auto", *ALL_FORMATS):
        raise RequestError(f"there is no format '{format}': choose auto, {', '.join(ALL_FORMATS)}")
    if not path.exists():
        raise RequestError(f"there is no {path}: check the spelling")
    sequence = ALL_FORMATS[format if format != "auto" else _only_format(path)].read(path)
    require_depth_unit(sequence)
    require_convention(sequence)
    return sequence


def find_sequences(path: str | Path) -> list[Path]:
    """``path`` itself where it is a sequence, else the sequences right below it, in natural order."""
    path = Path(path)
    return [path] if formats_of(path) else _sequences_below(path) or [path]


def formats_of(path: Path) -> list[str]:
    """Names of the formats that ``path`` could be, plain images left out."""
    return [name for name, known in FORMATS.items() if known.looks_like(path)]


def _only_format(path: Path) -> str:
    found = formats_of(path)
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{path} could be {' or '.join(found)}: say which with format= (--format)")
    below = _sequences_below(path)
    if below:
        names = ", ".join(p.name for p in below[:5]) + (" ..." if len(below) > 5 else "")
        raise DataError(f"{path} holds several sequences ({len(below)}: {names}): name one of them")
    if PLAIN_IMAGES.looks_like(path):
        return "image-folder"
    looked_for = "; ".join(f"{known.signs} ({name})" for name, known in ALL_FORMATS.items())
    raise DataError(f"{path} is no sequence that can be read; looked for: {looked_for}")


def _sequences_below(path: Path) -> list[Path]:
    return [folder for folder in folders_below(path) if formats_of(folder)]
