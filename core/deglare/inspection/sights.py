"""What all frames together say of every vertex of a surface: how many see it, and what they find there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from deglare.fusion.threads import in_order, usable_threads
from deglare.geometry.mesh import Mesh, vertex_normals
from deglare.geometry.raycasting import NEAR_M
from deglare.inspection.run import InspectedRun
from deglare.progress import Progress, quiet
from deglare.types import Camera, DepthMap, Rigid, inverse_rigid

LEAST_COSINE = 0.2
"""A surface seen from flatter than this is not given more room before it counts as hidden."""

DepthOf = Callable[[str], DepthMap]
"""How far a frame sees before the surface is in the way; not valid where nothing is."""

Finding = Callable[[str, "Seen"], Float32[np.ndarray, " n"]]
"""What a frame finds at the vertices that it sees, NaN where nothing."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The vertices that one frame sees."""

    vertices: Int64[np.ndarray, " n"]
    """Their places in the mesh."""
    rows: Int64[np.ndarray, " n"]
    columns: Int64[np.ndarray, " n"]
    """Of the nearest pixels."""
    z_m: Float32[np.ndarray, " n"]
    """Depth of the vertices themselves."""


@dataclass(frozen=True, eq=False)
class Means:
    """Over the frames that see a vertex."""

    values: Float64[np.ndarray, " v"]
    """NaN where no frame that sees the vertex finds anything."""
    frames: Int64[np.ndarray, " v"]
    """How many see it."""


@dataclass(frozen=True, eq=False)
class Vertices:
    """Of a mesh, in world axes."""

    metres: Float32[np.ndarray, "v 3"]
    normals: Float32[np.ndarray, "v 3"]

    @classmethod
    def of(cls, mesh: Mesh) -> Vertices:
        """With the mesh's own normals, or those of its faces."""
        normals = mesh.normals if mesh.normals is not None else vertex_normals(mesh.vertices_m, mesh.faces)
        return cls(mesh.vertices_m, normals)


def seen_from(vertices: Vertices, camera: Camera, world_T_cam: Rigid, depth: DepthMap, slack_m: float) -> Seen:
    """The vertices in the image that face the camera, with nothing nearer in their pixel.

    Args:
        vertices: Of the surface.
        camera: In pixels of the depth.
        world_T_cam: Of the frame.
        depth: Of the surface as the frame sees it.
        slack_m: How much nearer it may be; more where the surface is slanted, as it rises within a pixel.
    """
    cam_T_world = inverse_rigid(world_T_cam).astype(np.float32)
    at_cam = vertices.metres @ cam_T_world[:3, :3].T + cam_T_world[:3, 3]
    rows, columns, inside = _pixels(at_cam, camera)
    kept = np.flatnonzero(inside)
    at_cam, rows, columns = at_cam[kept], rows[kept], columns[kept]
    towards = -np.einsum("ni,ni->n", vertices.normals[kept] @ cam_T_world[:3, :3].T, at_cam)
    cosine = towards / np.linalg.norm(at_cam, axis=1)
    in_the_way = np.where(depth.valid, depth.metres, np.float32(np.inf))[rows, columns]
    slack = np.float32(slack_m) / np.clip(cosine, LEAST_COSINE, 1)
    sees = (cosine > 0) & (in_the_way >= at_cam[:, 2] - slack)
    return Seen(kept[sees], rows[sees], columns[sees], at_cam[sees, 2])


def means_over(
    run: InspectedRun,
    vertices: Vertices,
    names: tuple[str, ...],
    depth_of: DepthOf,
    find: Finding,
    progress: Progress = quiet,
) -> Means:
    """Go through some frames. Memory holds two numbers a vertex, however many there are."""
    sums, found = np.zeros(len(vertices.metres)), np.zeros(len(vertices.metres), dtype=np.int64)
    frames = np.zeros_like(found)

    def look(name: str) -> tuple[Seen, Float32[np.ndarray, " n"]]:
        seen = seen_from(vertices, run.camera, run.poses[name], depth_of(name), run.making.mesh.volume.voxel_m)
        return seen, find(name, seen)

    for done, (seen, values) in enumerate(in_order(look, names, usable_threads()), start=1):
        known = np.isfinite(values)
        frames[seen.vertices] += 1
        found[seen.vertices[known]] += 1
        sums[seen.vertices[known]] += values[known]
        progress(done, len(names))
    return Means(np.divide(sums, found, out=np.full_like(sums, np.nan), where=found > 0), frames)


def _pixels(
    at_cam: Float32[np.ndarray, "v 3"], camera: Camera
) -> tuple[Int64[np.ndarray, " v"], Int64[np.ndarray, " v"], Bool[np.ndarray, " v"]]:
    """Rows and columns of the nearest pixels, and which vertices lie in the image where rays begin, or beyond."""
    ahead = at_cam[:, 2] >= NEAR_M
    z = np.where(ahead, at_cam[:, 2], np.float32(1))
    columns = np.floor(at_cam[:, 0] / z * np.float32(camera.fx) + np.float32(camera.cx + 0.5))
    rows = np.floor(at_cam[:, 1] / z * np.float32(camera.fy) + np.float32(camera.cy + 0.5))
    inside = ahead & (rows >= 0) & (rows < camera.size_hw[0]) & (columns >= 0) & (columns < camera.size_hw[1])
    rows, columns = (np.where(inside, one, 0).astype(np.int64) for one in (rows, columns))
    return rows, columns, inside
