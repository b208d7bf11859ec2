"""From rotations between pairs of frames to one rotation for each frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64

from deglare.geometry.poses_graph import fitted_differences
from deglare.geometry.poses_pairs import Pair

ROUNDS = 40
BELIEVED_DEGREES = 2.0
"""Pairs that disagree by this much count half."""

WRONG_DEGREES = 10.0
"""Pairs that disagree by more are left out of everything that follows."""

CONVERGED = 1e-6


def connected(pairs: Sequence[Pair], count: int) -> Bool[np.ndarray, " f"]:
    """The largest set of frames that hang together."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows, columns = [pair.first for pair in pairs], [pair.second for pair in pairs]
    graph = coo_matrix((np.ones(len(pairs)), (rows, columns)), shape=(count, count))
    number, group = connected_components(graph, directed=False)
    return group == np.bincount(group, minlength=number).argmax()


def averaged_rotations(pairs: Sequence[Pair], count: int) -> Float64[np.ndarray, "f 3 3"]:
    """``cam_R_world`` of frames that hang together; the first frame's is the identity. Others stay the identity.

    Starts from the tree of pairs with most matches, then moves all rotations at once, and listens less to pairs that
    disagree with the rest.
    """
    rotations = _along_tree(pairs, count)
    first, second = _ends(pairs)
    measured = np.stack([pair.second_R_first for pair in pairs])
    weight = np.minimum([len(pair.matches) for pair in pairs], 200) / 200
    for _ in range(ROUNDS):
        off = rotation_vectors(rotations[second].transpose(0, 2, 1) @ measured @ rotations[first])
        angle = np.degrees(np.linalg.norm(off, axis=1))
        moved = fitted_differences(first, second, weight / (1 + (angle / BELIEVED_DEGREES) ** 2), off, count)
        rotations = rotations @ rotation_matrices(moved)
        if np.abs(moved).max() < CONVERGED:
            break
    return rotations @ rotations[0].T


def disagreements(pairs: Sequence[Pair], cam_R_world: Float64[np.ndarray, "f 3 3"]) -> Float64[np.ndarray, " p"]:
    """How far each pair is from the averaged rotations, in degrees."""
    first, second = _ends(pairs)
    measured = np.stack([pair.second_R_first for pair in pairs])
    off = rotation_vectors(cam_R_world[second].transpose(0, 2, 1) @ measured @ cam_R_world[first])
    return np.degrees(np.linalg.norm(off, axis=1))


def rotation_matrices(vectors: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3 3"]:
    """Rotations about an axis by its length in radians."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vectors).as_matrix()


def rotation_vectors(matrices: Float64[np.ndarray, "n 3 3"]) -> Float64[np.ndarray, "n 3"]:
    """The inverse of `rotation_matrices`."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(matrices).as_rotvec()


def _along_tree(pairs: Sequence[Pair], count: int) -> Float64[np.ndarray, "f 3 3"]:
    """Rotations chained from pair to pair, those with most matches first."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    first, second = _ends(pairs)
    cost = 1.0 / np.array([len(pair.matches) for pair in pairs])
    graph = coo_matrix((cost, (first, second)), shape=(count, count)).tocsr()
    tree = minimum_spanning_tree(graph)
    start = int(first[np.argmin(cost)])
    order, parent = breadth_first_order(tree, start, directed=False)
    known = {(pair.first, pair.second): pair.second_R_first for pair in pairs}
    rotations = np.tile(np.eye(3), (count, 1, 1))
    for frame in order[1:]:
        before = int(parent[frame])
        forward = known.get((before, int(frame)))
        step = forward if forward is not None else known[int(frame), before].T
        rotations[frame] = step @ rotations[before]
    return rotations


def _ends(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
