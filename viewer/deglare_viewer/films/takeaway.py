"""What can be taken away of a clip: files by fixed names, archives made when they are first asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deglare.data.files import write_atomically
from deglare.errors import RequestError
from deglare_viewer.films.film import Film

Members = Iterator[tuple[Path, str]]
"""Files, and what they are called in an archive."""


@dataclass(frozen=True)
class Kind:
    """Something that can be saved."""

    title: str
    media_type: str
    path: str | None = None
    """Below the run, for what lies there already."""
    members: Callable[[Path], Members] | None = None
    """Of an archive."""


def _depth(run: Path) -> Members:
    yield from _below(run, "predicted", "*.png")
    yield from _below(run, "fused", "*.png")


def _colmap(run: Path) -> Members:
    for path in sorted((run / "results" / "colmap").glob("*.txt")):
        yield path, f"sparse/0/{path.name}"
        if path.name == "images.txt":
            for name in _images(path):
                yield run / "color" / name, f"images/{name}"


def _nerf(run: Path) -> Members:
    yield run / "results" / "transforms.json", "results/transforms.json"
    yield from _below(run, "color", "*.jpg")
    yield from _below(run, "fused", "*.png")


def _images(path: Path) -> Iterator[str]:
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    yield from (line.split()[-1] for line in lines[::2] if line.strip())


def _below(run: Path, folder: str, pattern: str) -> Members:
    for path in sorted((run / folder).rglob(pattern)):
        yield path, path.relative_to(run).as_posix()


ZIP = "application/zip"
KINDS: dict[str, Kind] = {
    "depth.mp4": Kind("depth as a video", "video/mp4", "results/depth.mp4"),
    "depth_png.zip": Kind("depth of every frame as 16-bit PNG, millimetres", ZIP, members=_depth),
    "mesh.glb": Kind("mesh as GLB", "model/gltf-binary", "results/mesh.glb"),
    "mesh.ply": Kind("mesh as PLY", "application/octet-stream", "results/mesh.ply"),
    "poses_tum.txt": Kind("cameras as TUM", "text/plain", "results/poses_tum.txt"),
    "colmap.zip": Kind("cameras as COLMAP, with points and pictures", ZIP, members=_colmap),
    "transforms.json": Kind("cameras as transforms.json", "application/json", "results/transforms.json"),
    "transforms.zip": Kind("transforms.json with pictures and depth", ZIP, members=_nerf),
}
NEEDS = {"colmap.zip": "results/colmap", "transforms.zip": "results/transforms.json", "depth_png.zip": "predicted"}
"""What must be there for an archive to be offered."""


def shelf(film: Film) -> list[dict[str, Any]]:
    """What there is to take: title, name, and bytes where they are known."""
    found = []
    for name, kind in KINDS.items():
        path = film.run / (kind.path or NEEDS[name])
        if path.exists():
            size = path.stat().st_size if kind.path else None
            found.append({"name": name, "title": kind.title, "bytes": size})
    return found


def taken(film: Film, name: str) -> tuple[Path, str]:
    """The file of a name and its type; a `RequestError` where there is none."""
    kind = KINDS.get(name)
    if kind is None or not (film.run / (kind.path or NEEDS[name])).exists():
        raise RequestError("there is nothing of that name to save of this clip")
    path = film.run / kind.path if kind.path else _archive(film, name, kind)
    return own_file(film, path), kind.media_type


def own_file(film: Film, path: Path) -> Path:
    """The path, if it is a plain file of this clip and no way out of it."""
    real = path.resolve()
    if not real.is_relative_to(film.root.resolve()) or not real.is_file():
        raise RequestError("there is nothing of that name to save of this clip")
    return real


def _archive(film: Film, name: str, kind: Kind) -> Path:
    """Made once; the folder goes with the clip."""
    path = film.root / "takeaway" / name
    if path.is_file() or kind.members is None:
        return path
    members = [(own_file(film, source), inside) for source, inside in kind.members(film.run)]

    def fill(out: BinaryIO) -> None:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
            for source, inside in members:
                archive.write(source, inside)

    write_atomically(path, fill)
    return path
