"""The tab on which a run is looked at: the element, what it says in numbers, what was kept of it, and downloads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gradio as gr

from deglare.errors import DeglareError
from deglare_viewer.panels.applying import connect_apply
from deglare_viewer.panels.kept import build_kept
from deglare_viewer.panels.measured import build_measured
from deglare_viewer.panels.parts import message, own_element

if TYPE_CHECKING:
    from deglare_viewer.panels.panel import Studio

SIDE_BY_SIDE = "side by side"


class Inspect:
    """Frames, pixels, thresholds and the mesh live in the element; around it is what needs Python."""

    title = "Inspect"
    upload_bytes = 0

    def build(self, studio: Studio) -> None:
        """Place the element and what stands below it."""

        element = own_element("attachStudio", "dg-mount", {"n": 0}, elem_id="dg-studio")
        studio.on_run(lambda id: message(studio.table, id), [studio.run], [element], show_progress="hidden")
        connect_apply(studio, element)
        build_measured(studio)
        with gr.Row(equal_height=False, elem_classes="dg-below"):
            with gr.Column(scale=3, min_width=480):
                build_kept(studio, element)
            with gr.Column(scale=2, min_width=420):
                gr.HTML("<h3>save what you see</h3>")
                shelf = own_element("attachDownloads", "dg-downloads", [], elem_id="dg-downloads")
        studio.on_run(lambda id: shelf_of(studio, id), [studio.run], [shelf], show_progress="hidden")


def shelf_of(studio: Studio, id: object) -> str:
    """What can be saved of a run; the first choice of each is what is offered."""
    try:
        run = studio.table.run(id)
    except DeglareError:
        return "[]"
    depths = [*(["fused"] if run.has_fused else []), "predicted", "projected"]
    errors = ["error"] if run.has_truth and run.has_fused else []
    labels = [{"title": "labels of every frame", "what": "labels", "choices": {}}] if run.has_fused else []
    layers = {"layer": [*depths, "uncertainty", *(["truth"] if run.has_truth else [])], "format": ["png", "npz"]}
    films = {"layer": [*([SIDE_BY_SIDE] if run.has_fused else []), *depths, *errors, "rgb"], "format": ["mp4", "gif"]}
    surfaces = {"of": ["predicted", *(["fused"] if run.has_fused else [])], "format": ["glb", "ply"]}
    tables = {"of": [*(["regions"] if run.has_truth else []), "frames"]}
    return json.dumps(
        [
            {"title": "depth of this frame", "what": "depth", "choices": layers},
            {"title": "mesh", "what": "mesh", "choices": surfaces},
            *labels,
            {"title": "table of errors", "what": "table", "choices": tables},
            {"title": "clip of the sequence", "what": "clip", "choices": films},
        ]
    )
