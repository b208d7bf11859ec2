"""A finished run in a few megabytes: what is slow to make or cannot be made again. The rest follows from it.

::

    predictions.json            teachers, shape, ends of the range of depth in metres
    predicted/TEACHER.u16       disparity at the network's own size, on a logarithmic scale, see `packed_steps`
    mesh.ply   run.json   report.json       as they are
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_LZMA, BadZipFile, ZipFile, ZipInfo

import numpy as np
from jaxtyping import Float32, UInt16

from deglare.data.run_folder import MANIFEST
from deglare.errors import DataError
from deglare.networks.disparity import MetricRange

Steps = UInt16[np.ndarray, "n h w"]
Disparity = Float32[np.ndarray, "n h w"]

PREDICTIONS, KEPT = "predictions.json", ("mesh.ply", MANIFEST, "report.json")
TOP = 65535
STAMP = (2025, 1, 1, 0, 0, 0)
"""Of every member: equal contents give equal bytes."""


@dataclass(frozen=True, eq=False)
class PackedRun:
    """What an archive holds."""

    disparity: Mapping[str, Disparity]
    """In 1/m, by teacher, of every frame."""
    files: Mapping[str, bytes]
    """`KEPT`."""
    scene: str
    """`stamp_of_scene` of the scene that was predicted."""


def stamp_of_scene(folder: Path) -> str:
    """A hash of a posed folder's colours and poses: predictions belong to these and to no others."""
    digest = hashlib.sha256((folder / "poses.txt").read_bytes())
    for path in sorted((folder / "color").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write_packed(path: Path, disparity: Mapping[str, Disparity], reach: MetricRange, run: Path, scene: str) -> None:
    """Write the archive of a finished run.

    Args:
        path: The file.
        disparity: As the networks predict it, before it is resized.
        reach: The range of depth of the networks.
        run: The folder whose mesh, manifest and report are kept.
        scene: `stamp_of_scene` of what was predicted.
    """
    shape = next(iter(disparity.values())).shape
    about: dict[str, Any] = {
        "teachers": list(disparity),
        "shape": shape,
        "range_m": [reach.nearest_m, reach.farthest_m],
    }
    about["scene"] = scene
    with ZipFile(path, "w", ZIP_LZMA) as archive:
        _add(archive, PREDICTIONS, json.dumps(about, indent=2).encode())
        for teacher, maps in disparity.items():
            _add(archive, f"predicted/{teacher}.u16", packed_steps(steps_of(maps, reach)))
        for name in KEPT:
            _add(archive, name, (run / name).read_bytes())


def read_packed(path: Path) -> PackedRun:
    """Read it back; anything else is a `DataError`."""
    try:
        with ZipFile(path) as archive:
            about: dict[str, Any] = json.loads(archive.read(PREDICTIONS))
            reach, shape = MetricRange(*about["range_m"]), tuple(about["shape"])
            disparity = {
                teacher: disparity_of_steps(unpacked_steps(archive.read(f"predicted/{teacher}.u16"), shape), reach)
                for teacher in about["teachers"]
            }
            return PackedRun(disparity, {name: archive.read(name) for name in KEPT}, about["scene"])
    except (OSError, BadZipFile, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not a packed run, or is damaged ({error}): install deglare again") from error


def steps_of(disparity: Disparity, reach: MetricRange) -> Steps:
    """Disparity as whole steps between the ends of a range: depth keeps 4 digits and a half wherever it lies."""
    low, high = np.log(1 / reach.farthest_m), np.log(1 / reach.nearest_m)
    share = (np.log(disparity.astype(np.float64)) - low) / (high - low)
    return np.rint(np.clip(share, 0, 1) * TOP).astype(np.uint16)


def disparity_of_steps(steps: Steps, reach: MetricRange) -> Disparity:
    """In 1/m."""
    low, high = np.log(1 / reach.farthest_m), np.log(1 / reach.nearest_m)
    return np.exp(steps / TOP * (high - low) + low).astype(np.float32)


def packed_steps(steps: Steps) -> bytes:
    """Differences to the left, then upwards, low bytes before high ones: what a compressor makes small."""
    across = np.diff(steps, axis=2, prepend=np.uint16(0))
    both = np.diff(across, axis=1, prepend=np.uint16(0))
    return (both & 0xFF).astype(np.uint8).tobytes() + (both >> 8).astype(np.uint8).tobytes()


def unpacked_steps(data: bytes, shape: tuple[int, ...]) -> Steps:
    """What `packed_steps` was given."""
    low, high = np.frombuffer(data, dtype=np.uint8).reshape(2, *shape).astype(np.uint16)
    return np.cumsum(np.cumsum(low | (high << 8), axis=1, dtype=np.uint16), axis=2, dtype=np.uint16)


def _add(archive: ZipFile, name: str, content: bytes) -> None:
    member = ZipInfo(name, STAMP)
    member.compress_type = ZIP_LZMA
    archive.writestr(member, content)
