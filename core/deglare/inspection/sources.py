"""The frames that training would compare a frame with: those of its triple, or the nearest that will do."""

from __future__ import annotations

import numpy as np

from deglare.data.triples import TripleRule, neighbours_of
from deglare.errors import DeglareError
from deglare.inspection.run import InspectedRun
from deglare.types import rotation_degrees

WANTED = 2
LEAST_M, MOST_M, MOST_TURN_DEG = 0.01, 0.5, 20.0
"""A camera that moved less shows no parallax; one that moved or turned more sees another scene."""


class NoNeighboursError(DeglareError):
    """No frame looks at the scene from a place near by."""


def sources_of(run: InspectedRun, number: int) -> tuple[int, ...]:
    """One or two frames to compare a frame with, the paper's own first; `NoNeighboursError` where there is none."""
    rule = TripleRule()
    found = list(neighbours_of(list(run.poses.values()), number, rule))
    for other in _nearest(run, number, (rule.nearest_m + rule.farthest_m) / 2):
        if len(found) < WANTED and other not in found:
            found.append(other)
    if not found:
        raise NoNeighboursError(
            f"frame {run.names[number]} has no neighbour {LEAST_M:g} to {MOST_M:g} m away that looks the same way: "
            "choose another frame"
        )
    return tuple(sorted(found))


def _nearest(run: InspectedRun, number: int, step_m: float) -> list[int]:
    """Frames that will do, those first whose camera has moved most nearly by ``step_m``."""
    cam_T_worlds, world_T_cam = run.cam_T_world, run.poses[run.names[number]]
    places = np.stack([pose[:3, 3] for pose in run.poses.values()])
    moved_m = np.linalg.norm(places - world_T_cam[:3, 3], axis=1)
    near = np.flatnonzero((moved_m >= LEAST_M) & (moved_m <= MOST_M))
    usable = [int(one) for one in near if rotation_degrees(cam_T_worlds[one] @ world_T_cam) <= MOST_TURN_DEG]
    return sorted(usable, key=lambda one: abs(float(moved_m[one]) - step_m))
