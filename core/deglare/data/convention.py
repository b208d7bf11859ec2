"""Do poses, depth and camera belong together? Depth of one frame, moved into another, must land on its surface.

Under the right reading of a pose file the two agree to millimetres; under a wrong one they are ten times off or more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

from deglare.data.folders import spread
from deglare.errors import DataError
from deglare.types import Camera, DepthMap, Frame, Rigid, Sequence, inverse_rigid, rotation_degrees

Y_UP = np.diag([1.0, -1.0, -1.0, 1.0])
"""Turns OpenGL camera axes (y up, z backward) into ours, and back."""

READINGS: dict[str, tuple[Callable[[Rigid], Rigid], str]] = {
    "world-to-camera": (inverse_rigid, "inv(M)"),
    "camera-to-world with OpenGL axes (y up)": (lambda stated: stated @ Y_UP, "M @ diag(1, -1, -1, 1)"),
    "world-to-camera with OpenGL axes (y up)": (
        lambda stated: inverse_rigid(stated) @ Y_UP,
        "inv(M) @ diag(1, -1, -1, 1)",
    ),
}
"""Other conventions that a pose file may be in, each with how to convert its matrices M to ours."""

CLEARLY_BETTER = 4.0
"""Another reading must fit this many times better; right and wrong ones are 11 times and more apart on real data."""

CLEARLY_WRONG_MM = 15.0
FEWEST_POINTS = 100
POINTS_WANTED = 5000
ENOUGH_STEP_M, ENOUGH_TURN_DEG, LONGEST_GAP = 0.05, 3.0, 60
NEAREST_DEPTH_M, FARTHEST_DEPTH_M = 0.1, 60.0


@dataclass(frozen=True, eq=False)
class DepthView:
    """One frame's depth with its camera and pose."""

    depth: DepthMap
    camera: Camera
    world_T_cam: Rigid

    @classmethod
    def of(cls, frame: Frame) -> DepthView | None:
        """None where the frame has no pose or no depth that can be read."""
        depth = depth_if_readable(frame)
        return None if depth is None else cls.of_depth(frame, depth)

    @classmethod
    def of_depth(cls, frame: Frame, depth: DepthMap) -> DepthView | None:
        """The view of a frame whose depth is decoded already."""
        camera = depth_camera(frame, depth)
        return None if frame.world_T_cam is None else cls(depth, camera, frame.world_T_cam)

    def some_points(self) -> Float64[np.ndarray, "n 3"]:
        """Camera-axes points in metres of every n-th valid row and column, about `POINTS_WANTED` of them."""
        stride = max(1, int(np.sqrt(self.depth.valid.size / POINTS_WANTED)))
        rows, columns = (stride * i for i in np.nonzero(self.depth.valid[::stride, ::stride]))
        z = self.depth.metres[rows, columns].astype(np.float64)
        camera = self.camera
        return np.stack([(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z], axis=-1)


def depth_if_readable(frame: Frame) -> DepthMap | None:
    """None where there is none, and where its file is damaged: whoever needs that frame names it."""
    try:
        return frame.depth()
    except DataError:
        return None


def depth_camera(frame: Frame, depth: DepthMap) -> Camera:
    """The camera of a frame's depth image."""
    camera = frame.depth_camera or frame.camera.resized(depth.size_hw)
    if camera.size_hw != depth.size_hw:
        raise DataError(
            f"the depth of frame {frame.name} is {depth.size_hw[1]}x{depth.size_hw[0]} but its camera is for "
            f"{camera.size_hw[1]}x{camera.size_hw[0]}: one camera needs images of one size"
        )
    return camera


def reprojection_mm(a: DepthView, b: DepthView, b_T_a: Rigid) -> float | None:
    """Median of \\|z in b's image - z of a's points moved into b\\| in mm; None where fewer than 100 points meet."""
    moved = a.some_points() @ b_T_a[:3, :3].T + b_T_a[:3, 3]
    moved = moved[moved[:, 2] > 1e-3]
    x, y = np.rint(b.camera.project(moved)).T
    height, width = b.depth.size_hw
    seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    rows, columns = y[seen].astype(np.int64), x[seen].astype(np.int64)
    measured = b.depth.valid[rows, columns]
    if measured.sum() < FEWEST_POINTS:
        return None
    apart = np.abs(b.depth.metres[rows, columns] - moved[seen, 2])[measured]
    return float(np.median(apart)) * 1000


def relative_pose(a: Rigid, b: Rigid) -> Rigid:
    """``b_T_a`` from ``world_T_a`` and ``world_T_b``."""
    return inverse_rigid(b) @ a


def require_convention(sequence: Sequence, pairs: int = 5) -> None:
    """Raise a `DataError` where another reading of the poses fits the depth far better. Needs poses and depth."""
    views = pairs_with_motion([f for f in sequence if f.world_T_cam is not None and f.load_depth is not None], pairs)
    stated = _median_mm(views, lambda pose: pose)
    if stated is None or stated < CLEARLY_WRONG_MM:
        return
    fits = {name: _median_mm(views, convert) for name, (convert, _) in READINGS.items()}
    known = {name: mm for name, mm in fits.items() if mm is not None}
    name = min(known, key=known.__getitem__, default="")
    if name and known[name] * CLEARLY_BETTER < stated:
        raise DataError(
            f"the poses of {sequence.name} are {name}: read so, the depth of neighbouring frames agrees to "
            f"{known[name]:.1f} mm, as camera-to-world it is {stated:.0f} mm apart; "
            f"replace each matrix M by {READINGS[name][1]}"
        )


def pairs_with_motion(frames: list[Frame], count: int) -> list[tuple[DepthView, DepthView]]:
    """Up to ``count`` pairs, each a frame and the next one that is 5 cm or 3 degrees away."""
    found = (_partner(frames, start) for start in spread(range(len(frames) - 1), count) if len(frames) > 1)
    views = ((DepthView.of(a), DepthView.of(b)) for a, b in found)
    return [(a, b) for a, b in views if a is not None and b is not None]


def require_depth_unit(sequence: Sequence, samples: int = 3) -> None:
    """Raise a `DataError` where depth is in metres but stored as if in millimetres, or the reverse."""
    maps = map(depth_if_readable, spread([f for f in sequence if f.load_depth is not None], samples))
    typical = [float(np.median(depth.metres[depth.valid])) for depth in maps if depth is not None and depth.valid.any()]
    if typical:
        require_depth_range(float(np.median(typical)), sequence.name)


def require_depth_range(typical_m: float, what: str) -> None:
    """Raise a `DataError` where the median depth of a scene can only be a mistaken unit."""
    if typical_m < NEAREST_DEPTH_M:
        raise DataError(
            f"the depth of {what} is {typical_m * 1000:.3g} mm at the median: the files seem to hold metres, "
            "multiply them by 1000 to have millimetres"
        )
    if typical_m > FARTHEST_DEPTH_M:
        raise DataError(
            f"the depth of {what} is {typical_m:.3g} m at the median: the files seem to hold a finer unit than the "
            "format's, divide them to have millimetres"
        )


def steps_and_turns(frames: list[Frame]) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
    """Metres and degrees between neighbouring frames that both have poses."""
    pairs = [(a.world_T_cam, b.world_T_cam) for a, b in pairwise(frames)]
    relative = [relative_pose(a, b) for a, b in pairs if a is not None and b is not None]
    steps = [float(np.linalg.norm(b_T_a[:3, 3])) for b_T_a in relative]
    return np.array(steps, dtype=np.float64), np.array([rotation_degrees(m) for m in relative], dtype=np.float64)


def _partner(frames: list[Frame], start: int) -> tuple[Frame, Frame]:
    """A frame and the first after it that is far enough away, else the last that is looked at."""
    a, later = frames[start], frames[start + 1 : start + 1 + LONGEST_GAP]
    for b in later:
        steps, turns = steps_and_turns([a, b])
        if steps[0] >= ENOUGH_STEP_M or turns[0] >= ENOUGH_TURN_DEG:
            return a, b
    return a, later[-1]


def _median_mm(views: list[tuple[DepthView, DepthView]], read: Callable[[Rigid], Rigid]) -> float | None:
    apart = (reprojection_mm(a, b, relative_pose(read(a.world_T_cam), read(b.world_T_cam))) for a, b in views)
    known = [mm for mm in apart if mm is not None]
    return float(np.median(known)) if known else None
