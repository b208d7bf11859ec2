"""A small sequence whose depth is known by formula: a camera before a floor and a wall that leans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from deglare.data.posed_folder import PosedFolder
from deglare.types import Camera, DepthMap

CAMERA = Camera(100.0, 102.0, 63.0, 47.5, (96, 128))
PLANES = (((0.1, -0.2, 1.0), 3.0), ((0.0, 1.0, 0.0), 1.2))
"""Normal and offset of the wall and the floor: n . X = d in the world."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Poses, and by formula what a camera there sees."""

    camera: Camera
    poses: list[np.ndarray]

    def depth_m(self, index: int) -> np.ndarray:
        """Z-depth of the nearer plane: d - n.c over n.R r, ray r with z = 1."""
        pose = self.poses[index]
        rays = self.camera.rays() @ pose[:3, :3].T
        with np.errstate(divide="ignore"):
            hits = [(d - np.dot(n, pose[:3, 3])) / (rays @ np.array(n)) for n, d in PLANES]
        return np.min([np.where(hit > 0, hit, np.inf) for hit in hits], axis=0)

    def rgb(self, index: int) -> np.ndarray:
        """Any picture; each frame has its own."""
        return np.random.default_rng(index).integers(0, 255, (*self.camera.size_hw, 3), dtype=np.uint8)

    def names(self) -> list[str]:
        return [f"{index:04d}" for index in range(len(self.poses))]


def turned(degrees: float, axis: int = 1) -> np.ndarray:
    """A rotation about one axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    pose, (i, j) = np.eye(4), [(1, 2), (2, 0), (0, 1)][axis]
    pose[i, i] = pose[j, j] = c
    pose[i, j], pose[j, i] = -s, s
    return pose


def walk(count: int, step_m: float = 0.06, turn_deg: float = 1.0) -> list[np.ndarray]:
    """A camera that goes right and forward and turns and tilts."""
    poses = []
    for i in range(count):
        pose = turned(20 + i * turn_deg) @ turned(5, axis=0)
        pose[:3, 3] = np.array([1.5, 0.1, 0.2]) + i * step_m * np.array([0.8, 0.0, 0.6])
        poses.append(pose)
    return poses


@pytest.fixture
def scene() -> Scene:
    return Scene(CAMERA, walk(12))


@pytest.fixture
def make_scene() -> Callable[..., Scene]:
    return lambda count=12, step_m=0.06, turn_deg=1.0: Scene(CAMERA, walk(count, step_m, turn_deg))


@pytest.fixture
def write_scene() -> Callable[..., Path]:
    """Write a scene as a posed folder, with ``poses`` in place of its own where given."""

    def write(root: Path, scene: Scene, poses: list[np.ndarray] | None = None, depth_scale: float = 1.0) -> Path:
        folder = PosedFolder(root)
        folder.write_camera(scene.camera)
        folder.write_poses(zip(scene.names(), poses or scene.poses, strict=True))
        for index, name in enumerate(scene.names()):
            folder.write_frame(name, scene.rgb(index), DepthMap.of_positive(scene.depth_m(index) * depth_scale))
        return root

    return write
