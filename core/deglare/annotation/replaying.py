"""The state of a frame: its actions, one after the other. Nothing else is kept that could disagree with the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool

from deglare.annotation.actions import (
    ACCEPT,
    CORRECT,
    DECISIONS,
    FACES,
    MEND,
    PROPOSE,
    REDO,
    UNDO,
    Action,
    faces_of,
    mask_in,
    points_of,
    radius_of,
    stroke_in,
    surface_of,
)
from deglare.annotation.masks import Surfaces
from deglare.annotation.rasters import brush, polygon
from deglare.annotation.rle import decoded
from deglare.errors import LabelError


@dataclass(frozen=True)
class Entry:
    """An action as the log has it."""

    seq: int
    """Its number, which alone says what came first: clocks are set back."""
    annotator: str
    frame: str
    """Name of the image when this was done."""
    sha256: str
    """Of the image."""
    action: Action


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mask that waits for somebody's decision."""

    seq: int
    origin: str
    """What it was carried from; another of the same origin takes its place."""
    surfaces: Surfaces
    visible_share: float | None
    """How much of what was marked this frame sees."""


@dataclass(frozen=True, eq=False)
class FrameState:
    """What one annotator says of one frame."""

    surfaces: Surfaces
    by_hand: Bool[np.ndarray, "h w"]
    """Pixels that a hand decided, whichever way: no proposal changes them."""
    excluded: Bool[np.ndarray, "h w"]
    """Pixels whose truth is not to be scored."""
    tag: str | None = None
    proposals: tuple[Proposal, ...] = ()
    """Those that wait."""
    last_seq: int = 0
    """The newest action of this annotator on this frame, 0 before the first."""
    can_undo: bool = False
    can_redo: bool = False

    @classmethod
    def empty(cls, size_hw: tuple[int, int]) -> FrameState:
        """Nothing said yet."""
        return cls(np.zeros(size_hw, dtype=np.uint8), np.zeros(size_hw, dtype=bool), np.zeros(size_hw, dtype=bool))

    @property
    def is_marked(self) -> bool:
        """Whether there is a tag or a pixel."""
        return self.tag is not None or bool(self.surfaces.any()) or bool(self.excluded.any())


@dataclass
class History:
    """Which actions of one annotator on one frame count, and what undo and redo would take."""

    done: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    proposed: list[int] = field(default_factory=list)
    last_seq: int = 0
    undone_by: list[int] = field(default_factory=list)
    """Numbers of what took those back, for whoever asks which frame's redo comes first."""

    def add(self, seq: int, kind: str, target: int | None) -> None:
        """Take in the next row of the log. An undo or redo that fits no longer changes nothing."""
        self.last_seq = seq
        if kind == UNDO:
            if self.done and self.done[-1] == target:
                self.undone.append(self.done.pop())
                self.undone_by.append(seq)
        elif kind == REDO:
            if self.undone and self.undone[-1] == target:
                self.done.append(self.undone.pop())
                self.undone_by.pop()
        elif kind == PROPOSE:
            self.proposed.append(seq)
        else:
            self.done.append(seq)
            self.undone.clear()
            self.undone_by.clear()


def applied(state: FrameState, entry: Entry, proposals: dict[int, Entry]) -> FrameState:
    """The state after one action that counts; arrays of the state before are left as they were."""
    action = entry.action
    if action.kind == "tag":
        return replace(state, tag=action.body["tag"])
    size_hw = state.surfaces.shape
    if action.kind == "exclude":
        return replace(state, excluded=_fitting(decoded(action.body["runs"], tuple(action.body["size_hw"])), size_hw))
    if action.kind in DECISIONS:
        return _decided(state, action, proposals)
    if action.kind == "mask":
        return replace(state, surfaces=_fitting(mask_in(action), size_hw), by_hand=np.ones(size_hw, dtype=bool))
    return _drawn(state, action)


def waiting(history: History, entries: dict[int, Entry], state: FrameState) -> tuple[Proposal, ...]:
    """Proposals that nobody decided on, the newest of each origin, without what a hand has decided since."""
    decided = {entries[seq].action.target for seq in history.done if entries[seq].action.kind in DECISIONS}
    newest: dict[str, int] = {}
    for seq in history.proposed:
        newest[str(entries[seq].action.body["origin"])] = seq
    found = []
    for origin, seq in newest.items():
        if seq in decided:
            continue
        body: dict[str, Any] = entries[seq].action.body
        proposed = _fitting(mask_in(entries[seq].action), state.surfaces.shape)
        offered = np.where(state.by_hand, np.uint8(0), proposed)
        if offered.any():
            found.append(Proposal(seq, origin, offered, body.get("visible_share")))
    return tuple(found)


def replayed(
    size_hw: tuple[int, int],
    history: History,
    entries: dict[int, Entry],
    start: FrameState | None = None,
    skip: int = 0,
) -> FrameState:
    """The state after all actions that count; ``start`` is the state after the first ``skip`` of them."""
    state = start or FrameState.empty(size_hw)
    for seq in history.done[skip:]:
        state = applied(state, entries[seq], entries)
    state = replace(
        state, last_seq=history.last_seq, can_undo=bool(history.done), can_redo=bool(history.undone), proposals=()
    )
    return replace(state, proposals=waiting(history, entries, state))


def history_of(rows: Iterable[tuple[int, str, int | None]]) -> History:
    """Of number, kind and target of every action, in order."""
    history = History()
    for seq, kind, target in rows:
        history.add(seq, kind, target)
    return history


def _drawn(state: FrameState, stroke: Action) -> FrameState:
    height, width = state.surfaces.shape
    touched = _touched(stroke, (height, width))
    surfaces = np.where(touched, np.uint8(surface_of(stroke)), state.surfaces)
    return replace(state, surfaces=surfaces, by_hand=state.by_hand | touched)


def _touched(action: Action, size_hw: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    if action.kind == FACES:
        return _fitting(faces_of(action), size_hw)
    if action.kind == "polygon":
        return polygon(points_of(action), size_hw)
    return brush(points_of(action), radius_of(action), size_hw)


def _decided(state: FrameState, action: Action, entries: dict[int, Entry]) -> FrameState:
    """Taken where no hand was; as mended where one is; or never asked for again."""
    proposed = _fitting(mask_in(entries[action.target or 0].action), state.surfaces.shape)
    free = ~state.by_hand
    taken = replace(state, surfaces=np.where(free & (proposed > 0), proposed, state.surfaces))
    if action.kind == ACCEPT:
        return taken
    if action.kind == MEND:
        return _drawn(taken, stroke_in(action))
    if action.kind == CORRECT:
        mended = _fitting(mask_in(action), state.surfaces.shape)
        changed = mended != taken.surfaces
        return replace(state, surfaces=mended, by_hand=state.by_hand | changed)
    return replace(state, by_hand=state.by_hand | (proposed > 0))


def _fitting(mask: np.ndarray, size_hw: tuple[int, ...]) -> np.ndarray:
    if mask.shape != size_hw:
        raise LabelError(f"a mask is {mask.shape} but its frame is {size_hw} pixels: was the image resized since?")
    return mask
