"""Predictions on disk: a folder of 16-bit depth PNGs, ours or anyone's, matched to frames by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from deglare.data.files import read_depth, read_text, read_uncertainty
from deglare.data.folders import by_stem, natural_key
from deglare.errors import DataError
from deglare.types import DepthMap, Frame

MILLIMETRE = 0.001
NEAREST_PLAUSIBLE_M = 0.03
"""A frame whose farthest pixel is nearer than this holds metres or centimetres, not millimetres."""


class DepthFolder:
    """Callable: the depth of a frame, or None where the folder has no file of its name."""

    def __init__(self, folder: Path, unit_m: float = MILLIMETRE) -> None:
        self.folder = folder
        self.unit_m = unit_m
        self.files = images_by_name(folder)

    def __call__(self, frame: Frame) -> DepthMap | None:
        """Decode the file that is named like the frame."""
        path = self.files.get(frame.name)
        if path is None:
            return None
        depth = read_depth(path, self.unit_m)
        farthest = float(depth.metres.max(initial=0, where=depth.valid))
        if depth.valid.any() and farthest < NEAREST_PLAUSIBLE_M:
            raise DataError(
                f"the farthest pixel of {path} is {farthest:.3g} m away, so its unit is not {1000 * self.unit_m:g} mm: "
                f"save 16-bit millimetres, or give the unit (--unit-m)"
            )
        return depth


class UncertaintyFolder:
    """Callable: standard deviation in metres of a frame, from 16-bit millimetres (65535 is unknown), or None."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = images_by_name(folder)

    def __call__(self, frame: Frame) -> Float32[np.ndarray, "h w"] | None:
        """Decode the file that is named like the frame; unknown is NaN."""
        path = self.files.get(frame.name)
        return None if path is None else read_uncertainty(path)


def images_by_name(folder: Path) -> dict[str, Path]:
    """PNG files of a folder by the name of their frame; a second ending ``.depth`` is no part of the name."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: give a folder of 16-bit depth PNGs")
    files = by_stem(folder, (".depth.png", ".png"))
    if not files:
        raise DataError(f"{folder} holds no PNG files: depth is one 16-bit PNG a frame, named like the frame")
    return files


def frame_names(path: Path) -> tuple[str, ...]:
    """Names of a subset of frames from a text file, one a line; ``#`` starts a comment.

    A scene and a frame stand apart by a slash or, as the published lists have it, by a space.
    """
    lines = ("/".join(line.split("#")[0].split()) for line in read_text(path).splitlines())
    names = tuple(line for line in lines if line)
    if not names:
        raise DataError(f"{path} names no frames: write scene/frame, scene frame or frame, one a line")
    return names


def scenes_of(predicted: Path, truth: Path) -> list[tuple[str, Path, Path]]:
    """Name, prediction and truth of each scene.

    A prediction folder with PNGs is one scene. A folder of folders is one scene each, with its truth under the same
    name.
    """
    if not predicted.is_dir():
        raise DataError(f"there is no folder {predicted}: give a folder of 16-bit depth PNGs")
    if any(path.suffix.lower() == ".png" for path in predicted.iterdir()):
        return [(truth.stem, predicted, truth)]
    folders = [path for path in predicted.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if not folders:
        raise DataError(f"{predicted} holds neither PNG files nor folders of them")
    folders.sort(key=lambda path: natural_key(path.name))
    lost = [folder.name for folder in folders if not (truth / folder.name).exists()]
    if lost:
        raise DataError(f"{truth} has no '{lost[0]}' one of {len(lost)} scenes of {predicted}: name them alike")
    return [(folder.name, folder, truth / folder.name) for folder in folders]
