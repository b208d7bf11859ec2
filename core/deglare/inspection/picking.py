"""A ray from somebody who looks at the mesh: where it meets the surface, and which frame shows that place."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deglare.errors import RequestError
from deglare.inspection.run import FrameId, InspectedRun
from deglare.inspection.seeing import Sightings, SurfacePoint, Xyz, as_xyz, sightings


@dataclass(frozen=True)
class PickReport:
    """Where a ray went."""

    hit: bool
    xyz: Xyz | None = None
    """World axes."""
    frame: int | None = None
    """None where no frame sees the place."""
    x: int | None = None
    y: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


def pick(run: InspectedRun, origin: Xyz, direction: Xyz, frame: FrameId | None = None) -> PickReport:
    """Follow a ray to the fused surface.

    Args:
        run: Has the mesh.
        origin: In world axes; nothing is too near.
        direction: Of any length but 0.
        frame: Shows the place if it sees it; else the frame that looks most in the direction of the ray.
    """
    preferred = None if frame is None else run.names.index(run.frame(frame))
    start, ray = np.array(origin, dtype=np.float64), np.array(direction, dtype=np.float64)
    if not (np.all(np.isfinite(start)) and np.all(np.isfinite(ray)) and 0 < np.linalg.norm(ray) < np.inf):
        raise RequestError(f"{origin} and {direction} are no ray: give a finite place and a direction")
    ray /= np.linalg.norm(ray)
    hits = run.projector().cast(start[None], ray[None])
    length = float(hits.lengths[0])
    if not np.isfinite(length):
        return PickReport(hit=False)
    point = SurfacePoint(start + length * ray, hits.normals[0].astype(np.float64))
    seen = sightings(run, point)
    row = _best(run, seen, point, ray, preferred)
    if row is None:
        return PickReport(hit=True, xyz=as_xyz(point.xyz))
    x, y = (int(one) for one in seen.pixels_xy[row])
    return PickReport(True, as_xyz(point.xyz), int(seen.frames[row]), x, y)


def _best(
    run: InspectedRun, seen: Sightings, point: SurfacePoint, ray: np.ndarray, preferred: int | None
) -> int | None:
    """The row of the frame to show; None where no frame sees the place."""
    if not len(seen.frames):
        return None
    if preferred in seen.frames:
        return int(np.flatnonzero(seen.frames == preferred)[0])
    looks = np.stack([point.xyz - run.poses[run.names[frame]][:3, 3] for frame in seen.frames])
    return int(np.argmax(looks @ ray / np.linalg.norm(looks, axis=1)))
