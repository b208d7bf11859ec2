"""Where to look first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deglare.inspection.run import InspectedRun


@dataclass(frozen=True)
class Worst:
    """A frame, and how bad it is."""

    frame: str
    value: float
    what: str
    """What the value is: an error on reflective pixels where it is known, else how far teachers disagree."""


def worst_frames(run: InspectedRun | Path | str, count: int = 5) -> list[Worst]:
    """The frames with the tallest bars of the timeline, tallest first."""
    from deglare.inspection.survey import survey

    opened = run if isinstance(run, InspectedRun) else InspectedRun.open(run)
    found = survey(opened)
    known = [(value, frame) for frame, value in zip(opened.names, found.bars, strict=True) if value is not None]
    return [Worst(frame, value, found.bars_say) for value, frame in sorted(known, reverse=True)[:count]]
