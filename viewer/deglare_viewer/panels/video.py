"""The tab on which visitors bring a clip of their own: it lives in the page, and asks the routes of the clips.

Which clips are whose is known to the browsers alone, which keep their ids; nothing here lists them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from deglare.errors import RequestError
from deglare_viewer.films.film import MOST_SECONDS, SUFFIXES
from deglare_viewer.films.filming import UnknownFilmError
from deglare_viewer.panels.parts import choices_of, own_element, told

if TYPE_CHECKING:
    from deglare_viewer.films.filming import Filming
    from deglare_viewer.panels.panel import Studio

NAMED = "(_, run) => [localStorage.getItem('deglare.films') ?? '', run]"
"""Hands over what this browser keeps (`static/films.js`) instead of the element's value."""

MOST_OWN = 32
"""Clips that one browser may name at once."""
LONGEST_KEPT = 4000


class Video:
    """From a clip without poses to depth, cameras, a mesh and labels."""

    title = "Video"
    upload_bytes = 0  # clips come through a route of their own, which writes them to their place

    def build(self, studio: Studio) -> None:
        """Place the element; a run that it leads to goes into the chooser and is opened on the Inspect tab."""
        films = studio.films
        if films is None:
            raise RequestError("visitors can bring no clips here: leave the panel out")
        said = {"suffixes": SUFFIXES, "seconds": MOST_SECONDS, "kept": films.kept_for, "bytes": films.most_bytes}
        element = own_element("attachFilms", "dg-films", said, elem_id="dg-films")

        def look(event: gr.EventData) -> Any:
            with told(studio.table):
                asked = event._data if isinstance(event._data, dict) else {}
                run = films.open(asked.get("id"))
                own = own_runs(films, asked.get("ids"))
                return gr.Dropdown(choices_of(studio.table, dict.fromkeys([*own, run])), value=run), gr.Tabs(
                    selected="inspect"
                )

        def know(named: str, run: str | None) -> gr.Dropdown:
            choices = choices_of(studio.table, own_runs(films, ids_in(named)))
            ids = [id for _, id in choices]
            return gr.Dropdown(choices, value=run if run in ids else next(iter(ids), None))

        quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        both: Any = [element, studio.run]
        element.select(look, None, [studio.run, studio.tabs], **quietly)
        element.input(know, both, [studio.run], js=NAMED, **quietly)
        studio.opened.then(know, both, [studio.run], js=NAMED, **quietly)


def ids_in(kept: object) -> object:
    """The ids in what a browser keeps, whatever it sends; nothing here is believed before it is looked up."""
    if not isinstance(kept, str) or len(kept) > LONGEST_KEPT:
        return None
    try:
        found = json.loads(kept)
    except (ValueError, RecursionError):
        return None
    return found.get("ids") if isinstance(found, dict) else None


def own_runs(films: Filming, ids: object) -> list[str]:
    """Runs of the clips that a browser names, as far as they can be looked at."""
    found = []
    for id in ids[:MOST_OWN] if isinstance(ids, list) else []:
        try:
            found.append(films.open(id))
        except (RequestError, UnknownFilmError):
            continue
    return list(dict.fromkeys(found))
