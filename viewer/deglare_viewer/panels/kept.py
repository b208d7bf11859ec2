"""The failures that were kept of a run: each a link that opens the same view again, with a note."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from deglare.errors import DeglareError, RequestError
from deglare_viewer.panels.parts import own_element, told

if TYPE_CHECKING:
    from deglare_viewer.panels.panel import Studio

NOTHING_YET = "Nothing is kept yet. Look at a failure and press k: the view goes into this list, with its address."


def build_kept(studio: Studio, element: gr.HTML) -> None:
    """The list, and what changes it."""
    gr.HTML("<h3>kept failures</h3>")
    shown = own_element("attachKept", "dg-kept", {"items": [], "says": NOTHING_YET}, elem_id="dg-kept")

    def keep(event: gr.EventData) -> str:
        with told(studio.table):
            return with_view(studio, event._data)

    def drop(event: gr.EventData) -> str:
        with told(studio.table):
            return without_view(studio, event._data)

    quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    studio.on_run(lambda id: listed(studio, id), [studio.run], [shown], show_progress="hidden")
    element.select(keep, None, [shown], **quietly)
    shown.input(keep, None, [shown], **quietly)
    shown.clear(drop, None, [shown], **quietly)


def listed(studio: Studio, id: object) -> str:
    """What was kept of a run, as the list takes it; a file that cannot be read is a sentence."""
    from deglare.inspection.failures import kept

    fields: dict[str, Any] = {"items": [], "says": NOTHING_YET, "fixed": studio.is_read_only}
    if not id:
        return json.dumps({**fields, "says": ""})
    try:
        run = studio.table.run(id)
        here = [replace(one, view=replace(one.view, run=str(id))) for one in kept(run)]
    except DeglareError as error:
        return json.dumps({**fields, "says": studio.table.said(error)})
    return json.dumps({**fields, "items": [one.to_json() for one in here], "says": "" if here else NOTHING_YET})


def with_view(studio: Studio, asked: Any) -> str:
    """Keep what a visitor looks at, or put another note to it."""
    from deglare.inspection.failures import keep
    from deglare.inspection.view import View

    require_writable(studio, asked)
    view, note = View.from_json(asked.get("view")), asked.get("note", "")
    if not isinstance(note, str):
        raise RequestError("a note is a text: write one")
    keep(studio.table.run(view.run), view, note)
    return listed(studio, view.run)


def without_view(studio: Studio, asked: Any) -> str:
    """Keep it no longer."""
    from deglare.inspection.failures import drop

    require_writable(studio, asked)
    drop(studio.table.run(asked.get("run")), str(asked.get("id")))
    return listed(studio, asked.get("run"))


def require_writable(studio: Studio, asked: Any) -> None:
    """A `RequestError` where nothing may be changed, or nothing was asked for."""
    if studio.is_read_only:
        raise RequestError("this studio is read-only: failures are kept where it was started without --read-only")
    if not isinstance(asked, dict):
        raise RequestError("nothing was asked for: look at a run first")
