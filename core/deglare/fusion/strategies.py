"""The strategies: frozen dataclasses that say which pixels learn from projected depth. `STRATEGIES` lists them.

A strategy is a pure function of one frame's `Evidence`. What it needs of the whole sequence is at most two numbers,
which it asks for in `Needs` and finds in ``evidence.levels``.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from deglare.fusion.blends import Blend
from deglare.fusion.evidence import Evidence, Needs
from deglare.fusion.labels import Labels
from deglare.fusion.switches import (
    ByDifference,
    ByMask,
    ByMaskAndUncertainty,
    ByRelativeUncertainty,
    ByUncertainty,
    ByViews,
    Predicted,
    Projected,
)


@runtime_checkable
class Strategy(Protocol):
    """A way to make labels."""

    @property
    def needs(self) -> Needs:
        """What must be in the evidence."""
        ...

    def fuse(self, evidence: Evidence) -> Labels:
        """The labels of one frame. Missing evidence is a `RequestError`."""
        ...


STRATEGIES: dict[str, Strategy] = {
    "uncertainty": ByUncertainty(),
    "uncertainty-relative": ByRelativeUncertainty(),
    "difference": ByDifference(),
    "multiview": ByViews(),
    "mask": ByMask(),
    "union": ByMaskAndUncertainty("union"),
    "intersection": ByMaskAndUncertainty("intersection"),
    "blend": Blend(),
    "blend-gap": Blend("gap"),
    "blend-both": Blend("both"),
    "blend-agreed": Blend("agreed"),
    "predicted": Predicted(),
    "projected": Projected(),
}

__all__ = [
    "STRATEGIES",
    "Blend",
    "ByDifference",
    "ByMask",
    "ByMaskAndUncertainty",
    "ByRelativeUncertainty",
    "ByUncertainty",
    "ByViews",
    "Predicted",
    "Projected",
    "Strategy",
]
