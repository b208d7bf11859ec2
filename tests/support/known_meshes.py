"""Meshes whose every surface is known by formula, or by the depth they were made of."""

import numpy as np

from deglare.geometry.mesh import Mesh
from deglare.types import Camera, DepthMap, Rigid


def quad(corners: np.ndarray) -> Mesh:
    """Two triangles; four corners counter-clockwise as seen from free space."""
    return Mesh(np.asarray(corners, dtype=np.float32), np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32))


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Mesh:
    """A solid box: free space is outside."""
    bits = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)])
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return Mesh(np.where(bits, high, low).astype(np.float32), np.array(faces, dtype=np.int32))


def ball(centre: tuple[float, float, float], radius: float, steps: int = 200) -> Mesh:
    """A solid ball of ``4 * steps**2`` triangles, inside the true one by 3e-5 of the radius at most."""
    polar, azimuth = np.linspace(0, np.pi, steps + 1), np.linspace(0, 2 * np.pi, 2 * steps + 1)
    sine = np.sin(polar)[:, None]
    x, y = sine * np.cos(azimuth), sine * np.sin(azimuth)
    vertices = np.stack([x, y, np.broadcast_to(np.cos(polar)[:, None], x.shape)], axis=-1) * radius + centre
    return Mesh(vertices.reshape(-1, 3).astype(np.float32), grid_faces(np.ones(x.shape, dtype=bool)))


def turned(mesh: Mesh) -> Mesh:
    """The same triangles with free space and solid swapped: a room instead of a box."""
    return Mesh(mesh.vertices_m, np.ascontiguousarray(mesh.faces[:, ::-1]))


def together(*meshes: Mesh) -> Mesh:
    """All triangles in one mesh."""
    starts = np.cumsum([0, *(len(mesh.vertices_m) for mesh in meshes[:-1])])
    faces = np.concatenate([mesh.faces + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)])
    return Mesh(np.concatenate([mesh.vertices_m for mesh in meshes]), faces)


def from_depth(depth: DepthMap, camera: Camera, world_T_cam: Rigid, jump: float = 0.05, step: int = 1) -> Mesh:
    """Neighbouring pixels joined to triangles, but for those whose depths differ by more than a share of the nearer."""
    metres, valid = depth.metres.astype(np.float64), depth.valid
    points = (camera.unproject(metres) @ world_T_cam[:3, :3].T + world_T_cam[:3, 3])[::step, ::step]
    metres, valid = metres[::step, ::step], valid[::step, ::step]
    faces = grid_faces(valid)
    corners = metres.ravel()[faces]
    kept = corners.max(axis=1) <= (1 + jump) * corners.min(axis=1)
    return Mesh(points.reshape(-1, 3).astype(np.float32), faces[kept])


def grid_faces(valid: np.ndarray) -> np.ndarray:
    """Two triangles for every square of a grid whose corners are valid; down, then right: counter-clockwise."""
    rows = np.arange(valid.size, dtype=np.int32).reshape(valid.shape)
    a, b, c, d = rows[:-1, :-1], rows[1:, :-1], rows[1:, 1:], rows[:-1, 1:]
    faces = np.stack([np.stack([a, b, d], axis=-1), np.stack([b, c, d], axis=-1)], axis=2).reshape(-1, 3)
    return faces[valid.ravel()[faces].all(axis=1)]
