"""Runs whose every number follows from a formula: a tilted wall that shines, and a box that a camera walks around."""

from __future__ import annotations

import numpy as np
from known_meshes import from_depth, grid_faces, together
from made_runs import MadeFrame, MadeRun
from plain_scenes import CAMERA, facing, look_at, plane

from deglare.geometry.mesh import Mesh, vertex_normals
from deglare.geometry.raycasting import RayCaster
from deglare.types import Camera, DepthMap, Material, Rigid, SurfaceLabels

NORMAL = (0.6, 0.0, 0.8)
"""Of the wall: seen at 0 to 75 degrees."""
OFF_M = 0.25
"""How far behind the true box its mesh lies, towards its inside."""
BOX_CAMERA = Camera(110.0, 110.0, 63.5, 47.5, (96, 128))


def wall_run(frames: int = 6, has_truth: bool = True) -> MadeRun:
    """A camera walks along a tilted wall; a highlight on it looks farther, and more so from frame to frame."""
    made = {f"{number:03d}": wall_frame(number, has_truth) for number in range(frames)}
    first = next(iter(made.values()))
    return MadeRun(CAMERA, made, from_depth(first.projected, CAMERA, first.world_T_cam, step=4))


def wall_frame(number: int, has_truth: bool) -> MadeFrame:
    """Predicted a tenth too far and farther in the highlight, projected 2 cm too near, with a gap on the left."""
    pose = facing(x=0.1 * number)
    truth = plane(NORMAL, 2.0, pose)
    v, u = np.indices(CAMERA.size_hw)
    highlight = np.hypot(u - 60 - number, v - 36) < 12
    reflective = (u > 40) & (v > 8)
    material = np.where(reflective, Material.GLOSSY, Material.MATTE)
    material[:8] = Material.SCREEN
    predicted = truth.metres * np.float32(1.1) + np.where(highlight, np.float32(0.2 + 0.1 * number), 0)
    sigma = np.where(highlight, 0.5 + 0.1 * number, 0.01 * (1 + number)).astype(np.float32)
    sigma[60:, :20] = np.nan
    labels = SurfaceLabels(reflective, np.where(highlight, 0.9, 0.2).astype(np.float32), material.astype(np.uint8))
    return MadeFrame(
        pose,
        {"base": DepthMap.of_positive(predicted), "other": DepthMap.of_positive(truth.metres)},
        DepthMap.of_positive(np.where(u < 6, 0, truth.metres - np.float32(0.02))),
        sigma,
        truth=truth if has_truth else None,
        labels=labels if has_truth else None,
    )


def grid_box(half_m: float, steps: int = 12) -> Mesh:
    """A solid cube around the origin whose sides are grids; vertices lie inside of the sides, not on their rims."""
    places = (np.arange(steps) + 0.5) / steps * 2 - 1
    s, t = np.meshgrid(places, places, indexing="ij")
    sides = []
    for axis in range(3):
        for sign in (-1, 1):
            points = np.empty((steps, steps, 3))
            points[..., axis], points[..., (axis + 1) % 3], points[..., (axis + 2) % 3] = sign, s, t
            faces = grid_faces(np.ones(s.shape, dtype=bool))
            faces = faces if sign > 0 else faces[:, ::-1]
            sides.append(Mesh((points.reshape(-1, 3) * half_m).astype(np.float32), np.ascontiguousarray(faces)))
    joined = together(*sides)
    colours = np.rint(127 + 127 * joined.vertices_m / half_m).astype(np.uint8)
    return Mesh(joined.vertices_m, joined.faces, vertex_normals(joined.vertices_m, joined.faces), colours)


def around(count: int, distance_m: float = 3.0, height_m: float = 1.0) -> list[Rigid]:
    """Cameras on a circle around the origin that look at it; of eight, none sees a cube's side nearly edge-on."""
    turns = np.arange(count) / count * 2 * np.pi + np.pi / 8
    return [look_at((distance_m * np.cos(a), distance_m * np.sin(a), height_m)) for a in turns]


def box_run(frames: int = 8, half_m: float = 0.75, steps: int = 12) -> MadeRun:
    """The mesh is a cube; the true cube is larger by `OFF_M` on every side, so that the mesh is too far everywhere."""
    mesh, true = grid_box(half_m, steps), grid_box(half_m + OFF_M, steps)
    caster, true_caster = RayCaster(mesh), RayCaster(true)
    made = {}
    for number, pose in enumerate(around(frames)):
        projected, truth = caster.project(BOX_CAMERA, pose), true_caster.project(BOX_CAMERA, pose)
        sigma = np.full(BOX_CAMERA.size_hw, 0.1 + 0.05 * number, dtype=np.float32)
        depths = {"base": projected, "other": truth}
        labels = SurfaceLabels(np.zeros(BOX_CAMERA.size_hw, dtype=bool))
        made[f"{number:03d}"] = MadeFrame(pose, depths, projected, sigma, truth=truth, labels=labels)
    return MadeRun(BOX_CAMERA, made, mesh)
