"""Error and coverage of the labels over the threshold of uncertainty: what moving the slider does to a whole run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from deglare.fusion.evidence import Evidence, Needs
from deglare.fusion.sweep import MILLIMETRES, AlphaSweep
from deglare.fusion.threads import in_order, usable_threads
from deglare.inspection.evidence import evidence_of
from deglare.inspection.layers import HIGHLIGHT, NOT_REFLECTIVE, metres_of
from deglare.inspection.run import InspectedRun
from deglare.progress import Progress, quiet
from deglare.types import DepthMap

ALPHAS_M = MILLIMETRES[::20]
"""From 0 to 2 m, 2 cm apart: the curves are exact at each of them."""

NEEDS = Needs(uncertainty=True)


@dataclass(frozen=True, eq=False)
class _Frame:
    """What the sweep takes of one frame."""

    evidence: Evidence
    truth: DepthMap
    masks: dict[str, Bool[np.ndarray, "h w"]]


def alpha_curves(run: InspectedRun, teacher: str | None = None, progress: Progress = quiet) -> dict[str, Any]:
    """Curves by region of `ByUncertainty` at every threshold, as JSON; each image counts alike.

    ``abs_rel`` and ``sq_rel`` are None where there is no truth, and every curve of a region that no pixel lies in.

    Args:
        run: Every frame of it is read.
        teacher: Whose depth is mended; the base if not given.
        progress: Told how many frames are done.
    """
    chosen = run.teacher(teacher)
    sweep = AlphaSweep(ALPHAS_M, regions_of(run))
    frames = in_order(lambda name: _frame(run, name, chosen), run.names, usable_threads())
    for done, frame in enumerate(frames, start=1):
        sweep.add(frame.evidence, frame.truth, frame.masks)
        progress(done, len(run.names))
    curves = sweep.curves()
    errors = {"abs_rel": curves.abs_rel, "sq_rel": curves.sq_rel} if run.has_truth else {}
    by_metric = {"abs_rel": None, "sq_rel": None, **errors, "replaced": curves.replaced}
    regions = {
        region: {metric: None if found is None else _listed(found[row]) for metric, found in by_metric.items()}
        for row, region in enumerate(curves.regions)
    }
    return {"alphas_m": [round(float(alpha), 3) for alpha in curves.alphas_m], "regions": regions}


def regions_of(run: InspectedRun) -> tuple[str, ...]:
    """The regions that are known in a run."""
    known = {"reflective": run.has_regions, "highlight": run.has_specular}
    return ("all", *(name for name, is_known in known.items() if is_known))


def _frame(run: InspectedRun, name: str, teacher: str) -> _Frame:
    codes = run.regions(name)
    masks = {} if codes is None else {"reflective": codes != NOT_REFLECTIVE, "highlight": codes == HIGHLIGHT}
    return _Frame(evidence_of(run, name, NEEDS, teacher), _truth(run, name), masks)


def _truth(run: InspectedRun, name: str) -> DepthMap:
    """True depth; without it a metre everywhere, so that every pixel with a label is counted in coverage."""
    if run.has_truth:
        return metres_of(run.depth_mm(name, "depth"))
    return DepthMap.of_positive(np.ones(run.camera.size_hw))


def _listed(curve: Float64[np.ndarray, " k"]) -> list[float] | None:
    """None where the region is empty."""
    return None if np.isnan(curve).any() else [round(float(value), 6) for value in curve]
