"""Which frames of a clip are kept: spaced by how far the picture moved, and the sharpest around each place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from deglare.geometry.poses_flow import Flow

SPACING = 0.03
"""Way of the picture between kept frames, as a share of the longest side."""

NARROWEST_SPACING, WIDEST_SPACING = 0.003, 0.1
"""Frames further apart share too little."""

SLACK = 0.3
"""A kept frame may lie this share of the spacing before or after its place, if it is sharper there."""

LOST = 0.06
"""Way of a picture that could not be followed."""

STILL = 0.12
"""A clip whose picture moves less than this in all shows no depth."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Numbers of the kept frames, in order."""

    kept: tuple[int, ...]
    spacing: float
    """As a share of the longest side."""
    is_cut: bool
    """Whether the clip was too long: what comes after the last kept frame is left out."""


def ways_of(flows: Sequence[Flow]) -> Float64[np.ndarray, " f"]:
    """How far the picture has moved at each frame since the first, as a share of the longest side."""
    steps = [LOST if np.isnan(flow.shift) else flow.shift for flow in flows]
    return np.concatenate([[0.0], np.cumsum(steps)])


def chosen_frames(
    ways: Float64[np.ndarray, " f"], sharpness: Sequence[float], most: int, spacing: float = SPACING
) -> Chosen:
    """Frames spaced by the way of the picture, wider where there would be more than ``most``; 0 keeps every frame."""
    while True:
        kept = _spaced(ways, sharpness, spacing)
        if len(kept) <= most or spacing >= WIDEST_SPACING:
            return Chosen(tuple(kept[:most]), spacing, len(kept) > most)
        spacing = min(max(spacing, NARROWEST_SPACING) * max(1.1, len(kept) / most), WIDEST_SPACING)


def _spaced(ways: Float64[np.ndarray, " f"], sharpness: Sequence[float], spacing: float) -> list[int]:
    kept = [0]
    while True:
        here = ways[kept[-1]]
        first = max(int(np.searchsorted(ways, here + (1 - SLACK) * spacing)), kept[-1] + 1)
        if first >= len(ways):
            return kept
        last = int(np.searchsorted(ways, here + (1 + SLACK) * spacing, side="right"))
        kept.append(max(range(first, max(last, first + 1)), key=lambda frame: sharpness[frame]))
