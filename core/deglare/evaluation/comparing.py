"""Whole scenes compared: predictions from folders, mappings or functions against sequences with true depth."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from deglare.errors import DataError
from deglare.evaluation.folders import DepthFolder, UncertaintyFolder
from deglare.evaluation.frames import scale_of_frame
from deglare.evaluation.meter import Meter
from deglare.evaluation.protocol import Protocol, protocol_named
from deglare.evaluation.report import Report
from deglare.progress import Progress, quiet
from deglare.types import DepthMap, Frame, Prediction, RelativeDepth, Sequence

Depth = DepthMap | RelativeDepth | Prediction
Predict = Callable[[Frame], Depth | None]
"""The prediction for a frame, None where there is none."""

Uncertainty = Callable[[Frame], Float32[np.ndarray, "h w"] | None]


@dataclass(frozen=True, eq=False)
class Scene:
    """A sequence with true depth and what predicts it."""

    name: str
    truth: Sequence
    predict: Predict
    uncertainty: Uncertainty | None = None

    @classmethod
    def of_folder(
        cls,
        name: str,
        predicted: Path,
        truth: Sequence,
        uncertainty: Path | None = None,
        unit_m: float = 0.001,
    ) -> Scene:
        """A folder of depth PNGs, with a folder of uncertainty PNGs where there is one."""
        sigma = None if uncertainty is None else UncertaintyFolder(uncertainty)
        return cls(name, truth, DepthFolder(predicted, unit_m), sigma)


def evaluate(
    predicted: Path | str | Mapping[str, Depth] | Predict,
    truth: Sequence | Path | str,
    protocol: Protocol | str = "rooms",
    *,
    uncertainty: Path | str | Uncertainty | None = None,
    progress: Progress = quiet,
) -> Report:
    """Compare one scene: numbers by region, with intervals and their protocol.

    Args:
        predicted: a folder of 16-bit depth PNGs in millimetres, depth by frame name, or a function of the frame.
        truth: a sequence with depth, or where to open one.
        protocol: or the name of one of `PROTOCOLS`.
        uncertainty: a folder of 16-bit PNGs in millimetres or a function of the frame; a `Prediction` brings its own.
    """
    sequence = truth if isinstance(truth, Sequence) else _open(truth)
    if isinstance(uncertainty, str | Path):
        uncertainty = UncertaintyFolder(Path(uncertainty))
    scene = Scene(sequence.name, sequence, _predict(predicted), uncertainty)
    return measure([scene], protocol, progress=progress).report()


def measure(
    scenes: Iterable[Scene],
    protocol: Protocol | str = "rooms",
    *,
    only: Collection[str] = (),
    keep_worst: int = 4,
    progress: Progress = quiet,
) -> Meter:
    """Compare many scenes, frame by frame; `Meter.report` gives the numbers.

    Args:
        only: a subset of frames, by name or by scene/name; empty is all of them.
        keep_worst: error maps of this many frames are kept for the picture.
    """
    from deglare import __version__

    chosen = protocol_named(protocol) if isinstance(protocol, str) else protocol
    meter = Meter(replace(chosen, version=chosen.version or __version__), keep_worst)
    listed = list(scenes)
    for scene in listed:
        _require_namesakes(scene, meter)
    listed = _subset(listed, frozenset(only)) if only else listed
    total, done = sum(len(scene.truth) for scene in listed), 0
    for scene in listed:
        scale = scene_scale(scene, meter.protocol) if meter.protocol.alignment == "median-sequence" else None
        for frame in scene.truth:
            _add(meter, scene, frame, scale)
            done += 1
            progress(done, total)
    return meter


def scene_scale(scene: Scene, protocol: Protocol) -> float | None:
    """Median over the frames of median(truth) / median(predicted): reads the scene once more."""
    scales: list[float] = []
    for frame in scene.truth:
        predicted, truth = scene.predict(frame), frame.depth()
        if predicted is None or truth is None:
            continue
        depth = predicted.depth if isinstance(predicted, Prediction) else predicted
        if (scale := scale_of_frame(depth, truth, protocol)) is not None:
            scales.append(scale)
    return float(np.median(scales)) if scales else None


def _add(meter: Meter, scene: Scene, frame: Frame, scale: float | None) -> None:
    """Compare one frame, or count why not."""
    if frame.load_depth is None:
        meter.counts["no truth"] += 1
        return
    predicted = scene.predict(frame)
    if predicted is None:
        meter.counts["missing"] += 1
        return
    truth = frame.load_depth()
    sigma = scene.uncertainty(frame) if scene.uncertainty else None
    if isinstance(predicted, Prediction):
        sigma = predicted.sigma_m if sigma is None else sigma
        predicted = predicted.depth
    meter.counts["no uncertainty"] += scene.uncertainty is not None and sigma is None
    try:
        meter.add(scene.name, frame.name, predicted, truth, frame.labels(), sigma, scale)
    except DataError as error:
        raise DataError(f"{scene.name}, frame {frame.name}: {error}") from error


def _require_namesakes(scene: Scene, meter: Meter) -> None:
    """A folder none of whose files is named like a frame is a mistake; single ones are counted."""
    if not isinstance(scene.predict, DepthFolder):
        return
    files, frames = set(scene.predict.files), {frame.name for frame in scene.truth}
    if not files & frames:
        raise DataError(
            f"no file in {scene.predict.folder} is named like a frame of {scene.name}: files are called "
            f"'{min(files)}', frames '{min(frames, default='')}'; rename the files"
        )
    meter.counts["extra"] += len(files - frames)


def _subset(scenes: list[Scene], only: frozenset[str]) -> list[Scene]:
    """Scenes with the named frames only; a name that no frame has is a mistake."""
    chosen = [
        replace(scene, truth=replace(scene.truth, frames=tuple(f for f in scene.truth if _names(scene, f) & only)))
        for scene in scenes
    ]
    found = frozenset[str]().union(*(_names(scene, frame) for scene in chosen for frame in scene.truth))
    if unknown := sorted(only - found):
        raise DataError(f"{len(unknown)} names of the subset are no frames, such as '{unknown[0]}': write scene/frame")
    return [scene for scene in chosen if len(scene.truth)]


def _names(scene: Scene, frame: Frame) -> frozenset[str]:
    return frozenset((frame.name, f"{scene.name}/{frame.name}"))


def _predict(predicted: Path | str | Mapping[str, Depth] | Predict) -> Predict:
    if isinstance(predicted, str | Path):
        return DepthFolder(Path(predicted))
    if isinstance(predicted, Mapping):
        return lambda frame: predicted.get(frame.name)
    return predicted


def _open(source: Path | str) -> Sequence:
    from deglare.data.opening import open_sequence

    return open_sequence(Path(source))
