"""A teacher fitted to the clip: a few minutes of self-supervision on the clip's own triples, kept if it is better.

Every fifth triple is held out. Before and after stand in ``video/fit.json``: the photometric error of the held-out
triples, and by how much depth of neighbouring views disagrees. A network that became worse in either is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from deglare.data.files import read_json, write_json
from deglare.data.triples import TripleRule
from deglare.errors import DataError, RequestError
from deglare.footage.plan import shrunk_to
from deglare.footage.settings import FitSettings
from deglare.footage.teachers import KeptTeacher
from deglare.footage.workplace import Workplace
from deglare.fusion.labelling import identity_of
from deglare.fusion.staging import Announce, Key
from deglare.methods.selfsup import SelfSup
from deglare.networks.checkpoints import save_network
from deglare.networks.depth_network import DepthNetwork, nearest_multiples
from deglare.networks.teachers import NetworkTeacher, Runtime, load_model
from deglare.training.draws import Share
from deglare.training.jitter import NO_JITTER
from deglare.training.journal import NETWORK_FILE
from deglare.training.loop import Training, train
from deglare.training.samples import augmented
from deglare.training.settings import TrainSettings, Watching
from deglare.training.triples import TripleData, Wanted, load_triples
from deglare.types import Camera, DepthMap, Rigid

RULE = TripleRule(every=1, nearest_m=0.02, farthest_m=0.35, most_turn_deg=10.0, reach=12)
"""Kept frames lie as far apart as the picture moves; in metres that is what a step is in a room."""

HELD_OUT, MOST_HELD_OUT = 5, 24
"""Every so many triples one is held out, and at most so many are looked at."""

FEWEST = 10
CHECKPOINT_EVERY = 20
NO_WORSE = 1.02
"""Views may disagree by this much more after fitting."""


@dataclass(frozen=True)
class Quality:
    """How well a network fits a clip, without any truth."""

    photometric: float
    """Of the triples that it did not learn from."""
    disagreement: float
    """Median logarithm of depth against that of the view before, at the same points."""


@dataclass(frozen=True)
class Fitted:
    """What became of the fitting."""

    teacher: str
    """Who was fitted."""
    steps: int
    triples: int
    before: Quality
    after: Quality

    @property
    def is_better(self) -> bool:
        """Whether it is used."""
        is_closer = self.after.photometric < self.before.photometric
        return is_closer and self.after.disagreement <= NO_WORSE * self.before.disagreement

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return {**asdict(self), "is_used": self.is_better}

    @classmethod
    def from_json(cls, value: Any) -> Fitted:
        """Read back."""
        before, after = Quality(**value["before"]), Quality(**value["after"])
        return cls(value["teacher"], value["steps"], value["triples"], before, after)

    def line(self) -> str:
        """What a person reads."""
        said = (
            f"{self.teacher} after {self.steps} steps on {self.triples} triples: photometric error "
            f"{self.before.photometric:.4f} to {self.after.photometric:.4f}, disagreement of views "
            f"{100 * self.before.disagreement:.1f} to {100 * self.after.disagreement:.1f} %"
        )
        return f"{said}; it is used" if self.is_better else f"{said}; it is not better, and not used"


@dataclass(frozen=True)
class Fitting:
    """Fitting at work on one clip."""

    place: Workplace
    settings: FitSettings
    runtime: Runtime
    device: str
    announce: Announce

    def fit(self, posed: Key, teachers: Sequence[KeptTeacher]) -> tuple[Fitted, tuple[KeptTeacher, ...]]:
        """Fit one of the teachers; returns all of them, with the fitted one in its place if it became better."""
        chosen = chosen_teacher(teachers, self.settings.teacher)
        settings = {**asdict(self.settings), "teacher": identity_of(chosen)}
        key, ledger, out = Key.after("fit", settings, posed), self.place.ledger, self.place.root / "fit"
        report, weights = self.place.root / "fit.json", out / NETWORK_FILE
        if not ledger.is_current(key, report, weights):
            ledger.begin(key, report, out)
            write_json(report, self._trained(chosen, out).to_json())
            ledger.finish(key)
        fitted = Fitted.from_json(read_json(report))
        if not fitted.is_better:
            return fitted, tuple(teachers)
        better = load_model(weights, device=self.device, runtime=self.runtime)
        better.name = f"{chosen.name}-fitted"
        kept = KeptTeacher(better, self.place.root / "depth")
        return fitted, tuple(kept if teacher is chosen else teacher for teacher in teachers)

    def _trained(self, chosen: KeptTeacher, out: Path) -> Fitted:
        network = network_of(chosen)
        data = load_triples([self.place.root / "posed"], Wanted(self._size_hw(), RULE))
        if len(data) < FEWEST:
            raise DataError(f"only {len(data)} triples of the clip can be learnt from: leave --fit out")
        learnt, held_out = parted(data)
        start = out / "start.safetensors"
        if not start.is_file():
            save_network(network, start)
        training = Training(
            self._train_settings(network, start),
            "selfsup",
            SelfSup(),
            learnt,
            out,
            Watching(checkpoint_every=CHECKPOINT_EVERY, picture_every=0, validate_every=0),
            self.device,
        )
        with self.announce("fit") as progress:
            train(training, progress=progress)
        after = load_model(out / NETWORK_FILE, device=self.device)
        before = NetworkTeacher(network, size_hw=self._size_hw(), device=self.device)
        if not isinstance(after, NetworkTeacher):
            raise RequestError("what was trained is no network of ours")
        return Fitted(
            chosen.name, self.settings.steps, len(learnt), quality(before, held_out), quality(after, held_out)
        )

    def _size_hw(self) -> tuple[int, int]:
        camera = camera_of(self.place)
        return nearest_multiples(shrunk_to(camera.size_hw, self.settings.longest_side))

    def _train_settings(self, network: DepthNetwork, start: Path) -> TrainSettings:
        recipe, size_hw = network.recipe, self._size_hw()
        return TrainSettings(
            steps=self.settings.steps,
            network=recipe.network,
            start=str(start),
            depth_range_m=(recipe.depth_range.nearest_m, recipe.depth_range.farthest_m),
            size=(size_hw[1], size_hw[0]),
            batch=self.settings.batch,
            learning_rate=self.settings.learning_rate,
            frozen_norm=True,
        )


def chosen_teacher(teachers: Sequence[KeptTeacher], name: str | None) -> KeptTeacher:
    """The one that was named, or the first network of ours; others cannot be trained here."""
    able = [one for one in teachers if isinstance(one.teacher, NetworkTeacher)]
    if name is not None:
        able = [one for one in able if one.name == name]
    if not able:
        wanted = f"'{name}' is none of the teachers that" if name else "none of the teachers"
        raise RequestError(f"{wanted} can be fitted: name a network of deglare's own among --teachers")
    return able[0]


def network_of(kept: KeptTeacher) -> DepthNetwork:
    """The network behind a teacher."""
    if not isinstance(kept.teacher, NetworkTeacher):
        raise RequestError(f"{kept.name} is no network of deglare's own: it cannot be fitted")
    return kept.teacher.network


def camera_of(place: Workplace) -> Camera:
    """Of the believed part."""
    from deglare.data.opening import open_sequence

    return open_sequence(place.root / "posed")[0].camera


def parted(data: TripleData) -> tuple[TripleData, TripleData]:
    """Triples to learn from, and those that are held out, spread over the clip."""
    held = data.triples[HELD_OUT // 2 :: HELD_OUT]
    learnt = tuple(triple for triple in data.triples if triple not in set(held))
    places = np.unique(np.linspace(0, len(held) - 1, min(len(held), MOST_HELD_OUT)).astype(int))
    return replace(data, triples=learnt), replace(data, triples=tuple(held[int(place)] for place in places))


def quality(teacher: NetworkTeacher, held_out: TripleData) -> Quality:
    """Of a network on triples that it did not learn from."""
    method, photometric, disagreement = SelfSup().build(teacher.network, 0), [], []
    method.trained.eval()
    for place in range(len(held_out)):
        samples = held_out.batch(Share(0, 1), place)
        plain = samples._replace(
            is_flipped=torch.zeros(1, dtype=torch.bool), colour=torch.from_numpy(np.asarray(NO_JITTER))[None].float()
        )
        batch = augmented(plain.to(teacher.network.device))
        with torch.no_grad():
            photometric.append(float(method.loss(batch, 0)["photometric"]))
        disagreement.append(_disagreement(teacher, held_out, samples.names[0]))
    return Quality(float(np.mean(photometric)), float(np.nanmean(disagreement)))


def _disagreement(teacher: NetworkTeacher, data: TripleData, name: str) -> float:
    previous, target, _ = next(triple for triple in data.triples if data.names[triple[1]] == name)
    seen = []
    for number in (target, previous):
        frame = data.frames.frames[number]
        seen.append((teacher.predict(frame.rgb()), frame.world_T_cam))
    (depth, pose), (other, other_pose) = seen
    return views_disagree(depth, pose, other, other_pose, data.frames.frames[target].camera)


def views_disagree(depth: DepthMap, world_T_cam: Rigid, other: DepthMap, world_T_other: Rigid, camera: Camera) -> float:
    """Median absolute logarithm of one view's depth over the other's, at the points that both see; NaN without any."""
    points = camera.unproject(depth.metres)[depth.valid]
    in_other: Float64[np.ndarray, "n 3"] = (
        points @ world_T_cam[:3, :3].T + world_T_cam[:3, 3] - world_T_other[:3, 3]
    ) @ (world_T_other[:3, :3])
    x, y = np.rint(camera.project(in_other)).T
    height, width = other.size_hw
    is_seen = (in_other[:, 2] > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    rows, columns = y[is_seen].astype(int), x[is_seen].astype(int)
    is_seen_valid = other.valid[rows, columns]
    if not is_seen_valid.any():
        return float("nan")
    ratio = np.log(other.metres[rows, columns] / in_other[is_seen, 2])[is_seen_valid]
    return float(np.median(np.abs(ratio)))
