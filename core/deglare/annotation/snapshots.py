"""States that are kept so that the next stroke does not draw all those before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from deglare.annotation.replaying import Entry, FrameState, History, replayed

FRAMES = 8
NEWEST = 3
EVERY, OLDER = 16, 4
"""Beside the newest states, that many older ones, so many actions apart: undo goes back to one of them."""

ReadEntries = Callable[[Iterable[int]], dict[int, Entry]]


@dataclass
class _Kept:
    entries: dict[int, Entry] = field(default_factory=dict)
    states: dict[tuple[int, ...], FrameState] = field(default_factory=dict)
    """By the actions that made them."""


class Snapshots:
    """Of the frames that were asked for last. One thread at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def state(self, key: tuple[str, str], history: History, size_hw: tuple[int, int], read: ReadEntries) -> FrameState:
        """The state of one annotator's frame, from the newest one that its actions go through."""
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        while len(self._kept) > FRAMES:
            self._kept.popitem(last=False)
        wanted = [seq for seq in (*history.done, *history.proposed) if seq not in kept.entries]
        kept.entries.update(read(wanted))
        done = tuple(history.done)
        start = max((one for one in kept.states if done[: len(one)] == one), key=len, default=())
        state, at = kept.states.get(start), len(start)
        for stop in [*range(at - at % EVERY + EVERY, len(done), EVERY), len(done)]:
            part = History(list(done[:stop]), history.undone, history.proposed, history.last_seq)
            state = replayed(size_hw, part, kept.entries, state, at)
            kept.states.pop(done[:stop], None)  # the newest come last
            kept.states[done[:stop]] = state
            at = stop
        kept.states = {one: kept.states[one] for one in _worth_keeping(list(kept.states))}
        return kept.states[done]


def _worth_keeping(done: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    spaced = [one for one in done if len(one) % EVERY == 0][-OLDER:]
    return [one for one in done if one in spaced or one in done[-NEWEST:]]
