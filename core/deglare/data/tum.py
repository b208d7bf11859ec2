"""TUM RGB-D: ``rgb.txt``, ``depth.txt`` and ``groundtruth.txt``, associated by nearest time."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from deglare.data.cameras import CAMERA_FILES, find_camera
from deglare.data.drafts import ColourFile, DepthFile, Draft, Source, assemble
from deglare.data.files import parse_numbers, read_text
from deglare.data.folders import inside, one_size_hw
from deglare.errors import DataError
from deglare.types import Camera, Rigid, Sequence

FORMAT = "tum"
LONGEST_WAIT_S = 0.02
DEPTH_UNIT_M = 1 / 5000
PUBLISHED = {
    "1": Camera(517.3, 516.5, 318.6, 255.3, (480, 640)),
    "2": Camera(520.9, 521.0, 325.1, 249.7, (480, 640)),
    "3": Camera(535.4, 539.2, 320.1, 247.6, (480, 640)),
}
"""The published colour cameras of freiburg1, freiburg2 and freiburg3."""


@dataclass(frozen=True, eq=False)
class _Timed:
    """What a list holds, in order of time."""

    times_s: Float64[np.ndarray, "n"]
    entries: list[str]

    def nearest(self, time_s: float) -> str | None:
        """The entry nearest in time, None where it is further off than `LONGEST_WAIT_S`."""
        if not self.entries:
            return None
        after = int(np.searchsorted(self.times_s, time_s))
        best = min(
            (i for i in (after - 1, after) if 0 <= i < len(self.entries)), key=lambda i: abs(self.times_s[i] - time_s)
        )
        return self.entries[best] if abs(self.times_s[best] - time_s) <= LONGEST_WAIT_S else None


def looks_like_tum(path: Path) -> bool:
    """The list of images and the poses."""
    return (path / "rgb.txt").is_file() and (path / "groundtruth.txt").is_file()


def read_tum(path: Path) -> Sequence:
    """Open a sequence; images without a pose within 0.02 s are left out and counted."""
    rgb, poses = _timed(path / "rgb.txt"), _timed(path / "groundtruth.txt")
    depth = _timed(path / "depth.txt") if (path / "depth.txt").is_file() else _Timed(np.empty(0), [])
    images = [inside(path, entry) for entry in rgb.entries]
    camera, notes = _camera(path, one_size_hw(images, str(path / "rgb.txt")))
    dropped, drafts = Counter[str](), list[Draft]()
    for time_s, image in zip(rgb.times_s, images, strict=True):
        stated, depth_entry = poses.nearest(time_s), depth.nearest(time_s)
        if stated is None:
            dropped[f"no pose within {LONGEST_WAIT_S} s"] += 1
            continue
        drafts.append(
            Draft(
                name=image.stem,
                load_rgb=ColourFile(image),
                stated_pose=_pose(stated, path / "groundtruth.txt"),
                pose_source=f"{path / 'groundtruth.txt'}, the pose at {time_s:.4f} s",
                load_depth=None if depth_entry is None else DepthFile(inside(path, depth_entry), DEPTH_UNIT_M),
                time_s=float(time_s),
            )
        )
    return assemble(Source(path.resolve().name, FORMAT, camera), drafts, dropped, notes)


def _timed(path: Path) -> _Timed:
    """Read ``time entry`` lines; ``#`` starts a comment."""
    lines = [line.split("#")[0].split(maxsplit=1) for line in read_text(path).splitlines()]
    for number, words in enumerate(lines, start=1):
        if len(words) == 1:
            raise DataError(f"{path}, line {number} has a time and nothing else")
    rows = [(float(parse_numbers(w[0], str(path), 1, n)[0]), w[1].strip()) for n, w in enumerate(lines, 1) if w]
    rows.sort(key=lambda row: row[0])
    return _Timed(np.array([time for time, _ in rows], dtype=np.float64), [entry for _, entry in rows])


def _pose(entry: str, path: Path) -> Rigid:
    """Camera-to-world from ``tx ty tz qx qy qz qw``; not finite where the numbers are not."""
    numbers = parse_numbers(entry, f"{path}, the pose '{entry[:30]}...'", count=7)
    x, y, z, w = numbers[3:]
    length = float(np.linalg.norm(numbers[3:]))
    if np.all(np.isfinite(numbers)) and abs(length - 1) > 0.01:
        raise DataError(f"{path}: the quaternion of '{entry[:60]}' has length {length:.3g}, it should be 1")
    world_T_cam = np.eye(4)
    world_T_cam[:3, :3] = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    world_T_cam[:3, 3] = numbers[:3]
    return world_T_cam


def _camera(path: Path, size_hw: tuple[int, int]) -> tuple[Camera, tuple[str, ...]]:
    """The camera that the folder states, else the published one of its series."""
    stated = find_camera(path, size_hw)
    if stated is not None:
        return stated, ()
    series = re.search(r"(?:freiburg|fr)([123])(?![0-9])", path.resolve().name.lower())
    if series is None:
        raise DataError(
            f"the name of {path} does not say fr1, fr2 or fr3, so its camera is unknown: add one of "
            f"{', '.join(CAMERA_FILES)}"
        )
    camera = PUBLISHED[series[1]]
    distorted = f"freiburg{series[1]} images are not undistorted: straight lines bend a little near the corners"
    notes = () if series[1] == "3" else (distorted,)
    return (camera if size_hw == camera.size_hw else camera.resized(size_hw)), notes
