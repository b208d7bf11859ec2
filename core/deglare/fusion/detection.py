"""How well a mask finds what is reflective: counts that add up over frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool


@dataclass(frozen=True)
class Detection:
    """Pixels of one frame, or of many."""

    found: int = 0
    """In the mask."""
    true: int = 0
    """Reflective."""
    both: int = 0
    pixels: int = 0

    @classmethod
    def of(cls, mask: Bool[np.ndarray, "h w"], true: Bool[np.ndarray, "h w"]) -> Detection:
        """One frame's."""
        count = np.count_nonzero
        return cls(int(count(mask)), int(count(true)), int(count(mask & true)), mask.size)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Detection:
        """What `to_json` gave."""
        return cls(*(int(value[name]) for name in ("found", "true", "both", "pixels")))

    def to_json(self) -> dict[str, int]:
        """The counts."""
        return asdict(self)

    def __add__(self, other: Detection) -> Detection:
        ours, theirs = self.to_json(), other.to_json()
        return Detection(**{name: count + theirs[name] for name, count in ours.items()})

    @property
    def precision(self) -> float:
        """Share of the mask that is reflective; NaN where the mask is empty."""
        return self.both / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        """Share of what is reflective that the mask has; NaN where nothing is."""
        return self.both / self.true if self.true else float("nan")

    @property
    def coverage(self) -> float:
        """Share of all pixels that the mask has."""
        return self.found / self.pixels if self.pixels else float("nan")


def summed(frames: Iterable[Mapping[str, Detection]]) -> dict[str, Detection]:
    """Of some frames together, by what was to be found."""
    total: dict[str, Detection] = {}
    for found in frames:
        for what, one in found.items():
            total[what] = total.get(what, Detection()) + one
    return total
