"""A mask drawn on the mesh, carried to every frame that sees it: a ray a pixel, where marked triangles can be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, UInt8

from deglare.annotation.carrying import Carried, CarryRule, visible_share
from deglare.annotation.masks import Surfaces
from deglare.annotation.pinholes import closed
from deglare.annotation.windows import Window, balls_around, windows
from deglare.errors import RequestError
from deglare.fusion.threads import in_order, usable_threads
from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import FAR_M, RayCaster, camera_rays
from deglare.progress import Progress, quiet
from deglare.types import Camera, DepthMap, Rigid


def carry_faces(
    mesh: Mesh,
    marks: UInt8[np.ndarray, " f"],
    camera: Camera,
    poses: Mapping[str, Rigid],
    caster: RayCaster | None = None,
    rule: CarryRule | None = None,
    progress: Progress = quiet,
) -> tuple[Carried, ...]:
    """Carry marked triangles to some frames; those that see too little of them are left out.

    Args:
        mesh: The surface.
        marks: Of its triangles, coded as a mask is: 0 = not marked.
        camera: Of the frames.
        poses: ``world_T_cam`` of the frames that are asked.
        caster: Of the mesh, if there is one already.
        rule: What counts as seeing it.
        progress: Told how many frames that may see it are done.
    """
    rule, caster = rule or CarryRule(), caster or RayCaster(mesh, threads=1)
    if len(marks) != len(mesh.faces) or not marks.any():
        raise RequestError("nothing to carry: mark some triangles of this mesh")
    corners = mesh.vertices_m[mesh.faces[marks > 0]].astype(np.float64)
    longest = float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max())
    balls = balls_around(corners.reshape(-1, 3), longest)
    found = windows(balls, camera, list(poses.values()))
    asked = [(name, window) for name, window in zip(poses, found, strict=True) if window is not None]
    centres = corners.mean(axis=1)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    every = -(-len(centres) // rule.samples)

    def look(item: tuple[str, Window]) -> Carried:
        name, window = item
        surfaces, depth = _cast(caster, marks, camera, poses[name], window)
        surfaces = closed(surfaces, depth, depth.valid & (surfaces == 0), rule.slack.at)
        share = visible_share(centres[::every], depth, camera, poses[name], rule.slack, areas[::every] + 1e-12)
        return Carried(name, surfaces, share)

    carried = []
    for done, one in enumerate(in_order(look, asked, usable_threads()), start=1):
        progress(done, len(asked))
        carried += [one] if np.count_nonzero(one.surfaces) >= rule.least_pixels else []
    return tuple(carried)


def faces_under(
    mesh: Mesh, surfaces: Surfaces, camera: Camera, world_T_cam: Rigid, caster: RayCaster | None = None
) -> UInt8[np.ndarray, " f"]:
    """Marks of the triangles that a frame shows under its mask, as `carry_faces` takes them."""
    caster = caster or RayCaster(mesh, threads=1)
    triangles = caster.hit(camera, world_T_cam).triangles
    shown = (surfaces > 0) & (triangles >= 0)
    marks = np.zeros(len(mesh.faces), dtype=np.uint8)
    marks[triangles[shown]] = surfaces[shown]
    return marks


def _cast(
    caster: RayCaster, marks: UInt8[np.ndarray, " f"], camera: Camera, world_T_cam: Rigid, window: Window
) -> tuple[Surfaces, DepthMap]:
    """The marks that a frame sees, and its depth within the window."""
    part = np.s_[window.top : window.bottom, window.left : window.right]
    rays = camera_rays(camera, world_T_cam, caster.near_m).reshape(*camera.size_hw, 6)[part].reshape(-1, 6)
    hits = caster.cast(rays[:, :3].astype(np.float64), rays[:, 3:].astype(np.float64))
    metres: Float64[np.ndarray, " n"] = hits.lengths.astype(np.float64) + caster.near_m
    seen = (hits.triangles >= 0) & (metres <= FAR_M)
    size_hw = (window.bottom - window.top, window.right - window.left)
    surfaces, depth = np.zeros(camera.size_hw, dtype=np.uint8), np.zeros(camera.size_hw, dtype=np.float32)
    surfaces[part] = np.where(seen, marks[np.maximum(hits.triangles, 0)], np.uint8(0)).reshape(size_hw)
    depth[part] = np.where(seen, metres, 0).reshape(size_hw)
    return surfaces, DepthMap.of_positive(depth)
