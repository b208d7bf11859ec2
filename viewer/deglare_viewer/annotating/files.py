"""Subsets that come and go as one file."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deglare.errors import DeglareError, RequestError
from deglare.inspection.downloads import Download, safe_name
from deglare_viewer.annotating.books import without_place

if TYPE_CHECKING:
    from deglare.annotation import Subset

ENDS = {"list": "txt", "coco": "json", "csv": "csv", "png": "zip"}
TYPES = {"txt": "text/plain", "json": "application/json", "csv": "text/csv", "zip": "application/zip"}

MEMBERS = re.compile(r"(?:frames\.csv|subset\.json|(?:surfaces|excluded)/[\w.+-]{1,120}/[\w.+-]{1,120}\.png)", re.ASCII)
"""What may lie in an archive of masks; folders and everything else are left out."""
MOST_MEMBERS, MOST_BYTES = 50_000, 256 << 20


def packed(subset: Subset, form: str, tag: str, name: str) -> Download:
    """A subset as a file whose name holds the beginning of its hash."""
    from deglare.annotation import export_subset

    with TemporaryDirectory() as folder:
        out = Path(folder) / "subset"
        export_subset(subset, out, form, tag)
        body = zipped(out) if out.is_dir() else out.read_bytes()
    end = ENDS[form]
    kept = subset.tagged(tag) if form == "list" else subset
    return Download.of(safe_name(name, "reflective", kept.sha256[:12], suffix=f".{end}"), TYPES[end], body)


def zipped(folder: Path) -> bytes:
    """A folder as an archive."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder).as_posix())
    return body.getvalue()


def unpacked(body: bytes, name: str) -> Subset:
    """The subset in a file that a visitor sent; its form is told by the end of its name."""
    from deglare.annotation import import_subset

    end = Path(name).suffix.lower().lstrip(".")
    if end not in TYPES:
        raise RequestError(f"a subset is a .txt, .json, .csv or .zip file, not '{name[-20:]}'")
    with TemporaryDirectory() as folder:
        place = Path(folder) / f"subset.{end}"
        try:
            if end == "zip":
                unzip(body, place := Path(folder) / "subset")
            else:
                place.write_bytes(body)
            return import_subset(place)
        except DeglareError as error:
            raise without_place(error, place, Path(name).name[-60:]) from error


def unzip(body: bytes, folder: Path) -> None:
    """The members of an archive that belong to a subset, within limits."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [one for one in archive.infolist() if MEMBERS.fullmatch(one.filename)]
            if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > MOST_BYTES:
                raise RequestError(
                    f"the archive holds more than {MOST_MEMBERS} masks or {MOST_BYTES >> 20} MB: split it"
                )
            left = MOST_BYTES
            for one in members:
                place = folder / one.filename
                if ".." in place.parts:
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(one) as member:
                    content = member.read(left + 1)  # what a header says of its size is not believed
                left -= len(content)
                if left < 0:
                    raise RequestError(f"the archive holds more than {MOST_BYTES >> 20} MB: split it")
                place.write_bytes(content)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise RequestError("the archive cannot be read: export it again") from error
