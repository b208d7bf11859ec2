"""The large planes of a mesh: floors, walls and tables, as far as noisy depth shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

from deglare.geometry.mesh import Mesh

MOST_PLANES = 12
TRIES = 40
DIRECTION_STEPS = 5
"""Normals are first told apart by their components, in this many steps from 0 to 1."""

ALIKE, KIN = np.cos(np.radians(15)), np.cos(np.radians(60))
"""Faces of a plane are turned by at most this angle from it; faces up to the second one are no other plane's."""

OFFSET_STEP_M = 0.04
THICKNESS_M, CROWD_M = 0.08, 0.16
"""Half of how thick a plane is, being noisy; faces up to the second distance are no other plane's."""


@dataclass(frozen=True, eq=False)
class LargePlane:
    """The points x with normal . x = offset, in world axes."""

    normal: Float64[np.ndarray, "3"]
    """Of length 1, into free space."""
    offset_m: float
    area_m2: float
    """Of the faces that make it up."""

    @property
    def axes(self) -> Float64[np.ndarray, "2 3"]:
        """Two directions within it that make right angles, the second one counter-clockwise seen from free space."""
        away = np.eye(3)[np.argmin(np.abs(self.normal))]
        first = np.cross(away, self.normal)
        first /= np.linalg.norm(first)
        return np.stack([first, np.cross(self.normal, first)])

    def height_m(self, points: Float[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n"]:
        """Distance of points, above 0 in free space."""
        return points.astype(np.float64) @ self.normal - self.offset_m

    def reflected(self, points: Float[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
        """Where points seem to be, seen in it."""
        return points - 2 * self.height_m(points)[:, None] * self.normal


class _Faces(NamedTuple):
    """Of a mesh."""

    centres: Float64[np.ndarray, "f 3"]
    normals: Float64[np.ndarray, "f 3"]
    areas: Float64[np.ndarray, "f"]


def large_planes(mesh: Mesh, least_m2: float = 0.5) -> list[LargePlane]:
    """Planes with at least so much surface, the largest first; at most `MOST_PLANES`."""
    faces, found = _faces_of(mesh), list[LargePlane]()
    free = np.ones(len(faces.areas), dtype=bool)
    for _ in range(TRIES):
        direction = _commonest_direction(faces, free)
        if direction is None or len(found) == MOST_PLANES:
            break
        turned = faces.normals @ direction
        candidates = free & (turned > ALIKE)
        plane = _fitted(faces, candidates, direction)
        if plane is None or plane.area_m2 < least_m2:
            free &= turned <= ALIKE  # nothing large is left of this direction
            continue
        found.append(plane)
        free &= (np.abs(plane.height_m(faces.centres)) > CROWD_M) | (faces.normals @ plane.normal <= KIN)
    return sorted(found, key=lambda plane: -plane.area_m2)


def _faces_of(mesh: Mesh) -> _Faces:
    a, b, c = (mesh.vertices_m[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    crossed = np.cross(b - a, c - a)
    lengths = np.linalg.norm(crossed, axis=1)
    solid = lengths > 0
    return _Faces((a + b + c)[solid] / 3, crossed[solid] / lengths[solid, None], lengths[solid] / 2)


def _commonest_direction(faces: _Faces, free: Bool[np.ndarray, "f"]) -> Float64[np.ndarray, "3"] | None:
    """The mean normal of the faces that are most alike, by area."""
    if not free.any():
        return None
    normals, areas = faces.normals[free], faces.areas[free]
    _, kinds = np.unique(np.rint(normals * DIRECTION_STEPS).astype(np.int64), axis=0, return_inverse=True)
    best = np.argmax(np.bincount(kinds.ravel(), areas))
    mean = areas[kinds.ravel() == best] @ normals[kinds.ravel() == best]
    for _ in range(3):  # to the middle of all that are like it, wherever the first steps were cut
        near = normals @ (mean / np.linalg.norm(mean)) > ALIKE
        mean = areas[near] @ normals[near] if near.any() else mean
    return mean / np.linalg.norm(mean)


def _fitted(faces: _Faces, candidates: Bool[np.ndarray, "f"], direction: Float64[np.ndarray, "3"]) -> LargePlane | None:
    """The plane where faces of a direction lie most densely, by least squares; None where they are no plane."""
    centres, areas = faces.centres[candidates], faces.areas[candidates]
    if not len(areas):
        return None
    offsets = centres @ direction
    steps = np.floor((offsets - offsets.min()) / OFFSET_STEP_M).astype(np.int64)
    density = np.convolve(np.bincount(steps, areas), np.ones(3), mode="same")
    peak = offsets.min() + (np.argmax(density) + 0.5) * OFFSET_STEP_M
    near = np.abs(offsets - peak) <= THICKNESS_M
    weights, points = areas[near], centres[near]
    middle = weights @ points / weights.sum()
    spread = (points - middle).T * weights @ (points - middle)
    normal = np.linalg.eigh(spread)[1][:, 0]
    normal = normal * np.sign(normal @ direction)
    if normal @ direction < ALIKE:
        return None
    return LargePlane(normal, float(normal @ middle), float(weights.sum()))
