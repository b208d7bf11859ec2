"""Training triples out of sequences: a target, one frame before it and one after."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from deglare.data.opening import find_sequences, open_sequence
from deglare.data.triples import TripleRule, find_triples, require_poses
from deglare.errors import DataError, RequestError
from deglare.geometry.projection import stack_intrinsics
from deglare.methods.method import DEPTH_LABEL, LabelRequest
from deglare.progress import Progress, quiet
from deglare.training.draws import Share, draw_for, sample_at
from deglare.training.frames import MEMORY_BYTES, Frames
from deglare.training.labels import NO_LABEL, DepthLabels, LabelRuns
from deglare.training.samples import Samples
from deglare.types import Frame, Rigid, Sequence, inverse_rigid


@dataclass(frozen=True)
class Wanted:
    """Which samples to make of sequences, and how."""

    size_hw: tuple[int, int]
    rule: TripleRule
    needs_poses: bool = True
    needs_sources: bool = True
    """Otherwise every n-th frame is a sample, alone."""
    labels: LabelRequest | None = None
    """Depth that is read beside the targets; those without are left out."""
    memory_bytes: int = MEMORY_BYTES
    workers: int = 0
    """Processes that prepare batches; they change nothing but the speed."""


@dataclass(frozen=True, eq=False)
class TripleData:
    """Samples by number."""

    frames: Frames
    names: tuple[str, ...]
    """scene/frame of every frame."""
    triples: tuple[tuple[int, int, int], ...]
    """Numbers of (previous, target, next) frames; three times the target where sources are not needed."""
    has_poses: bool
    lost: Counter[str]
    """Targets without a triple, by reason."""
    workers: int = 0
    has_sources: bool = True
    labels: DepthLabels | None = None
    """By number of the frame."""
    fingerprint: str = field(init=False)
    """Over names, cameras, poses and triples; over colours and labels too where they are kept in memory."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", self._fingerprint())

    def __len__(self) -> int:
        return len(self.triples)

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr((self.frames.size_hw, self.names, self.triples, self.has_poses)).encode())
        for frame in self.frames.frames:
            digest.update(repr(frame.camera).encode())
            digest.update(b"-" if frame.world_T_cam is None else np.ascontiguousarray(frame.world_T_cam).tobytes())
        if self.frames.kept is not None:
            digest.update(self.frames.kept.numpy().tobytes())
        if self.labels is not None:
            digest.update(self.labels.digest.encode())
        return digest.hexdigest()

    def batches(self, share: Share, first_turn: int, turns: int) -> Iterator[Samples]:
        """Every batch of one process, from ``first_turn`` on.

        Workers are fresh processes, not forks: a fork of a process in which OpenGL draws kills both.
        """
        if not self.workers:
            yield from (self.batch(share, turn) for turn in range(first_turn, turns))
            return
        yield from DataLoader(
            _Turns(self, share, first_turn, turns),
            batch_size=None,
            num_workers=self.workers,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            multiprocessing_context="spawn",
        )

    def batch(self, share: Share, turn: int) -> Samples:
        """One process's part of one turn."""
        drawn = [sample_at(place, len(self), share.seed) for place in share.places(turn)]
        draws = [draw_for(share.seed, epoch, sample) for epoch, sample in drawn]
        chosen = [self.triples[sample] for _, sample in drawn]
        targets = [target for _, target, _ in chosen]
        cameras = [self.frames.frames[target].camera.resized(self.frames.size_hw) for target in targets]
        views = [(t, p, f) for p, t, f in chosen] if self.has_sources else [(t,) for t in targets]
        return Samples(
            frames=torch.stack([torch.stack([self.frames[number] for number in numbers]) for numbers in views]),
            K=stack_intrinsics(cameras),
            source_T_target=torch.stack([self._poses(triple) for triple in chosen]) if self.has_poses else None,
            source_is_earlier=torch.tensor([True, False] if self.has_sources else [], dtype=torch.bool),
            is_flipped=torch.tensor([draw.is_flipped for draw in draws]),
            colour=torch.from_numpy(np.stack([draw.colour for draw in draws])),
            names=tuple(self.names[target] for target in targets),
            labels=self._labels(targets),
        )

    def _labels(self, targets: list[int]) -> dict[str, Tensor]:
        """In metres, 0 where there is none."""
        found = self.labels
        return {} if found is None else {DEPTH_LABEL: torch.stack([found[target] for target in targets])}

    def _poses(self, triple: tuple[int, int, int]) -> Float[Tensor, "2 4 4"]:
        previous, target, following = (_pose(self.frames.frames[number]) for number in triple)
        return source_T_target(previous, target, following)


