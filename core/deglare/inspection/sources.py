"""The frames that training would compare a frame with."""

from __future__ import annotations

from deglare.data.comparable import LEAST_M, MOST_M, comparable_frames
from deglare.errors import DeglareError
from deglare.inspection.run import InspectedRun


class NoNeighboursError(DeglareError):
    """No frame looks at the scene from a place near by."""


def sources_of(run: InspectedRun, number: int) -> tuple[int, ...]:
    """One or two frames to compare a frame with, the paper's own first; `NoNeighboursError` where there is none."""
    found = comparable_frames(list(run.poses.values()), number)
    if not found:
        raise NoNeighboursError(
            f"frame {run.names[number]} has no neighbour {LEAST_M:g} to {MOST_M:g} m away that looks the same way: "
            "choose another frame"
        )
    return found
