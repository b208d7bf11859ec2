"""How well the masks that labels go by find what is reflective, over a whole run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isnan
from typing import Any

import numpy as np
from jaxtyping import Bool

from deglare.fusion.detection import Detection, summed
from deglare.fusion.evidence import Levels
from deglare.fusion.mining import MINE
from deglare.fusion.strategies import ByMaskAndUncertainty, ByUncertainty, Strategy
from deglare.fusion.threads import in_order, usable_threads
from deglare.inspection.evidence import evidence_of
from deglare.inspection.layers import HIGHLIGHT, NOT_REFLECTIVE
from deglare.inspection.levels import every_nth, levels_for
from deglare.inspection.run import InspectedRun

FRAMES_FOR_SIGMA = 240
"""Longer runs are looked at every n-th frame: a page waits for this."""


def detected(run: InspectedRun) -> dict[str, Any] | None:
    """Precision, recall and coverage of the masks there are, as JSON; None where nobody knows what is reflective.

    ``mined`` is what triplet mining took for a reflection; ``uncertainty`` is where that of the run reaches the
    threshold of its labels, if they go by one. Both say of how many frames: mining counts all.
    """
    if not run.has_regions:
        return None
    return {**_mined(run), **_unsure(run)}


def _mined(run: InspectedRun) -> dict[str, Any]:
    """As it was counted when the masks were made."""
    if not run.has_mined:
        return {}
    found = run.manifest.stages[MINE].result.get("detected") or {}
    rows = {what: Detection.from_json(counts) for what, counts in found.items()}
    return {"mined": {"frames": len(run.names), **_ratios(rows)}} if rows else {}


def _unsure(run: InspectedRun) -> dict[str, Any]:
    by = _by_uncertainty(run.making.strategy)
    if by is None:
        return {}
    names, levels = every_nth(run.names, FRAMES_FOR_SIGMA), levels_for(run, by.needs)
    rows = summed(in_order(lambda name: _of_frame(run, name, by, levels), names, usable_threads()))
    alpha = levels.sigma_m if by.alpha_m is None else by.alpha_m
    return {"uncertainty": {"alpha_m": alpha, "frames": len(names), **_ratios(rows)}}


def _by_uncertainty(strategy: Strategy | None) -> ByUncertainty | None:
    """The threshold on uncertainty that labels go by, alone or beside a mask."""
    if isinstance(strategy, ByMaskAndUncertainty):
        return strategy.by_uncertainty
    return strategy if isinstance(strategy, ByUncertainty) else None


def _of_frame(run: InspectedRun, name: str, by: ByUncertainty, levels: Levels) -> dict[str, Detection]:
    mask = by.wanted(replace(evidence_of(run, name, by.needs), levels=levels))
    return {what: Detection.of(mask, true) for what, true in _true(run, name).items()}


def _true(run: InspectedRun, name: str) -> dict[str, Bool[np.ndarray, "h w"]]:
    codes = run.regions(name)
    if codes is None:
        return {}
    return {"reflective": codes != NOT_REFLECTIVE, **({"highlight": codes == HIGHLIGHT} if run.has_specular else {})}


def _ratios(rows: Mapping[str, Detection]) -> dict[str, dict[str, float | None]]:
    return {
        what: {name: _known(getattr(one, name)) for name in ("precision", "recall", "coverage")}
        for what, one in rows.items()
    }


def _known(share: float) -> float | None:
    """JSON has no NaN."""
    return None if isnan(share) else round(share, 6)
