"""The experiment that ships, in the tab of tables: every way to train, and what it came to on rooms nobody had seen."""

from __future__ import annotations

from typing import Any

import gradio as gr

from deglare.experiments.records import Record
from deglare.experiments.sheets import HEADS, Line, Recorded, shipped_experiment
from deglare_viewer.panels.parts import own_element
from deglare_viewer.tables import Cell, Column, table_json

SIGNED = "bias"


def build_experiment() -> None:
    """A chooser of sheets, the sheet, and how it came about; nothing where no experiment ships."""
    recorded = shipped_experiment()
    sheets = {} if recorded is None else recorded.sheets()
    if recorded is None or not sheets:
        return
    with gr.Accordion("3D Distillation, done again on rendered rooms: ours, one beside the other"):
        names = list(sheets)
        which = gr.Dropdown(names, value=names[0], show_label=False, container=False, elem_id="dg-sheet")
        table = own_element("attachTable", "dg-table", sheet_json(sheets[names[0]]), elem_id="dg-experiment")
        gr.Markdown(claims_of(recorded), elem_classes="dg-quiet", elem_id="dg-experiment-claims")
        with gr.Accordion("how it was made", open=False):
            gr.Markdown(facts_of(recorded), elem_classes="dg-quiet")
        quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        which.input(lambda name: sheet_json(sheets.get(name, [])), [which], [table], **quietly)


def sheet_json(lines: list[Line]) -> str:
    """Ways down, numbers across; each says its interval when a hand rests on it."""
    numbers = [Column(head.title, head.hint, 3, head.metric == SIGNED) for head in HEADS]
    rows: list[list[Cell]] = [[line.network, line.title, *map(with_interval, line.cells)] for line in lines]
    return table_json([Column("network"), Column("trained by"), *numbers], rows)


def with_interval(record: Record | None) -> Cell:
    """The number, and what it is over."""
    if record is None:
        return None
    interval = "" if record.low is None or record.high is None else f"95 %: {record.low:.4f} to {record.high:.4f}; "
    paper = "" if record.paper is None else f"; the paper, on its own data, {record.paper:.3f}"
    return record.mean, f"{interval}{record.scenes} scenes, {record.seeds} seed(s){paper}"


def claims_of(recorded: Recorded) -> str:
    """What was claimed, and what came out on each split."""
    verdicts: dict[str, list[str]] = {}
    for claim in recorded.claims:
        verdicts.setdefault(claim["text"], []).append(f"**{claim['verdict']}** on {claim['split']}")
    return "\n".join(f"- {', '.join(found)}: {text}" for text, found in verdicts.items())


def facts_of(recorded: Recorded) -> str:
    """The command, the data, and what labels are made of."""
    return "\n".join(f"- {name}: {text}" for name, text in recorded.facts.items())
