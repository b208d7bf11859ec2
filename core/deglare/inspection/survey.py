"""One look over a whole run: a range of depth, and one bar for each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from deglare.data.files import UNKNOWN_UNCERTAINTY, read_png16
from deglare.fusion.threads import in_order, usable_threads
from deglare.inspection.layers import Millimetres
from deglare.inspection.levels import every_nth
from deglare.networks.disparity import INDOOR
from deglare.pictures import DepthRange
from deglare.progress import Progress, quiet

if TYPE_CHECKING:
    from deglare.inspection.run import InspectedRun

FRAMES_FOR_BARS = 240
"""Longer runs are looked at every n-th frame, so that a page opens as soon for an hour's walk as for a minute's."""

STEPS = 1 << 16
BEYOND = 0.01


@dataclass(frozen=True, eq=False)
class Survey:
    """What a page shows of a run before any frame."""

    shown: DepthRange
    """One range of colours: all but the nearest and farthest hundredth of predicted, projected and true depth."""
    beyond: float
    """Share of that depth that lies outside."""
    bars: tuple[float | None, ...]
    """One a frame, None where it was not looked at or has no such pixel."""
    bars_say: str


@dataclass(frozen=True, eq=False)
class _Frame:
    """What one frame adds."""

    counts: Int64[np.ndarray, " steps"]
    """Of depth in millimetres."""
    bar: float | None


def survey(run: InspectedRun, progress: Progress = quiet) -> Survey:
    """Look at every frame of a run, at every n-th of a long one."""
    chosen = every_nth(run.names, FRAMES_FOR_BARS)
    counts, bars = np.zeros(STEPS, dtype=np.int64), dict.fromkeys(run.names)
    looked = in_order(lambda name: _look(run, name), chosen, usable_threads())
    for done, (name, frame) in enumerate(zip(chosen, looked, strict=True), start=1):
        counts += frame.counts
        bars[name] = frame.bar
        progress(done, len(chosen))
    near, far = _range_of(counts)
    outside = int(counts.sum()) - int(counts[round(near * 1000) : round(far * 1000) + 1].sum())
    beyond = outside / max(int(counts.sum()), 1)
    return Survey(DepthRange(near, max(far, near + 1e-3)), beyond, tuple(bars.values()), bars_say(run))


def bars_say(run: InspectedRun) -> str:
    """What the bars are, as a legend has it."""
    if run.has_truth:
        return f"error on reflective pixels (Abs Rel of {run.base})" if run.has_regions else f"Abs Rel of {run.base}"
    return "disagreement of the teachers (median sigma, m)"


def _look(run: InspectedRun, name: str) -> _Frame:
    predicted, projected = run.predicted_mm(name), run.depth_mm(name, "projected")
    truth = run.depth_mm(name, "depth") if run.has_truth else None
    shown = [predicted, projected] + ([] if truth is None else [truth])
    counts = np.bincount(np.concatenate([steps.ravel() for steps in shown]), minlength=STEPS)
    counts[0] = 0  # none
    return _Frame(counts, _disagreement(run, name) if truth is None else _error(run, name, predicted, truth))


def _error(run: InspectedRun, name: str, predicted: Millimetres, truth: Millimetres) -> float | None:
    """Abs Rel over reflective pixels, as evaluation compares them; over all where no mask is known."""
    p, g = predicted * np.float32(0.001), truth * np.float32(0.001)
    compared = (predicted > 0) & (g > np.float32(INDOOR.nearest_m)) & (g < np.float32(INDOOR.farthest_m))
    regions = run.regions(name)
    if regions is not None:
        compared &= regions > 0
    if not compared.any():
        return None
    target = g[compared]
    clamped = np.clip(p[compared], np.float32(INDOOR.nearest_m), np.float32(INDOOR.farthest_m))
    return float(np.mean(np.abs(clamped - target) / target, dtype=np.float64))


def _disagreement(run: InspectedRun, name: str) -> float | None:
    steps = run.read(run.folder.layer("uncertainty", name), read_png16)
    known = steps[steps != UNKNOWN_UNCERTAINTY]
    return float(np.median(known)) / 1000 if known.size else None


def _range_of(counts: Int64[np.ndarray, " steps"]) -> tuple[float, float]:
    """Metres below which all but the outer hundredths of some depth lie; 0 to 1 where there is none."""
    ranks: Float64[np.ndarray, " steps"] = np.cumsum(counts, dtype=np.float64)
    if not ranks[-1]:
        return 0.0, 1.0
    near, far = np.searchsorted(ranks, [BEYOND * ranks[-1], (1 - BEYOND) * ranks[-1]])
    return float(near) / 1000, float(far) / 1000
