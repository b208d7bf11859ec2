"""What `deglare check` says about a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from deglare.data.agreement import Agreement
from deglare.data.triples import Triples


@dataclass(frozen=True)
class Spread:
    """A distribution in three numbers."""

    median: float
    low: float
    """The 5th percentile."""
    high: float
    """The 95th percentile."""

    @classmethod
    def of(cls, values: list[float] | Float64[np.ndarray, "n"]) -> Spread | None:
        """None where there are no values."""
        if len(values) == 0:
            return None
        low, median, high = (float(p) for p in np.percentile(values, (5, 50, 95)))
        return cls(median, low, high)


@dataclass(frozen=True)
class Reprojection:
    """How well depth of neighbouring frames agrees under the poses, over pairs of frames, in millimetres."""

    median_mm: float
    p95_mm: float
    worst_mm: float
    worst_pair: tuple[str, str]
    pairs: int
    inverse_mm: float | None
    """The median with the poses read the other way round: ten times larger where poses are as they should be."""
    identity_mm: float | None
    """The median as if the camera stood still."""


@dataclass(frozen=True)
class CheckReport:
    """What `deglare check` found. Distances in metres, angles in degrees."""

    name: str
    source_format: str
    frames: int
    frames_read: int
    """How many were decoded."""
    frames_with_pose: int
    dropped: Mapping[str, int]
    notes: tuple[str, ...]
    image_size_hw: tuple[int, int]
    depth_size_hw: tuple[int, int] | None
    depth_share: Spread | None
    """Share of pixels with depth."""
    depth_m: Spread | None
    step_m: Spread | None
    turn_deg: Spread | None
    path_m: float | None
    reprojection: Reprojection | None
    edges: Agreement | None
    depth_is_registered: bool
    triples: Triples | None
    problems: tuple[str, ...] = ()
    """Why the data cannot be used."""
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the data can be used at all."""
        return not self.problems

    @property
    def is_trainable(self) -> bool:
        """Whether there is at least one training triple."""
        return self.ok and self.triples is not None and len(self.triples) > 0

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.problems:
            return f"{self.name} cannot be used: {self.problems[0]}"
        if self.triples is None:
            return f"{self.name} can be read but not trained on: it has no poses"
        found, of_targets = len(self.triples), f"of {self.triples.targets} targets"
        if found:
            return f"{self.name} can be used and trained on: {found} {of_targets} have a triple"
        why = self.triples.main_reason
        return f"{self.name} can be read but not trained on: none {of_targets} has a triple, {why}"
