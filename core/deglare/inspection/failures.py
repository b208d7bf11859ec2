"""Failures worth keeping: views of a run with a note, in ``annotations/failures.json`` inside the run.

::

    {"schema": 1, "failures": [{"note": "...", "view": {...}}, ...]}      in the order in which they were kept

Whoever keeps or drops one reads, changes and writes under a lock: two at once lose nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deglare.data.files import read_json, write_json
from deglare.data.run_folder import LOCK, lock_now, writable
from deglare.errors import DataError, RequestError
from deglare.inspection.run import InspectedRun
from deglare.inspection.view import View

FILE = Path("annotations") / "failures.json"
SCHEMA = 1
MAX_FAILURES = 10_000
MAX_NOTE = 500
"""Characters."""

WAIT_S = 10.0
"""For others who are writing."""
RETRY_S = 0.02


@dataclass(frozen=True)
class Failure:
    """A view that somebody kept."""

    view: View
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.note) > MAX_NOTE:
            raise RequestError(f"the note has {len(self.note)} characters, more than the {MAX_NOTE} it may have")

    @property
    def id(self) -> str:
        """The same for the same view of the run, under whatever id the run was opened."""
        seen = {key: value for key, value in self.view.to_json().items() if key != "run"}
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """With its id and the end of its address, for whoever lists it."""
        return {"id": self.id, "note": self.note, "view": self.view.to_json(), "query": self.view.to_query()}


def kept(run: InspectedRun) -> list[Failure]:
    """What was kept, first to last; a file that cannot be read is a `DataError`."""
    path = run.root / FILE
    return _read(path) if path.is_file() else []


def keep(run: InspectedRun, view: View, note: str = "") -> Failure:
    """Keep a view. Kept again it is the same failure, with the new note if there is one."""
    if view.frame is None:
        raise RequestError("a failure needs a frame: choose one before you keep it")
    run.frame(view.frame)
    new = Failure(view, note.strip())
    with _held(run.root / FILE) as path:
        found = {failure.id: failure for failure in kept(run)}
        if new.id in found and not new.note:
            return found[new.id]
        if new.id not in found and len(found) >= MAX_FAILURES:
            raise RequestError(f"{run.name} keeps {MAX_FAILURES} failures already: drop some first")
        _write(path, found | {new.id: new})
    return new


def drop(run: InspectedRun, failure_id: str) -> bool:
    """Keep a failure no longer; False where it was not kept."""
    with _held(run.root / FILE) as path:
        found = {failure.id: failure for failure in kept(run)}
        if found.pop(failure_id, None) is None:
            return False
        _write(path, found)
    return True


def _write(path: Path, failures: Mapping[str, Failure]) -> None:
    entries = [{"note": failure.note, "view": failure.view.to_json()} for failure in failures.values()]
    write_json(path, {"schema": SCHEMA, "failures": entries})


def _read(path: Path) -> list[Failure]:
    value = read_json(path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise DataError(f"{path} has schema {schema}, newer than {SCHEMA}: update deglare to read it")
    if not isinstance(value, dict) or schema != SCHEMA or not isinstance(value.get("failures"), list):
        raise DataError(f"{path} is no list of failures, or is damaged: {MEND}")
    if len(value["failures"]) > MAX_FAILURES:
        raise DataError(f"{path} lists more than {MAX_FAILURES} failures: {MEND}")
    return [_failure(path, number, entry) for number, entry in enumerate(value["failures"])]


def _failure(path: Path, number: int, entry: object) -> Failure:
    note = entry.get("note") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(note, str):
        raise DataError(f"{path} is damaged at entry {number}: {MEND}")
    try:
        return Failure(View.from_json(entry.get("view")), note)
    except RequestError as error:
        raise DataError(f"{path} is damaged at entry {number} ({error}): {MEND}") from error


MEND = "mend it, or move it away to begin anew"


@contextmanager
def _held(path: Path) -> Iterator[Path]:
    """Keep others, in this process or another, from writing beside ``path``; they wait for a while."""
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = (path.parent / LOCK).open("ab")
    with lock:
        until = time.monotonic() + WAIT_S
        while not lock_now(lock):
            if time.monotonic() > until:
                raise RequestError(f"somebody else has been writing {path.parent} for {WAIT_S:.0f} s: try again later")
            time.sleep(RETRY_S)
        yield path
