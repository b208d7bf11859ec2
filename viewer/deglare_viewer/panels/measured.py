"""How wrong a run is: error by region, material, distance and angle, and frame by frame, the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from deglare_viewer.panels.parts import UNHEARD, own_element, reported, told
from deglare_viewer.plots import AXES, error_bars
from deglare_viewer.tables import EMPTY, Column, table_json

if TYPE_CHECKING:
    from deglare_viewer.panels.panel import Studio

Found = Mapping[str, Any]
"""A breakdown, as JSON."""

COLUMNS = {
    "predicted/abs_rel/reflective": Column("reflective", "Abs Rel of predicted depth on reflective pixels"),
    "fused/abs_rel/reflective": Column("→ labels", "Abs Rel of the labels there"),
    "predicted/bias/highlight": Column("highlight", "bias of predicted depth in highlights, + is too far (m)", 2, True),
    "fused/bias/highlight": Column("→ labels", "bias of the labels there (m)", 2, True),
    "predicted/abs_rel/all": Column("all", "Abs Rel of predicted depth on all pixels"),
}
"""Columns of the table of frames, where there is truth; it is sorted by the first."""
UNSURE = {
    "sigma_m": Column("sigma (m)", "how far the teachers lie apart, median"),
    "moved_m": Column("moved (m)", "how far labels lie from the prediction, mean"),
}
"""And where there is none."""


def build_measured(studio: Studio) -> None:
    """The plot, the table of frames, and the protocol beside them; made when somebody scrolls there."""
    with gr.Row(equal_height=False, elem_classes="dg-below"):
        with gr.Column(scale=3, min_width=480):
            gr.HTML("<h3>where it is wrong</h3>")
            sight = own_element("attachSight", "dg-sight", "")
            with gr.Row(elem_classes="dg-choices"):
                by = gr.Radio([], show_label=False, container=False, elem_id="dg-by", elem_classes="dg-segments")
                metric = gr.Radio(
                    METRICS, value="abs_rel", show_label=False, container=False, elem_classes="dg-segments"
                )
            plot = gr.Plot(show_label=False, container=False, elem_id="dg-breakdown", visible="hidden")
            note = gr.Markdown(COMPARING, elem_classes="dg-quiet", elem_id="dg-measured", min_height=72)
            with gr.Accordion("protocol", open=False):
                card = gr.Code(show_label=False, language=None, interactive=False, container=False)
        with gr.Column(scale=2, min_width=420):
            gr.HTML("<h3>worst frames first</h3>")
            frames = own_element("attachTable", "dg-table", EMPTY, elem_id="dg-frames", elem_classes="dg-scroll")

    async def measure(id: str | None, progress: gr.Progress = UNHEARD) -> Any:
        with told(studio.table):
            found = await studio.reading.measured(id, reported(progress, "comparing with the truth")) if id else NOTHING
        names = [table["by"] for table in found["tables"]]
        return (
            gr.Radio(names, value=next(iter(names), None)),
            frames_table(found),
            "\n".join(f"- {note}" for note in found["notes"]),
            found["protocol"],
        )

    async def draw(id: str | None, by: str | None, metric: str) -> Any:
        found = await studio.reading.measured(id) if id and by else NOTHING
        table = next((one for one in found["tables"] if one["by"] == by), None)
        return gr.Plot(error_bars(table, metric) if table else None, visible=table is not None)

    studio.on_run(lambda id: id or "", [studio.run], [sight], show_progress="hidden")
    sight.select(measure, [studio.run], [by, frames, note, card], show_progress_on=note, api_visibility="private")
    quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on([by.change, metric.change], draw, [studio.run, by, metric], [plot], **quietly)


METRICS = [(name.split(" (")[0].split(",")[0], metric) for metric, name in AXES.items()]
COMPARING = "Comparing every frame with the truth ..."
NOTHING: Found = {"tables": [], "frames": [], "columns": [], "notes": [], "protocol": ""}


def frames_table(found: Found) -> str:
    """The table of frames, the worst first."""
    known = COLUMNS if found["tables"] else UNSURE
    columns = [column for column in known if column in found["columns"]]
    rows = [[one["name"], *(value_of(one, column) for column in columns)] for one in found["frames"]]
    return table_json([Column("frame"), *(known[column] for column in columns)], rows, by=1, leads=True)


def value_of(frame: Mapping[str, Any], column: str) -> float | None:
    """One number of a frame."""
    value: Any = frame
    for key in ("layers", *column.split("/")) if "/" in column else (column,):
        value = value[key]
    return None if value is None else float(value)
