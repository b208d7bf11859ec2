"""One frame of a run as its files have it, and as bytes for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from deglare.data.files import UNKNOWN_UNCERTAINTY
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.inspection.wire import packed_arrays
from deglare.types import DepthMap, Rgb

Millimetres = UInt16[np.ndarray, "h w"]
"""Depth: 0 = none. Uncertainty: 0 = certain, 65535 = unknown."""

NOT_REFLECTIVE, REFLECTIVE, HIGHLIGHT = 0, 1, 2
"""Codes of `FrameLayers.regions`; a highlight is one whether or not its surface is marked as reflective."""


@dataclass(frozen=True, eq=False)
class FrameLayers:
    """What a run holds about one frame, in the steps of its files; metres are made when asked for."""

    rgb: Rgb
    predicted_mm: Millimetres
    projected_mm: Millimetres
    uncertainty_mm: Millimetres
    fused_mm: Millimetres | None = None
    source: UInt8[np.ndarray, "h w"] | None = None
    """`LabelSource` codes."""
    truth_mm: Millimetres | None = None
    regions: UInt8[np.ndarray, "h w"] | None = None
    """0 = neither, 1 = reflective, 2 = highlight."""
    mined: Bool[np.ndarray, "h w"] | None = None
    """What triplet mining takes for a reflection."""

    @cached_property
    def predicted(self) -> DepthMap:
        """In metres."""
        return metres_of(self.predicted_mm)

    @cached_property
    def projected(self) -> DepthMap:
        """In metres."""
        return metres_of(self.projected_mm)

    @cached_property
    def uncertainty(self) -> UncertaintyMap:
        """In metres, NaN where unknown."""
        return sigma_of(self.uncertainty_mm)

    @cached_property
    def fused(self) -> DepthMap | None:
        """In metres, as labelled."""
        return None if self.fused_mm is None else metres_of(self.fused_mm)

    @cached_property
    def truth(self) -> DepthMap | None:
        """In metres."""
        return None if self.truth_mm is None else metres_of(self.truth_mm)


def packed(layers: FrameLayers) -> bytes:
    """The layers that are there, in the order of the pipeline, as `packed_arrays` lays them out."""
    named = {
        "rgb": layers.rgb,
        "predicted": layers.predicted_mm,
        "projected": layers.projected_mm,
        "uncertainty": layers.uncertainty_mm,
        "fused": layers.fused_mm,
        "source": layers.source,
        "truth": layers.truth_mm,
        "regions": layers.regions,
        "mined": None if layers.mined is None else layers.mined.astype(np.uint8),
    }
    height, width = layers.rgb.shape[:2]
    return packed_arrays({"h": height, "w": width}, {name: one for name, one in named.items() if one is not None})


def metres_of(steps: Millimetres) -> DepthMap:
    """Depth in metres of millimetres on disk; 0 is none."""
    return DepthMap(steps.astype(np.float32) * np.float32(0.001), steps > 0)


def sigma_of(steps: Millimetres) -> UncertaintyMap:
    """Uncertainty in metres of millimetres on disk."""
    metres = steps / np.float32(1000)
    unknown = steps == UNKNOWN_UNCERTAINTY
    metres[unknown] = np.nan
    return UncertaintyMap(metres, ~unknown)
