"""Work that takes a while, kept in its lane: a few at a time, each thing once, what was made kept while there is room.

One visitor who asks for everything cannot keep the others waiting for their next frame, because heavy work has threads
of its own; two visitors who ask for the same thing wait for one making of it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from deglare.errors import RequestError


class BusyError(RequestError):
    """Too many wait already."""


@dataclass(frozen=True, eq=False)
class Made:
    """The body of an answer."""

    body: bytes
    media_type: str
    filename: str | None = None
    """Set for what is saved rather than shown."""
    source: object = None
    """What the body was made of, where somebody else needs it too."""


Make = Callable[[], Made]


class Lane:
    """Threads for one kind of work."""

    def __init__(self, name: str, *, at_a_time: int, waiting: int, keep_bytes: int) -> None:
        """Make a lane.

        Args:
            name: Of its threads.
            at_a_time: How many things are made at a time.
            waiting: How many may wait or be under way before more are turned away.
            keep_bytes: How much of what was made is kept for the next who asks.
        """
        self._threads = ThreadPoolExecutor(at_a_time, name)
        self._waiting = waiting
        self._keep_bytes = keep_bytes
        self._kept: OrderedDict[Hashable, Made] = OrderedDict()
        self._under_way: dict[Hashable, asyncio.Task[Made]] = {}

    async def get(self, key: Hashable, make: Make) -> Made:
        """What was made under this key, or what ``make`` makes now; whoever asks meanwhile gets the same."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= self._waiting:
                raise BusyError("too much is asked for at once: wait a moment and ask again")
            task = asyncio.ensure_future(self._make(key, make))
            task.add_done_callback(looked_at)
            self._under_way[key] = task
        return await asyncio.shield(task)  # who leaves does not stop it for those who stay

    async def _make(self, key: Hashable, make: Make) -> Made:
        try:
            known = copy_context()  # who asks, so that progress reaches them
            made = await asyncio.get_running_loop().run_in_executor(self._threads, known.run, make)
        finally:
            del self._under_way[key]
        self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: Made) -> None:
        if len(made.body) > self._keep_bytes:
            return
        self._kept[key] = made
        total = sum(len(one.body) for one in self._kept.values())
        while total > self._keep_bytes:
            _, oldest = self._kept.popitem(last=False)
            total -= len(oldest.body)

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def looked_at(task: asyncio.Future[Any]) -> None:
    """Fetch the error of a task that nobody waits for any more, so that it is not reported as forgotten."""
    if not task.cancelled():
        task.exception()
