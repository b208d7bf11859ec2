"""Parts for notebooks: the studio's element as a widget, and figures that need nothing but matplotlib.

    from deglare_viewer.notebook import Inspector
    Inspector("runs/kitchen")

Names are imported when they are first used: figures do not need what the widget needs.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from deglare.errors import RequestError

if TYPE_CHECKING:
    from deglare_viewer.notebook.figures import breakdown_figure, curves_figure, frame_figure
    from deglare_viewer.notebook.inspector import Inspector
    from deglare_viewer.notebook.polygon import PolygonDrawing
    from deglare_viewer.notebook.worst import worst_frames

os.environ.setdefault("OPEN3D_DISABLE_WEB_VISUALIZER", "true")  # in notebooks Open3D starts a server of its own

__all__ = ["Inspector", "PolygonDrawing", "breakdown_figure", "curves_figure", "frame_figure", "worst_frames"]

_HOMES = {
    "Inspector": "inspector",
    "PolygonDrawing": "polygon",
    "breakdown_figure": "figures",
    "curves_figure": "figures",
    "frame_figure": "figures",
    "worst_frames": "worst",
}
_FROM_EXTRA = ("anywidget", "ipywidgets", "traitlets")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'deglare_viewer.notebook' has no attribute '{name}'")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in _FROM_EXTRA:
            raise
        raise RequestError(f"{name} needs {error.name}: pip install 'deglare[notebooks]', and restart") from error


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
