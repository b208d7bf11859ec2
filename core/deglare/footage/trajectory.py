"""Cameras in the forms of other tools: TUM's list of poses, and nerfstudio's ``transforms.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from deglare.types import Camera, Rigid

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""From our axes (x right, y down, z forward) to OpenGL's (x right, y up, z backward)."""


def tum_lines(times_s: Sequence[float], poses: Sequence[Rigid]) -> str:
    """``time tx ty tz qx qy qz qw``, camera to world, metres: what evo and TUM's own tools read."""
    lines = ["# time in seconds, tx ty tz in metres, qx qy qz qw: camera to world, x right, y down, z forward"]
    for time_s, pose in zip(times_s, poses, strict=True):
        w, x, y, z = quaternion_of(pose[:3, :3])
        numbers = (*pose[:3, 3], x, y, z, w)
        lines.append(" ".join([f"{time_s:.6f}", *(f"{float(number):.9f}" for number in numbers)]))
    return "\n".join(lines) + "\n"


def transforms(camera: Camera, poses: Mapping[str, Rigid], image: str, depth: str) -> dict[str, Any]:
    """What nerfstudio and Instant-NGP read: OpenGL axes, pixel centres at halves.

    Args:
        camera: Of every frame.
        poses: ``world_T_cam`` by name of the frame.
        image: Path of a frame's picture beside the file, with ``{}`` for its name.
        depth: The same for its depth, 16-bit PNG in millimetres.
    """
    height, width = camera.size_hw
    frames = [
        {
            "file_path": image.format(name),
            "depth_file_path": depth.format(name),
            "transform_matrix": (pose @ OPENGL).tolist(),
        }
        for name, pose in poses.items()
    ]
    return {
        "camera_model": "OPENCV",
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx + 0.5,
        "cy": camera.cy + 0.5,
        "w": width,
        "h": height,
        "k1": 0.0,
        "k2": 0.0,
        "p1": 0.0,
        "p2": 0.0,
        "frames": frames,
    }


def quaternion_of(rotation: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "4"]:
    """``w x y z`` of unit length, w not negative."""
    r = rotation
    by_four = np.array(
        [
            [r[0, 0] + r[1, 1] + r[2, 2], 0, 0, 0],
            [r[2, 1] - r[1, 2], r[0, 0] - r[1, 1] - r[2, 2], 0, 0],
            [r[0, 2] - r[2, 0], r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0],
            [r[1, 0] - r[0, 1], r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1]],
        ]
    )
    _, vectors = np.linalg.eigh(by_four, UPLO="L")
    found = vectors[:, -1]
    return found if found[0] >= 0 else -found
