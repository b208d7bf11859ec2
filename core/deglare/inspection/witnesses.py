"""The frames that see a point, and what each of them predicts there: the table under a clicked pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deglare.inspection.run import InspectedRun
from deglare.inspection.seeing import Sightings


@dataclass(frozen=True)
class SeenFrom:
    """A frame that sees the point."""

    frame: int
    name: str
    x: int
    y: int
    """The nearest pixel."""
    metres: float | None
    """Predicted there."""
    surface_m: float
    """Z-depth of the point."""
    residual_m: float | None
    """Predicted less the point's own."""
    angle_deg: float | None
    """Between the normal and the way to the camera."""
    fused_in_mesh: bool
    """Whether the frame voted for the surface."""
    believed: bool | None
    """Whether its vote came out: what the base predicts lies within the clip of the fused surface. None without a vote,
    or where nothing is fused."""
    thumb: str | None = None


def witnesses(run: InspectedRun, seen: Sightings, teacher: str) -> tuple[SeenFrom, ...]:
    """A row for each frame, in order of time."""
    return tuple(_row(run, seen, row, teacher) for row in range(len(seen.frames)))


def _row(run: InspectedRun, seen: Sightings, row: int, teacher: str) -> SeenFrom:
    frame, (x, y) = int(seen.frames[row]), (int(one) for one in seen.pixels_xy[row])
    metres = _predicted(run, frame, x, y, teacher)
    surface_m, cosine = float(seen.z_m[row]), float(seen.cosine[row])
    voted = frame % run.making.mesh.every == 0
    return SeenFrom(
        frame=frame,
        name=run.names[frame],
        x=x,
        y=y,
        metres=metres,
        surface_m=surface_m,
        residual_m=None if metres is None else metres - surface_m,
        angle_deg=degrees(cosine),
        fused_in_mesh=voted,
        believed=_believed(run, frame, x, y, float(seen.mesh_z_m[row])) if voted else None,
    )


def _believed(run: InspectedRun, frame: int, x: int, y: int, mesh_z_m: float) -> bool | None:
    volume, voted_m = run.making.mesh.volume, _predicted(run, frame, x, y, run.base)
    if voted_m is None or not volume.min_depth_m <= voted_m <= volume.max_depth_m or not np.isfinite(mesh_z_m):
        return None
    return abs(voted_m - mesh_z_m) <= volume.clip_m


def _predicted(run: InspectedRun, frame: int, x: int, y: int, teacher: str) -> float | None:
    steps = int(run.predicted_mm(frame, teacher)[y, x])
    return steps / 1000 if steps else None


def degrees(cosine: float) -> float | None:
    """Of an angle; None where it is not known."""
    return None if np.isnan(cosine) else float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
