"""A wall with a small screen before it, seen by cameras that walk past: who sees what behind the screen is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from known_meshes import quad, together
from made_runs import MadeFrame, MadeRun
from plain_scenes import CAMERA, plane

from deglare.fusion.settings import MeshSettings
from deglare.fusion.strategies import ByUncertainty, Strategy
from deglare.types import DepthMap, Material, Rigid, SurfaceLabels

EYE_M, SCREEN_M, HALF_M = 3.0, 1.0, 0.4
"""Cameras are 3 m from the wall, which is y = 0; the screen hangs 1 m before it and is 0.8 m wide and high."""

STEP_M = 0.35
SIGMA_M = 0.5
TEACHERS = ("near", "far")


def facing_wall(x: float, z: float = 0.0) -> Rigid:
    """A camera that looks along -y; the world's z is up, so -x is to its right."""
    pose = np.eye(4)
    pose[:3, :3] = np.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0]])
    pose[:3, 3] = x, EYE_M, z
    return pose


def upright(y: float, half_x: float, half_z: float) -> np.ndarray:
    """Corners of a rectangle that faces +y."""
    return np.array([[half_x, y, -half_z], [-half_x, y, -half_z], [-half_x, y, half_z], [half_x, y, half_z]])


def depth_of(world_T_cam: Rigid) -> DepthMap:
    """Of the screen where it is hit, else of the wall."""
    wall, screen = (plane((0, 1, 0), y, world_T_cam).metres for y in (0.0, SCREEN_M))
    points = CAMERA.unproject(screen) @ world_T_cam[:3, :3].T + world_T_cam[:3, 3]
    on_screen = (np.abs(points[..., 0]) <= HALF_M) & (np.abs(points[..., 2]) <= HALF_M)
    return DepthMap.of_positive(np.where(on_screen, screen, wall))


@dataclass(frozen=True)
class ScreenedWall:
    """The scene, and what its two teachers make of it."""

    frames: int = 9
    too_far_m: Mapping[int, float] = field(default_factory=dict)
    """By frame: how much the base adds to the truth; 0.02 m where not given."""
    has_truth: bool = True
    strategy: Strategy = field(default_factory=ByUncertainty)
    settings: MeshSettings = field(default_factory=lambda: MeshSettings(every=2))

    def pose(self, number: int) -> Rigid:
        """They walk along x, with the middle one before the screen."""
        return facing_wall(STEP_M * (number - self.frames // 2))

    def made(self) -> MadeRun:
        frames = {f"{number:03d}": self.frame(number) for number in range(self.frames)}
        mesh = together(quad(upright(0, 20, 20)), quad(upright(SCREEN_M, HALF_M, HALF_M)))
        return MadeRun(CAMERA, frames, mesh, self.settings, self.strategy)

    def frame(self, number: int) -> MadeFrame:
        truth = depth_of(self.pose(number))
        off_m = self.too_far_m.get(number, 0.02)
        near, far = (DepthMap.of_positive(truth.metres + np.float32(off)) for off in (off_m, 0.5))
        return MadeFrame(
            self.pose(number),
            dict(zip(TEACHERS, (near, far), strict=True)),
            truth,
            np.full(CAMERA.size_hw, SIGMA_M, dtype=np.float32),
            truth=truth if self.has_truth else None,
            labels=labels() if self.has_truth else None,
        )


def labels() -> SurfaceLabels:
    """The upper rows are matte, the middle ones gloss and the lowest a highlight on it."""
    rows = np.indices(CAMERA.size_hw)[0]
    return SurfaceLabels(
        rows >= 24,
        np.where(rows >= 48, 0.9, 0.1).astype(np.float32),
        np.where(rows >= 24, Material.GLOSSY, Material.MATTE).astype(np.uint8),
    )
