"""Writing labels, and masks of what is mined: all on the Inspect tab that changes a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from deglare.errors import RequestError
from deglare.progress import Progress
from deglare_viewer.panels.parts import UNHEARD, message, reported, told
from deglare_viewer.panels.stopping import Stops

if TYPE_CHECKING:
    from deglare.fusion.strategies import Strategy
    from deglare_viewer.panels.panel import Studio
    from deglare_viewer.sessions import Entry

Watched = Callable[[str], Progress]
"""Gives the progress of a stage of that name, which ends it when that is asked for."""

STOPPED = "writing was stopped: the labels are as they were"
MINE = "mine"
"""The kind of a wish for the mask of triplet mining alone; every other is for labels."""


def connect_apply(studio: Studio, element: gr.HTML) -> None:
    """Write labels or masks when the element asks for it, show how far it is, and stop where that is wanted."""
    stops = Stops(STOPPED)
    with gr.Row(elem_id="dg-applying", visible=False) as row:
        said = gr.Markdown(elem_id="dg-said", elem_classes="dg-quiet")
        stop = gr.Button("stop writing", size="sm", variant="stop", scale=0, min_width=120, elem_id="dg-stop")

    def apply(event: gr.EventData, request: gr.Request, progress: gr.Progress = UNHEARD) -> Any:
        with told(studio.table):
            entry, strategy = wanted(studio, event._data)

            def watched(stage: str) -> Progress:
                return stops.watched(request.session_hash, reported(progress, stage))

            done = mined(entry, watched) if strategy is None else written(entry, strategy, watched)
            return done, message(studio.table, entry.id), gr.Button(visible=False)

    def halt(request: gr.Request) -> None:
        stops.stop(request.session_hash)

    quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    element.submit(lambda: (gr.Row(visible=True), "", gr.Button(visible=True)), None, [row, said, stop], **quietly)
    work = element.submit(
        apply, None, [said, element, stop], show_progress_on=said, concurrency_limit=1, api_visibility="private"
    )
    work.failure(lambda: gr.Row(visible=False), None, [row], **quietly)
    stop.click(halt, None, None, **quietly)


def wanted(studio: Studio, asked: Any) -> tuple[Entry, Strategy | None]:
    """The run and the strategy that a visitor asks for, none for the mined mask alone; else a `RequestError`."""
    from deglare.fusion.settings_files import strategy_named

    if studio.is_read_only:
        raise RequestError("this studio is read-only: labels are written where it was started without --read-only")
    if not isinstance(asked, dict):
        raise RequestError("nothing was asked for: choose a strategy first")
    entry = studio.table.entry(asked.get("run"))
    if asked.get("kind") == MINE:
        return entry, None
    base, teacher = entry.run().base, asked.get("teacher")
    if teacher not in (None, base):
        raise RequestError(f"labels mend the depth of {base}, which the mesh was made from: choose it as the teacher")
    name, alpha = asked.get("strategy"), asked.get("alpha")
    if not isinstance(name, str) or not is_threshold(alpha):
        raise RequestError("a strategy is a name and a threshold: choose one of the list")
    return entry, strategy_named(name, None if alpha is None else float(alpha))


def is_threshold(value: Any) -> bool:
    """Whether it is a finite number, or nothing."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))


def written(entry: Entry, strategy: Strategy, watched: Watched) -> str:
    """Write the labels of a run, and say what became of its pixels. What they go by is mined first."""
    from deglare.fusion.relabelling import mine, relabel

    with entry.written() as run:
        if strategy.needs.mask and not run.has_mined:
            mine(run.folder, progress=watched(MINING))
        pixels = relabel(run.folder, strategy, progress=watched("writing labels"))
    total = len(run.names) * run.camera.size_hw[0] * run.camera.size_hw[1]
    shares = (f"{100 * pixels[name] / total:.1f} % {name}" for name in SOURCES if pixels.get(name))
    return f"labels of {len(run.names)} frames are written: {', '.join(shares)}"


def mined(entry: Entry, watched: Watched) -> str:
    """Write the mask of triplet mining, and say how well it finds what is reflective, where that is known."""
    from deglare.fusion.relabelling import mine

    with entry.written() as run:
        found = mine(run.folder, progress=watched(MINING)).get("reflective")
    done = f"reflections of {len(run.names)} frames are mined: pane 9, and three more rules to fuse by"
    if found is None or not found.found or not found.true:
        return done
    return (
        f"{done}; {100 * found.coverage:.1f} % of all pixels, {100 * found.precision:.0f} % of them reflective "
        f"(precision), which is {100 * found.recall:.0f} % of what is reflective (recall)"
    )


SOURCES = ("predicted", "projected", "blended", "dropped")
MINING = "mining reflections"
