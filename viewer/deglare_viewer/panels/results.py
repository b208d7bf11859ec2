"""The tab of tables: what was measured of a run, what the shipped networks reach, and what the paper printed."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import gradio as gr

from deglare.errors import DeglareError
from deglare.evaluation.published import PublishedTable, published
from deglare.evaluation.report import Row
from deglare.evaluation.runs import REGIONS, RunReport
from deglare_viewer.panels.experiment import build_experiment
from deglare_viewer.panels.parts import own_element
from deglare_viewer.panels.training import build_trainings
from deglare_viewer.tables import EMPTY, Cell, Column, table_json

if TYPE_CHECKING:
    from deglare_viewer.panels.panel import Studio

SHOWN = ("abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3", "bias")
HEADS = {
    "abs_rel": Column("Abs Rel", "mean of |error| / truth"),
    "sq_rel": Column("Sq Rel", "mean of error² / truth (m)"),
    "rmse": Column("RMSE", "root of the mean of error² (m)"),
    "rmse_log": Column("RMSE log", "the same of the logarithm"),
    "delta1": Column("δ1", "share of pixels within a factor of 1.25"),
    "delta2": Column("δ2", "share of pixels within a factor of 1.25²"),
    "delta3": Column("δ3", "share of pixels within a factor of 1.25³"),
    "bias": Column("bias", "mean error, + is too far (m)", 3, True),
}
NO_REPORT = (
    "This run has no report.json: it has no true depth, or deglare label was run with --no-report. "
    "The Inspect tab says what there is to say without truth."
)
APART = (
    "Measured under the protocol **{own}** on other frames than the paper's, with other networks: compare how the rows "
    "of one table differ, not numbers across the two."
)
ALIKE = (
    "The protocol **{own}** measures as the paper's tables do. Numbers are comparable where the frames and the "
    "training data are the same too: see the hash of the frames in the protocol card."
)


class Results:
    """Numbers with their protocol, beside those of the paper."""

    title = "Results"
    upload_bytes = 0

    def build(self, studio: Studio) -> None:
        """Two tables side by side, and the cards below them."""
        with gr.Row(equal_height=False, elem_classes="dg-below"):
            with gr.Column(scale=1, min_width=680):
                gr.HTML("<h3>this run</h3>")
                region = gr.Radio(
                    [], show_label=False, container=False, elem_id="dg-region", elem_classes="dg-segments"
                )
                own = own_element("attachTable", "dg-table", EMPTY, elem_id="dg-own")
                said = gr.Markdown(elem_classes="dg-quiet", elem_id="dg-compared")
                with gr.Accordion("protocol", open=False):
                    card = gr.Code(show_label=False, language=None, interactive=False, container=False)
            with gr.Column(scale=1, min_width=680):
                gr.HTML("<h3>the paper</h3>")
                tables = [(table.title, table.id) for table in published().tables]
                which = gr.Dropdown(tables, value=tables[0][1], show_label=False, container=False, elem_id="dg-which")
                printed = own_element(
                    "attachTable", "dg-table", printed_rows(published().tables[0]), elem_id="dg-paper"
                )
                gr.Markdown(f"{published().source}.", elem_classes="dg-quiet")
        build_experiment()
        build_trainings(studio)
        with gr.Accordion("the networks that ship: how they were trained, and what they reach", open=False):
            gr.Markdown(cards(), elem_id="dg-cards")

        def show(id: str | None) -> Any:
            regions, rows, sentence, protocol = shown(studio, id, None)
            return gr.Radio(regions, value=next(iter(regions), None)), rows, sentence, protocol

        def cut(id: str | None, region: str | None) -> Any:
            return shown(studio, id, region)[1]

        quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        studio.on_run(show, [studio.run], [region, own, said, card], show_progress="hidden")
        region.input(cut, [studio.run, region], [own], **quietly)
        which.input(lambda id: printed_rows(published().table(id)), [which], [printed], **quietly)


def shown(studio: Studio, id: object, region: object) -> tuple[list[str], str, str, str]:
    """Regions, the table of one of them, how it compares, and the protocol card of a run's report."""
    try:
        report = report_of(studio, id)
    except DeglareError as error:
        return [], json.dumps(EMPTY), studio.table.said(error), ""
    first = next(iter(report.layers.values()))
    regions = [name for name in REGIONS if name in first.regions]
    rows = own_rows(report, region if region in regions else regions[0])
    said = (ALIKE if published().comparable(first.protocol.name) else APART).format(own=first.protocol.name)
    return regions, rows, said, first.protocol.card()


def report_of(studio: Studio, id: object) -> RunReport:
    """The report that lies in a run."""
    run = studio.table.run(id)
    if not run.folder.report.is_file():
        raise DeglareError(NO_REPORT)
    return RunReport.read(run.folder.report)


def own_rows(report: RunReport, region: object) -> str:
    """Layers down, metrics across; a number says its interval and what it is over when a hand rests on it."""
    metrics = [name for name in SHOWN if name in next(iter(report.layers.values())).metrics]
    rows: list[list[Cell]] = [
        [layer, *(with_company(one.row(str(region), metric)) for metric in metrics)]
        for layer, one in report.layers.items()
        if region in one.regions
    ]
    return table_json([Column("depth"), *(HEADS[metric] for metric in metrics)], rows)


def with_company(row: Row) -> tuple[float, str]:
    """A number, and what must be known before it is believed."""
    interval = "" if row.low is None or row.high is None else f"95 %: {row.low:.4f} to {row.high:.4f}; "
    return row.value, f"{interval}{row.region}, {row.pixels:,} pixels of {row.frames} frames, {row.scenes} scene(s)"


def printed_rows(table: PublishedTable) -> str:
    """One table of the paper."""
    heads = [Column("network"), Column("training"), *(HEADS[metric] for metric in published().metrics)]
    rows: list[list[Cell]] = [
        [row.network, row.training, *(row.values[metric] for metric in published().metrics)] for row in table.rows
    ]
    return table_json(heads, rows)


def cards() -> str:
    """The model cards that lie beside the weights."""
    return (files("deglare.samples") / "weights" / "README.md").read_text("utf-8").replace("# The", "### The", 1)
