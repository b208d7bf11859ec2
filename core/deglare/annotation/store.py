"""Annotations of a sequence: what anybody does is on the disk before it is answered, and nothing is ever taken out.

Several windows, threads and processes may hold one file open; each sees what the others wrote when it next asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import numpy as np
from jaxtyping import Bool

from deglare.annotation.actions import (
    ACCEPT,
    CORRECT,
    FACES,
    PROPOSE,
    REDO,
    REJECT,
    TAGS,
    UNDO,
    Action,
    Tag,
    exclusion,
    mending,
    tag,
    whole_mask,
)
from deglare.annotation.database import READ, WAIT_S, add, connect, connect_to_read, entry_of, next_seq, told, writing
from deglare.annotation.frames import MESH, KnownFrames
from deglare.annotation.masks import Surfaces, to_json
from deglare.annotation.replaying import Entry, FrameState, History
from deglare.annotation.snapshots import Snapshots
from deglare.errors import LabelError, RequestError

FILE = Path("annotations") / "annotations.sqlite"
"""Inside a run, or beside any sequence."""

LONGEST_NAME = 80

SETTLED = "settled"
"""Under this name stands what was agreed on."""


class Annotations:
    """What annotators say of the frames of one sequence.

    Args:
        path: Of the file; made if it is not there.
        frames: Of the sequence as it is now.
        read_only: Look, also in a folder that nobody may write to.
        clock: Seconds since 1970, kept beside each action and used for nothing.
        wait_s: How long to wait for others who are writing.
    """

    def __init__(
        self,
        path: Path,
        frames: KnownFrames,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
        wait_s: float = WAIT_S,
    ) -> None:
        self.path, self.frames = path, frames
        self._clock, self._lock, self._read_only = clock, RLock(), read_only
        self._connection = connect_to_read(path) if read_only else connect(path, wait_s)
        self._seen = 0
        self._histories: dict[tuple[str, str], History] = {}
        self._tags: dict[int, str] = {}
        self._lost: dict[tuple[str, str], int] = {}
        self._snapshots = Snapshots()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Annotations:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def annotators(self) -> tuple[str, ...]:
        """Everybody who did anything, by name."""
        with self._fresh():
            return tuple(sorted({annotator for annotator, _ in self._histories}))

    def looked_at(self, annotator: str | None = None) -> frozenset[str]:
        """Frames that somebody, or one annotator, tagged, painted or decided on; a proposal alone is no look."""
        with self._fresh():
            return frozenset(
                frame
                for (who, frame), one in self._histories.items()
                if one.done and annotator in (None, who) and frame != MESH
            )

    def tags(self, annotator: str) -> dict[str, Tag]:
        """What an annotator says each frame is, in order of time; frames without a tag are left out."""
        with self._fresh():
            found = {}
            for frame in self.frames.names:
                done = self._history(annotator, frame).done
                last = next((self._tags[seq] for seq in reversed(done) if seq in self._tags), None)
                found |= {} if last is None else {frame: last}
            return {frame: _known_tag(value) for frame, value in found.items()}

    def waiting(self, annotator: str) -> tuple[str, ...]:
        """Frames with a proposal that somebody should decide on, in order of time."""
        with self._fresh():
            asked = [frame for frame in self.frames.names if self._history(annotator, frame).proposed]
        return tuple(frame for frame in asked if self.state(annotator, frame).proposals)

    def lost(self) -> dict[tuple[str, str], int]:
        """How many actions are about images that are not there now, by name and hash: they come back with them."""
        with self._fresh():
            return dict(self._lost)

    def state(self, annotator: str, frame: str) -> FrameState:
        """What an annotator says of a frame; of the mesh under the name `MESH`, in one row of triangles."""
        self.frames.require(frame)
        with self._fresh():
            history = self._history(annotator, frame)
            size_hw = self.frames.size_hw(frame)
            return self._snapshots.state((annotator, frame), history, size_hw, self._entries)

    def log(self, annotator: str, frame: str) -> tuple[Entry, ...]:
        """Every action of an annotator on a frame, also what was taken back, in the order in which it was done."""
        with self._fresh():
            rows = self._connection.execute(f"{READ} WHERE annotator=? ORDER BY seq", (annotator,))
            entries = [entry_of(row, self.path) for row in rows]
        return tuple(one for one in entries if self.frames.owner(one.frame, one.sha256) == self.frames.require(frame))

    def do(self, annotator: str, frame: str, action: Action) -> FrameState:
        """Do something to a frame; it is kept when this returns."""
        self.do_all(annotator, [(frame, action)])
        return self.state(annotator, frame)

    def do_all(self, annotator: str, actions: Sequence[tuple[str, Action]]) -> None:
        """Do several things, to frames by name: all of them are kept when this returns, or none is."""
        require_annotator(annotator)
        hashes = [(self.frames.require(frame), self.frames.sha256(frame)) for frame, _ in actions]
        for frame, action in actions:
            if (frame == MESH) != (action.kind == FACES):
                raise RequestError("the mesh is painted on by its triangles, and a frame by its pixels: draw it again")
            if frame == MESH and action.body["count"] != self.frames.size_hw(MESH)[1]:
                raise RequestError("the stroke is on another mesh than this run has now: reload the page")
        if not actions:
            return
        with self._writing():
            first = next_seq(self._connection)
            for seq, ((frame, sha256), (_, action)) in enumerate(zip(hashes, actions, strict=True), start=first):
                add(self._connection, Entry(seq, annotator, frame, sha256, action), self._clock())

    def tag(self, annotator: str, frame: str, value: str) -> FrameState:
        """Say what a frame is, one of `TAGS`."""
        return self.do(annotator, frame, tag(value))

    def set_mask(self, annotator: str, frame: str, surfaces: Surfaces) -> FrameState:
        """Put a whole mask in place, decided by hand."""
        return self.do(annotator, frame, whole_mask(surfaces))

    def exclude(self, annotator: str, frame: str, pixels: Bool[np.ndarray, "h w"]) -> FrameState:
        """Say which pixels' truth is not to be scored, in place of what was said before."""
        return self.do(annotator, frame, exclusion(pixels))

    def undo(self, annotator: str, frame: str | None = None) -> str | None:
        """Take the last action back, of one frame or of all; the frame it was about, None where there is nothing."""
        return self._step(annotator, frame, UNDO)

    def redo(self, annotator: str, frame: str | None = None) -> str | None:
        """Do again what was taken back last; the frame it is about, None where there is nothing."""
        return self._step(annotator, frame, REDO)

    def propose(
        self,
        annotator: str,
        origin: str,
        surfaces: Mapping[str, Surfaces],
        visible_shares: Mapping[str, float] | None = None,
    ) -> tuple[str, ...]:
        """Offer masks for some frames, all at once; the frames where something new is offered.

        Pixels that a hand decided are left out, and so are those that are marked like that already.

        Args:
            annotator: Who is asked.
            origin: What they come from; another offer of the same origin takes their place.
            surfaces: By frame; where nothing of it is new, what waits there from that origin is withdrawn.
            visible_shares: How much of what was marked each frame sees.
        """
        shares, origin = visible_shares or {}, origin[:LONGEST_NAME]
        offered: list[tuple[str, Action]] = []
        new: list[str] = []
        for frame, proposed in surfaces.items():
            state = self.state(annotator, frame)
            mask = proposed * (~state.by_hand & (state.surfaces != proposed))
            if mask.any():
                new.append(frame)
            elif all(one.origin != origin for one in state.proposals):
                continue
            body = to_json(mask) | {"origin": origin, "visible_share": shares.get(frame)}
            offered.append((frame, Action(PROPOSE, body)))
        self.do_all(annotator, offered)
        return tuple(new)

    def accept(self, annotator: str, frame: str, proposal: int) -> FrameState:
        """Take a proposal as it is."""
        self._require_waiting(annotator, frame, proposal)
        return self.do(annotator, frame, Action(ACCEPT, target=proposal))

    def accept_all(self, annotator: str, origin: str, frames: Iterable[str] | None = None) -> tuple[str, ...]:
        """Take every proposal of one origin that waits, in some frames or in all: one write; the frames."""
        taken = [
            (frame, Action(ACCEPT, target=one.seq))
            for frame in (self.waiting(annotator) if frames is None else frames)
            for one in self.state(annotator, frame).proposals
            if one.origin == origin
        ]
        self.do_all(annotator, taken)
        return tuple(frame for frame, _ in taken)

    def correct(self, annotator: str, frame: str, proposal: int, surfaces: Surfaces) -> FrameState:
        """Take the whole mask as it is mended: what differs from the proposal is decided by hand for good."""
        self._require_waiting(annotator, frame, proposal)
        return self.do(annotator, frame, Action(CORRECT, to_json(surfaces), proposal))

    def mend(self, annotator: str, frame: str, proposal: int, stroke: Action) -> FrameState:
        """Take a proposal and draw over it, in one step: what the stroke touches is decided by hand for good."""
        self._require_waiting(annotator, frame, proposal)
        return self.do(annotator, frame, mending(stroke, proposal))

    def reject(self, annotator: str, frame: str, proposal: int) -> FrameState:
        """Leave the mask as it is; the pixels of the proposal are not asked for again."""
        self._require_waiting(annotator, frame, proposal)
        return self.do(annotator, frame, Action(REJECT, target=proposal))

    def _require_waiting(self, annotator: str, frame: str, proposal: int) -> None:
        if proposal not in [one.seq for one in self.state(annotator, frame).proposals]:
            raise RequestError(f"proposal {proposal} of frame {frame} is decided on, or a newer one took its place")

    def _step(self, annotator: str, frame: str | None, kind: str) -> str | None:
        require_annotator(annotator)
        with self._writing():
            self._refresh()  # what others did up to now, and nobody can do anything before this is written
            found = self._last(annotator, frame, kind)
            if found is not None:
                name, target = found
                entry = Entry(
                    next_seq(self._connection), annotator, name, self.frames.sha256(name), Action(kind, target=target)
                )
                add(self._connection, entry, self._clock())
        return None if found is None else found[0]

    def _last(self, annotator: str, frame: str | None, kind: str) -> tuple[str, int] | None:
        """The frame and number of what undo or redo is about."""
        names = (*self.frames.names, MESH) if frame is None else (self.frames.require(frame),)
        histories = {name: self._history(annotator, name) for name in names}
        if kind == UNDO:
            steps = [(one.done[-1], name, one.done[-1]) for name, one in histories.items() if one.done]
        else:
            steps = [(one.undone_by[-1], name, one.undone[-1]) for name, one in histories.items() if one.undone]
        return max(steps)[1:] if steps else None

    def _history(self, annotator: str, frame: str) -> History:
        return self._histories.get((annotator, frame)) or History()

    @contextmanager
    def _fresh(self) -> Iterator[None]:
        with self._lock, told(self.path):
            self._refresh()
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._read_only:
            raise LabelError(f"{self.path} is open for reading only: choose another place for annotations")
        with self._lock, writing(self._connection, self.path):
            yield

    def _refresh(self) -> None:
        """Take in the rows that were written since; those of a transaction that is given up are never among them."""
        query = (
            "SELECT seq, annotator, frame, sha256, kind, target, CASE kind WHEN 'tag' THEN body END FROM actions "
            "WHERE seq > ? ORDER BY seq"
        )
        for seq, annotator, frame, sha256, kind, target, body in self._connection.execute(query, (self._seen,)):
            owner = self.frames.owner(frame, sha256)
            if owner is not None:
                self._histories.setdefault((annotator, owner), History()).add(seq, kind, target)
            elif frame != MESH or self.frames.mesh is not None:
                self._lost[frame, sha256] = self._lost.get((frame, sha256), 0) + 1
            if body is not None:
                self._tags[seq] = body
            self._seen = seq

    def _entries(self, seqs: Iterable[int]) -> dict[int, Entry]:
        """Some actions with their bodies."""
        rows = (self._connection.execute(f"{READ} WHERE seq=?", (seq,)).fetchone() for seq in seqs)
        return {row[0]: entry_of(row, self.path) for row in rows}


def require_annotator(name: str) -> str:
    """The name itself, if it can be an annotator's."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise RequestError(f"an annotator needs a name of up to {LONGEST_NAME} letters: say who you are")
    return name


def _known_tag(body: str) -> Tag:
    return next(one for one in TAGS if f'"{one}"' in body)
