"""Cameras of the kept frames: features, pairs, one adjustment of all; kept on disk with the points they see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from deglare.data.files import read_json, write_atomically, write_json
from deglare.errors import DataError
from deglare.footage.frames import Kept
from deglare.geometry.poses_features import UNIT, Features
from deglare.geometry.poses_judging import Verdict
from deglare.geometry.poses_lens import Lens
from deglare.geometry.poses_scale import DepthAgreement
from deglare.geometry.poses_solving import Solved
from deglare.types import Rigid


@dataclass(frozen=True, eq=False)
class Points:
    """What was seen, for other tools: sightings in order of their point."""

    xyz: Float64[np.ndarray, "p 3"]
    """In metres."""
    frame: Int64[np.ndarray, " n"]
    """Numbers among the frames that have a camera."""
    point: Int64[np.ndarray, " n"]
    xy: Float64[np.ndarray, "n 2"]
    """Pixels at the working size, bent as the lens bends them."""


@dataclass(frozen=True, eq=False)
class Cameras:
    """A clip with cameras, or why it has none."""

    lens: Lens | None
    """At the working size; None where nothing was found."""
    is_focal_clear: bool
    world_T_cam: Mapping[str, Rigid]
    """By name, of the frames that hang together, in metres and in order."""
    verdict: Verdict
    scale: float
    """What the path was multiplied with in the end."""
    scale_spread: float
    """Between frames: how far one frame's scale is from the median of all, at the median, as a share."""
    scale_error: float
    """Standard error of the scale as a share."""
    points: Points

    def believed(self, kept: Kept) -> tuple[str, ...]:
        """Names of the frames whose cameras are believed."""
        return tuple(kept.names[number] for number in self.verdict.believed)


def of_solved(found: Solved, agreement: DepthAgreement, verdict: Verdict, kept: Kept) -> Cameras:
    """Cameras in metres, by name."""
    return Cameras(
        lens=found.model.lens,
        is_focal_clear=found.is_focal_clear,
        world_T_cam={kept.names[number]: pose for number, pose in found.poses().items()},
        verdict=verdict,
        scale=agreement.scale,
        scale_spread=agreement.scatter,
        scale_error=agreement.scale_error,
        points=Points(found.model.points, found.tracks.frame, found.tracks.point, found.tracks.xy),
    )


def without_cameras(verdict: Verdict) -> Cameras:
    """Nothing was found."""
    nothing = np.zeros(0, dtype=np.int64)
    points = Points(np.zeros((0, 3)), nothing, nothing, np.zeros((0, 2)))
    return Cameras(None, False, {}, verdict, 1.0, 0.0, 0.0, points)


def unmoved(kept: Kept) -> Verdict:
    """The verdict on a clip in which hardly anything moves, or that is too short."""
    count = len(kept.names)
    reason = f"the picture moves by {100 * kept.way:.0f} % of its longest side in all, and only {count} frames differ"
    advice = ("walk a few steps while you film: depth shows only when the camera itself moves",)
    return Verdict((), count, 0, (reason,), advice, {"way": kept.way})


def write_features(path: Path, features: Features) -> None:
    """Places in pixels, and descriptors in 8 bits, as they came."""
    codes = np.clip(np.rint(features.descriptors * UNIT), 0, 255).astype(np.uint8)
    write_atomically(path, lambda out: np.savez(out, xy=features.xy, codes=codes))


def read_features(path: Path) -> Features:
    """Read back, to the last bit."""
    found = _arrays(path, ("xy", "codes"))
    return Features(found["xy"], found["codes"].astype(np.float32) / np.float32(UNIT))


def write_cameras(path: Path, points: Path, cameras: Cameras) -> None:
    """Poses and verdict as JSON, points as arrays."""
    seen = cameras.points
    write_atomically(points, lambda out: np.savez(out, xyz=seen.xyz, frame=seen.frame, point=seen.point, xy=seen.xy))
    lens = cameras.lens
    value = {
        "lens": None if lens is None else {"focal_px": lens.focal_px, "size_hw": lens.size_hw, "radial": lens.radial},
        "is_focal_clear": cameras.is_focal_clear,
        "world_T_cam": {name: pose.tolist() for name, pose in cameras.world_T_cam.items()},
        "verdict": vars(cameras.verdict),
        "scale": cameras.scale,
        "scale_spread": cameras.scale_spread,
        "scale_error": cameras.scale_error,
    }
    write_json(path, value)


def read_cameras(path: Path, points: Path) -> Cameras:
    """Read back what `write_cameras` wrote, to the last bit."""
    try:
        found: Mapping[str, Any] = read_json(path)  # type: ignore[assignment]
        lens, verdict = found["lens"], dict(found["verdict"])
        for name in ("believed", "reasons", "advice"):
            verdict[name] = tuple(verdict[name])
        arrays = _arrays(points, ("xyz", "frame", "point", "xy"))
        return Cameras(
            lens=None if lens is None else Lens(lens["focal_px"], tuple(lens["size_hw"]), lens["radial"]),  # type: ignore[arg-type]
            is_focal_clear=found["is_focal_clear"],
            world_T_cam={name: np.array(pose) for name, pose in sorted(found["world_T_cam"].items())},
            verdict=Verdict(**verdict),
            scale=found["scale"],
            scale_spread=found["scale_spread"],
            scale_error=found["scale_error"],
            points=Points(**arrays),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error!r}): remove it, and start again") from error


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as found:
            return {name: found[name] for name in names}
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}): remove it, and start again") from error
