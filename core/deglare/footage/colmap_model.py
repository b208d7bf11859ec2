"""COLMAP's text model: one pinhole camera, an image a frame, and the points that hold them together.

Its pixel centres lie at halves, and its poses map the world to the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from deglare.data.files import write_text
from deglare.footage.trajectory import quaternion_of
from deglare.types import Camera, Rigid, inverse_rigid

CAMERA_ID = 1


@dataclass(frozen=True, eq=False)
class SeenPoints:
    """Points in the world, and where each frame sees them; sightings in order of their point."""

    xyz: Float64[np.ndarray, "p 3"]
    rgb: UInt8[np.ndarray, "p 3"]
    error_px: Float64[np.ndarray, " p"]
    """Mean distance between where a point is and where it is seen."""
    frame: Int64[np.ndarray, " n"]
    """Numbers among the poses that are written."""
    point: Int64[np.ndarray, " n"]
    xy: Float64[np.ndarray, "n 2"]
    """Pixels of the camera, centres on whole numbers."""


def write_model(folder: Path, camera: Camera, poses: Mapping[str, Rigid], points: SeenPoints) -> None:
    """Write ``cameras.txt``, ``images.txt`` and ``points3D.txt``; images are named ``NAME.jpg``."""
    write_text(folder / "cameras.txt", cameras_text(camera))
    write_text(folder / "images.txt", images_text(poses, points))
    write_text(folder / "points3D.txt", points_text(points))


def cameras_text(camera: Camera) -> str:
    """One line."""
    height, width = camera.size_hw
    numbers = " ".join(repr(float(x)) for x in (camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5))
    return f"# CAMERA_ID MODEL WIDTH HEIGHT fx fy cx cy\n{CAMERA_ID} PINHOLE {width} {height} {numbers}\n"


def images_text(poses: Mapping[str, Rigid], points: SeenPoints) -> str:
    """Two lines an image: its pose, and what it sees."""
    lines = ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then X Y POINT3D_ID ... on a line of its own"]
    for number, (name, pose) in enumerate(poses.items()):
        cam_T_world = inverse_rigid(pose)
        numbers = (*quaternion_of(cam_T_world[:3, :3]), *cam_T_world[:3, 3])
        written = " ".join(repr(float(x)) for x in numbers)
        lines.append(f"{number + 1} {written} {CAMERA_ID} {name}.jpg")
        rows = np.flatnonzero(points.frame == number)
        lines.append(
            " ".join(f"{points.xy[r, 0] + 0.5:.3f} {points.xy[r, 1] + 0.5:.3f} {points.point[r] + 1}" for r in rows)
        )
    return "\n".join(lines) + "\n"


def points_text(points: SeenPoints) -> str:
    """One line a point: place, colour, error, and its sightings as pairs of image and place in that image's line."""
    lines = ["# POINT3D_ID X Y Z R G B ERROR IMAGE_ID POINT2D_IDX ..."]
    place = places_in_images(points.frame)
    starts = np.searchsorted(points.point, np.arange(len(points.xyz) + 1))
    for number, (xyz, rgb, error) in enumerate(zip(points.xyz, points.rgb, points.error_px, strict=True)):
        rows = range(starts[number], starts[number + 1])
        where = " ".join(repr(float(x)) for x in xyz)
        track = " ".join(f"{points.frame[r] + 1} {place[r]}" for r in rows)
        lines.append(f"{number + 1} {where} {rgb[0]} {rgb[1]} {rgb[2]} {error:.4f} {track}")
    return "\n".join(lines) + "\n"


def places_in_images(frame: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """The how-manieth sighting of its frame each is."""
    order = np.argsort(frame, kind="stable")
    place = np.empty(len(frame), dtype=np.int64)
    starts = np.searchsorted(frame[order], frame[order])
    place[order] = np.arange(len(frame)) - starts
    return place
