"""Frames whose depth is known by formula, and a teacher that knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from deglare.fusion.evidence import Evidence
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.types import DepthMap, Rgb

SIZE_HW = (6, 8)


def flat(metres: float, size_hw: tuple[int, int] = SIZE_HW) -> DepthMap:
    return DepthMap.of_positive(np.full(size_hw, metres))


def holed(depth: DepthMap, holes: np.ndarray, content: float = np.nan) -> DepthMap:
    """The same without depth in the holes, which hold something worse than nothing."""
    return DepthMap(np.where(holes, np.float32(content), depth.metres), depth.valid & ~holes)


def sigma_of(values: np.ndarray | float, size_hw: tuple[int, int] = SIZE_HW) -> UncertaintyMap:
    return UncertaintyMap.of_known(np.broadcast_to(np.asarray(values, dtype=np.float32), size_hw).copy())


def random_evidence(seed: int, size_hw: tuple[int, int] = (20, 30)) -> Evidence:
    """Everything missing somewhere, with NaN and infinity in the holes, and projected depth beyond its range."""
    rng = np.random.default_rng(seed)
    predicted = DepthMap.of_positive(rng.uniform(0.2, 12, size_hw))
    projected = DepthMap.of_positive(rng.choice([0.05, 1.0, 3.0, 7.5, 14.0], size_hw) * rng.uniform(0.9, 1.1, size_hw))
    sigma = rng.gamma(0.5, 0.4, size_hw)
    sigma[rng.random(size_hw) < 0.1] = np.nan
    return Evidence(
        holed(predicted, rng.random(size_hw) < 0.2),
        holed(projected, rng.random(size_hw) < 0.2, np.inf),
        UncertaintyMap.of_known(sigma),
    )


@dataclass(eq=False)
class Formula:
    """A teacher that computes depth from the image, and notes what it was shown."""

    depth: Callable[[Rgb], np.ndarray]
    name: str = "formula"
    shown: list[Rgb] = field(default_factory=list)

    def predict(self, rgb: Rgb) -> DepthMap:
        self.shown.append(rgb)
        return DepthMap.of_positive(self.depth(rgb))
