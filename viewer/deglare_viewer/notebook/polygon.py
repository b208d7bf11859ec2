"""A polygon on a picture, drawn by hand in a notebook."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path

import anywidget
import traitlets

from deglare.pictures import Picture, png_bytes
from deglare_viewer.notebook.bundling import bundle

_HERE = Path(str(files("deglare_viewer"))) / "notebook"


class PolygonDrawing(anywidget.AnyWidget):
    """A click adds a corner, a drag moves one, a double click on a corner removes it.

    Args:
        picture: What is drawn on.
        points: Corners to begin with: ``[x, y]`` in pixels, whose centres are at whole numbers.
    """

    _esm = bundle(_HERE / "polygon.js")
    _css = (_HERE / "polygon.css").read_text("utf-8")
    _picture = traitlets.Unicode().tag(sync=True)
    _size_hw = traitlets.List().tag(sync=True)
    points = traitlets.List().tag(sync=True)
    """Corners as they are now; set them, and the drawing follows."""

    def __init__(self, picture: Picture, points: list[list[float]] | None = None) -> None:
        shown = base64.b64encode(png_bytes(picture)).decode()
        super().__init__(
            _picture=f"data:image/png;base64,{shown}", _size_hw=list(picture.shape[:2]), points=points or []
        )
