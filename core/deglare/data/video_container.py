"""What kind of file an upload is, by its first bytes: three containers are read, and nothing that names other files."""

from __future__ import annotations

from pathlib import Path

from deglare.errors import DataError

MAGIC_BYTES = 64
CONTAINERS = "mp4, mov, m4v, mkv, webm or avi"
QUICKTIME_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"<MPD", b"<smil", b"#!EXTM3U")


def container_of(path: Path) -> str:
    """The one demuxer that may open a file: ``mov``, ``matroska`` or ``avi``; a `DataError` for anything else."""
    try:
        with path.open("rb") as file:
            start = file.read(MAGIC_BYTES)
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder: name a video file") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if not start:
        raise DataError(f"{path} is empty: was the copy or the upload cut short?")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(PLAYLISTS):
        raise DataError(f"{path} is a list that names other files, not a video: give the {CONTAINERS} file itself")
    if start[4:8] in QUICKTIME_ATOMS:
        return "mov"
    if start.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if start.startswith(b"RIFF") and start[8:12] == b"AVI ":
        return "avi"
    raise DataError(f"{path} is not a video that is read here: its first bytes are not those of {CONTAINERS}")
