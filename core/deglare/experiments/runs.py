"""Steps that make labels: predict once, fuse each way to a mesh, and choose among depths in as many ways as asked.

Each of them leaves a folder with a whole run for every training sequence. A run that goes on from another one shares
its files: a file of a run is replaced, never changed, so both are right, and only what differs takes room.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deglare.data.files import read_uncertainty
from deglare.data.opening import open_sequence
from deglare.data.run_folder import LOCK, MANIFEST, RunFolder
from deglare.errors import DataError
from deglare.experiments.models import teacher_of
from deglare.experiments.sources import Source
from deglare.experiments.steps import Done, Result, Tools, one_thread
from deglare.fusion.estimators import UncertaintyConfig
from deglare.fusion.labelling import Labelling
from deglare.fusion.levels import quantile_threshold
from deglare.fusion.mirrors import MirrorSettings, closed_m2, mesh_without_mirrors
from deglare.fusion.relabelling import relabel
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.settings_files import described
from deglare.fusion.staging import silently
from deglare.fusion.strategies import ByMaskAndUncertainty, ByUncertainty, Strategy
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.networks.teachers import Teacher

PREDICT_S, SURFACE_S, FUSE_S = 0.05, 0.05, 0.015
"""A frame of 128x96, on one core: predicted by one network, fused to a mesh and projected, fused to labels."""


@dataclass(frozen=True)
class Predictions:
    """Depth of some teachers, and how sure it is."""

    source: Source
    names: tuple[str, ...]
    """Of the teachers, whose steps come first in what is needed, in this order."""
    uncertainty: UncertaintyConfig
    longest_side: int
    every: int = 1
    """Every n-th frame gets labels: those that are trained on."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Teachers are known by their steps."""
        asked = {"uncertainty": described(self.uncertainty), "longest_side": self.longest_side, "every": self.every}
        return {"teachers": list(self.names), **asked}

    @property
    def seconds(self) -> float:
        """By frame and network; twice for one against its mirror image."""
        return self.source.frames / self.every * PREDICT_S * max(len(self.names), 2)

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Import frames and predict."""
        teachers = _teachers(self.names, needs, tools)
        asked = LabelSettings(self.longest_side, self.uncertainty)
        for work in _labellings(self, place, teachers, asked, tools):
            work.predict(work.frames())
        return {"teachers": list(self.names)}


@dataclass(frozen=True)
class Surface:
    """One teacher's depth fused to a mesh, and projected into every frame."""

    predictions: Predictions
    base: str
    mesh: MeshSettings
    mirrors: MirrorSettings | None = None
    """How mirrors and glare holes in large planes are closed; None leaves them."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the mesh."""
        mirrors = None if self.mirrors is None else described(self.mirrors)
        return {"base": self.base, "mesh": described(self.mesh), "mirrors": mirrors}

    @property
    def seconds(self) -> float:
        """By frame."""
        return self.predictions.source.frames / self.predictions.every * SURFACE_S

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """The predictions come last in what is needed."""
        before = self.predictions
        teachers = _teachers(before.names, needs, tools)
        asked = LabelSettings(before.longest_side, before.uncertainty, self.base, self.mesh)
        for work in _labellings(before, place, teachers, asked, tools, needs[-1].place):
            predicted = work.predict(work.frames())
            closed = None if self.mirrors is None else mesh_without_mirrors(work, predicted, self.mirrors)
            work.project(closed or work.mesh(predicted))
        runs = (RunFolder(place / run_name(scene)) for scene in before.source.scenes(tools))
        return {"base": self.base, "closed_m2": [closed_m2(run) for run in runs]}


@dataclass(frozen=True)
class Labels:
    """Predicted and projected depth fused by a strategy."""

    source: Source
    strategy: Strategy
    every: int = 1
    """As for the predictions; here it only serves the guess of time."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the strategy."""
        return {"strategy": described(self.strategy)}

    @property
    def seconds(self) -> float:
        """By frame."""
        return self.source.frames / self.every * FUSE_S

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """The surface comes last in what is needed."""
        pixels = Counter[str]()
        names = [run_name(scene) for scene in self.source.scenes(tools)]
        strategy = with_threshold(self.strategy, [RunFolder(needs[-1].place / name) for name in names])
        with one_thread(), tools.announce("fuse") as progress:
            for number, name in enumerate(names, start=1):
                tools.require_going()
                run = RunFolder(place / name)
                begin_from(RunFolder(needs[-1].place / name), run)
                pixels.update(relabel(run, strategy, threads=tools.threads))
                progress(number, len(names))
        return {"pixels": dict(pixels), "strategy": described(strategy)}


def with_threshold(strategy: Strategy, runs: Sequence[RunFolder]) -> Strategy:
    """Where a strategy chooses its threshold by quantile: one for all sequences, over all their pixels, no truth."""
    if not isinstance(strategy, ByUncertainty | ByMaskAndUncertainty) or strategy.alpha_m is not None:
        return strategy
    paths = (run.layer("uncertainty", name) for run in runs for name in run.manifest().poses)
    maps = (UncertaintyMap.of_known(read_uncertainty(path)) for path in paths)
    return replace(strategy, alpha_m=quantile_threshold(maps, strategy.quantile))


def begin_from(source: RunFolder, target: RunFolder) -> None:
    """Let a run start as another one is now; one that was begun already stays as it is."""
    if target.has_manifest:
        return
    for path in sorted(source.root.rglob("*")):
        if path.is_file() and path.name not in (MANIFEST, LOCK):
            _share(path, target.root / path.relative_to(source.root))
    target.write_manifest(source.manifest())


def run_name(scene: Path) -> str:
    """The folder of a sequence's run; sequences of two scenes may have one name, as in 7-Scenes."""
    resolved = scene.resolve()
    if resolved.name.startswith("seq-"):
        return f"{resolved.parent.name}-{resolved.name}"
    return resolved.stem if resolved.is_file() else resolved.name


def _share(path: Path, target: Path) -> None:
    """One file under two names where the disk can, else a copy."""
    if target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}. Choose another --out") from error


def _teachers(names: tuple[str, ...], needs: Sequence[Done], tools: Tools) -> tuple[Teacher, ...]:
    return tuple(teacher_of(model, name, tools) for name, model in zip(names, needs, strict=False))


def _labellings(
    predictions: Predictions,
    place: Path,
    teachers: tuple[Teacher, ...],
    settings: LabelSettings,
    tools: Tools,
    before: Path | None = None,
) -> Iterator[Labelling]:
    """The run of each sequence in turn, held while it is worked on."""
    scenes = predictions.source.scenes(tools)
    with one_thread(), tools.announce("label") as progress:
        for number, scene in enumerate(scenes, start=1):
            tools.require_going()
            run = RunFolder(place / run_name(scene))
            if before is not None:
                begin_from(RunFolder(before / run_name(scene)), run)
            with run.held():
                frames = open_sequence(scene)[:: predictions.every]
                yield Labelling(run, frames, teachers, settings, tools.threads, silently)
            progress(number, len(scenes))
