"""All clips of a studio: taken in, worked through one at a time, and deleted when their day is over.

Safe to share between threads. Nothing is written before the first clip comes.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock, Thread
from typing import BinaryIO

from deglare.data.video import VideoLimits, probe_video
from deglare.errors import DataError, DeglareError, RequestError
from deglare.footage.plan import told_seconds
from deglare_viewer.films.child import ATTENDED, GRACE_S, Child
from deglare_viewer.films.film import Film, Wishes, is_id, names_of, new_id
from deglare_viewer.films.standing import Outcome, Standing, standing_of
from deglare_viewer.lanes import BusyError
from deglare_viewer.sessions import RunTable, UnknownRunError

WORK = (*ATTENDED, "video")
DAY_S = 24 * 3600.0
MOST_KEPT, MOST_WAITING = 32, 4
MOST_BYTES = 1 << 30
FREE_BYTES = 2 << 30
"""So much of the disk stays free."""
STOPS_WITHIN_S = GRACE_S + 4

LIMITS = VideoLimits(wall_s=60.0, cpu_s=60, memory_mb=4096)
"""Of looking at a clip before work begins."""


class UnknownFilmError(UnknownRunError):
    """Nobody brought a clip of this id, or it is deleted."""


class Filming:
    """The clips in one folder.

    Args:
        folder: Where they lie, each in a folder of its own.
        table: Gets the run of a clip when somebody wants to look at it; it is not listed there.
        work: The beginning of the line that works on a clip; the clip, ``--out``, the run and flags follow.
        extra: Flags behind those that visitors choose.
        most_bytes: The largest clip that is taken.
        keep_s: How long a clip and all that is made of it is kept after its last work.
        grace_s: How long work that is stopped may take to end by itself.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        folder: Path,
        table: RunTable,
        *,
        work: Sequence[str] = WORK,
        extra: Sequence[str] = (),
        most_bytes: int = MOST_BYTES,
        keep_s: float = DAY_S,
        grace_s: float = GRACE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.table, self.keep_s, self.most_bytes = folder, table, keep_s, most_bytes
        self._work, self._extra, self._grace_s, self._clock = tuple(work), tuple(extra), grace_s, clock
        self._films: dict[str, Film] = {}
        self._queue: list[str] = []
        self._child: Child | None = None
        self._outcomes: dict[str, Outcome] = {}
        self._arriving: set[str] = set()
        self._is_closed = False
        self._lock = RLock()

    @contextmanager
    def arriving(self, name: str) -> Iterator[Arriving]:
        """A clip that comes in piece by piece; what is left of one that does not come whole is removed."""
        shown, file_name = names_of(name)
        with self._lock:
            self._require_room()
            id = new_id()
            self._arriving.add(id)
        root = self.folder / id
        try:
            root.mkdir(parents=True, mode=0o700)
            with (root / file_name).open("xb") as out:
                yield Arriving(Film(root, shown, file_name, self._clock()), out)
        finally:
            with self._lock:
                self._arriving.discard(id)
                if id not in self._films:
                    shutil.rmtree(root, ignore_errors=True)

    def take(self, film: Film) -> Film:
        """Look at a clip that is there whole, in a process with limits; a `DataError` in one sentence if it is none."""
        try:
            film = replace(film, facts=probe_video(film.file, LIMITS))
        except DeglareError as error:
            raise DataError(film.said(error)) from error
        film.write()
        with self._lock:
            self._films[film.id] = film
        return film

    def film(self, id: object) -> Film:
        """One clip; `UnknownFilmError` for an id that is none."""
        film = self._films.get(id) if isinstance(id, str) else None
        if film is None:
            raise UnknownFilmError("that clip is not here any more: clips are deleted after a day")
        return film

    def standing(self, id: object) -> Standing:
        """How far a clip is."""
        with self._lock:
            film, child = self.film(id), self._child
            if film.id in self._queue:
                return Standing("waiting", place=self._queue.index(film.id) + (child is not None))
            if child is not None and child.film.id == film.id:
                return standing_of(film, child, None)
            return standing_of(film, None, self._outcomes.get(film.id))

    def plan_again(self, id: object, wishes: Wishes) -> Film:
        """Take other wishes into account; only before work begins."""
        with self._lock:
            film = self.film(id).with_wishes(wishes)
            film.plan(wishes)
            if self.standing(id).state != "planned":
                raise RequestError("work on this clip has begun with other settings: upload it again to change them")
            self._films[film.id] = film
            return film

    def start(self, id: object) -> None:
        """Begin, or go on; it waits where another clip is worked on."""
        with self._lock:
            film, state = self.film(id), self.standing(id).state
            if state in ("waiting", "working", "stopping", "done"):
                return
            if len(self._queue) >= MOST_WAITING:
                raise BusyError(f"{MOST_WAITING} clips wait already: come back when one of them is done")
            film.write()
            self._queue.append(film.id)
            self._next()

    def stop(self, id: object) -> None:
        """Stop the work on a clip; what is done of it stays, and `start` goes on."""
        with self._lock:
            film = self.film(id)
            if film.id in self._queue:
                self._queue.remove(film.id)
            elif self._child is not None and self._child.film.id == film.id:
                self._child.stop()

    def delete(self, id: object) -> None:
        """Remove a clip and everything that was made of it, now."""
        film = self.film(id)
        self.stop(id)
        child = self._child
        if child is not None and child.film.id == film.id:
            child.kill()
            child.wait_ended(STOPS_WITHIN_S)
        with self._lock:
            self.table.remove(film.run_id)
            self._films.pop(film.id, None)
            self._outcomes.pop(film.id, None)
            shutil.rmtree(film.root, ignore_errors=True)

    def open(self, id: object) -> str:
        """The id under which the run of a clip can be looked at."""
        film = self.film(id)
        if self.standing(id).state != "done" or not (film.run / "run.json").is_file():
            raise RequestError("this clip has no run to look at: no cameras are believed, or it is not done")
        return self.table.add(film.run, id=film.run_id, is_listed=False)

    def begin(self) -> None:
        """Find the clips of before, and delete those whose day is over."""
        with self._lock:
            for root in self._folders():
                try:
                    self._films.setdefault(root.name, Film.read(root))
                except DataError:
                    logging.getLogger(__name__).warning("%s is no clip that can be read", root)
        self.sweep()

    def sweep(self) -> None:
        """Delete what is older than a day; a clip that is worked on, or comes in, stays."""
        for root in self._folders():
            if root.name in self._arriving or self._clock() - _touched_at(root) < self.keep_s:
                continue
            if root.name not in self._films:
                shutil.rmtree(root, ignore_errors=True)
            elif self.standing(root.name).state not in ("waiting", "working", "stopping"):
                self.delete(root.name)

    def close(self) -> None:
        """Stop all work: what is done of it stays."""
        with self._lock:
            self._is_closed = True
            self._queue.clear()
            child = self._child
        if child is not None:
            child.stop()
            child.wait_ended(STOPS_WITHIN_S)

    def left_s(self, id: object) -> float:
        """How long a clip is still kept."""
        return max(0.0, _touched_at(self.film(id).root) + self.keep_s - self._clock())

    @property
    def kept_for(self) -> str:
        """How long clips are kept, in words."""
        return f"{self.keep_s / 3600:g} hours" if self.keep_s >= 7200 else told_seconds(self.keep_s)

    def _next(self) -> None:
        if self._child is not None or not self._queue or self._is_closed:
            return
        film = self._films[self._queue.pop(0)]
        self._outcomes.pop(film.id, None)
        line = [*self._work, str(film.file), "--out", str(film.run), *film.wishes.flags(), *self._extra]
        child = Child(film, line, self._grace_s)
        self._child = child
        Thread(target=self._attend, args=(child,), daemon=True).start()

    def _attend(self, child: Child) -> None:
        status = child.wait()
        with self._lock:
            self._outcomes[child.film.id] = Outcome(status, child.is_stopped)
            self._child = None
            self._next()

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [root for root in self.folder.iterdir() if is_id(root.name) and root.is_dir() and not root.is_symlink()]

    def _require_room(self) -> None:
        there = next(path for path in (self.folder, *self.folder.parents) if path.is_dir())
        if shutil.disk_usage(there).free < FREE_BYTES:
            raise BusyError("this studio's disk is full: come back when other clips are deleted")
        if len(self._films) + len(self._arriving) < MOST_KEPT:
            return
        idle = [film for film in self._films.values() if self.standing(film.id).state == "planned"]
        if not idle:
            raise BusyError(f"this studio keeps {MOST_KEPT} clips and has them: come back when one is deleted")
        self.delete(min(idle, key=lambda film: film.made_at).id)  # nobody began with it


class Arriving:
    """A clip of which a part is there."""

    def __init__(self, film: Film, out: BinaryIO) -> None:
        self.film, self._out = film, out

    def write(self, piece: bytes) -> None:
        """The next piece."""
        self._out.write(piece)

    def end(self) -> None:
        """It is there whole."""
        self._out.close()


def _touched_at(root: Path) -> float:
    """When a clip came, or its work last ended or told how far it is."""
    run = root.iterdir()
    told = [path for child in run if child.is_dir() and (path := child / "video" / "progress.json").is_file()]
    return max(path.stat().st_mtime for path in (root, *told))
