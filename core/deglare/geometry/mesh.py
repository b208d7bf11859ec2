"""A triangle mesh in world axes, as fusion makes it and as projection reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from deglare.errors import DataError


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles whose corners run counter-clockwise as seen from free space, where the cameras are."""

    vertices_m: Float32[np.ndarray, "v 3"]
    faces: Int32[np.ndarray, "f 3"]
    normals: Float32[np.ndarray, "v 3"] | None = None
    """Unit vectors into free space, one for each vertex."""
    colours: UInt8[np.ndarray, "v 3"] | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.vertices_m).all():
            raise DataError("a vertex of the mesh is not finite: the file is damaged, or the depth it was made of")
        if len(self.faces) and (self.faces.min() < 0 or self.faces.max() >= len(self.vertices_m)):
            raise DataError("a face of the mesh names a vertex that is not there: the file is damaged")

    @property
    def is_empty(self) -> bool:
        """Whether there is no surface at all."""
        return len(self.faces) == 0


def vertex_normals(
    vertices_m: Float32[np.ndarray, "v 3"], faces: Int32[np.ndarray, "f 3"]
) -> Float32[np.ndarray, "v 3"]:
    """The mean of the normals of the faces around each vertex, by area; zero where there is none."""
    a, b, c = (vertices_m[faces[:, i]].astype(np.float64) for i in range(3))
    by_area = np.cross(b - a, c - a)
    sums = [np.bincount(faces.ravel(), np.repeat(by_area[:, i], 3), len(vertices_m)) for i in range(3)]
    normals = np.stack(sums, axis=1, dtype=np.float64)  # sums over nothing are whole numbers
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0).astype(np.float32)
