"""The frames that a frame can be compared with: those of its training triple, or the nearest that will do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from deglare.data.triples import TripleRule, neighbours_of
from deglare.types import Rigid, inverse_rigid, rotation_degrees

WANTED = 2
LEAST_M, MOST_M, MOST_TURN_DEG = 0.01, 0.5, 20.0
"""A camera that moved less shows no parallax; one that moved or turned more sees another scene."""


def comparable_frames(world_T_cams: Sequence[Rigid], number: int) -> tuple[int, ...]:
    """At most two frames to compare a frame with, the paper's own first, in order of time; none where none will do."""
    rule = TripleRule()
    found = list(neighbours_of(list(world_T_cams), number, rule))
    if len(found) < WANTED:
        nearest = _nearest(np.stack(world_T_cams), number, (rule.nearest_m + rule.farthest_m) / 2)
        found += [other for other in nearest if other not in found][: WANTED - len(found)]
    return tuple(sorted(found))


def _nearest(poses: Float64[np.ndarray, "n 4 4"], number: int, step_m: float) -> list[int]:
    """Frames that will do, those first whose camera has moved most nearly by ``step_m``."""
    moved_m = np.linalg.norm(poses[:, :3, 3] - poses[number, :3, 3], axis=1)
    near = np.flatnonzero((moved_m >= LEAST_M) & (moved_m <= MOST_M))
    usable = [int(one) for one in near if rotation_degrees(inverse_rigid(poses[one]) @ poses[number]) <= MOST_TURN_DEG]
    return sorted(usable, key=lambda one: abs(float(moved_m[one]) - step_m))
