"""Steps that give a network: one that ships, a teacher trained by self-supervision, a student trained on labels."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from deglare.data.triples import TripleRule
from deglare.errors import DataError
from deglare.experiments.sources import Source
from deglare.experiments.steps import Done, Result, StoppedError, Tools
from deglare.methods import Distill3D, MethodConfig, SelfSup
from deglare.networks.teachers import NetworkTeacher, load_model
from deglare.training.loop import NETWORK_FILE, Training, train
from deglare.training.reporting import CHECKPOINTS
from deglare.training.settings import TrainSettings, Watching
from deglare.training.triples import Wanted, load_triples

PHOTOMETRIC_RATE, SUPERVISED_RATE, RATE_PIXELS = 20.0, 70.0, 128 * 96
"""Samples a second of that many pixels, on one core, by a small network; a full one takes ten times as long."""


def shipped(network: str) -> Traversable:
    """The weights of a network that come with the package, or where they would be."""
    return files("deglare.samples") / "weights" / f"{network}.safetensors"


@dataclass(frozen=True)
class Shipped:
    """A network that comes with the package."""

    network: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """The weights themselves: another version may ship others."""
        return {"network": self.network, "sha256": hashlib.sha256(shipped(self.network).read_bytes()).hexdigest()}

    @property
    def seconds(self) -> float:
        """Nothing is done."""
        return 0.0

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """It is there."""
        return {"model": self.network}


@dataclass(frozen=True)
class Taught:
    """A teacher: photometric loss under known poses, on the frames of ``source``."""

    source: Source
    training: TrainSettings
    every: int
    checkpoint_every: int

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the training."""
        return {"method": "selfsup", "every": self.every, **_settings(self.training)}

    @property
    def seconds(self) -> float:
        """By the sample."""
        return _seconds(self.training, PHOTOMETRIC_RATE)

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Train, or go on."""
        return _train(self.training, SelfSup(), self, place, tools)


@dataclass(frozen=True)
class Student:
    """A fresh network, trained on a layer of the runs that the step before wrote."""

    source: Source
    training: TrainSettings
    every: int
    checkpoint_every: int
    layer: str
    normals: float = 0.0

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the training, and what is learnt."""
        learnt = {"layer": self.layer, "normals": self.normals, "every": self.every}
        return {"method": "distill3d", **learnt, **_settings(self.training)}

    @property
    def seconds(self) -> float:
        """By the sample."""
        return _seconds(self.training, SUPERVISED_RATE)

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Train, or go on. The labels are those of the last step that is needed."""
        labels = needs[-1].place
        return _train(self.training, Distill3D(str(labels), self.layer, normals=self.normals), self, place, tools)


def _train(settings: TrainSettings, method: MethodConfig, step: Taught | Student, place: Path, tools: Tools) -> Result:
    """Train, or go on; what only serves to go on is removed in the end."""
    if not (place / NETWORK_FILE).is_file():  # it is written last
        _trained(settings, method, step, place, tools)
    shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
    return {"model": NETWORK_FILE}


def _trained(settings: TrainSettings, method: MethodConfig, step: Taught | Student, place: Path, tools: Tools) -> None:
    wanted = Wanted(
        settings.size_hw, TripleRule(every=step.every), method.needs_poses, method.needs_sources, method.reads
    )
    with tools.announce("decode") as progress:
        data = load_triples(step.source.scenes(tools), wanted, progress)
    lost = "".join(f"; {count} targets without: {reason}" for reason, count in data.lost.most_common())
    tools.tell(f"  {len(data)} samples{lost}")
    name = "selfsup" if isinstance(method, SelfSup) else "distill3d"
    watching = Watching(20, step.checkpoint_every, picture_every=settings.steps, validate_every=0)
    training = Training(settings, name, method, data, place, watching, tools.device)
    with tools.announce("train") as progress:
        outcome = train(training, progress=progress, stop=tools.stop)
    if not outcome.is_finished:
        raise StoppedError


def teacher_of(model: Done, name: str, tools: Tools, size_hw: tuple[int, int] | None = None) -> NetworkTeacher:
    """The network that a step left, under a name of its own, in exact arithmetic.

    Args:
        model: A finished step that gives one.
        name: Tells it from others in a run.
        tools: The device.
        size_hw: Images are resized to this for the network; None: the size it was trained at.
    """
    trained = model.place / NETWORK_FILE
    found = load_model(trained if trained.is_file() else model.result["model"], device=tools.device)
    if not isinstance(found, NetworkTeacher):
        raise DataError(f"{model.place} holds no network of ours: remove it, and it is made again")
    found.name = name
    found.size_hw = size_hw or found.size_hw
    return found


def _settings(training: TrainSettings) -> dict[str, Any]:
    """First weights by content: where they lie is no matter."""
    found = asdict(training)
    if training.weights is not None and Path(training.weights).is_file():
        found["weights"] = hashlib.sha256(Path(training.weights).read_bytes()).hexdigest()
    return found


def _seconds(training: TrainSettings, rate: float) -> float:
    width, height = training.size
    size = 1.0 if training.network.endswith("-small") else 10.0
    return training.steps * training.batch / rate * size * width * height / RATE_PIXELS
