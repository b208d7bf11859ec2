"""Fewer triangles: vertices that share a cell of a grid become one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from deglare.geometry.mesh import Mesh, vertex_normals

GROWTH = 1.15
"""By how much cells grow until there are few enough of them."""


@dataclass(frozen=True, eq=False)
class Merging:
    """Which vertices become one."""

    cells: Int64[np.ndarray, " v"]
    """The new vertex of each old one."""
    counts: Int64[np.ndarray, " c"]

    @classmethod
    def of(cls, mesh: Mesh, cell_m: float) -> Merging:
        """Those in one cube of a grid of ``cell_m``."""
        places = np.floor((mesh.vertices_m - mesh.vertices_m.min(axis=0)) / cell_m).astype(np.int64)
        sides = places.max(axis=0) + 1
        keys = (places[:, 0] * sides[1] + places[:, 1]) * sides[2] + places[:, 2]
        _, cells, counts = np.unique(keys, return_inverse=True, return_counts=True)
        return cls(cells.astype(np.int64), counts.astype(np.int64))

    def faces(self, faces: Int32[np.ndarray, "f 3"]) -> Int32[np.ndarray, "n 3"]:
        """Those that are still triangles, each once."""
        moved = self.cells[faces]
        a, b, c = moved.T
        moved = moved[(a != b) & (b != c) & (c != a)]
        first = moved.argmin(axis=1)[:, None]
        turned = np.take_along_axis(moved, (first + np.arange(3)) % 3, axis=1)  # starts with its least corner
        return np.unique(turned, axis=0).astype(np.int32)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Of the vertices that become one, in float64."""
        sums = [np.bincount(self.cells, column, len(self.counts)) for column in values.T.astype(np.float64)]
        return np.stack(sums, axis=1) / self.counts[:, None]


def simplified(mesh: Mesh, most_faces: int) -> Mesh:
    """The mesh itself where it has few enough faces, else one with as many as a grid just fine enough leaves."""
    if len(mesh.faces) <= most_faces:
        return mesh
    cell_m = np.sqrt(2 * _area(mesh) / most_faces)
    while True:
        merging = Merging.of(mesh, float(cell_m))
        faces = merging.faces(mesh.faces)
        if len(faces) <= most_faces:
            break
        cell_m *= GROWTH
    vertices = merging.means(mesh.vertices_m).astype(np.float32)
    colours = None if mesh.colours is None else np.rint(merging.means(mesh.colours)).astype(np.uint8)
    return Mesh(vertices, faces, vertex_normals(vertices, faces), colours)


def _area(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices_m[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
