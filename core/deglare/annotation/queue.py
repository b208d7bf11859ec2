"""What to look at next: where depth disagrees most, where nobody was, and never the same view twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from deglare.annotation.actions import require_surface
from deglare.annotation.masks import SURFACE_CODES, Surfaces
from deglare.annotation.patches import without_specks
from deglare.types import DepthMap, Rigid

LARGEST_GAP = 1.0
"""A pixel that is off by more than its depth says no more than one that is off by just that."""


@dataclass(frozen=True)
class Apart:
    """Two frames show different things where either is exceeded."""

    metres: float = 0.25
    degrees: float = 12.0
    """Between the directions in which they look."""


@dataclass(frozen=True)
class Queued:
    """A frame that is worth a look."""

    frame: str
    score: float
    """Mean gap between predicted and projected depth, as a share of the depth."""


def disagreement(predicted: DepthMap, projected: DepthMap) -> float:
    """Mean gap between two depths as a share of the second, over pixels that have both; 0 where there are none."""
    both = predicted.valid & projected.valid
    if not both.any():
        return 0.0
    p, q = predicted.metres[both].astype(np.float64), projected.metres[both].astype(np.float64)
    return float(np.minimum(np.abs(p - q) / q, LARGEST_GAP).mean())


def queue(
    scores: Mapping[str, float],
    poses: Mapping[str, Rigid],
    looked_at: Collection[str] = (),
    apart: Apart | None = None,
    most: int = 200,
) -> tuple[Queued, ...]:
    """Frames to look at, the most worthwhile first.

    Args:
        scores: Disagreement by frame.
        poses: ``world_T_cam`` of the same frames.
        looked_at: Frames that somebody has seen: they, and those that show the same, are left out.
        apart: When two frames show different things.
        most: Frames in the queue.
    """
    apart = apart or Apart()
    names = sorted(scores, key=lambda name: (-scores[name], name))
    seen = [poses[name] for name in looked_at if name in poses]
    places = np.array([pose[:3, 3] for pose in seen]).reshape(-1, 3)
    looks = np.array([pose[:3, 2] for pose in seen]).reshape(-1, 3)
    taken, least = frozenset(looked_at), np.cos(np.radians(apart.degrees))
    found: list[Queued] = []
    for name in names:
        if len(found) >= most:
            break
        place, look = poses[name][:3, 3], poses[name][:3, 2]
        near = np.linalg.norm(places - place, axis=1) <= apart.metres
        if name in taken or np.any(near & (looks @ look >= least)):
            continue
        found.append(Queued(name, scores[name]))
        places, looks = np.vstack([places, place]), np.vstack([looks, look])
    return tuple(found)


def from_uncertainty(
    sigma_m: Float32[np.ndarray, "h w"], threshold_m: float, surface: str = "glossy", least_pixels: int = 64
) -> Surfaces:
    """A mask to start from: pixels that the teachers are unsure of, without specks and pinholes.

    Args:
        sigma_m: Standard deviation, NaN where unknown.
        threshold_m: From which on a pixel is marked.
        surface: What it is marked as.
        least_pixels: Smaller patches are left out.
    """
    from scipy import ndimage

    code = np.uint8(SURFACE_CODES[require_surface(surface)])
    unsure = np.nan_to_num(sigma_m, nan=0.0) >= threshold_m
    closed = ndimage.binary_closing(np.pad(unsure, 2, mode="edge"), np.ones((5, 5)))[2:-2, 2:-2]
    smooth = ndimage.binary_opening(closed, np.ones((3, 3)))
    return without_specks(smooth, least_pixels) * code
