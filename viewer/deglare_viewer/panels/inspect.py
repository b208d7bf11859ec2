"""The tab on which a run is looked at: the element, what it says in numbers, what was kept of it, and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from deglare_viewer.panels.applying import connect_apply
from deglare_viewer.panels.kept import build_kept
from deglare_viewer.panels.measured import build_measured
from deglare_viewer.panels.parts import message, own_element

if TYPE_CHECKING:
    from deglare_viewer.panels.panel import Studio

LAYERS = ["fused", "predicted", "projected", "uncertainty", "truth"]
DOWNLOADS = [
    {"title": "depth of this frame", "what": "depth", "choices": {"layer": LAYERS, "format": ["png", "npz"]}},
    {"title": "mesh", "what": "mesh", "choices": {"of": ["predicted", "fused"], "format": ["glb", "ply"]}},
    {"title": "labels of every frame", "what": "labels", "choices": {}},
    {"title": "table of errors", "what": "table", "choices": {}},
    {"title": "clip of the sequence", "what": "clip", "choices": {"layer": LAYERS[:3], "format": ["mp4", "gif"]}},
]
"""What can be saved; the first choice of each is what is offered."""


class Inspect:
    """Frames, pixels, thresholds and the mesh live in the element; around it is what needs Python."""

    title = "Inspect"
    upload_bytes = 0

    def build(self, studio: Studio) -> None:
        """Place the element and what stands below it."""

        element = own_element("attachStudio", "dg-mount", {"n": 0}, elem_id="dg-studio")
        studio.on_run(lambda id: message(studio.table, id), [studio.run], [element], show_progress="hidden")
        connect_apply(studio, element)
        build_measured(studio, element)
        with gr.Row(equal_height=False, elem_classes="dg-below"):
            with gr.Column(scale=3, min_width=480):
                build_kept(studio, element)
            with gr.Column(scale=2, min_width=420):
                gr.HTML("<h3>save what you see</h3>")
                own_element("attachDownloads", "dg-downloads", DOWNLOADS)
