"""Marching cubes on blocks of voxels: where a sampled function changes its sign, as triangles.

The table of triangles is worked out, not written down: the faces of a cube say how its crossed edges are linked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, UInt8

from deglare.geometry.blocks import OFFSETS, SIDE, VOXELS, block_keys, find_keys

FACES = ((0, 4, 6, 2), (1, 3, 7, 5), (0, 1, 5, 4), (2, 6, 7, 3), (0, 2, 3, 1), (4, 5, 7, 6))
"""Corners around each face of a cube, counter-clockwise as seen from outside. Bits 0, 1, 2 of a corner: its x, y, z."""

EDGES = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1)
"""The two corners of each edge, the one nearer to the origin first."""

EDGE_STARTS, EDGE_ENDS = np.array(EDGES).T
EDGE_AXES = np.array([(a ^ b).bit_length() - 1 for a, b in EDGES])

WIDE = SIDE + 1
"""Voxels along a block with the first ones of the next block, which its last cubes need."""

CORNER_STEPS = np.array([(i & 1) + (i >> 1 & 1) * WIDE + (i >> 2) * WIDE**2 for i in range(8)])
"""From a cube to its corners in a widened block, x fastest."""

MOST_TRIANGLES = 5
"""In one cube."""

SHORTEST_STEP = 1e-3
"""Vertices keep this share of an edge away from its ends, so that no triangle shrinks to a line or a point."""


@dataclass(frozen=True, eq=False)
class Crossings:
    """Triangles between points on edges of the grid, counter-clockwise as seen from where values are positive."""

    starts: Int64[np.ndarray, " v"]
    """The voxel where the edge of each vertex begins: its place among the flattened values."""
    ends: Int64[np.ndarray, " v"]
    shares: Float32[np.ndarray, " v"]
    """How far from the begin to the end, 0 to 1."""
    places: Float64[np.ndarray, "v 3"]
    """Where the vertices are, in voxels."""
    faces: Int32[np.ndarray, "f 3"]


def march(corners: Int64[np.ndarray, "n 3"], values: Float32[np.ndarray, "n v"]) -> Crossings:
    """Every change of sign in the cubes whose eight voxels are all known.

    Args:
        corners: The blocks, as `deglare.geometry.blocks` lays them out.
        values: NaN where not known.
    """
    flat = np.append(values.ravel(), np.float32(np.nan))  # what is missing has place -1: this one
    voxels = _widened(_octets(corners, values)).ravel()
    cubes, codes = _crossed_cubes(flat[voxels].reshape(-1, WIDE, WIDE, WIDE))
    triangles, counts = triangle_table()
    edges = triangles[codes][np.arange(MOST_TRIANGLES) < counts[codes][:, None]].ravel()
    cubes = np.repeat(cubes, 3 * counts[codes])
    starts = voxels[cubes + CORNER_STEPS[EDGE_STARTS[edges]]]
    _, first, vertices = np.unique(3 * starts + EDGE_AXES[edges], return_index=True, return_inverse=True)
    edges, starts = edges[first], starts[first]
    ends = voxels[cubes[first] + CORNER_STEPS[EDGE_ENDS[edges]]]
    shares = np.clip(flat[starts] / (flat[starts] - flat[ends]), SHORTEST_STEP, 1 - SHORTEST_STEP)
    places = (corners[starts // VOXELS] * SIDE + OFFSETS[starts % VOXELS]).astype(np.float64)
    places[np.arange(len(places)), EDGE_AXES[edges]] += shares
    return Crossings(starts, ends, shares, places, vertices.reshape(-1, 3).astype(np.int32))


@lru_cache(maxsize=1)
def triangle_table() -> tuple[UInt8[np.ndarray, "256 t 3"], Int64[np.ndarray, "256"]]:
    """The triangles between crossed edges for each choice of solid corners (bit i: corner i), and how many they are."""
    triangles, counts = np.zeros((256, MOST_TRIANGLES, 3), dtype=np.uint8), np.zeros(256, dtype=np.int64)
    for code in range(256):
        fans = [(a, b, c) for a, *others in _loops(code) for b, c in pairwise(others)]
        counts[code] = len(fans)
        triangles[code, : len(fans)] = np.array(fans).reshape(-1, 3)
    return triangles, counts


def _loops(code: int) -> list[list[int]]:
    """The crossed edges of a cube, in the rings that its surface cuts out of it."""
    following = dict(link for face in FACES for link in _links(code, face))
    loops: list[list[int]] = []
    while following:
        edge, after = following.popitem()
        loops.append([edge])
        while after != loops[-1][0]:
            loops[-1].append(after)
            after = following.pop(after)
    return loops


def _links(code: int, face: tuple[int, ...]) -> list[tuple[int, int]]:
    """From each crossed edge where one comes to a solid corner, going round a face, to the one where one leaves it.

    So where only opposite corners are solid each is cut off alone. The cube on the other side of the face does the
    same, hence there are no gaps.
    """
    corners = [*face, *face]
    is_solid = [bool(code >> corner & 1) for corner in corners]
    links = []
    for i in range(4):
        if not is_solid[i] and is_solid[i + 1]:
            j = next(j for j in range(i + 1, 7) if not is_solid[j + 1])
            links.append((_edge(corners[i], corners[i + 1]), _edge(corners[j], corners[j + 1])))
    return links


def _edge(a: int, b: int) -> int:
    return EDGES.index((min(a, b), max(a, b)))


def _octets(corners: Int64[np.ndarray, "n 3"], values: Float32[np.ndarray, "n v"]) -> Int64[np.ndarray, "m 8"]:
    """The blocks that may hold surface, each with the seven after it: their rows, -1 where there is none."""
    keys = block_keys(corners)
    order = np.argsort(keys)
    steps = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)])
    wanted = block_keys((corners[:, None] + steps).reshape(-1, 3))
    rows = np.append(order, -1)[find_keys(keys[order], wanted)].reshape(-1, 8)
    solid = np.append((values < 0).any(axis=1), False)[rows].any(axis=1)
    free = np.append((values >= 0).any(axis=1), False)[rows].any(axis=1)
    return rows[solid & free]


def _widened(octets: Int64[np.ndarray, "m 8"]) -> Int64[np.ndarray, "m w w w"]:
    """Places among the flattened values of the voxels of each first block and those just after it; -1 where missing."""
    places = np.arange(VOXELS).reshape(SIDE, SIDE, SIDE)
    own, after = (slice(0, SIDE), slice(0, SIDE)), (slice(SIDE, WIDE), slice(0, 1))
    wide = np.empty((len(octets), WIDE, WIDE, WIDE), dtype=np.int64)
    for i, rows in enumerate(octets.T):
        (x, from_x), (y, from_y), (z, from_z) = (after if i >> axis & 1 else own for axis in range(3))
        first = rows[:, None, None, None] * VOXELS
        wide[:, z, y, x] = np.where(first < 0, -1, first + places[from_z, from_y, from_x])
    return wide


def _crossed_cubes(
    values: Float32[np.ndarray, "m w w w"],
) -> tuple[Int64[np.ndarray, " k"], UInt8[np.ndarray, " k"]]:
    """Cubes between known voxels that are neither all solid nor all free: the place of corner 0, and the code."""
    codes, unknown = (values < 0).view(np.uint8), np.isnan(values)
    for axis in (3, 2, 1):
        low, high = (slice(None),) * axis + (slice(None, -1),), (slice(None),) * axis + (slice(1, None),)
        codes = codes[low] | codes[high] << np.uint8(1 << (3 - axis))
        unknown = unknown[low] | unknown[high]
    found = np.nonzero(~unknown & (codes > 0) & (codes < 255))
    return np.ravel_multi_index(found, values.shape), codes[found]
