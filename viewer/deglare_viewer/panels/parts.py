"""What several panels use: the page's own elements in Gradio, progress, and errors as sentences."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import gradio as gr

from deglare.errors import DeglareError
from deglare.progress import Progress

if TYPE_CHECKING:
    from deglare_viewer.sessions import RunTable

MOUNT = """(() => {{
  const gradio = {{element, props, trigger, watch}};
  import('/studio/static/page.js').then((page) => page.{attach}(gradio));
}})();"""
"""Within a function: the names that Gradio gives are parameters, and declaring one anew is a silent blank page."""

UNHEARD = gr.Progress()
"""What Gradio puts its own in place of, in handlers that take a ``progress``."""

NO_RUN = "No run is open. Make one with deglare demo or deglare label, and start deglare app with its folder."


def own_element(attach: str, place: str, value: object, **kwargs: Any) -> gr.HTML:
    """A part of the page that ``static/page.js`` fills.

    Args:
        attach: The function of ``page.js`` that does it.
        place: The class of the empty box that it fills.
        value: Its first value, or that as JSON.
        kwargs: For `gr.HTML`.
    """
    return gr.HTML(
        value if isinstance(value, str) else json.dumps(value),
        html_template=f"<div class='{place}'></div>",
        js_on_load=MOUNT.format(attach=attach),
        apply_default_css=False,
        **kwargs,
    )


def choices_of(table: RunTable, own: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The runs as a chooser shows them, those that cannot be opened marked.

    Args:
        table: All runs.
        own: Ids of those that are not listed and that this visitor knows.
    """
    listed = [*table.listing(), *(one for id in own if (one := table.unlisted(id)) is not None)]
    return [(one.name if one.fault is None else f"{one.name} (cannot be opened)", one.id) for one in listed]


def message(table: RunTable, id: object, view: dict[str, Any] | None = None) -> str:
    """What the element is told: which run, at which version, and where to look. Every message is another one."""
    fields: dict[str, Any] = {"n": time.time_ns(), "run": None, "version": None, "says": None, "view": view or {}}
    if not id:
        return json.dumps({**fields, "says": NO_RUN})
    try:
        return json.dumps({**fields, "run": id, "version": table.run(id).version})
    except DeglareError as error:
        return json.dumps({**fields, "says": f"{error}."})


def reported(progress: gr.Progress, stage: str) -> Progress:
    """Progress as our loops tell it, on the page: the stage by name, how many are done, and the time left."""
    begun = time.monotonic()

    def tell(done: int, total: int) -> None:
        left = (time.monotonic() - begun) * (total - done) / done if done else None
        progress((done, total), desc=stage if left is None else f"{stage}, {in_words(left)} left", unit="frames")

    return tell


def in_words(seconds: float) -> str:
    """A time as one says it."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@contextmanager
def told(table: RunTable) -> Iterator[None]:
    """A mistake that the visitor can mend becomes a message on the page, without the server's paths."""
    try:
        yield
    except DeglareError as error:
        raise gr.Error(table.said(error), print_exception=False, title="that did not work") from error
