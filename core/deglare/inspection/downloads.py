"""What somebody saves: a name, a kind and bytes, made when they are asked for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deglare.data.files import write_atomically

LONGEST_PART = 80


@dataclass(frozen=True, eq=False)
class Download:
    """A file that is not on disk yet."""

    name: str
    """Safe to save under, on any system."""
    media_type: str
    chunks: Callable[[], Iterator[bytes]]
    """Makes the content, piece by piece, anew each time."""

    @classmethod
    def of(cls, name: str, media_type: str, content: bytes) -> Download:
        """Of content that is made already."""
        return cls(name, media_type, lambda: iter((content,)))

    def content(self) -> bytes:
        """All of it at once."""
        return b"".join(self.chunks())

    def write(self, path: Path) -> Path:
        """Write it, whole or not at all, under its own name where ``path`` is a folder; returns where it is."""
        target = path / self.name if path.is_dir() else path

        def fill(out: BinaryIO) -> None:
            out.writelines(self.chunks())

        write_atomically(target, fill)
        return target


def safe_name(*parts: str, suffix: str) -> str:
    """Parts joined to the name of a file: plain letters, digits and ``. + -`` only, never hidden, never too long."""
    return "_".join(_plain(part) for part in parts) + suffix


def _plain(part: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", part).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", ascii_only).strip("-._").lstrip("+-._")[:LONGEST_PART] or "unnamed"
