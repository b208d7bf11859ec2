"""How far a clip is, for whoever looks at the file instead of the terminal: ``video/progress.json``.

::

    {"stage": "pairs", "number": 5, "stages": 12, "done": 310, "total": 1800, "seconds_left": 95.0,
     "message": "comparing frames", "state": "working", "error": null}

``state`` is working, done, failed or stopped; ``error`` is one sentence where it failed. ``seconds_left`` is of the
whole work, null where nothing is known yet. The file is written whole or not at all, at most five times a second, and
always at the beginning and the end of a stage. A process that was killed leaves ``working`` behind.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from deglare.data.files import write_json
from deglare.errors import DeglareError
from deglare.fusion.staging import Announce, silently
from deglare.progress import Progress

STAGES = {
    "decode": "decoding the video",
    "choose": "choosing sharp frames",
    "depth": "predicting depth",
    "features": "looking for corners",
    "pairs": "comparing frames",
    "cameras": "finding the camera's path",
    "fit": "fitting a network to the clip",
    "align": "fitting depth to the camera's points",
    "frames": "writing frames",
    "predict": "predicting depth of every frame",
    "mesh": "fusing depth to a mesh",
    "project": "projecting the mesh",
    "fuse": "mending depth by the mesh",
    "results": "writing results",
}
"""In order, with what a person reads."""

SHORTEST_S = 0.2
"""Between two writings."""

CACHED_SHARE = 0.1
"""A stage that took less than this share of its estimate was done before, and says nothing about speed."""

State = Literal["working", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Standing:
    """The content of ``progress.json``."""

    stage: str | None = None
    number: int = 0
    """Of the stage, counted from 1."""
    stages: int = len(STAGES)
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    message: str = ""
    state: State = "working"
    error: str | None = None


@dataclass(eq=False)
class Teller:
    """Tells a file, and whoever else shows progress.

    Args:
        path: The file.
        stages: Names of those that will come, in order.
        announce: Shows a stage to a person.
        clock: Seconds that only go forward.
    """

    path: Path
    stages: tuple[str, ...]
    announce: Announce = silently
    clock: Callable[[], float] = time.monotonic
    standing: Standing = field(init=False)
    estimates: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage; what is not in it is not known."""
    took: dict[str, float] = field(default_factory=dict)
    """Seconds by stage that is done."""
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds of the processor by stage, of all threads, and of child processes that have ended."""
    is_mute: bool = False
    """Whether the file is left alone: it may be another's."""
    _written: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self.standing = Standing(stages=len(self.stages))

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """An `Announce` for one stage."""
        began, spent = self.clock(), processor_s()
        number = self.stages.index(name) + 1 if name in self.stages else self.standing.number
        left = self._seconds_left(name, 0, 0, 0.0)
        self.standing = Standing(name, number, len(self.stages), seconds_left=left, message=STAGES.get(name, name))
        with self.announce(name) as shown:

            def progress(done: int, total: int) -> None:
                shown(done, total)
                left = self._seconds_left(name, done, total, self.clock() - began)
                self.standing = replace(self.standing, done=done, total=total, seconds_left=left)
                self._write(is_due=done == total)

            self._write(is_due=True)
            yield progress
        self.took[name] = self.took.get(name, 0.0) + self.clock() - began
        self.spent[name] = self.spent.get(name, 0.0) + processor_s() - spent

    def end(self, state: State, message: str, error: str | None = None) -> None:
        """The last word."""
        left = 0.0 if state == "done" else None
        self.standing = replace(self.standing, state=state, message=message, error=error, seconds_left=left)
        self._write(is_due=True)

    def _write(self, is_due: bool) -> None:
        now = self.clock()
        if self.is_mute:
            return
        if is_due or now - self._written >= SHORTEST_S:
            write_json(self.path, asdict(self.standing))
            self._written = now

    def _seconds_left(self, name: str, done: int, total: int, since: float) -> float | None:
        """Of this stage by its own speed once it has one, and of those that follow by the plan."""
        if not self.estimates:
            return None
        pace = self._pace()
        own = self.estimates.get(name, 0.0) * pace * (1 - done / max(total, 1))
        if done and since > 1:
            own = since / done * (total - done)
        after = self.stages[self.stages.index(name) + 1 :] if name in self.stages else ()
        return round(own + pace * sum(self.estimates.get(one, 0.0) for one in after), 1)

    def _pace(self) -> float:
        """How much longer than planned things take here; 1 until something is known."""
        known = [name for name in self.took if self.took[name] > CACHED_SHARE * self.estimates.get(name, float("inf"))]
        planned = sum(self.estimates[name] for name in known)
        return min(max(sum(self.took[name] for name in known) / planned, 0.1), 10.0) if planned else 1.0


def processor_s() -> float:
    """Seconds of the processor that this process has used, and those of its children that have ended."""
    return sum(os.times()[:4])


@contextmanager
def accounted(teller: Teller) -> Iterator[None]:
    """Whatever ends the work is told, and goes on its way."""
    try:
        yield
    except KeyboardInterrupt:
        teller.end("stopped", "stopped; the same call goes on")
        raise
    except DeglareError as error:
        teller.end("failed", "failed", str(error))
        raise
    except Exception as error:
        teller.end("failed", "failed", f"{type(error).__name__}: {error}")
        raise
