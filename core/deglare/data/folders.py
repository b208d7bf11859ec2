"""What lies in a folder: files in natural order, one image a frame, nothing outside the folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from deglare.data.files import image_size_hw
from deglare.errors import DataError

T = TypeVar("T")

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
HEADERS_READ = 16
"""How many image headers are read at opening; `deglare check` decodes every image."""


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which ``frame2`` comes before ``frame10``."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    return tuple((0, int(digits), digits) if digits else (1, 0, text) for digits, text in parts)


def file_names(folder: Path) -> list[str]:
    """Names of the files in ``folder`` in natural order, hidden ones left out; none where there is no folder."""
    return [path.name for path in _entries(folder) if path.is_file()]


def folders_below(folder: Path) -> list[Path]:
    """The folders right below ``folder`` in natural order, hidden ones left out."""
    return [path for path in _entries(folder) if path.is_dir()]


def by_stem(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """Files with one of ``suffixes`` by their name without it, in natural order; two of one name are a `DataError`."""
    found: dict[str, Path] = {}
    for name in file_names(folder):
        ending = next((s for s in suffixes if name.lower().endswith(s)), None)
        if ending is None:
            continue
        stem = name[: -len(ending)]
        if stem in found:
            raise DataError(f"{folder} holds both {found[stem].name} and {name}: keep one image a frame")
        found[stem] = folder / name
    return found


def one_size_hw(paths: Sequence[Path], what: str) -> tuple[int, int]:
    """Height and width that all images have; the headers of the first, the last and some between are read.

    Images that cannot be read say so when they are decoded: one broken file should not hide the others.
    """
    if not paths:
        raise DataError(f"{what} has no image ({', '.join(IMAGE_SUFFIXES)}): nothing to read")
    sizes: dict[Path, tuple[int, int]] = {}
    fault: DataError | None = None
    for path in spread(paths, HEADERS_READ):
        try:
            sizes[path] = image_size_hw(path)
        except DataError as error:
            fault = fault or error
    if not sizes:
        raise fault or DataError(f"{what} has no image that can be read")
    (one, first), *others = sizes.items()
    for path, size in others:
        if size != first:
            raise DataError(
                f"{one} is {first[1]}x{first[0]} but {path.name} is {size[1]}x{size[0]}: "
                "one camera needs images of one size"
            )
    return first


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most ``count`` items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[0]]
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def has_images(folder: Path) -> bool:
    """Whether an image lies right in ``folder``."""
    return any(name.lower().endswith(IMAGE_SUFFIXES) for name in file_names(folder))


def first_existing(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of ``names`` that is there."""
    return next((folder / name for name in names if (folder / name).exists()), None)


def inside(folder: Path, relative: str) -> Path:
    """A path named in a file; one that leads out of ``folder`` is a `DataError`."""
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise DataError(f"a list in {folder} names '{relative[:80]}', which lies outside of that folder: refused")
    return folder / relative


def _entries(folder: Path) -> list[Path]:
    """What lies in ``folder`` in natural order, hidden things left out; nothing where there is no folder."""
    if not folder.is_dir():
        return []
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}") from error
    return sorted(paths, key=lambda path: natural_key(path.name))
