"""Meshes on disk: PLY, GLB and OBJ, through trimesh.

Everything read here is hostile until parsed: bytes, faces and what a file asks to allocate are limited before trimesh
sees it, and nothing that it points to is opened.
"""

from __future__ import annotations

import io
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from deglare.data.files import write_atomically
from deglare.errors import DataError, RequestError
from deglare.geometry.mesh import Mesh

MAX_BYTES = 512 << 20
MAX_FACES = 10_000_000
MAX_NODES = 1000
"""Parts of a GLB file."""

MAX_HEADER_BYTES = 1 << 16

FORMATS = (".ply", ".glb", ".obj")


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write the mesh in the format of the file's name, with its normals and colours, whole or not at all.

    Coordinates are written as they are, in world axes and metres, in every format. Viewers of GLB take y for up: a
    world with another axis up lies on its side there. PLY comes back bit for bit, and so does GLB; OBJ is text of nine
    digits.
    """
    suffix = _format_of(path)
    if mesh.is_empty:
        raise DataError(f"the mesh for {path} has no faces: there is nothing to write")
    data = mesh_bytes(mesh, suffix)
    write_atomically(path, lambda out: out.write(data))


def read_mesh(path: Path) -> Mesh:
    """Read a mesh with the normals and colours of its vertices, if it has any. Materials and pictures are left out.

    The parts of a file are joined; normals or colours that some of them lack are left out too.
    """
    suffix = _format_of(path)
    data = _read_bytes(path)
    {".ply": _check_ply, ".glb": _check_glb, ".obj": _check_obj}[suffix](path, data)
    try:
        parts = _decode(data, suffix)
    except Exception as error:  # what trimesh raises over a damaged file can be anything
        raise DataError(f"{path} is damaged, or no {suffix[1:].upper()} file: {str(error)[:200]}") from error
    if not parts:
        raise DataError(f"{path} holds no triangles")
    return _joined(path, parts)


def _format_of(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise RequestError(f"'{path.name}' is no mesh file: its name must end in {', '.join(FORMATS)}")
    return suffix


def mesh_bytes(mesh: Mesh, suffix: str) -> bytes:
    """What `write_mesh` writes, for one of `FORMATS`. The mesh has faces."""
    import trimesh

    has_normals = mesh.normals is not None
    body = trimesh.Trimesh(
        mesh.vertices_m, mesh.faces, vertex_normals=mesh.normals, vertex_colors=mesh.colours, process=False
    )
    options: dict[str, Any] = {
        ".ply": {"vertex_normal": has_normals},
        ".glb": {"include_normals": has_normals},
        ".obj": {"include_normals": has_normals, "include_color": mesh.colours is not None, "digits": 9},
    }[suffix]
    data = body.export(file_type=suffix[1:], **options)
    return data if isinstance(data, bytes) else str(data).encode()


def _decode(data: bytes, suffix: str) -> list[Mesh]:
    """The parts of a file, moved to where they belong."""
    import trimesh

    options: dict[str, Any] = {"maintain_order": True} if suffix == ".obj" else {}
    scene = trimesh.load_scene(io.BytesIO(data), file_type=suffix[1:], process=False, skip_materials=True, **options)
    placed = [scene.graph[name] for name in scene.graph.nodes_geometry]
    parts = [(scene.geometry[name], transform) for transform, name in placed]
    return [
        _part(body, transform) for body, transform in parts if isinstance(body, trimesh.Trimesh) and len(body.faces)
    ]


def _part(body: Any, world_T_part: np.ndarray) -> Mesh:
    faces = np.asarray(body.faces)
    if faces.min() < 0 or faces.max() >= len(body.vertices):
        raise ValueError("a face names a vertex that is not there")
    has_normals = "vertex_normals" in body._cache  # trimesh would make some up
    colours = np.asarray(body.visual.vertex_colors)[:, :3] if body.visual.kind == "vertex" else None
    vertices, normals = np.asarray(body.vertices), np.asarray(body.vertex_normals) if has_normals else None
    if not np.array_equal(world_T_part, np.eye(4)):
        vertices = vertices @ world_T_part[:3, :3].T + world_T_part[:3, 3]
        normals = None if normals is None else _turned(normals, world_T_part)
    return Mesh(
        vertices.astype(np.float32),
        faces.astype(np.int32),
        None if normals is None else normals.astype(np.float32),
        None if colours is None else colours.astype(np.uint8),
    )


def _turned(normals: np.ndarray, world_T_part: np.ndarray) -> np.ndarray:
    """Normals are divided where places are multiplied, if a part is stretched."""
    turned = normals @ np.linalg.inv(world_T_part[:3, :3])
    return turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _joined(path: Path, parts: list[Mesh]) -> Mesh:
    if sum(len(part.faces) for part in parts) > MAX_FACES:
        raise DataError(_too_many_faces(path))
    first = np.cumsum([0] + [len(part.vertices_m) for part in parts[:-1]])
    return Mesh(
        np.concatenate([part.vertices_m for part in parts]),
        np.concatenate([part.faces + np.int32(start) for part, start in zip(parts, first, strict=True)]),
        _all_or_none([part.normals for part in parts]),
        _all_or_none([part.colours for part in parts]),
    )


def _all_or_none(arrays: list[Any]) -> Any:
    return None if any(array is None for array in arrays) else np.concatenate(arrays)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(
                f"{path} has {path.stat().st_size >> 20} MB, more than the {MAX_BYTES >> 20} a mesh may have"
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _check_ply(path: Path, data: bytes) -> None:
    """Refuse a header that promises more than the file can hold, before anything is allocated for it."""
    header, end, _ = data[:MAX_HEADER_BYTES].partition(b"end_header")
    if not header.startswith(b"ply") or not end:
        raise DataError(f"{path} is no PLY file: it has no header, or one without an end")
    for name, digits in re.findall(rb"^element\s+(\S+)\s+(\d+)", header, re.MULTILINE):
        count = int(digits) if len(digits) < 20 else len(data) + 1
        if count > len(data):
            raise DataError(f"{path} is cut short: its {len(data)} bytes cannot hold the elements that it promises")
        if name == b"face" and count > MAX_FACES:
            raise DataError(_too_many_faces(path))


def _check_obj(path: Path, data: bytes) -> None:
    if data.count(b"\nf ") > MAX_FACES:
        raise DataError(_too_many_faces(path))


def _check_glb(path: Path, data: bytes) -> None:
    """Refuse files that point to others, ask for memory without bytes of their own, or repeat a part too often."""
    content = _glb_content(path, data)
    try:
        _require_own_bytes(path, content)
        faces = [sum(_primitive_faces(content, p) for p in mesh["primitives"]) for mesh in content.get("meshes", [])]
        nodes = content.get("nodes", [])
        if len(nodes) > MAX_NODES:
            raise DataError(f"{path} has {len(nodes)} parts, more than {MAX_NODES}: join them first")
        if sum(faces[node["mesh"]] for node in nodes if "mesh" in node) > MAX_FACES or sum(faces) > MAX_FACES:
            raise DataError(_too_many_faces(path))
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged: its parts do not fit together") from error


def _glb_content(path: Path, data: bytes) -> dict[str, Any]:
    """What the first chunk says there is."""
    if len(data) < 20 or data[:4] != b"glTF":
        raise DataError(f"{path} is no GLB file")
    (size,) = struct.unpack_from("<I", data, 12)
    try:
        content = json.loads(data[20 : 20 + size])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged: it says nothing about its parts")
    return content


def _require_own_bytes(path: Path, content: dict[str, Any]) -> None:
    if any("uri" in part for kind in ("buffers", "images") for part in content.get(kind, [])):
        raise DataError(f"{path} points to other files: save it as one")
    if content.get("extensionsRequired"):
        raise DataError(f"{path} needs extensions that are not read here: save it without compression")
    if any("bufferView" not in accessor or "sparse" in accessor for accessor in content.get("accessors", [])):
        raise DataError(f"{path} has numbers that are not in the file: save it in full")


def _primitive_faces(content: dict[str, Any], primitive: dict[str, Any]) -> int:
    accessor = primitive.get("indices", primitive["attributes"]["POSITION"])
    return int(content["accessors"][accessor]["count"]) // 3


def _too_many_faces(path: Path) -> str:
    return f"{path} has more than {MAX_FACES} faces: make it coarser first"
