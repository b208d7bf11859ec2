"""The sample scene that the package ships: a room with a polished floor that mirrors a window.

Made by ``python -m deglare.samples``; the same line makes the same files again. Its seed was picked by looking at a
dozen rooms, for a highlight that is seen from many sides: what fusion does about it shows well. It is an example, not
a measurement; those are made on the splits of rooms-v1, which are fixed.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from deglare.data.posed_folder import read_posed_folder
from deglare.types import Sequence

SEED = 13
FRAMES, SIZE_HW = 72, (288, 384)


def sample_scene_path() -> Path:
    """The folder of the sample scene, a posed folder with every layer."""
    return Path(str(files("deglare.samples"))) / "room"


def open_sample() -> Sequence:
    """The sample scene as a sequence."""
    return read_posed_folder(sample_scene_path())
