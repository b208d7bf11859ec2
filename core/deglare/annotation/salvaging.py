"""What can still be read of a damaged file of annotations, in a new one."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from deglare.annotation.database import READ, Row, add, connect, entry_of, told, writing
from deglare.annotation.replaying import Entry
from deglare.errors import LabelError, RequestError

FURTHER = 4096
"""So many numbers in a row without an action, and there are no more."""

FIRST_PAGE = 4096
"""Bytes: where SQLite keeps what tables there are, the same in every file of ours but for the counts in its header."""


@dataclass(frozen=True)
class Salvaged:
    """What came of it."""

    kept: int
    lost: int
    """Actions that are known to have been there."""


def salvage(damaged: Path, out: Path) -> Salvaged:
    """Write every action that is as it was written to a new file; the damaged one is left as it is."""
    if out.exists():
        raise RequestError(f"{out} is in the way: name a file that is not there yet")
    if not damaged.is_file():
        raise LabelError(f"there is no file {damaged}")
    with tempfile.TemporaryDirectory() as name, told(damaged):
        found = max((_read(copy) for copy in _copies(damaged, Path(name))), key=len)
    if not found:
        raise LabelError(f"nothing of {damaged} can be read as annotations")
    with closing(connect(out)) as connection, writing(connection, out):
        for row in found.values():
            add(connection, _entry(row), row[7])
    return Salvaged(len(found), max(found) - len(found))


def _copies(damaged: Path, folder: Path) -> Iterator[Path]:
    """The file with what is written ahead of it, the file alone, and the file with a first page that is whole."""
    for kind in ("whole", "alone", "mended"):
        copy = folder / kind / damaged.name
        copy.parent.mkdir()
        shutil.copyfile(damaged, copy)
        ahead = damaged.with_name(f"{damaged.name}-wal")
        if kind == "whole" and ahead.is_file():
            shutil.copyfile(ahead, copy.with_name(ahead.name))
        if kind == "mended":
            _mend_first_page(copy, folder / "new.sqlite")
        yield copy


def _mend_first_page(path: Path, new: Path) -> None:
    """Take it from a file without actions, and let the header's count of pages be that of the file."""
    with closing(connect(new)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    page, content = bytearray(new.read_bytes()[:FIRST_PAGE]), path.read_bytes()
    page[28:32] = (len(content) // FIRST_PAGE).to_bytes(4, "big")
    path.write_bytes(bytes(page) + content[FIRST_PAGE:])


def _read(path: Path) -> dict[int, Row]:
    """Rows that are as they were written, by number, looked up one by one: a damaged page costs only its own."""
    found: dict[int, Row] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        seq = last = 0
        while seq < last + FURTHER:
            seq += 1
            with suppress(sqlite3.Error, LabelError, ValueError, TypeError):
                row = connection.execute(f"{READ} WHERE seq=?", (seq,)).fetchone()
                if row is not None and _entry(row).seq == seq:
                    found[seq], last = row, seq
    return found


def _entry(row: Row) -> Entry:
    return entry_of(row, Path("the file"))
