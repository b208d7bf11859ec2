"""The studio's Inspect tab as a widget: the same element, fed by the kernel."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import anywidget
import traitlets

from deglare.errors import DeglareError, RequestError
from deglare.inspection.failures import Failure, keep, kept
from deglare.inspection.run import InspectedRun
from deglare.inspection.view import View
from deglare_viewer.notebook.answering import Answer, Desk
from deglare_viewer.notebook.bundling import bundle
from deglare_viewer.sessions import RunTable

Looked = View | Failure | Mapping[str, Any] | str
"""A view as anybody may have it: an object, a kept failure, a record, a permalink or its query."""

_PACKAGE = Path(str(files("deglare_viewer")))
_OPEN: WeakSet[Inspector] = WeakSet()


class Inspector(anywidget.AnyWidget):
    """Frames, linked panes, a point's report, the loss along its ray, thresholds, the mesh; ``?`` lists the keys.

    It only looks: nothing of the run is written but the failures that are kept.

    Args:
        run: The folder of a run, or a run that is open already.
        others: Runs that it can be compared with.
        view: What to look at first; the worst pixel of the worst frame if not given.
    """

    _esm = bundle(_PACKAGE / "notebook" / "widget.js")
    _css = (_PACKAGE / "static" / "studio.css").read_text("utf-8") + (_PACKAGE / "notebook" / "widget.css").read_text(
        "utf-8"
    )
    _run = traitlets.Unicode().tag(sync=True)
    _view = traitlets.Dict().tag(sync=True)

    def __init__(
        self, run: Path | str | InspectedRun, *others: Path | str | InspectedRun, view: Looked | None = None
    ) -> None:
        table = RunTable()
        id, *_ = [table.add(_root(one)) for one in (run, *others)]
        self._table, self._desk = table, Desk(table)
        opened = table.run(id)  # a run that cannot be opened is refused here, in one sentence
        super().__init__(_run=id, _view={} if view is None else _said(_view_of(view, id, opened)))
        self.on_msg(self._hear)
        _OPEN.add(self)

    @property
    def run(self) -> InspectedRun:
        """The run as it stands on disk now."""
        return self._table.run(self._run)

    @property
    def view(self) -> View:
        """What is looked at: the same as in the studio's address. Set it, and the widget goes there."""
        return View.from_json({"run": self._run, **self._view})

    @view.setter
    def view(self, value: Looked) -> None:
        self._view = _said(_view_of(value, self._run, self.run))

    @property
    def permalink(self) -> str:
        """The view as the end of an address: of the studio's, or an argument of another `Inspector`."""
        return f"?{self.view.to_query()}"

    @property
    def kept(self) -> list[Failure]:
        """Failures that were kept of this run, here or in the studio, first to last."""
        return kept(self.run)

    def keep(self, note: str = "") -> Failure:
        """Keep what is looked at now among the run's failures."""
        return keep(self.run, self.view, note)

    def close(self) -> None:
        """Take it off the page and let go of its threads."""
        desk = getattr(self, "_desk", None)  # ipywidgets closes a widget, too, that was never made whole
        if desk is not None:
            desk.close()
        super().close()

    def _hear(self, _: object, message: Mapping[str, Any], buffers: object) -> None:
        match message:
            case {"kind": "ask", "n": str(number), "run": run, "what": what, "query": query}:
                self._desk.take(number, run, what, query, lambda answer: self._reply(number, answer))
            case {"kind": "leave", "n": str(number)}:
                self._desk.leave(number)
            case {"kind": "keep", "view": view}:
                self._keep(view, message.get("note", ""))

    def _keep(self, view: object, note: object) -> None:
        try:
            keep(self.run, View.from_json(view), str(note))
        except DeglareError as error:
            self.send({"kind": "say", "text": self._table.said(error)})

    def _reply(self, number: str, answer: Answer) -> None:
        if answer.error is not None:
            self.send({"kind": "refusal", "n": number, "error": answer.error, "status": answer.status})
        elif answer.body is not None:
            self.send({"kind": "answer", "n": number}, [answer.body])
        else:
            self.send({"kind": "answer", "n": number, "value": answer.value})


def _root(run: Path | str | InspectedRun) -> Path:
    if isinstance(run, InspectedRun):
        return run.root
    if not Path(run).is_dir():
        raise RequestError(f"there is no folder {run}: name the folder of a run, as deglare label writes them")
    return Path(run)


def _view_of(value: Looked, id: str, run: InspectedRun) -> View:
    """A view of this run, whatever the run was called where the view was kept."""
    match value:
        case Failure(view=view) | (View() as view):
            found = view
        case str():
            found = View.from_query(urlsplit(value).query if "?" in value else value, run=id)
        case _:
            found = View.from_json({"run": id, **value})
    if found.frame is not None:
        run.frame(found.frame)
    return replace(found, run=id)


def _said(view: View) -> dict[str, Any]:
    """As the element takes it: what is None is left out."""
    return {key: value for key, value in view.to_json().items() if value is not None}


@atexit.register
def _close_all() -> None:
    """Whatever is open when the kernel ends."""
    for one in list(_OPEN):
        one.close()
