"""Error of a run by region, material, distance and viewing angle, and frame by frame, the worst first.

The numbers are those of `deglare.evaluation`, of every layer on the pixels where it has depth. What there is without
truth is how unsure the teachers are, and how far fusion moved the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from deglare.data.files import read_png16
from deglare.data.posed_folder import LabelFiles, PosedFolder
from deglare.evaluation.frames import Comparison, compare_regions
from deglare.evaluation.meter import Meter
from deglare.evaluation.protocol import PROTOCOLS, Protocol
from deglare.evaluation.regions import RegionRule, region_map
from deglare.evaluation.report import Report
from deglare.evaluation.tally import ALL_METRICS
from deglare.fusion.threads import in_order, usable_threads
from deglare.geometry.incidence import incidence_degrees
from deglare.inspection.layers import metres_of, sigma_of
from deglare.inspection.run import InspectedRun
from deglare.inspection.tables import (
    FRAME_METRICS,
    FRAME_REGIONS,
    FUSED,
    MOVED,
    PREDICTED,
    PROJECTED,
    SIGMA,
    WITHOUT_TRUTH,
    Breakdown,
    FrameRow,
    column_of,
)
from deglare.progress import Progress, quiet
from deglare.types import DepthMap

BY_ANGLE = replace(PROTOCOLS["rooms"], regions=RegionRule(angle_edges_deg=(0.0, 30.0, 45.0, 60.0, 75.0, 90.0)))
"""As any other report of a run, with regions by viewing angle."""


def break_down(run: InspectedRun, *, progress: Progress = quiet, threads: int | None = None) -> Breakdown:
    """Read every frame of a run once and compare it.

    Args:
        run: With or without truth.
        progress: Told how many frames are done; an exception from it ends the work.
        threads: How many frames at a time; as many as there are cores if not given.
    """
    protocol = _protocol(run)
    meters = {layer: Meter(protocol, keep_worst=0) for layer in _layers(run)}
    frames: list[FrameRow] = []
    looked = in_order(lambda name: _look(run, name, protocol), run.names, threads or usable_threads())
    for number, (name, (unsure, compared)) in enumerate(zip(run.names, looked, strict=True)):
        errors: dict[str, float | None] = {}
        for layer, meter in meters.items():
            meter.take(run.name, name, compared.get(layer))
            errors |= _errors(layer, compared.get(layer), protocol)
        frames.append(FrameRow(number, name, unsure | errors))
        progress(number + 1, len(run.names))
    reports = {layer: meter.report() for layer, meter in meters.items() if meter.scenes}
    return _finished(reports, frames)


def _finished(reports: Mapping[str, Report], frames: list[FrameRow]) -> Breakdown:
    """Without truth there are no columns of errors either."""
    if reports:
        notes = [f"{layer}: {note}" for layer, report in reports.items() for note in report.notes[1:]]
        return Breakdown(reports, tuple(frames), (next(iter(reports.values())).notes[0], *notes))
    bare = [replace(row, values={c: v for c, v in row.values.items() if "/" not in c}) for row in frames]
    return Breakdown({}, tuple(bare), (WITHOUT_TRUTH,))


def _protocol(run: InspectedRun) -> Protocol:
    from deglare import __version__

    return replace(BY_ANGLE, version=__version__, command=f"break_down(InspectedRun.open('{run.name}'))")


def _layers(run: InspectedRun) -> tuple[str, ...]:
    return (PREDICTED, PROJECTED, FUSED) if run.has_fused else (PREDICTED, PROJECTED)


def _look(
    run: InspectedRun, name: str, protocol: Protocol
) -> tuple[dict[str, float | None], dict[str, Comparison | None]]:
    """What one frame says without truth, and every layer against the truth as far as there is any."""
    depths = {layer: _depth(run, name, layer) for layer in _layers(run)}
    sigma = sigma_of(run.read(run.folder.layer("uncertainty", name), read_png16))
    unsure = {SIGMA: _median(sigma.sigma_m[sigma.valid]), MOVED: _moved(depths)}
    if not run.folder.layer("depth", name).is_file():
        return unsure, {}
    truth = metres_of(run.depth_mm(name, "depth"))
    has_labels = run.folder.layer("regions", name).is_file()
    labels = LabelFiles(PosedFolder(run.root), name)() if has_labels else None
    eligible = protocol.eligible(truth)
    if not eligible.any():
        return unsure, {}
    regions = region_map(truth, eligible, labels, protocol.regions, incidence_degrees(truth, run.camera))
    compared = {layer: compare_regions(depth, truth, eligible, regions, protocol) for layer, depth in depths.items()}
    return unsure, {**compared}


def _depth(run: InspectedRun, name: str, layer: str) -> DepthMap:
    return metres_of(run.predicted_mm(name) if layer == PREDICTED else run.depth_mm(name, layer))


def _moved(depths: Mapping[str, DepthMap]) -> float | None:
    """Mean distance between label and prediction, in metres; None where there are no labels."""
    if FUSED not in depths:
        return None
    predicted, fused = depths[PREDICTED], depths[FUSED]
    both = predicted.valid & fused.valid
    return float(np.abs(fused.metres - predicted.metres)[both].mean(dtype=np.float64)) if both.any() else None


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if values.size else None


def _errors(layer: str, compared: Comparison | None, protocol: Protocol) -> dict[str, float | None]:
    """One frame's own numbers by column; None where the region has no pixels."""
    found: dict[str, float | None] = {}
    names = protocol.regions.names
    for metric in FRAME_METRICS:
        for region in FRAME_REGIONS:
            place = names.index(region), ALL_METRICS.index(metric)
            has = compared is not None and compared.tally.images[place]
            found[column_of(layer, metric, region)] = float(compared.tally.values[place]) if compared and has else None
    return found
