"""The tabs of the studio, one file each. A new one is a class with a title and a ``build``, and a line in `PANELS`."""

from deglare_viewer.panels.annotate import Annotate
from deglare_viewer.panels.inspect import Inspect
from deglare_viewer.panels.panel import Panel, Studio
from deglare_viewer.panels.results import Results
from deglare_viewer.panels.video import Video

PANELS: tuple[Panel, ...] = (Inspect(), Video(), Annotate(), Results())
"""In the order of the tabs."""

__all__ = ["PANELS", "Panel", "Studio"]
