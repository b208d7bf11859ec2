"""Images and depth on disk: one door in, one door out.

Everything read here is hostile until parsed: formats, bytes and pixels are limited. Everything written is written
whole or not at all.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16
from PIL import Image, UnidentifiedImageError

from deglare.errors import DataError
from deglare.types import DepthMap, Rgb

MAX_PIXELS = 50_000_000
"""A frame of more pixels than this is refused before it is decoded."""

MAX_TEXT_BYTES = 64 << 20
NO_DEPTH = (0, 65535)
"""Codes for "nothing measured here" in 16-bit depth files: 0 everywhere, 65535 in 7-Scenes."""

FARTHEST_M = 65.534
UNKNOWN_UNCERTAINTY = 65535
"""The code for "unknown" in files of uncertainty, where 0 means certain."""


def read_rgb(path: Path) -> Rgb:
    """Decode a colour image as RGB."""
    with open_image(path, ("PNG", "JPEG", "WEBP", "PPM")) as image:
        return np.asarray(decoded(image, path).convert("RGB"))


def read_png16(path: Path) -> UInt16[np.ndarray, "h w"]:
    """Decode a 16-bit single-channel PNG (or PGM) as it stands."""
    with open_image(path, ("PNG", "PPM")) as image:
        if not image.mode.startswith("I"):
            raise DataError(f"{path} has {image.mode} pixels, but depth needs one channel of 16 bits")
        return np.asarray(decoded(image, path)).astype(np.uint16)


def read_png8(path: Path) -> UInt8[np.ndarray, "h w"]:
    """Decode an 8-bit single-channel PNG as it stands."""
    with open_image(path, ("PNG",)) as image:
        if image.mode not in ("L", "P", "1"):
            raise DataError(f"{path} has {image.mode} pixels, but a mask needs one channel of 8 bits")
        return np.asarray(decoded(image, path)).astype(np.uint8)


def read_depth(path: Path, unit_m: float = 0.001) -> DepthMap:
    """Decode a 16-bit depth PNG; ``unit_m`` is the length of one step."""
    return depth_from_steps(read_png16(path), unit_m)


def depth_from_steps(steps: UInt16[np.ndarray, "h w"], unit_m: float) -> DepthMap:
    """Metres from 16-bit steps, with the codes for "no depth" made invalid."""
    return DepthMap(steps.astype(np.float32) * np.float32(unit_m), ~np.isin(steps, NO_DEPTH))


def write_depth(path: Path, depth: DepthMap) -> None:
    """Write 16-bit PNG in millimetres, 0 = no depth. Depth over 65.5 m is written as 0, never wrapped."""
    keep = depth.valid & (depth.metres <= FARTHEST_M)
    steps = np.zeros(depth.size_hw, dtype=np.uint16)
    steps[keep] = np.clip(np.rint(depth.metres[keep] * 1000), 1, 65534).astype(np.uint16)
    write_image(path, steps)


def read_uncertainty(path: Path) -> Float32[np.ndarray, "h w"]:
    """Decode standard deviation in metres from a 16-bit PNG in millimetres; NaN is unknown."""
    steps = read_png16(path)
    metres = steps / np.float32(1000)  # the nearest float32 of each millimetre, which its thousandfold is not
    metres[steps == UNKNOWN_UNCERTAINTY] = np.nan
    return metres


def write_uncertainty(path: Path, sigma_m: Float32[np.ndarray, "h w"]) -> None:
    """Write 16-bit PNG in the nearest millimetre, 0 = certain, 65535 = unknown (NaN).

    A deviation over 65.534 m is written as that: it stays the largest, where depth that far is not written at all.
    """
    known = ~np.isnan(sigma_m)
    if np.any(sigma_m[known] < 0):
        raise DataError(f"an uncertainty for {path} is below 0: write a standard deviation in metres, NaN for unknown")
    steps = np.full(sigma_m.shape, UNKNOWN_UNCERTAINTY, dtype=np.uint16)
    steps[known] = np.minimum(np.rint(sigma_m[known].astype(np.float64) * 1000), UNKNOWN_UNCERTAINTY - 1).astype(
        np.uint16
    )
    write_image(path, steps)


def write_image(path: Path, pixels: UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "h w"], quality: int = 95) -> None:
    """Write PNG, or JPEG where the name says so. JPEG keeps full colour resolution.

    16 bits are packed quickly: depth becomes a sixth larger than it could be, in a fifth of the time.
    """
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        image.save(buffer, format="JPEG", quality=quality, subsampling=0)
    else:
        image.save(buffer, format="PNG", compress_level=1 if pixels.dtype == np.uint16 else 6)
    write_atomically(path, lambda out: out.write(buffer.getvalue()))


def write_mask(path: Path, mask: Bool[np.ndarray, "h w"]) -> None:
    """Write a mask as 8-bit PNG, 255 = true."""
    write_image(path, mask.astype(np.uint8) * np.uint8(255))


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, so that equal values give equal bytes."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_atomically(path, lambda out: out.write(text.encode()))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    write_atomically(path, lambda out: out.write(text.encode()))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in its place in one step."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}. Choose another folder") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(_mode_of(path))
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}. Nothing was changed") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Read a text file of bounded size."""
    try:
        if path.stat().st_size > max_bytes:
            raise DataError(f"{path} has {path.stat().st_size} bytes, more than the {max_bytes} a text file may have")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text: {error.reason} at byte {error.start}") from error


def read_numbers(path: Path, count: int | None = None) -> np.ndarray:
    """Read whitespace-separated numbers; a word among them is a `DataError` that names it and its line."""
    return parse_numbers(read_text(path), str(path), count)


def parse_numbers(text: str, what: str, count: int | None = None, first_line: int = 1) -> np.ndarray:
    """Parse whitespace-separated numbers (``nan`` and ``inf`` included), ``#`` starts a comment."""
    numbers: list[float] = []
    for line_number, line in enumerate(text.splitlines(), start=first_line):
        for word in line.split("#")[0].split():
            try:
                numbers.append(float(word))
            except ValueError as error:
                raise DataError(f"{what}, line {line_number}: '{word[:40]}' is not a number") from error
    if count is not None and len(numbers) != count:
        raise DataError(f"{what} holds {len(numbers)} numbers, it should hold {count}")
    return np.array(numbers, dtype=np.float64)


def read_json(path: Path) -> object:
    """Read a JSON file of bounded size."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}") from error


def image_size_hw(path: Path) -> tuple[int, int]:
    """Height and width from the header, without decoding."""
    with open_image(path, ("PNG", "JPEG", "WEBP", "PPM")) as image:
        return image.height, image.width


def open_image(path: Path | io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
    """Open an image of one of ``formats`` and of bounded size; nothing is decoded yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own, lower limit stands below
            image = Image.open(path, formats=formats)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} would unpack to far more than {MAX_PIXELS} pixels: refused") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is not a {' or '.join(formats)} image that can be read: {error}") from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DataError(f"{path} would unpack to {image.width}x{image.height} pixels, more than {MAX_PIXELS}: refused")
    return image


def decoded(image: Image.Image, path: Path | io.BytesIO) -> Image.Image:
    """Decode now, so that a truncated file fails here with its name."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is damaged or cut short: {error}") from error
    return image


def _mode_of(path: Path) -> int:
    """The mode of the file that is replaced, or the usual one of a new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