class _Turns(Dataset[Samples]):
    """What a worker process is asked for."""

    def __init__(self, data: TripleData, share: Share, first: int, end: int) -> None:
        self.data, self.share, self.first, self.end = data, share, first, end

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> Samples:
        return self.data.batch(self.share, self.first + index)


def _as_it_is(samples: Samples) -> Samples:
    return samples


def source_T_target(previous: Rigid, target: Rigid, following: Rigid) -> Float[Tensor, "2 4 4"]:
    """From ``world_T_cam`` of a triple: how its sources see the target."""
    seen = [inverse_rigid(source) @ target for source in (previous, following)]
    return torch.as_tensor(np.stack(seen), dtype=torch.float32)


def load_triples(sources: list[Path], wanted: Wanted, progress: Progress = quiet) -> TripleData:
    """Open sequences, or folders that hold some, and decode what their triples need."""
    found = _Found()
    runs = None if wanted.labels is None else LabelRuns.open(wanted.labels)
    for sequence in _sequences(sources):
        found.add(sequence, wanted, runs)
    if not found.triples:
        reasons = "; ".join(f"{count} targets: {reason}" for reason, count in found.lost.most_common())
        raise DataError(f"there is no triple to train on in {', '.join(map(str, sources))} ({reasons or 'no frames'})")
    frames = Frames(found.frames, wanted.size_hw, wanted.memory_bytes, progress)
    left_bytes = 0 if frames.kept is None else wanted.memory_bytes - frames.kept.numel()
    labels = None if runs is None else DepthLabels(found.labels, wanted.size_hw, left_bytes, found.stamps, progress)
    return TripleData(
        frames,
        tuple(found.names),
        tuple(found.triples),
        wanted.needs_poses,
        found.lost,
        wanted.workers,
        wanted.needs_sources,
        labels,
    )


@dataclass
class _Found:
    """What the sequences so far give."""

    frames: list[Frame] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    triples: list[tuple[int, int, int]] = field(default_factory=list)
    labels: list[Path | None] = field(default_factory=list)
    """By number of the frame."""
    stamps: list[str] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, sequence: Sequence, wanted: Wanted, runs: LabelRuns | None) -> None:
        """Take in the triples of one more sequence, and only the frames that they need."""
        triples, reasons = _triples_of(sequence, wanted)
        self.lost.update(reasons)
        labels = {} if runs is None else runs.files_of(sequence)
        if runs is not None:
            self.stamps.append(runs.stamp_of(sequence))
            every, triples = triples, [one for one in triples if sequence[one[1]].name in labels]
            self.lost += Counter({NO_LABEL: len(every) - len(triples)})  # nothing is added where none is lost
        used = sorted({number for triple in triples for number in triple})
        place = {number: len(self.frames) + order for order, number in enumerate(used)}
        self.frames += [sequence[number] for number in used]
        self.names += [f"{sequence.name}/{sequence[number].name}" for number in used]
        self.labels += [labels.get(sequence[number].name) for number in used]
        self.triples += [(place[p], place[t], place[f]) for p, t, f in triples]


def _sequences(sources: list[Path]) -> Iterator[Sequence]:
    paths = [path for source in sources for path in find_sequences(source)]
    if not paths:
        raise RequestError("name at least one sequence to train on: --data DIR")
    seen: dict[str, Path] = {}
    for path in paths:
        sequence = open_sequence(path)
        if sequence.name in seen:
            raise RequestError(
                f"{seen[sequence.name]} and {path} are both named {sequence.name}: rename one, only names tell "
                "them apart"
            )
        seen[sequence.name] = path
        yield sequence


def _triples_of(sequence: Sequence, wanted: Wanted) -> tuple[list[tuple[int, int, int]], Counter[str]]:
    """By the rule of distances where poses are needed, else simply the frames before and after, or the target alone."""
    if wanted.needs_poses:
        found = find_triples(require_poses(sequence), wanted.rule)
        return list(found.found), Counter(found.lost)
    targets = range(0, len(sequence), wanted.rule.every)
    if not wanted.needs_sources:
        return [(target, target, target) for target in targets], Counter()
    inner = [target for target in targets if 0 < target < len(sequence) - 1]
    return [(t - 1, t, t + 1) for t in inner], Counter({"no frame on one side": len(targets) - len(inner)})


def _pose(frame: Frame) -> Rigid:
    return cast(Rigid, frame.world_T_cam)  # only frames with a pose are in such triples
