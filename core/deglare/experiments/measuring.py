"""Steps that measure: sums by scene, subset and region, from which means and intervals follow later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deglare.data.opening import open_sequence
from deglare.data.run_folder import read_run
from deglare.errors import DataError
from deglare.evaluation.comparing import Predict, Scene
from deglare.evaluation.folders import DepthFolder
from deglare.evaluation.frames import compare_frame
from deglare.evaluation.meter import Meter
from deglare.evaluation.metrics import METRICS
from deglare.evaluation.protocol import protocol_named
from deglare.evaluation.tally import Tally
from deglare.experiments.models import teacher_of
from deglare.experiments.runs import run_name
from deglare.experiments.sources import ALL, Source
from deglare.experiments.steps import Done, Result, Tools, one_thread
from deglare.types import DepthMap, Frame, Prediction, RelativeDepth

MEASURE_S = 0.25
"""A frame of 384x288 predicted by a small network and compared, on one core."""


@dataclass(frozen=True)
class MeasureModel:
    """A network on the frames of a split."""

    source: Source
    every: int
    size_hw: tuple[int, int]
    """Images are resized to this for the network."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The protocol is that of the source."""
        return {**_protocol_settings(self.source.protocol), "every": self.every, "size_hw": list(self.size_hw)}

    @property
    def seconds(self) -> float:
        """By frame."""
        return self.source.frames / self.every * MEASURE_S

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """The network's step comes first in what is needed."""
        teacher = teacher_of(needs[0], "measured", tools, self.size_hw)

        def scenes() -> Iterator[Scene]:
            for path in self.source.scenes(tools):
                sequence = open_sequence(path)[:: self.every]
                yield Scene(sequence.name, sequence, lambda frame: teacher.predict(frame.rgb()))

        frames = self.source.frames // self.every
        return measured(scenes(), self.source.protocol, self.source.subsets(tools), frames, tools)


@dataclass(frozen=True)
class MeasureLabels:
    """A layer of the runs of a step, on the frames that it was made for, at their size."""

    source: Source
    layer: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """The protocol is that of the source."""
        return {**_protocol_settings(self.source.protocol), "layer": self.layer}

    @property
    def seconds(self) -> float:
        """By frame; they are small."""
        return self.source.frames * MEASURE_S / 20

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """The runs' step comes first in what is needed."""

        def scenes() -> Iterator[Scene]:
            for path in self.source.scenes(tools):
                run = needs[0].place / run_name(path)
                yield Scene(run.name, read_run(run), DepthFolder(run / self.layer))

        return measured(scenes(), self.source.protocol, self.source.subsets(tools), self.source.frames, tools)


def measured(
    scenes: Iterator[Scene], protocol: str, subsets: Mapping[str, frozenset[str]], frames: int, tools: Tools
) -> Result:
    """Compare every frame once, and sum it up in each subset that it is in.

    Args:
        scenes: What is predicted, beside its truth.
        protocol: Its name.
        subsets: Frames as scene/frame.
        frames: About how many there are, for progress.
        tools: Progress, and whether to go on.
    """
    chosen = replace(protocol_named(protocol), resamples=0)
    meters = {name: Meter(chosen, keep_worst=0) for name in (ALL, *subsets)}
    with one_thread(), tools.announce("measure") as progress:
        done = 0
        for scene in scenes:
            tools.require_going()
            for frame in scene.truth:
                _compare(scene, frame, meters, subsets)
                done += 1
                progress(done, max(frames, done))
    if not meters[ALL].scenes:
        raise DataError("no frame has true depth to compare with: choose sequences that have some")
    sums = {name: _sums(meter) for name, meter in meters.items() if meter.scenes}
    sha = meters[ALL].report().protocol.frames_sha256
    regions = list(chosen.regions.names)
    return {"protocol": protocol, "frames_sha256": sha, "regions": regions, "metrics": list(METRICS), "subsets": sums}


def _compare(scene: Scene, frame: Frame, meters: Mapping[str, Meter], subsets: Mapping[str, frozenset[str]]) -> None:
    truth, predicted = frame.depth(), _depth(scene.predict, frame)
    if truth is None or predicted is None:
        meters[ALL].counts["no truth" if truth is None else "missing"] += 1
        return
    found = compare_frame(predicted, truth, frame.labels(), meters[ALL].protocol)
    for name, meter in meters.items():
        if name == ALL or f"{scene.name}/{frame.name}" in subsets[name]:
            meter.take(scene.name, frame.name, found)


def _depth(predict: Predict, frame: Frame) -> DepthMap | RelativeDepth | None:
    found = predict(frame)
    return found.depth if isinstance(found, Prediction) else found


def _sums(meter: Meter) -> dict[str, Any]:
    """By scene: sums of each image's own metrics by region and metric, and how many images have them."""
    regions, metrics = len(meter.protocol.regions.names), len(METRICS)
    totals = {name: Tally.sum(blocks.parts, regions) for name, blocks in meter.scenes.items()}
    return {
        "frames": sum(total.frames for total in totals.values()),
        "scenes": list(totals),
        "values": [np.round(total.values[:, :metrics], 9).tolist() for total in totals.values()],
        "images": [total.images[:, :metrics].tolist() for total in totals.values()],
    }


def _protocol_settings(name: str) -> dict[str, Any]:
    found = asdict(protocol_named(name))
    return {"protocol": {key: value for key, value in found.items() if key not in ("command", "version", "resamples")}}
