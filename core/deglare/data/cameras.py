"""Intrinsics on disk: our ``camera.json`` and the 3x3 or 4x4 matrices of others."""

from __future__ import annotations

import math
from pathlib import Path

from deglare.data.files import read_json, read_numbers, write_json
from deglare.data.folders import first_existing
from deglare.errors import DataError
from deglare.types import Camera

CAMERA_FILE = "camera.json"
MATRIX_FILES = ("K.txt", "intrinsics.txt", "camera-intrinsics.txt")
CAMERA_FILES = (CAMERA_FILE, *MATRIX_FILES)

GUESSED_FIELD_OF_VIEW_DEG = 60.0
LARGEST_NUMBER = 1e9


def write_camera(path: Path, camera: Camera) -> None:
    """Write ``camera.json``."""
    height, width = camera.size_hw
    numbers = {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}
    write_json(path, {**numbers, "height": height, "width": width})


def find_camera(folder: Path, size_hw: tuple[int, int]) -> Camera | None:
    """The camera that a file of ``folder`` gives for images of ``size_hw``, None where there is no such file."""
    path = first_existing(folder, CAMERA_FILES)
    if path is None:
        return None
    return read_camera_json(path, size_hw) if path.suffix == ".json" else read_matrix(path, size_hw)


def read_camera_json(path: Path, size_hw: tuple[int, int]) -> Camera:
    """Read ``camera.json``; its size must be that of the images."""
    stated = read_json(path)
    if not isinstance(stated, dict):
        raise DataError(f'{path} should hold {{"fx", "fy", "cx", "cy", "height", "width"}}')
    fx, fy, cx, cy, height, width = (_number(stated, key, path) for key in ("fx", "fy", "cx", "cy", "height", "width"))
    if (height, width) != size_hw:
        raise DataError(
            f"{path} is for {width:g}x{height:g} pixels but the images are {size_hw[1]}x{size_hw[0]}: "
            "scale fx, fy, cx and cy along with the images"
        )
    return _checked(Camera(fx, fy, cx, cy, size_hw), path)


def read_matrix(path: Path, size_hw: tuple[int, int]) -> Camera:
    """Read a 3x3 or 4x4 intrinsic matrix for images of ``size_hw``."""
    numbers = read_numbers(path)
    if numbers.size not in (9, 16):
        raise DataError(f"{path} holds {numbers.size} numbers, an intrinsic matrix has 9 (3x3) or 16 (4x4)")
    side = math.isqrt(numbers.size)
    try:
        camera = Camera.from_matrix(numbers.reshape(side, side), size_hw)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return _checked(camera, path)


def guessed_camera(size_hw: tuple[int, int]) -> Camera:
    """A camera with a 60 degree horizontal field of view, for images that come without one."""
    focal = size_hw[1] / 2 / math.tan(math.radians(GUESSED_FIELD_OF_VIEW_DEG / 2))
    return Camera(focal, focal, (size_hw[1] - 1) / 2, (size_hw[0] - 1) / 2, size_hw)


def _number(stated: dict[str, object], key: str, path: Path) -> float:
    value = stated.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_NUMBER:
        raise DataError(f"{path}: '{key}' should be a number of pixels, it is {str(value)[:40]!r}")
    return float(value)


def _checked(camera: Camera, path: Path) -> Camera:
    """Refuse a principal point outside of the image: the numbers are of another size."""
    height, width = camera.size_hw
    if not (0 <= camera.cx < width and 0 <= camera.cy < height):
        raise DataError(
            f"{path} puts the principal point at ({camera.cx:g}, {camera.cy:g}), outside of images of "
            f"{width}x{height}: are these the intrinsics of another image size?"
        )
    return camera
