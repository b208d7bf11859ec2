"""deglare: monocular depth on reflective surfaces.

The names below are imported when they are first used, so that ``import deglare`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deglare.data.check import check_sequence as check
    from deglare.data.opening import open_sequence
    from deglare.data.preparing import prepare_triples as prepare
    from deglare.evaluation.comparing import evaluate
    from deglare.footage.pipeline import video
    from deglare.fusion.labelling import label
    from deglare.networks.teachers import load_model
    from deglare.samples import open_sample, sample_scene_path

__version__ = "0.1.0"

__all__ = [
    "check",
    "evaluate",
    "label",
    "load_model",
    "open_sample",
    "open_sequence",
    "prepare",
    "sample_scene_path",
    "video",
]

_HOMES = {
    "check": ("deglare.data.check", "check_sequence"),
    "evaluate": ("deglare.evaluation.comparing", "evaluate"),
    "label": ("deglare.fusion.labelling", "label"),
    "load_model": ("deglare.networks.teachers", "load_model"),
    "open_sample": ("deglare.samples", "open_sample"),
    "open_sequence": ("deglare.data.opening", "open_sequence"),
    "prepare": ("deglare.data.preparing", "prepare_triples"),
    "sample_scene_path": ("deglare.samples", "sample_scene_path"),
    "video": ("deglare.footage.pipeline", "video"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'deglare' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
