"""Takes frames one at a time and keeps sums only: memory does not grow with the number of frames."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, Float64

from deglare.errors import DataError
from deglare.evaluation.frames import Comparison, compare_frame
from deglare.evaluation.intervals import bootstrap
from deglare.evaluation.metrics import TERMS
from deglare.evaluation.protocol import Protocol
from deglare.evaluation.report import Report, Row
from deglare.evaluation.sparsification import STEPS
from deglare.evaluation.tally import ALL_METRICS, Averaging, Blocks, Tally
from deglare.types import DepthMap, RelativeDepth, SurfaceLabels

FEW_SCENES = 10
ABS_REL, PIXELS, TRUTH_PIXELS = ALL_METRICS.index("abs_rel"), TERMS.index("pixels"), TERMS.index("truth_pixels")


@dataclass(frozen=True, order=True)
class WorstFrame:
    """A frame with a large error; the smaller error comes first."""

    abs_rel: float
    name: str
    error_m: Float32[np.ndarray, "h w"] = field(compare=False)
    """Signed, above 0 is too far, NaN where nothing is compared."""


class Meter:
    """A measurement in progress."""

    def __init__(self, protocol: Protocol, keep_worst: int = 4) -> None:
        self.protocol = protocol
        self.keep_worst = keep_worst
        self.scenes: dict[str, Blocks] = {}
        self.counts: Counter[str] = Counter()
        """What was left out or touched, by reason."""
        self.worst: list[WorstFrame] = []
        self._names: list[str] = []
        self._curves = np.zeros((4, STEPS))
        self._curved = 0

    def add(
        self,
        scene: str,
        name: str,
        predicted: DepthMap | RelativeDepth,
        truth: DepthMap,
        labels: SurfaceLabels | None = None,
        sigma: Float32[np.ndarray, "h w"] | None = None,
        sequence_scale: float | None = None,
    ) -> None:
        """Compare one more frame; frames of one scene come in order of time."""
        self.take(scene, name, compare_frame(predicted, truth, labels, self.protocol, sigma, sequence_scale))

    def take(self, scene: str, name: str, result: Comparison | None) -> None:
        """Add a frame that was compared under the meter's protocol; None is one without truth in range."""
        if result is None:
            self.counts["no truth in range"] += 1
            return
        self.scenes.setdefault(scene, Blocks()).add(result.tally)
        self._names.append(f"{scene}/{name}")
        self.counts["clamped"] += result.clamped
        self.counts["negative scale"] += result.scale < 0
        self._note_worst(f"{scene}/{name}", result)
        if result.sparsification is not None:
            self._curves += np.concatenate([result.sparsification.by_uncertainty, result.sparsification.oracle])
            self._curved += 1

    def merge(self, other: Meter) -> None:
        """Take over what another meter saw: other scenes, or later frames of the same ones."""
        if replace(other.protocol, command="", version="") != replace(self.protocol, command="", version=""):
            raise DataError("two measurements under different protocols cannot be merged: evaluate again")
        for scene, blocks in other.scenes.items():
            mine = self.scenes.setdefault(scene, Blocks())
            for part in blocks.parts:
                mine.add(part)
        self.counts.update(other.counts)
        self._names += other._names
        self.worst = heapq.nlargest(self.keep_worst, [*self.worst, *other.worst])
        heapq.heapify(self.worst)
        self._curves += other._curves
        self._curved += other._curved

    def report(self, averaging: Averaging | None = None) -> Report:
        """The numbers so far, averaged as the protocol says unless another way is named."""
        if not self._names:
            reasons = "; ".join(f"{self.counts[r]} {text}" for r, text in COUNTED.items() if self.counts[r])
            raise DataError(f"no frame could be compared{': ' if reasons else ''}{reasons}")
        protocol = replace(
            self.protocol,
            averaging=averaging or self.protocol.averaging,
            frames_sha256=hashlib.sha256("\n".join(sorted(self._names)).encode()).hexdigest(),
        )
        regions = protocol.regions.names
        scenes = [Tally.sum(blocks.parts, len(regions)) for blocks in self.scenes.values()]
        return Report(
            protocol=protocol,
            rows=_rows(scenes, self._groups(scenes), protocol),
            scenes=tuple(self.scenes),
            frames=len(self._names),
            notes=tuple(self._notes(Tally.sum(scenes, len(regions)))),
            worst=tuple((frame.name, frame.abs_rel) for frame in sorted(self.worst, reverse=True)),
            curves=self._mean_curves(),
        )

    def _groups(self, scenes: list[Tally]) -> list[Tally]:
        """What the bootstrap draws: scenes, or runs of frames where there is only one scene."""
        return scenes if len(scenes) > 1 else next(iter(self.scenes.values())).parts

    def _note_worst(self, name: str, result: Comparison) -> None:
        error = float(result.tally.values[0, ABS_REL])
        if len(self.worst) < self.keep_worst:
            heapq.heappush(self.worst, WorstFrame(error, name, result.error_m))
        elif self.worst and (error, name) > (self.worst[0].abs_rel, self.worst[0].name):
            heapq.heapreplace(self.worst, WorstFrame(error, name, result.error_m))

    def _mean_curves(self) -> dict[str, tuple[float, ...]]:
        if not self._curved:
            return {}
        means = self._curves / self._curved
        names = ("abs_rel by uncertainty", "rmse by uncertainty", "abs_rel oracle", "rmse oracle")
        return {name: tuple(curve.tolist()) for name, curve in zip(names, means, strict=True)}

    def _notes(self, total: Tally) -> list[str]:
        """What a reader must know about these numbers, in sentences."""
        notes = [_interval_note(self)]
        pixels, truth = total.terms[0, PIXELS], total.terms[0, TRUTH_PIXELS]
        if pixels < truth:
            notes.append(f"{1 - pixels / truth:.2%} of the truth's pixels have no prediction: see coverage")
        if clamped := self.counts["clamped"]:
            low, high = self.protocol.min_depth_m, self.protocol.max_depth_m
            notes.append(f"{clamped / max(pixels, 1):.2%} of compared pixels were clamped to {low:g}-{high:g} m")
        for reason, text in COUNTED.items():
            if count := self.counts[reason]:
                notes.append(f"{count} {'frame' if count == 1 else 'frames'} {text}")
        return notes


