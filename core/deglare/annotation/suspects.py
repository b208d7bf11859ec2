"""Truth that should not be believed: a depth sensor looks through mirrors, and sees nothing in what shines.

A pixel is suspect where it lies on something that mirrors and the sensor's depth is missing, or lies well behind the
surface that the other views see there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, UInt8

from deglare.annotation.patches import without_specks
from deglare.errors import DataError
from deglare.types import DepthMap


class Suspicion(IntEnum):
    """Why a pixel is suspect."""

    NONE = 0
    THROUGH = 1
    """Truth lies behind the surface."""
    MISSING = 2
    """There is none."""


@dataclass(frozen=True)
class SuspectRule:
    """How far behind is too far."""

    metres: float = 0.2
    share: float = 0.08
    """Of the depth of the surface; both are added."""
    least_pixels: int = 32
    """Smaller patches are noise."""


def suspects(
    truth: DepthMap,
    surface: DepthMap,
    mirrors: Bool[np.ndarray, "h w"],
    rule: SuspectRule | None = None,
) -> UInt8[np.ndarray, "h w"]:
    """`Suspicion` codes of a frame.

    Args:
        truth: What the sensor says.
        surface: What other views say: projected depth of a fused mesh.
        mirrors: Pixels on something that mirrors; elsewhere nothing is suspect.
        rule: How far behind is too far.
    """
    rule = rule or SuspectRule()
    if not truth.size_hw == surface.size_hw == mirrors.shape:
        raise DataError(f"truth {truth.size_hw}, surface {surface.size_hw} and mask {mirrors.shape} differ in size")
    limit = surface.metres * np.float32(1 + rule.share) + np.float32(rule.metres)
    through = mirrors & truth.valid & surface.valid & (truth.metres > limit)
    missing = mirrors & ~truth.valid
    codes = np.zeros(truth.size_hw, dtype=np.uint8)
    codes[without_specks(through, rule.least_pixels)] = Suspicion.THROUGH
    codes[without_specks(missing, rule.least_pixels)] = Suspicion.MISSING
    return codes


def without(truth: DepthMap, excluded: Bool[np.ndarray, "h w"]) -> DepthMap:
    """Truth without the pixels that are not to be scored."""
    if excluded.shape != truth.size_hw:
        raise DataError(f"truth is {truth.size_hw} but the pixels to leave out are {excluded.shape}: resize them")
    return DepthMap(truth.metres, truth.valid & ~excluded)
