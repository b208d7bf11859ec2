"""Predicted depth brought to the points that the camera's path has fixed, frame by frame, with five numbers.

A network that has never seen such a room regresses to the depth of those it knows: what is near comes out too far, what
is far too near, by another factor in every frame, and a mesh of that is no surface. A few hundred points of each frame
know better. Only a scale, an exponent and a tilt are fitted, robustly and with little weight for many points: mirror
images in a shiny floor are points too, at virtual depth, and must not carve holes into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from deglare.data.files import read_rgb
from deglare.data.posed_folder import PosedFolder
from deglare.data.run_folder import hash_of
from deglare.footage.cameras import Cameras
from deglare.footage.teachers import KeptTeacher, picture_digest
from deglare.fusion.staging import Announce
from deglare.types import Camera, DepthMap, Rgb, inverse_rigid

FEWEST = 12
"""With fewer points a frame's depth stays as it is."""

SIGMA = 0.15
"""A point's logarithm of depth that is off by this much counts half: it may be a mirror image."""

VOICES = 30
"""However many points a frame has, they count as this many: they share their errors."""

PRIOR = np.array([0.5, 0.5, 0.3, 0.3])
"""How far from nothing scale, exponent and tilt (to the right, downwards) may be, as logarithms."""

ROUNDS = 15
CHECKED = 5
"""Every so many points one is left out, to see whether it helps."""


