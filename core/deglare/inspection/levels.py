"""Numbers of a whole run that strategies ask for: those its labels were made with, or those of some frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deglare.fusion.blends import MEDIAN
from deglare.fusion.evidence import Levels, Needs
from deglare.fusion.levels import levels_of
from deglare.fusion.threads import in_order, usable_threads
from deglare.inspection.evidence import evidence_of

if TYPE_CHECKING:
    from deglare.inspection.run import InspectedRun

MOST_FRAMES = 60
"""Longer runs are looked at every n-th frame."""

MEDIANS = Needs(uncertainty=True, sigma_quantile=MEDIAN, gap_quantile=MEDIAN)


def levels_for(run: InspectedRun, needs: Needs) -> Levels:
    """The quantiles that are needed, of the base teacher's depth; none where none is."""
    known = known_levels(run, needs)
    wanted = {"sigma_m": needs.sigma_quantile, "gap": needs.gap_quantile}
    if all(quantile is None or getattr(known, name) is not None for name, quantile in wanted.items()):
        return known
    found = run.kept.levels(needs, lambda: sampled_levels(run, needs))
    return replace(found, **{name: value for name, value in vars(known).items() if value is not None})


def known_levels(run: InspectedRun, needs: Needs) -> Levels:
    """Those of the needed quantiles that the run's own labels were made with."""
    if run.making.strategy is None:
        return Levels()
    own, levels = run.making.strategy.needs, run.making.levels
    return Levels(
        levels.sigma_m if needs.sigma_quantile == own.sigma_quantile else None,
        levels.gap if needs.gap_quantile == own.gap_quantile else None,
    )


def sampled_levels(run: InspectedRun, needs: Needs) -> Levels:
    """Of at most `MOST_FRAMES` frames, all of them in a short run."""

    frames = in_order(lambda name: evidence_of(run, name, needs), every_nth(run.names, MOST_FRAMES), usable_threads())
    return levels_of(needs, frames)


def every_nth(names: Sequence[str], most: int) -> tuple[str, ...]:
    """At most ``most`` of them, evenly spread, from the first."""
    return tuple(names[:: max(1, -(-len(names) // most))])
