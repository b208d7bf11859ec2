"""What a visitor can do to annotations, by name. What is sent is checked before it is written, and never believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from deglare.errors import RequestError

if TYPE_CHECKING:
    from deglare.annotation import Annotations
    from deglare.annotation.actions import Action
    from deglare.inspection.run import InspectedRun
    from deglare_viewer.annotating.books import Book

Kind = TypeVar("Kind")

LONGEST_NUMBER = 15
"""Digits of a whole number that somebody sends."""


@dataclass(frozen=True)
class Asked:
    """One thing that somebody asked for."""

    annotations: Annotations
    book: Book
    fields: dict[str, Any]

    @property
    def run(self) -> InspectedRun:
        """Whose frames these are."""
        return self.book.run

    @property
    def annotator(self) -> str:
        """Who asks."""
        return self.get("annotator", str)

    @property
    def frame(self) -> str:
        """The frame that it is about."""
        return self.get("frame", str)

    def get(self, name: str, kind: type[Kind]) -> Kind:
        """A field of that type; a `RequestError` where there is none."""
        value = self.fields.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise RequestError(f"what was sent lacks {name}: reload the page and do it again")
        return value


def parsed(body: bytes) -> dict[str, Any]:
    """The fields of a body; whatever is no JSON object of plain numbers is a `RequestError`."""
    try:
        value = json.loads(body, parse_constant=_no_number, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise RequestError("what was sent is no JSON: reload the page and do it again") from error
    if not isinstance(value, dict):
        raise RequestError("what was sent is no JSON object: reload the page and do it again")
    return value


def _no_number(text: str) -> float:
    raise RequestError(f"{text} is no number that a stroke can have: reload the page and draw it again")


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise RequestError("a number with so many digits is no place in an image: draw it again")
    return int(text)


def tag(asked: Asked) -> str:
    """Say what a frame is."""
    from deglare.annotation.actions import tag as checked

    return _once(asked, checked(asked.get("tag", str)))


def stroke(asked: Asked) -> str:
    """Paint, erase or fill."""
    from deglare.annotation import stroke as checked

    return _once(asked, checked(asked.fields.get("stroke")))


def correct(asked: Asked) -> str:
    """Take a proposal as a stroke mends it; where it was decided on meanwhile, the stroke counts all the same."""
    from deglare.annotation import stroke as checked
    from deglare.annotation.actions import mending

    drawn, proposal = checked(asked.fields.get("stroke")), asked.get("proposal", int)
    if asked.fields.get("again") is True and _is_there(asked, mending(drawn, proposal)):
        return asked.frame
    state = asked.annotations.state(asked.annotator, asked.frame)
    if proposal not in [one.seq for one in state.proposals]:
        return _once(asked, drawn)
    asked.annotations.mend(asked.annotator, asked.frame, proposal, drawn)
    return asked.frame


def _once(asked: Asked, action: Action) -> str:
    """Do it. What is sent again because no answer came is written once.

    The page sends ``after``, the last number it knew of the frame when it first sent this, and then ``again``.
    """
    if asked.fields.get("again") is not True or not _is_there(asked, action):
        asked.annotations.do(asked.annotator, asked.frame, action)
    return asked.frame


def _is_there(asked: Asked, action: Action) -> bool:
    after = asked.get("after", int)
    log = asked.annotations.log(asked.annotator, asked.frame)
    return any(entry.seq > after and entry.action == action for entry in log)


def undo(asked: Asked) -> str:
    """Take back what this annotator did last, wherever that was."""
    return _stepped(asked.annotations.undo(asked.annotator), "nothing of yours is left to undo")


def redo(asked: Asked) -> str:
    """Do again what was taken back last."""
    return _stepped(asked.annotations.redo(asked.annotator), "nothing was taken back that could be done again")


def _stepped(frame: str | None, nothing: str) -> str:
    if frame is None:
        raise RequestError(nothing)
    return frame


def accept(asked: Asked) -> str:
    """Take a proposal."""
    asked.annotations.accept(asked.annotator, asked.frame, asked.get("proposal", int))
    return asked.frame


def reject(asked: Asked) -> str:
    """Leave a proposal, for good."""
    asked.annotations.reject(asked.annotator, asked.frame, asked.get("proposal", int))
    return asked.frame


def accept_all(asked: Asked) -> str:
    """Take every proposal of one origin."""
    if not asked.annotations.accept_all(asked.annotator, asked.get("origin", str)):
        raise RequestError("no proposal of that origin waits any more")
    return asked.frame


def carry(asked: Asked) -> str:
    """Carry the masks of a frame, or what is marked on the mesh, to every frame that sees the surface.

    Where all of it was erased since, what still waits of it is withdrawn.
    """
    from deglare.annotation import MESH, carry_frame, carry_mesh, withdraw_carried

    if not asked.annotations.state(asked.annotator, asked.frame).surfaces.any():
        if not withdraw_carried(asked.annotations, asked.annotator, asked.frame):
            raise RequestError("nothing is marked here: paint the surface first, then carry it")
        return asked.frame
    if asked.frame == MESH:
        surface = asked.book.surface()
        carry_mesh(asked.annotations, asked.annotator, asked.run.folder, surface.mesh, surface.caster)
        return MESH
    carry_frame(asked.annotations, asked.annotator, asked.run.folder, asked.frame)
    return asked.frame


def start(asked: Asked) -> str:
    """Propose what the teachers are unsure of."""
    from deglare.annotation import start_from_uncertainty

    surface = asked.get("surface", str)
    found = start_from_uncertainty(asked.annotations, asked.annotator, asked.run.folder, [asked.frame], surface)
    if not found:
        raise RequestError("the teachers are unsure of nothing here that is not marked already")
    return asked.frame


def exclude(asked: Asked) -> str:
    """Leave suspect truth out of scoring, or take it in again."""
    import numpy as np

    from deglare.annotation import suspects_of

    known = asked.annotations.frames
    frame = known.require(asked.frame)
    if asked.fields.get("none") is True:
        pixels = np.zeros(known.sizes_hw[frame], dtype=bool)
    else:
        pixels = suspects_of(asked.annotations, asked.annotator, asked.run.folder, frame) > 0
    asked.annotations.exclude(asked.annotator, frame, pixels)
    return frame


def settle(asked: Asked) -> str:
    """Keep what two annotators agree on, and what was chosen where they do not."""
    from deglare.annotation import settle as settled

    choices = asked.get("choices", dict)
    if not all(
        isinstance(number, str) and number.isdecimal() and isinstance(one, str) for number, one in choices.items()
    ):
        raise RequestError("a choice names a difference and whose mask counts there: choose again")
    chosen = {int(number[:9]): one for number, one in choices.items()}
    tag, rest = (asked.fields.get(name) for name in ("tag", "rest"))
    if not all(one is None or isinstance(one, str) for one in (tag, rest)):
        raise RequestError("a tag and the rest are words: choose again")
    a, b = asked.get("a", str), asked.get("b", str)
    settled(asked.annotations, asked.frame, a, b, chosen, tag, rest)
    return asked.frame


DEEDS: dict[str, Callable[[Asked], str]] = {
    one.__name__: one
    for one in (tag, stroke, correct, undo, redo, accept, reject, accept_all, carry, start, exclude, settle)
}
"""Each gives the frame that it was about."""