@dataclass(frozen=True)
class Alignment:
    """What the logarithm of predicted depth is changed by."""

    shift: float = 0.0
    exponent: float = 0.0
    """Times the logarithm's distance from ``middle``."""
    middle: float = 0.0
    right: float = 0.0
    """At the right border; the opposite at the left one."""
    down: float = 0.0

    def applied(self, depth: DepthMap) -> DepthMap:
        """The aligned depth."""
        height, width = depth.size_hw
        u, v = np.meshgrid(unit(np.arange(width), width), unit(np.arange(height), height))
        logs = np.log(np.where(depth.valid, depth.metres, 1))
        return DepthMap.of_positive(np.where(depth.valid, np.exp(logs + self.change(logs, u, v)), 0))

    def change(self, logs: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Of logarithms at places between -1 and 1."""
        return self.shift + self.exponent * (logs - self.middle) + self.right * u + self.down * v

    @property
    def mirrored(self) -> Alignment:
        """Of the picture mirrored left to right."""
        return Alignment(self.shift, self.exponent, self.middle, -self.right, self.down)


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of one frame's depth."""

    xy: Float64[np.ndarray, "n 2"]
    """Pixels of the run's camera."""
    metres: Float64[np.ndarray, " n"]


class AlignedTeacher:
    """A teacher whose depth is aligned, for the pictures that are known.

    Args:
        teacher: Who predicts.
        by_picture: Alignments by the digest of the picture; others stay as they are.
    """

    def __init__(self, teacher: KeptTeacher, by_picture: Mapping[str, Alignment]) -> None:
        self.teacher, self.name, self.by_picture = teacher, teacher.name, by_picture
        numbers = {digest: vars(one) for digest, one in by_picture.items()}
        self.fingerprint = hash_of(teacher.fingerprint, numbers)

    def predict(self, rgb: Rgb) -> DepthMap:
        """Aligned depth."""
        found = self.by_picture.get(picture_digest(rgb))
        depth = self.teacher.predict(rgb)
        return depth if found is None else found.applied(depth)


@dataclass(frozen=True)
class Aligned:
    """Teachers whose depth fits the camera's path, and whether that helped."""

    teachers: tuple[AlignedTeacher, ...]
    before: float
    """Median absolute logarithm of predicted over known depth, at points that were left out of the fit."""
    after: float

    def to_json(self) -> dict[str, float]:
        """What ``video/alignment.json`` says."""
        return {"before": self.before, "after": self.after}

    def line(self) -> str:
        """What a person reads."""
        return (
            "predicted depth is brought to the points of the camera's path, frame by frame: at points left out of that "
            f"it is off by {100 * self.before:.0f} % before and {100 * self.after:.0f} % after"
        )


def aligned(
    folder: PosedFolder, cameras: Cameras, camera: Camera, teachers: Sequence[KeptTeacher], announce: Announce
) -> Aligned:
    """Align every teacher's depth of every posed frame.

    Args:
        folder: The believed part.
        cameras: Its cameras and points.
        camera: Of its pictures.
        teachers: Who predict.
        announce: Told of the stage.
    """
    known = known_depths(cameras, camera)
    names = [path.stem for path in sorted(folder.color("x").parent.glob("*.jpg"))]
    found: list[dict[str, Alignment]] = [{} for _ in teachers]
    before, after = list[np.ndarray](), list[np.ndarray]()
    with announce("align") as progress:
        for number, name in enumerate(names, start=1):
            rgb = read_rgb(folder.color(name))
            for by_picture, teacher in zip(found, teachers, strict=True):
                depth = teacher.predict(rgb)
                one = alignment(depth, known[name])
                by_picture[picture_digest(rgb)] = one
                by_picture[picture_digest(rgb[:, ::-1])] = one.mirrored
                off = left_out(depth, known[name])
                before.append(off[0])
                after.append(off[1])
            progress(number, len(names))
    made = tuple(AlignedTeacher(teacher, one) for teacher, one in zip(teachers, found, strict=True))
    return Aligned(made, _median(before), _median(after))


def known_depths(cameras: Cameras, camera: Camera) -> dict[str, Known]:
    """Pixels and depth of the points that each frame sees, in front of it."""
    points, known = cameras.points, dict[str, Known]()
    for number, (name, pose) in enumerate(cameras.world_T_cam.items()):
        rows = np.flatnonzero(points.frame == number)
        cam_T_world = inverse_rigid(pose)
        metres = points.xyz[points.point[rows]] @ cam_T_world[2, :3] + cam_T_world[2, 3]
        rays = cameras.lens.directions(points.xy[rows]) if cameras.lens is not None else np.zeros((0, 3))
        known[name] = Known(camera.project(rays)[metres > 0], metres[metres > 0])
    return known


def alignment(depth: DepthMap, known: Known) -> Alignment:
    """The change that brings depth to what is known; none where too little is."""
    logs, u, v, wanted = compared(depth, known)
    return fitted(logs, u, v, wanted) if len(logs) >= FEWEST else Alignment()


def left_out(depth: DepthMap, known: Known) -> tuple[np.ndarray, np.ndarray]:
    """How far off points are that take no part in the fit, before and after it, as absolute logarithms."""
    logs, u, v, wanted = compared(depth, known)
    is_left = np.arange(len(logs)) % CHECKED == 0
    if np.count_nonzero(~is_left) < FEWEST:
        return np.zeros(0), np.zeros(0)
    found = fitted(*(one[~is_left] for one in (logs, u, v, wanted)))
    off = (wanted - logs)[is_left]
    return np.abs(off), np.abs(off - found.change(logs[is_left], u[is_left], v[is_left]))


def compared(depth: DepthMap, known: Known) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Logarithms of predicted depth, places between -1 and 1, and logarithms of known depth, where both are."""
    height, width = depth.size_hw
    x, y = np.rint(known.xy).astype(int).T
    is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y, metres = x[is_inside], y[is_inside], known.metres[is_inside]
    is_valid = depth.valid[y, x]
    x, y, metres = x[is_valid], y[is_valid], metres[is_valid]
    return np.log(depth.metres[y, x].astype(np.float64)), unit(x, width), unit(y, height), np.log(metres)


def fitted(logs: np.ndarray, u: np.ndarray, v: np.ndarray, wanted: np.ndarray) -> Alignment:
    """Robust least squares, reweighted; held to no change by `PRIOR`."""
    middle = float(np.median(logs))
    matrix = np.stack([np.ones_like(logs), logs - middle, u, v], axis=1)
    off, found = wanted - logs, np.zeros(4)
    share = min(1.0, VOICES / len(logs))
    for _ in range(ROUNDS):
        weight = share / (SIGMA**2 * (1 + ((off - matrix @ found) / SIGMA) ** 2))
        left = matrix.T @ (weight[:, None] * matrix) + np.diag(1 / PRIOR**2)
        found = np.linalg.solve(left, matrix.T @ (weight * off))
    return Alignment(float(found[0]), float(found[1]), middle, float(found[2]), float(found[3]))


def unit(pixels: np.ndarray, size: int) -> np.ndarray:
    """Pixel centres between -1 and 1."""
    return 2 * (pixels + 0.5) / size - 1


def _median(parts: Sequence[np.ndarray]) -> float:
    together = np.concatenate(parts) if parts else np.zeros(0)
    return float(np.median(together)) if len(together) else 0.0
