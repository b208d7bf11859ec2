"""The experiment of 3D Distillation as a plan: teachers, labels in several ways, students, and what each is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from deglare.errors import RequestError
from deglare.experiments.arms import Arm, Views, arms_named, mesh_of
from deglare.experiments.measuring import MeasureLabels, MeasureModel
from deglare.experiments.models import Shipped, shipped
from deglare.experiments.runs import Labels, Predictions, Surface
from deglare.experiments.scales import RoomCounts, Scale
from deglare.experiments.sources import Given, Rooms, Source, given_folder, given_scannet, given_seven_scenes
from deglare.experiments.steps import Plan
from deglare.experiments.trainings import Longer, Paired, Student, Taught
from deglare.fusion.estimators import Ensemble, Flip
from deglare.fusion.mirrors import MirrorSettings
from deglare.fusion.settings_files import name_of
from deglare.fusion.strategies import ByUncertainty, Strategy

ROOMS, SCANNET, SEVEN_SCENES = "rooms", "scannet", "7scenes"
REAL_EVERY = 10
"""Every n-th frame of a video is a target, is fused, and is measured, as published."""


@dataclass(frozen=True)
class Choice:
    """What is asked for."""

    scale: Scale
    sources: Mapping[str, Source]
    """By split: train, val, and whatever else is measured."""
    arms: tuple[str, ...] = ()
    """Names of `ARMS`; all of them if none is named."""
    seeds: tuple[int, ...] = (0,)
    teachers: Literal["shipped", "trained"] = "shipped"
    splits: tuple[str, ...] = ("val",)
    """What is measured; choices are made on val, and test is for the end."""
    every: Mapping[str, int] = field(default_factory=dict)
    """Every n-th frame of a split is used; all of them where it is not named."""

    def __post_init__(self) -> None:
        missing = [split for split in ("train", *self.splits) if split not in self.sources]
        if missing:
            raise RequestError(f"there is no split {missing[0]} in this data: it has {', '.join(self.sources)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise RequestError("name each seed once, and at least one")
        networks = self.scale.networks
        if not networks or len(set(networks)) < len(networks):
            raise RequestError("name each network once, and at least one")
        if unknown := set(networks) - set(self.scale.ensemble):
            raise RequestError(
                f"the scale {self.scale.name} has no {', '.join(sorted(unknown))}: its networks are "
                f"{', '.join(self.scale.ensemble)}"
            )
        lacking = [name for name in self.scale.ensemble if self.teachers == "shipped" and not shipped(name).is_file()]
        if lacking:
            raise RequestError(f"no weights of {lacking[0]} are shipped: train teachers here, with --teachers trained")

    def asked(self, network: str) -> list[Arm]:
        """The arms for a network: named ones all, else those that every network has, and all for the first one."""
        is_named = bool(self.arms) or network == self.scale.networks[0]
        return [arm for arm in arms_named(self.arms) if is_named or arm.everywhere]


@dataclass(frozen=True)
class Model:
    """A network that is measured, by the id of its step."""

    step: str
    network: str
    arm: Arm | None
    """None: the teacher."""
    seed: int


@dataclass(frozen=True)
class LabelSet:
    """Labels that are compared with truth, by the id of the step that does."""

    measure: str
    labels: str
    """The step that made them."""
    network: str
    arm: Arm
    """The first that learns from them."""
    seed: int


@dataclass(frozen=True)
class Experiment:
    """The plan, and what its steps mean."""

    choice: Choice
    plan: Plan
    models: tuple[Model, ...]
    labels: tuple[LabelSet, ...]


def measure_id(model: Model, split: str) -> str:
    """The id of the step that measures a network."""
    return f"measure/{split}/{model.step}"


def experiment_of(choice: Choice) -> Experiment:
    """Lay out every step. What needs no choice among seeds is done once."""
    return _Planner(choice).laid_out()


def rooms_sources(scale: Scale) -> tuple[dict[str, Source], dict[str, int]]:
    """Rooms of each split, and every how many frames are used."""
    counts: dict[str, RoomCounts] = {"train": scale.train, "val": scale.val, "test": scale.test}
    sources: dict[str, Source] = {split: Rooms(split, one.rooms, one.shoot) for split, one in counts.items()}
    return sources, {split: one.every for split, one in counts.items()}


def real_sources(kind: str, root: Path, seven_scenes: Path | None = None) -> tuple[dict[str, Source], dict[str, int]]:
    """Sequences on disk: scannet, 7scenes, or a folder of ours."""
    read = {SCANNET: given_scannet, SEVEN_SCENES: given_seven_scenes}.get(kind, given_folder)
    sources: dict[str, Source] = dict(read(root))
    if seven_scenes is not None:
        sources[SEVEN_SCENES] = replace(cast(Given, given_seven_scenes(seven_scenes)["val"]), split=SEVEN_SCENES)
    return sources, dict.fromkeys(sources, REAL_EVERY)


class _Planner:
    """Adds steps to a plan, each id once."""

    def __init__(self, choice: Choice) -> None:
        self.choice, self.scale, self.plan = choice, choice.scale, Plan()
        self.models: list[Model] = []
        self.labels: dict[str, LabelSet] = {}

    def laid_out(self) -> Experiment:
        """Everything; a seed is whole before the next one begins, and measuring test comes last."""
        for split in ("train", *self.choice.splits):
            self.plan.add(f"data/{split}", self.choice.sources[split])
        for seed in self.choice.seeds:
            for network in self.scale.networks:
                self._measured(Model(self.teacher(network, seed), network, None, seed))
            for network in self.scale.networks:
                for arm in self.choice.asked(network):
                    self._measured(Model(self.learner(network, arm, seed), network, arm, seed))
        for split in self.choice.splits[1:]:
            for model in self.models:
                self.measure(model, split)
        return Experiment(self.choice, self.plan, tuple(self.models), tuple(self.labels.values()))

    def _measured(self, model: Model) -> None:
        if model.step not in {one.step for one in self.models}:  # a teacher that ships serves every seed
            self.models.append(model)
            self.measure(model, self.choice.splits[0])

    def teacher(self, network: str, seed: int) -> str:
        """Shipped, or trained with the seed."""
        if self.choice.teachers == "shipped":
            return self.plan.add(f"teacher/{network}", Shipped(network))
        scale = self.scale
        training = scale.training(network, scale.teacher_steps, seed)
        work = Taught(self.train, training, self._every("train"), scale.checkpoint_every)
        return self.plan.add(f"teacher/{network}/seed-{seed}", work, "data/train")

    def learner(self, network: str, arm: Arm, seed: int) -> str:
        """The network of an arm."""
        if arm.views is not None:
            return self.longer(network, arm.views, seed)
        return self.paired(network, arm, seed) if arm.pair else self.student(network, arm, seed)

    def longer(self, network: str, views: Views, seed: int) -> str:
        """A teacher that goes on."""
        training = self.scale.longer(network, seed)
        work = Longer(self.train, training, self._every("train"), self.scale.checkpoint_every, views)
        id = f"longer/{network}/{views}/seed-{seed}"
        return self.plan.add(id, work, self.teacher(network, seed), "data/train")

    def paired(self, network: str, arm: Arm, seed: int) -> str:
        """A student of two teachers that went on alike."""
        training = self.scale.student(network, seed)
        teachers = (self.longer(network, "selfsup", seed), self.longer(network, "triplet", seed))
        work = Paired(self.train, training, self._every("train"), self.scale.checkpoint_every, self._goes_on)
        return self.plan.add(f"student/{network}/{arm.name}/seed-{seed}", work, *teachers, "data/train")

    def student(self, network: str, arm: Arm, seed: int) -> str:
        """A network on the labels of an arm."""
        scale = self.scale
        training = scale.student(network, seed, scale.low_size if arm.low_resolution else scale.size)
        every, often = self._every("train"), scale.checkpoint_every
        layer = f"predicted/{network}" if arm.layer == "predicted" else arm.layer
        work = Student(self.train, training, every, often, layer, arm.normals, self._goes_on)
        labels = self.labels_of(network, arm, seed)
        self.measure_labels(LabelSet(f"measure/labels/{labels}/{layer}", labels, network, arm, seed), layer)
        begun = (self.teachers(network, arm, seed)[network],) if self._goes_on else ()
        return self.plan.add(f"student/{network}/{arm.name}/seed-{seed}", work, *begun, "data/train", labels)

    def labels_of(self, network: str, arm: Arm, seed: int) -> str:
        """The step whose runs have the layer that an arm learns."""
        predictions = self.predictions(network, arm, seed)
        if arm.layer == "predicted":
            return predictions
        surface = self.surface(network, arm, predictions)
        if arm.layer == "projected":
            return surface
        id = f"{surface.replace('surface/', 'labels/', 1)}/{_name_of(arm.strategy)}"
        return self.plan.add(id, Labels(self.train, arm.strategy, self._every("train")), surface)

    def surface(self, network: str, arm: Arm, predictions: str) -> str:
        """The base's depth fused to a mesh and projected."""
        before = self.plan.steps[predictions]
        every = self.scale.fuse_every if isinstance(self.train, Rooms) else 1  # of the frames that have labels
        mirrors = MirrorSettings() if arm.mirrors else None
        work = Surface(cast(Predictions, before.work), network, mesh_of(arm.fusion, every), mirrors)
        how = f"{arm.fusion}-mirrors" if arm.mirrors else arm.fusion
        id = f"surface/{network}/{how}/{predictions.removeprefix('predict/').replace('/', '-')}"
        return self.plan.add(id, work, *before.needs[:-1], predictions)

    def predictions(self, network: str, arm: Arm, seed: int) -> str:
        """Depth of all teachers, or of one. In a second round the student of the first replaces its teacher."""
        steps = self.teachers(network, arm, seed)
        names = tuple(steps)
        who = "all" if len(names) > 1 else network
        if arm.mined_base:
            who = f"{who}-with-{network}-triplet"
        if arm.after is not None:
            who = f"{who}-after-{network}-{arm.after}"
        is_by_seed = arm.after is not None or arm.mined_base or self.choice.teachers == "trained"
        id = f"predict/{who}/seed-{seed}" if is_by_seed else f"predict/{who}"
        uncertainty = Ensemble() if len(names) > 1 else Flip()
        work = Predictions(self.train, names, uncertainty, max(self.scale.size), self._every("train"))
        return self.plan.add(id, work, *steps.values(), "data/train")

    def teachers(self, network: str, arm: Arm, seed: int) -> dict[str, str]:
        """The steps of all teachers of an arm, by network."""
        names = self.scale.ensemble if arm.ensemble else (network,)
        steps = {name: self.teacher(name, seed) for name in names}
        if arm.mined_base:
            steps[network] = self.longer(network, "triplet", seed)
        if arm.after is not None:
            steps[network] = f"student/{network}/{arm.after}/seed-{seed}"
        return steps

    def measure(self, model: Model, split: str) -> None:
        """A network on a split."""
        width, height = self.scale.size
        work = MeasureModel(self.choice.sources[split], self._every(split), (height, width))
        self.plan.add(measure_id(model, split), work, model.step, f"data/{split}")

    def measure_labels(self, labels: LabelSet, layer: str) -> None:
        """What is learnt from, on the frames it is learnt on; of rooms alone, whose truth no network has seen."""
        if isinstance(self.train, Rooms) and labels.measure not in self.labels:
            self.plan.add(labels.measure, MeasureLabels(self.train, layer), labels.labels, "data/train")
            self.labels[labels.measure] = labels

    @property
    def train(self) -> Source:
        """What everything is trained on."""
        return self.choice.sources["train"]

    @property
    def _goes_on(self) -> bool:
        return self.scale.students == "teacher"

    def _every(self, split: str) -> int:
        return self.choice.every.get(split, 1)


def _name_of(strategy: Strategy) -> str:
    """Its name, and whether it chooses its own threshold."""
    chooses = isinstance(strategy, ByUncertainty) and strategy.alpha_m is None
    return f"{name_of(strategy)}-quantile" if chooses else name_of(strategy)
