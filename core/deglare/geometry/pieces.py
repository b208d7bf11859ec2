"""A mesh falls into pieces that share no vertex; small ones are scraps of views that agree with no other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from deglare.geometry.mesh import Mesh


def without_scraps(mesh: Mesh, least_m2: float) -> Mesh:
    """The mesh without pieces that are smaller than this, and without vertices that no face needs.

    The largest piece always stays. Nothing is looked at, and nothing left out, where ``least_m2`` is 0.
    """
    if least_m2 <= 0 or mesh.is_empty:
        return mesh
    piece = pieces_of(mesh)
    areas = np.bincount(piece, areas_m2(mesh))
    is_kept = areas >= min(least_m2, float(areas.max()))
    return with_faces(mesh, np.flatnonzero(is_kept[piece]))


def pieces_of(mesh: Mesh) -> Int64[np.ndarray, " f"]:
    """The number of the piece that each face belongs to, counted from 0."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    a, b, c = mesh.faces.T
    size = len(mesh.vertices_m)
    links = np.concatenate([a, b]), np.concatenate([b, c])
    graph = coo_matrix((np.ones(len(links[0]), dtype=np.int8), links), shape=(size, size))
    _, of_vertex = connected_components(graph, directed=False)
    _, piece = np.unique(of_vertex[a], return_inverse=True)  # vertices without faces are no pieces
    return piece.astype(np.int64)


def areas_m2(mesh: Mesh) -> Float64[np.ndarray, " f"]:
    """Of each face."""
    a, b, c = (mesh.vertices_m[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


def with_faces(mesh: Mesh, kept: Int64[np.ndarray, " n"]) -> Mesh:
    """Some of the faces, in their order, and the vertices that they need."""
    needed, faces = np.unique(mesh.faces[kept], return_inverse=True)
    return Mesh(
        mesh.vertices_m[needed],
        faces.reshape(-1, 3).astype(np.int32),
        None if mesh.normals is None else mesh.normals[needed],
        None if mesh.colours is None else mesh.colours[needed],
    )
