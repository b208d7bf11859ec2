"""Steps that train: teachers by photometric error, teachers that go on, students on labels or of two teachers."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from deglare.data.triples import TripleRule
from deglare.experiments.arms import Views
from deglare.experiments.models import weights_of
from deglare.experiments.sources import Source
from deglare.experiments.steps import Done, Result, StoppedError, Tools
from deglare.methods import Distill3D, MethodConfig, SelfSup, Triplet, TripletDistilled, method_name
from deglare.training.journal import NETWORK_FILE
from deglare.training.loop import Training, train
from deglare.training.reporting import CHECKPOINTS
from deglare.training.settings import TrainSettings, Watching
from deglare.training.triples import Wanted, load_triples

PHOTOMETRIC_RATE, MINED_RATE, SUPERVISED_RATE, RATE_PIXELS = 20.0, 9.0, 70.0, 128 * 96
"""Samples a second of that many pixels, on one core, by a small network; a full one takes ten times as long."""


@dataclass(frozen=True)
class Lesson:
    """What all of them have: whose frames are learnt from, and how."""

    source: Source
    training: TrainSettings
    every: int
    checkpoint_every: int

    def learn(self, settings: TrainSettings, method: MethodConfig, place: Path, tools: Tools) -> Result:
        """Train, or go on; what only serves to go on is removed in the end."""
        if not (place / NETWORK_FILE).is_file():  # it is written last
            self._train(settings, method, place, tools)
        shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
        return {"model": NETWORK_FILE}

    def _train(self, settings: TrainSettings, method: MethodConfig, place: Path, tools: Tools) -> None:
        rule = TripleRule(every=self.every)
        wanted = Wanted(settings.size_hw, rule, method.needs_poses, method.needs_sources, method.reads)
        with tools.announce("decode") as progress:
            data = load_triples(self.source.scenes(tools), wanted, progress)
        lost = "".join(f"; {count} targets without: {reason}" for reason, count in data.lost.most_common())
        tools.tell(f"  {len(data)} samples{lost}")
        watching = Watching(20, self.checkpoint_every, picture_every=settings.steps, validate_every=0)
        training = Training(settings, method_name(method), method, data, place, watching, tools.device)
        with tools.announce("train") as progress:
            outcome = train(training, progress=progress, stop=tools.stop)
        if not outcome.is_finished:
            raise StoppedError


@dataclass(frozen=True)
class Taught(Lesson):
    """A teacher: photometric loss under known poses."""

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
        return self.learn(self.training, SelfSup(), place, tools)


@dataclass(frozen=True)
class Longer(Lesson):
    """A teacher that goes on: with mined triplets, or for the comparison with photometric error alone."""

    views: Views

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the training; the teacher is known by its step."""
        return {"method": self.views, "every": self.every, **_settings(self.training)}

    @property
    def seconds(self) -> float:
        """By the sample."""
        return _seconds(self.training, MINED_RATE if self.views == "triplet" else PHOTOMETRIC_RATE)

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """The teacher's step comes first in what is needed. What it learned so far is the warm-up of mining."""
        method = Triplet(warm_up=0) if self.views == "triplet" else SelfSup()
        return self.learn(_from(needs[0], self.training), method, place, tools)


@dataclass(frozen=True)
class Student(Lesson):
    """A fresh network, or one that begins as its teacher, trained on a layer of the runs that a step before wrote."""

    layer: str
    normals: float = 0.0
    goes_on: bool = False
    """Whether it begins as its teacher, whose step comes first in what is needed then."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the training, and what is learnt."""
        learnt = {"layer": self.layer, "normals": self.normals, "every": self.every}
        return {"method": "distill3d", **learnt, **_begun(self.goes_on), **_settings(self.training)}

    @property
    def seconds(self) -> float:
        """By the sample."""
        return _seconds(self.training, SUPERVISED_RATE)

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Train, or go on. The labels are those of the last step that is needed."""
        training = _from(needs[0], self.training) if self.goes_on else self.training
        method = Distill3D(str(needs[-1].place), self.layer, normals=self.normals)
        return self.learn(training, method, place, tools)


@dataclass(frozen=True)
class Paired(Lesson):
    """A network that learns from two teachers, as reflection-aware distillation does."""

    goes_on: bool = False
    """Whether it begins as the plain teacher."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the training; the teachers are known by their steps."""
        return {"method": "triplet-distilled", "every": self.every, **_begun(self.goes_on), **_settings(self.training)}

    @property
    def seconds(self) -> float:
        """By the sample."""
        return _seconds(self.training, MINED_RATE)

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """The plain teacher's step comes first in what is needed, then that of the one that mined."""
        plain, mined = (str(weights_of(teacher)) for teacher in needs[:2])
        training = _from(needs[0], self.training) if self.goes_on else self.training
        return self.learn(training, TripletDistilled(plain, mined), place, tools)


def _from(model: Done, training: TrainSettings) -> TrainSettings:
    """The training, begun with the weights of a finished step."""
    return replace(training, start=str(weights_of(model)))


def _begun(goes_on: bool) -> dict[str, str]:
    """What is begun with, for a step's settings; whose weights those are, the step's needs say."""
    return {"begun": "teacher"} if goes_on else {}


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
