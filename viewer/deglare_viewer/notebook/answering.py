"""What the element in a notebook asks for, answered by `deglare.inspection` itself: no server, no port."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from deglare.errors import DeglareError, RequestError

if TYPE_CHECKING:
    from deglare.inspection.run import InspectedRun
    from deglare_viewer.sessions import RunTable

Query = Mapping[str, Any]
REFUSED, BROKEN = 400, 500
"""As the routes of the studio say it."""

MOST_KEPT = 12
"""Answers that take a while to make."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """One of: a value that JSON has, bytes in the element's wire form, or the sentence of a refusal."""

    value: Any = None
    body: bytes | None = None
    error: str | None = None
    status: int = 200


def layers(run: InspectedRun, query: Query) -> bytes:
    """Every layer of a frame."""
    from deglare.inspection.layers import packed

    return packed(run.layers(whole(query, "frame"), query.get("teacher")))


def curves(run: InspectedRun, query: Query) -> dict[str, Any]:
    """Error and coverage over the threshold."""
    from deglare.inspection.curves import alpha_curves

    return alpha_curves(run, query.get("teacher"))


def point(run: InspectedRun, query: Query) -> dict[str, Any]:
    """What every layer says of a pixel, and who else sees the surface there."""
    from deglare.inspection.points import inspect_point

    alpha = query.get("alpha")
    at = (whole(query, "frame"), whole(query, "x"), whole(query, "y"))
    return inspect_point(
        run, *at, query.get("strategy"), query.get("teacher"), None if alpha is None else float(alpha)
    ).to_json()


def why(run: InspectedRun, query: Query) -> dict[str, Any]:
    """The photometric loss along the ray of a pixel."""
    from deglare.inspection.why import loss_curve

    at = (whole(query, "frame"), whole(query, "x"), whole(query, "y"))
    return loss_curve(run, *at, query.get("teacher")).to_json()


def pick(run: InspectedRun, query: Query) -> dict[str, Any]:
    """Where a ray meets the mesh, and which frame shows that place."""
    from deglare.inspection.picking import pick as picked

    frame = None if query.get("frame") is None else whole(query, "frame")
    return picked(run, numbers(query, "origin"), numbers(query, "direction"), frame).to_json()


def mesh(run: InspectedRun, query: Query) -> bytes:
    """A surface to turn around."""
    from deglare.inspection.surfaces import packed, surface

    return packed(surface(run, str(query.get("of", "predicted")), str(query.get("colour", "rgb"))))


QUICK: dict[str, Callable[[InspectedRun, Query], Any]] = {"layers": layers, "point": point, "why": why, "pick": pick}
HEAVY: dict[str, Callable[[InspectedRun, Query], Any]] = {"curves": curves, "mesh": mesh}
"""What is kept, and does not keep the next frame waiting."""


class Desk:
    """Answers questions in threads of its own, until it is closed."""

    def __init__(self, table: RunTable) -> None:
        self._table = table
        self._quick = ThreadPoolExecutor(2, "deglare-notebook")
        self._heavy = ThreadPoolExecutor(1, "deglare-notebook-heavy")
        self._lock = Lock()
        self._waiting: dict[str, Future[None]] = {}
        self._kept: dict[tuple[object, ...], Any] = {}

    def take(self, number: str, run: object, what: object, query: object, reply: Callable[[Answer], None]) -> None:
        """Answer a question as soon as there is a thread for it."""
        threads = self._heavy if what in HEAVY else self._quick
        asked = query if isinstance(query, Mapping) else {}

        def work() -> None:
            answer = self.answer(run, what, asked)
            with self._lock:
                if self._waiting.pop(number, None) is None:
                    return  # nobody waits for it any more
            reply(answer)

        with self._lock:
            self._waiting[number] = threads.submit(work)

    def leave(self, number: str) -> None:
        """Nobody waits for this answer any more."""
        with self._lock:
            asked = self._waiting.pop(number, None)
        if asked is not None:
            asked.cancel()

    def answer(self, run: object, what: object, query: Query) -> Answer:
        """The answer to a question, or the sentence that says why there is none."""
        try:
            made = self._made(run, what, query)
        except DeglareError as error:
            return Answer(error=self._table.said(error), status=REFUSED)
        except Exception as error:  # the page must not wait for ever
            log.exception("the notebook's question '%s' was not answered", what)
            return Answer(
                error=f"Something went wrong ({type(error).__name__}): see the notebook's log.", status=BROKEN
            )
        return Answer(body=made) if isinstance(made, bytes) else Answer(made)

    def close(self) -> None:
        """Begin nothing more, and forget what was kept."""
        for threads in (self._quick, self._heavy):
            threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._waiting.clear()
            self._kept.clear()

    def _made(self, id: object, what: object, query: Query) -> Any:
        if what == "runs":
            listing = self._table.listing()
            return [{"id": one.id, "name": one.name, "frames": one.frames, "error": one.fault} for one in listing]
        run = self._table.run(id)
        if what == "manifest":
            return self._once((id, run.version, what), lambda: manifest(run, str(id)))
        if what in HEAVY:
            make = HEAVY[str(what)]
            return self._once((id, run.version, what, *sorted(query.items())), lambda: make(run, query))
        if what not in QUICK:
            raise RequestError(f"a notebook cannot answer '{str(what)[:40]}': update deglare and restart the kernel")
        return QUICK[str(what)](run, query)

    def _once(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """Made when first asked for; the oldest of many is forgotten."""
        if key not in self._kept:
            made = make()
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > MOST_KEPT:
                    self._kept.pop(next(iter(self._kept)))
            return made
        return self._kept[key]


def manifest(run: InspectedRun, id: str) -> dict[str, Any]:
    """What the element must know before the first frame."""
    from deglare.inspection.describing import describe

    return {**describe(run), "id": id}


def whole(query: Query, name: str) -> int:
    """A whole number that was asked with."""
    value = query.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise RequestError(f"{name} is {str(value)[:40]}, but it should be a whole number")
    return int(value)


def numbers(query: Query, name: str) -> tuple[float, float, float]:
    """A place or a direction."""
    value = query.get(name)
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(one, int | float) for one in value):
        raise RequestError(f"{name} is no place and no direction: give three numbers")
    x, y, z = map(float, value)
    return x, y, z
