"""The file that annotations are kept in: SQLite with a write-ahead log, one table that rows are only ever added to.

A row is on the disk when `adding` returns (``synchronous=FULL``: the system is asked to write before it answers), or it
is not there at all. Rows are numbered in the order in which they were written, by whichever process.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from deglare.annotation.actions import Action
from deglare.annotation.replaying import Entry
from deglare.errors import LabelError

SCHEMA = 1
APPLICATION = 0x6465676C
"""Tells our files from other people's: ``degl``."""

WAIT_S = 10.0
"""For others who are writing."""

CREATE = """
CREATE TABLE actions (
    seq INTEGER PRIMARY KEY,
    annotator TEXT NOT NULL,
    frame TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL,
    target INTEGER,
    body TEXT NOT NULL,
    time_s REAL NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX of_frame ON actions (sha256, annotator);
CREATE TRIGGER never_changed BEFORE UPDATE ON actions BEGIN SELECT RAISE(ABORT, 'annotations are only added to'); END;
CREATE TRIGGER never_removed BEFORE DELETE ON actions BEGIN SELECT RAISE(ABORT, 'annotations are only added to'); END;
"""

COLUMNS = "seq, annotator, frame, sha256, kind, target, body, time_s, digest"
COUNT_TABLES = "SELECT count(*) FROM sqlite_schema"
READ = f"SELECT {COLUMNS} FROM actions"  # noqa: S608 - constants of this file

Row = tuple[int, str, str, str, str, int | None, str, float, str]


def connect(path: Path, wait_s: float = WAIT_S) -> sqlite3.Connection:
    """Open the file, make it if it is not there; a `LabelError` of one sentence where it cannot be used.

    Where it cannot, no folder stays behind that was not there before.
    """
    is_new = not path.parent.exists()
    try:
        return _opened(path, wait_s)
    except BaseException:
        if is_new:
            with suppress(OSError):  # it was not made, or others keep something in it by now
                path.parent.rmdir()
        raise


def _opened(path: Path, wait_s: float) -> sqlite3.Connection:
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    try:
        with told(path):
            _require_ours(connection, path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            _create(connection)
            _require_sound(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that is there, also in a folder that nobody may write to."""
    with told(path):
        if not path.is_file():
            raise LabelError(f"there are no annotations {path}: annotate a frame first")
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            connection.execute(COUNT_TABLES).fetchone()
        except sqlite3.OperationalError:  # what is written ahead cannot be shared in a folder that is not written to
            connection.close()
            connection = _copy_in_memory(path)
    try:
        with told(path):
            _require_ours(connection, path)
            _require_sound(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def writing(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All of what is added inside, on the disk, or nothing of it."""
    with told(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def add(connection: sqlite3.Connection, entry: Entry, time_s: float) -> None:
    """Add a row inside of `writing`; its number must be the next."""
    connection.execute(
        f"INSERT INTO actions ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        row_of(entry, time_s),
    )


def next_seq(connection: sqlite3.Connection) -> int:
    """The number of the next row."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM actions").fetchone()[0])


def row_of(entry: Entry, time_s: float) -> Row:
    """The row of an action, with the digest by which a damaged one is known."""
    body = json.dumps(entry.action.body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    said = (entry.seq, entry.annotator, entry.frame, entry.sha256, entry.action.kind, entry.action.target, body)
    return (*said, time_s, digest_of(*said))


def entry_of(row: Row, path: Path) -> Entry:
    """The action of a row; one that is not as it was written is a `LabelError`."""
    seq, annotator, frame, sha256, kind, target, body, _, digest = row
    if digest_of(seq, annotator, frame, sha256, kind, target, body) != digest:
        raise LabelError(f"{path} is damaged at action {seq}: {SALVAGE}")
    fields: dict[str, Any] = json.loads(body)
    return Entry(seq, annotator, frame, sha256, Action(kind, fields, target))


def digest_of(*said: object) -> str:
    """Of everything that an action says; the time is no part of it."""
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


SALVAGE = "deglare.annotation.salvage() writes what can be read of it to a new file"

REASONS = {
    "locked": "somebody else has been writing it for too long: try again",
    "readonly": "it may not be written: choose another place for annotations, or mend its permissions",
    "read-only": "it may not be written: choose another place for annotations, or mend its permissions",
    "unable to open": "it may not be opened here: choose another place for annotations, or mend its permissions",
    "full": "the disk is full: make room and try again",
    "i/o error": "the disk does not take it (is it full?): make room and try again",
    "malformed": f"it is damaged: {SALVAGE}",
    "not a database": f"it is damaged, or no file of annotations: {SALVAGE}",
}


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What SQLite and the system refuse becomes one sentence; whatever was written before is still there."""
    try:
        yield
    except sqlite3.Error as error:
        said = str(error).lower()
        reason = next((reason for word, reason in REASONS.items() if word in said), str(error))
        raise LabelError(f"{path}: {reason}. What was saved before is kept") from error
    except OSError as error:
        raise LabelError(
            f"cannot keep annotations in {path}: {error.strerror or error}. Choose another place"
        ) from error


def _copy_in_memory(path: Path) -> sqlite3.Connection:
    """The file with what is written ahead of it, as it is now."""
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-wal"):
            if (path.parent / name).is_file():
                shutil.copyfile(path.parent / name, Path(folder) / name)
        with closing(sqlite3.connect(Path(folder) / path.name)) as found:
            found.backup(copy)
    return copy


def _require_ours(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    schema = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute(COUNT_TABLES).fetchone()[0]
    if tables and application != APPLICATION:
        raise LabelError(f"{path} is somebody else's database, not annotations: choose another file")
    if schema > SCHEMA:
        raise LabelError(f"{path} has schema {schema}, newer than {SCHEMA}: update deglare to open it")


def _create(connection: sqlite3.Connection) -> None:
    """Once, whoever comes first."""
    if connection.execute(COUNT_TABLES).fetchone()[0]:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute(COUNT_TABLES).fetchone()[0] == 0:
            for statement in _statements(CREATE):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _require_sound(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise LabelError(f"{path} is damaged ({str(found).splitlines()[0][:80]}): {SALVAGE}")


def _statements(script: str) -> list[str]:
    """The statements of a script, of which a trigger holds a semicolon too."""
    found, left = [], ""
    for line in script.strip().splitlines():
        left += line + "\n"
        if sqlite3.complete_statement(left):
            found.append(left)
            left = ""
    return found
