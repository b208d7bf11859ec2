"""ScanNet's ``.sens``: one file with the cameras, then pose, JPEG and zlib depth of every frame.

Opening walks once through the headers of the frames; a frame is decoded by seeking to it. All sizes that the file
states are checked before anything is read or unpacked. Little-endian, version 4.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deglare.data.drafts import Draft, Source, assemble
from deglare.data.files import MAX_PIXELS, decoded, depth_from_steps, open_image
from deglare.data.folders import file_names
from deglare.errors import DataError
from deglare.types import Camera, DepthMap, Rgb, Rigid, Sequence

FORMAT = "sens"
VERSION = 4
MAX_NAME_BYTES = 4096
MAX_FRAMES = 1_000_000
MAX_BLOB_BYTES = 64 << 20

COLOUR_CODECS = {1: "PNG", 2: "JPEG"}
DEPTH_RAW, DEPTH_ZLIB = 0, 1

_MATRIX = struct.Struct("<16f")
_FRAME = struct.Struct("<16f4Q")


@dataclass(frozen=True)
class _Header:
    """What stands before the frames."""

    colour_matrix: tuple[float, ...]
    depth_matrix: tuple[float, ...]
    colour_codec: int
    depth_codec: int
    colour_size_hw: tuple[int, int]
    depth_size_hw: tuple[int, int]
    steps_per_metre: float
    frame_count: int


@dataclass(frozen=True)
class _Blob:
    """Where the bytes of one image lie."""

    path: Path
    offset: int
    length: int

    def read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return _exactly(file, self.length, self.path)
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror or error}") from error


@dataclass(frozen=True)
class _Colour:
    """Decodes one colour image when called."""

    blob: _Blob
    codec: str
    what: str

    def __call__(self) -> Rgb:
        packed = io.BytesIO(self.blob.read())
        try:
            with open_image(packed, (self.codec,)) as image:
                return np.asarray(decoded(image, self.blob.path).convert("RGB"))
        except DataError as error:
            raise DataError(f"{self.what}: its colour is damaged, or no {self.codec} image") from error


@dataclass(frozen=True)
class _Depth:
    """Decodes one depth image when called."""

    blob: _Blob
    codec: int
    size_hw: tuple[int, int]
    unit_m: float
    what: str

    def __call__(self) -> DepthMap:
        length = 2 * self.size_hw[0] * self.size_hw[1]
        packed = self.blob.read()
        steps = packed if self.codec == DEPTH_RAW else self._unpacked(packed, length)
        if len(steps) != length:
            raise DataError(f"{self.what}: its depth has {len(steps)} bytes, it should have {length}")
        return depth_from_steps(np.frombuffer(steps, dtype="<u2").astype(np.uint16).reshape(self.size_hw), self.unit_m)

    def _unpacked(self, packed: bytes, length: int) -> bytes:
        try:
            return zlib.decompressobj().decompress(packed, length + 1)
        except zlib.error as error:
            raise DataError(f"{self.what}: its depth is damaged: {error}") from error


def looks_like_sens(path: Path) -> bool:
    """A ``.sens`` file, or a folder with one."""
    return sens_file(path) is not None


def sens_file(path: Path) -> Path | None:
    """The file itself, or the only one in the folder."""
    if path.is_file():
        return path if path.suffix == ".sens" else None
    found = [name for name in file_names(path) if name.endswith(".sens")]
    return path / found[0] if len(found) == 1 else None


def read_sens(path: Path) -> Sequence:
    """Open a ``.sens`` file. A file that was cut short keeps its whole frames and counts the lost ones."""
    file = sens_file(path)
    if file is None:
        raise DataError(f"{path} is no .sens file and no folder with exactly one")
    try:
        with file.open("rb") as stream:
            header = _read_header(stream, file)
            drafts = list(_drafts(stream, header, file))
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror or error}") from error
    lost = header.frame_count - len(drafts)
    depth_camera = _camera(header.depth_matrix, header.depth_size_hw, file)
    source = Source(file.stem, FORMAT, _camera(header.colour_matrix, header.colour_size_hw, file), depth_camera)
    return assemble(source, drafts, {"cut off at the end of the file": lost} if lost else {})


def _read_header(stream: BinaryIO, path: Path) -> _Header:
    version, name_bytes = struct.unpack("<IQ", _exactly(stream, 12, path))
    if version != VERSION:
        raise DataError(
            f"{path} is version {version} of the .sens format, only {VERSION} is known: is it a .sens file?"
        )
    _within(name_bytes, 0, MAX_NAME_BYTES, "bytes of name", path)
    _exactly(stream, name_bytes, path)
    colour_matrix, _, depth_matrix, _ = (_MATRIX.unpack(_exactly(stream, _MATRIX.size, path)) for _ in range(4))
    colour_codec, depth_codec, cw, ch, dw, dh, steps, count = struct.unpack("<2i4IfQ", _exactly(stream, 36, path))
    for pixels in (cw * ch, dw * dh):
        _within(pixels, 1, MAX_PIXELS, "pixels a frame", path)
    _within(count, 0, MAX_FRAMES, "frames", path)
    if not (0 < steps < np.inf):
        raise DataError(f"{path} states {steps} depth steps a metre: it is damaged")
    if colour_codec not in COLOUR_CODECS or depth_codec not in (DEPTH_RAW, DEPTH_ZLIB):
        raise DataError(
            f"{path} packs colour with codec {colour_codec} and depth with {depth_codec}: "
            "only PNG (1) and JPEG (2), and raw (0) and zlib (1), can be read"
        )
    return _Header(colour_matrix, depth_matrix, colour_codec, depth_codec, (ch, cw), (dh, dw), steps, count)


def _drafts(stream: BinaryIO, header: _Header, path: Path) -> Iterator[Draft]:
    """The frames that lie wholly in the file."""
    end = path.stat().st_size
    for index in range(header.frame_count):
        packed = stream.read(_FRAME.size)
        if len(packed) < _FRAME.size:
            return
        *pose, colour_us, _, colour_bytes, depth_bytes = _FRAME.unpack(packed)
        for length in (colour_bytes, depth_bytes):
            _within(length, 0, MAX_BLOB_BYTES, f"bytes in an image of frame {index}", path)
        start = stream.tell()
        if start + colour_bytes + depth_bytes > end:
            return
        what = f"frame {index} of {path}"
        yield Draft(
            name=f"{index:06d}",
            load_rgb=_Colour(_Blob(path, start, colour_bytes), COLOUR_CODECS[header.colour_codec], what),
            stated_pose=_matrix(pose),
            pose_source=f"the pose of {what}",
            load_depth=_Depth(
                blob=_Blob(path, start + colour_bytes, depth_bytes),
                codec=header.depth_codec,
                size_hw=header.depth_size_hw,
                unit_m=1 / header.steps_per_metre,
                what=what,
            ),
            time_s=colour_us / 1e6,
        )
        stream.seek(start + colour_bytes + depth_bytes)


def _matrix(numbers: list[float]) -> Rigid:
    return np.array(numbers, dtype=np.float64).reshape(4, 4)


def _camera(numbers: tuple[float, ...], size_hw: tuple[int, int], path: Path) -> Camera:
    try:
        return Camera.from_matrix(_matrix(list(numbers)), size_hw)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _exactly(stream: BinaryIO, length: int, path: Path) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise DataError(f"{path} is cut short: {length} bytes should follow, {len(data)} do")
    return data


def _within(value: int, low: int, high: int, what: str, path: Path) -> None:
    if not low <= value <= high:
        raise DataError(f"{path} states {value} {what}, between {low} and {high} are possible: it is damaged")
