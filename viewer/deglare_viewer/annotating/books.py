"""The annotations of every run, each opened once for all visitors.

Looking leaves no trace: the file of a run is made when somebody first writes. Until then, and where nobody may write
and nothing is there, visitors see an empty one that lies elsewhere and is never filled.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from threading import RLock
from typing import TYPE_CHECKING
from weakref import finalize

from deglare.errors import DeglareError, LabelError, RequestError

if TYPE_CHECKING:
    from deglare.annotation import Annotations, KnownMesh
    from deglare.geometry.mesh import Mesh
    from deglare.geometry.raycasting import RayCaster
    from deglare.inspection.run import InspectedRun
    from deglare_viewer.sessions import RunTable

ONLY_SHOWN = "this studio only shows annotations: start it without --read-only to change them"


@dataclass(frozen=True)
class Surface:
    """The mesh of a run as the page has it, with few enough triangles to be shown."""

    mesh: Mesh
    caster: RayCaster
    known: KnownMesh

    @classmethod
    def of(cls, run: InspectedRun) -> Surface:
        """It takes a moment where the mesh is large."""
        from deglare.annotation import KnownMesh
        from deglare.geometry.raycasting import RayCaster
        from deglare.inspection.simplifying import simplified
        from deglare.inspection.surfaces import MOST_FACES

        full = run.mesh()
        shown = simplified(full, MOST_FACES)
        caster = run.projector() if shown is full else RayCaster(shown, threads=1)
        return cls(shown, caster, KnownMesh.of(shown))


@dataclass
class Book:
    """What is kept of one run at one version."""

    run: InspectedRun
    may_write: bool
    blank_path: Path
    """Of the empty one."""
    _lock: RLock = field(default_factory=RLock)
    _kept: Annotations | None = None
    _blank: Annotations | None = None
    _refusal: str | None = None
    """Why the one of the run could not be opened for writing."""
    _surface: Surface | None = None

    def to_look(self) -> Annotations:
        """What is there."""
        with self._lock:
            if self._kept is None and self._path().is_file():
                self._kept = self._opened()
            return self._kept or self._empty()

    def to_write(self) -> Annotations:
        """The same to be written to; a sentence where nobody may."""
        if not self.may_write:
            raise RequestError(ONLY_SHOWN)
        with self._lock:
            if self._kept is None or self._refusal is not None:
                self._kept = self._open(read_only=False)
                self._refusal = None
            return self._kept

    def surface(self) -> Surface:
        """What is painted on in 3D."""
        with self._lock:
            self._surface = self._surface or Surface.of(self.run)
            return self._surface

    @property
    def refusal(self) -> str | None:
        """Why nothing can be changed, as far as it is known before somebody tries."""
        return self._refusal if self.may_write else ONLY_SHOWN

    def close(self) -> None:
        """Let go of the files."""
        for one in (self._kept, self._blank):
            if one is not None:
                one.close()

    def _path(self) -> Path:
        from deglare.annotation.working import annotations_file

        return annotations_file(self.run.root)

    def _opened(self) -> Annotations:
        """For writing where that can be, so that others' strokes and ours go through one lock; else to look."""
        if not self.may_write:
            return self._open(read_only=True)
        try:
            return self._open(read_only=False)
        except LabelError as error:
            self._refusal = str(error)
            return self._open(read_only=True)

    def _open(self, *, read_only: bool) -> Annotations:
        from deglare.annotation import open_annotations

        return open_annotations(self.run.root, read_only=read_only, mesh=lambda: self.surface().known)

    def _empty(self) -> Annotations:
        from deglare.annotation import open_annotations

        if self._blank is None:
            self._blank = open_annotations(self.run.root, path=self.blank_path, mesh=lambda: self.surface().known)
        return self._blank


class Books:
    """The books of a table of runs; a run that was written anew gets a new one over the same file."""

    def __init__(self, table: RunTable, *, is_read_only: bool = False) -> None:
        self.table, self._may_write = table, not is_read_only
        self._books: dict[tuple[str, str], Book] = {}
        self._lock = RLock()
        self._blanks: Path | None = None

    def book(self, id: str) -> Book:
        """Of the run as it is now."""
        run = self.table.run(id)
        with self._lock:
            key = (id, run.version)
            if key not in self._books:
                self._books[key] = Book(run, self._may_write, self._blank_folder() / f"{len(self._books)}.sqlite")
            return self._books[key]

    def close(self) -> None:
        """Let go of everything; an answer that is under way gets a sentence instead."""
        for book in self._books.values():
            book.close()
        if self._blanks is not None:
            shutil.rmtree(self._blanks, ignore_errors=True)

    def _blank_folder(self) -> Path:
        """Where stores lie that stand for none; gone with this object, closed or not."""
        if self._blanks is None:
            self._blanks = Path(mkdtemp(prefix="deglare-blank-"))
            finalize(self, shutil.rmtree, self._blanks, ignore_errors=True)
        return self._blanks


def without_place(error: DeglareError, root: Path, name: str) -> DeglareError:
    """The same sentence without a place of the server in it."""
    return type(error)(str(error).replace(str(root), name))