COUNTED = {
    "missing": "of the truth have no prediction and were left out",
    "extra": "of the prediction have no namesake in the truth and were left out",
    "no truth": "have no depth to compare with and were left out",
    "no truth in range": "have no true depth inside range and crop and were left out",
    "no uncertainty": "have no uncertainty and were left out of AUSE and AURG",
    "negative scale": "were fitted with a scale below 0: is the prediction disparity, not depth?",
}
"""Reasons in `Meter.counts`, told after their number."""


def _interval_note(meter: Meter) -> str:
    count = len(meter.scenes)
    if not meter.protocol.resamples:
        return "no intervals were asked for"
    if count > 1:
        thin = f"; {count} are few, so they are rather too narrow" if count < FEW_SCENES else ""
        return f"intervals are over {count} scenes{thin}"
    blocks = next(iter(meter.scenes.values()))
    return (
        f"one scene only: intervals are over {len(blocks.parts)} runs of up to {blocks.length} consecutive frames and "
        f"say nothing about other scenes"
    )


def _rows(scenes: list[Tally], groups: list[Tally], protocol: Protocol) -> tuple[Row, ...]:
    """A row for every region and metric that has a number."""
    names = protocol.regions.names
    total = Tally.sum(scenes, len(names))
    values = total.metrics(protocol.averaging)
    ends = np.full((2, *values.shape), np.nan)
    if protocol.resamples:
        ends = bootstrap(groups, protocol.averaging, protocol.resamples, protocol.seed)
    seen_in = np.sum([tally.images > 0 for tally in scenes], axis=0)
    return tuple(
        _row(names[r], m, float(values[r, m]), ends[:, r, m], total, r, int(seen_in[r, m]))
        for r, m in np.argwhere(total.images).tolist()
    )


def _row(
    region: str, metric: int, value: float, ends: Float64[np.ndarray, "2"], total: Tally, r: int, scenes: int
) -> Row:
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    column = TRUTH_PIXELS if ALL_METRICS[metric] == "coverage" else PIXELS
    pixels = int(total.terms[r, column])
    return Row(region, ALL_METRICS[metric], value, low, high, int(total.images[r, metric]), pixels, scenes)
