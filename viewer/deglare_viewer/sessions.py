"""The runs that a studio shows. Visitors name them by id; where they lie is known here and nowhere else.

A run is opened when it is first asked for, and again whenever its ``run.json`` has changed. One that cannot be opened,
because it is broken, half-written, newer than this version or gone, stays in the list with a sentence that says so.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import DirEntry, scandir, stat_result
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from deglare.data.run_folder import looks_like_run
from deglare.errors import DataError, DeglareError, RequestError

if TYPE_CHECKING:
    from deglare.inspection.run import InspectedRun


class UnknownRunError(RequestError):
    """Nobody opened a run of this id."""


@dataclass(frozen=True)
class Listed:
    """One run as the choosers show it."""

    id: str
    name: str
    frames: int
    fault: str | None
    """Why it cannot be opened, in one sentence."""


@dataclass
class Entry:
    """One run of the table."""

    id: str
    root: Path
    is_listed: bool = True
    """Whether everybody sees it; others are for whoever knows their id."""
    _lock: RLock = field(default_factory=RLock)
    _opened: InspectedRun | None = None
    _is_written: bool = False

    @property
    def name(self) -> str:
        """What people call it: the name of its folder."""
        return self.root.name

    def run(self) -> InspectedRun:
        """The run as it stands on disk now. One that cannot be opened is a `DataError` without the server's paths."""
        with self._lock:
            if self._opened is not None and self._is_written:
                return self._opened
            try:
                self._opened = self._current(self._opened)
            except DeglareError as error:
                self._opened = None
                raise DataError(self.said(error)) from error
            return self._opened

    @contextmanager
    def written(self) -> Iterator[InspectedRun]:
        """While its labels are written from here, visitors go on with the run as it was."""
        run = self.run()
        self._is_written = True
        try:
            yield run
        finally:
            self._is_written = False

    def said(self, text: object) -> str:
        """A sentence as a visitor may read it: with the run's name, not where it lies."""
        return str(text).replace(str(self.root), self.name)

    def _current(self, opened: InspectedRun | None) -> InspectedRun:
        from deglare.inspection.run import InspectedRun

        if not looks_like_run(self.root):
            raise DataError(f"the run {self.name} is gone: its folder was moved or removed")
        if opened is None:
            require_own_files(self.root)
            return InspectedRun.open(self.root)
        current = opened.current()
        if current is not opened:
            require_own_files(self.root)
        return current


class RunTable:
    """The runs by id, in the order in which they were given. Safe to share between threads."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._entries: dict[str, Entry] = {}
        self._lock = RLock()
        for path in paths:
            self.add(path)

    def add(self, path: Path, *, id: str | None = None, is_listed: bool = True) -> str:
        """Take in a run, and return its id; one that is there already keeps the id that it has.

        Args:
            path: Its folder.
            id: What it is called here; made of the folder's name if not given.
            is_listed: Whether everybody sees it.
        """
        root = path.resolve()
        with self._lock:
            for entry in self._entries.values():
                if entry.root == root:
                    return entry.id
            known = unique(id or slug(root.name), self._entries)
            self._entries[known] = Entry(known, root, is_listed)
            return known

    def remove(self, id: str) -> None:
        """Forget a run; its folder stays as it is."""
        with self._lock:
            self._entries.pop(id, None)

    @property
    def ids(self) -> tuple[str, ...]:
        """In order, those that are not listed among them."""
        return tuple(self._entries)

    def entry(self, id: object) -> Entry:
        """One entry; `UnknownRunError` for an id that nobody gave."""
        entry = self._entries.get(id) if isinstance(id, str) else None
        if entry is None:
            raise UnknownRunError("there is no such run here: choose one of the list")
        return entry

    def run(self, id: object) -> InspectedRun:
        """The run of an id, opened anew if it has changed."""
        return self.entry(id).run()

    def said(self, text: object) -> str:
        """A sentence as a visitor may read it."""
        for entry in list(self._entries.values()):
            text = entry.said(text)
        return str(text)

    def listing(self) -> list[Listed]:
        """Every run that everybody sees, those that cannot be opened among them."""
        return [listed(entry) for entry in list(self._entries.values()) if entry.is_listed]

    def unlisted(self, id: object) -> Listed | None:
        """A run that only whoever knows its id sees."""
        entry = self._entries.get(id) if isinstance(id, str) else None
        return None if entry is None or entry.is_listed else listed(entry)

    def first(self) -> str | None:
        """The first run that can be opened."""
        return next((one.id for one in self.listing() if one.fault is None), None)


def listed(entry: Entry) -> Listed:
    """A line of the list."""
    try:
        return Listed(entry.id, entry.name, len(entry.run().names), None)
    except DataError as error:
        return Listed(entry.id, entry.name, 0, str(error))


def named_among(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The runs and the trainings that were named: each path is one, or a folder that holds some.

    A name that leads to neither is refused.
    """
    from deglare.training.curves import looks_like_training

    runs: list[Path] = []
    trainings: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise RequestError(f"there is no folder {path}: name the folder of a run, as deglare label writes them")
        here = _folders_at(path, looks_like_run), _folders_at(path, looks_like_training)
        if not any(here):
            raise RequestError(
                f"{path} is no run or training and holds none: make one with deglare label or deglare demo"
            )
        runs += here[0]
        trainings += here[1]
    return runs, trainings


def _folders_at(path: Path, looks_right: Callable[[Path], bool]) -> list[Path]:
    if looks_right(path):
        return [path]
    return sorted(child for child in path.iterdir() if child.is_dir() and looks_right(child))


def require_own_files(root: Path) -> None:
    """Refuse a run that would show files from elsewhere: a link that leads out of it, or a pipe or device in it."""
    for entry in _entries_below(root):
        if entry.is_symlink():
            if not Path(entry.path).resolve().is_relative_to(root.resolve()):
                raise DataError(
                    f"the run {root.name} holds a link that leads out of it ({Path(entry.path).relative_to(root)}): "
                    "put the file itself there"
                )
        elif not _is_plain(entry.stat(follow_symlinks=False)):
            raise DataError(f"the run {root.name} holds {Path(entry.path).relative_to(root)}, which is no file")


def _entries_below(folder: Path) -> Iterator[DirEntry[str]]:
    with scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries_below(Path(entry.path))


def _is_plain(found: stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)


def slug(name: str) -> str:
    """A name as it may stand in an address: lower case letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")[:100] or "run"


def unique(wanted: str, taken: Iterable[str]) -> str:
    """The name, with a number behind it where it is taken."""
    there = set(taken)
    if wanted not in there:
        return wanted
    return next(name for name in (f"{wanted}-{number}" for number in range(2, len(there) + 3)) if name not in there)
