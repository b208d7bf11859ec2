"""The tab on which reflective surfaces are marked: it lives in the page, and asks the routes of the annotations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deglare_viewer.panels.parts import message, own_element

if TYPE_CHECKING:
    from deglare_viewer.panels.panel import Studio


class Annotate:
    """Frames are tagged, surfaces painted and carried; every stroke is on the disk before it is called saved."""

    title = "Annotate"
    upload_bytes = 0  # subsets come through a route of their own

    def build(self, studio: Studio) -> None:
        """Place the element, and tell it which run is looked at."""
        element = own_element("attachAnnotate", "dg-annotate", {"n": 0}, elem_id="dg-annotate")

        def follow(id: object) -> str:
            return json.dumps({**json.loads(message(studio.table, id)), "is_read_only": studio.is_read_only})

        studio.on_run(follow, [studio.run], [element], show_progress="hidden")
