"""Rooms that are rendered while training, on the device that trains: samples without a data set on disk.

At any step a pool of rooms is held. After every ``turnover`` steps the oldest room gives way to the next of the split;
after the last one the first comes again, walked through along another path. A frame is shown many times while its room
stays, so all frames of a room are rendered once, when it enters, and only they are kept: lighting a room takes
seconds, and three frames rendered anew for every sample would take longer than the step that learns from them. A
thread renders one room ahead of need.

What a turn yields follows from its number and the seed alone. A run that goes on renders its pool again, and that is
all it has to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from deglare.data.triples import TripleRule, find_triples
from deglare.errors import DataError, RequestError
from deglare.geometry.projection import stack_intrinsics
from deglare.progress import Progress, quiet
from deglare.rooms.dataset import DATASET, SPLITS, frame_name, scene_name
from deglare.rooms.shooting import ShootSettings, prepare_shoot, view
from deglare.training.draws import Share, draw_for, sample_at, seed_for_pool
from deglare.training.samples import Samples
from deglare.training.triples import source_T_target

LEARNT_FROM = ("train", "val")
"""Splits that may be trained on; the third is for the end."""


@dataclass(frozen=True)
class RoomStream:
    """Which rooms are trained on, in what order, and how long each stays."""

    shoot: ShootSettings
    """Frames of each room, their size, light and noise."""
    split: str = "train"
    rule: TripleRule = field(default_factory=lambda: TripleRule(every=1))
    pool: int = 8
    """Rooms at a time."""
    turnover: int = 50
    """Steps after which the oldest room gives way to the next, so each stays for ``pool`` times as many."""

    def __post_init__(self) -> None:
        if self.split not in LEARNT_FROM:
            raise RequestError(
                f"rooms:{self.split} cannot be trained on: choose rooms:{' or rooms:'.join(LEARNT_FROM)}"
            )
        if min(self.pool, self.turnover) < 1 or self.shoot.frames < 3:
            raise RequestError(
                f"a pool of {self.pool} rooms with {self.shoot.frames} frames each and a new one every {self.turnover} "
                "steps gives no triples: at least one room, three frames and one step are needed"
            )

    def pool_at(self, step: int) -> range:
        """Numbers of the rooms that are there in a step, oldest first; they count on through all laps of the split."""
        first = step // self.turnover
        return range(first, first + self.pool)

    def triples_for(self, share: Share, turn: int, triples: int) -> list[int]:
        """Which of the pool's ``triples`` one process's part of a turn takes; each once before any comes again."""
        first = turn // share.parts // self.turnover
        seed, entered = seed_for_pool(share.seed, first), first * self.turnover * share.batch
        return [sample_at(place - entered, triples, seed)[1] for place in share.places(turn)]


@dataclass(frozen=True, eq=False)
class RenderedRoom:
    """All frames of a walk through a room."""

    name: str
    frames: UInt8[Tensor, "n 3 h w"]
    world_T_cams: Float64[np.ndarray, "n 4 4"]
    triples: tuple[tuple[int, int, int], ...]
    """Numbers of (previous, target, next) frames."""

    def views(self, triple: tuple[int, int, int]) -> UInt8[Tensor, "3 3 h w"]:
        """Target, then sources."""
        previous, target, following = triple
        return torch.stack([self.frames[number] for number in (target, previous, following)])

    def poses(self, triple: tuple[int, int, int]) -> Float[Tensor, "2 4 4"]:
        """How the sources see the target."""
        return source_T_target(*self.world_T_cams[list(triple)])


@dataclass(frozen=True, eq=False)
class RenderedRooms:
    """Samples of rooms that nobody has written down."""

    stream: RoomStream
    device: str = "cpu"
    """Where rooms are rendered and their frames stay; sensor noise is another on another kind of device."""
    progress: Progress = quiet
    """Told while the first pool is rendered."""
    fingerprint: str = field(init=False)
    """Over the kind of device, the split, all settings, and the source code that rooms are made by."""

    def __post_init__(self) -> None:
        digest = hashlib.sha256(repr((DATASET, SPLITS[self.stream.split], self.stream)).encode())
        for file in sorted(files("deglare.rooms").iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
        what = f"rooms:{self.stream.split} on {torch.device(self.device).type}, {digest.hexdigest()}"
        object.__setattr__(self, "fingerprint", what)

    def batches(self, share: Share, first_turn: int, turns: int) -> Iterator[Samples]:
        """Every batch of one process, from ``first_turn`` on; every process renders the whole pool."""
        stream, device = self.stream, _of_this_thread(self.device)
        last = stream.pool_at(max(turns - 1, 0) // share.parts)[-1]
        renderer = ThreadPoolExecutor(1, thread_name_prefix="rooms")
        held: dict[int, Future[RenderedRoom]] = {}
        try:
            for turn in range(first_turn, turns):
                pool = stream.pool_at(turn // share.parts)
                ahead = range(pool.start, min(pool.stop, last) + 1)
                held = {n: held.get(n) or renderer.submit(render_room, stream, n, device) for n in ahead}
                rooms = _finished([held[n] for n in pool], self.progress if turn == first_turn else quiet)
                yield batch_of(rooms, stream, share, turn)
        finally:
            renderer.shutdown(wait=False, cancel_futures=True)


def render_room(stream: RoomStream, number: int, device: torch.device) -> RenderedRoom:
    """Build and light the room of this number, and render its frames."""
    split = SPLITS[stream.split]
    lap, place = divmod(number, split.rooms)
    shoot = prepare_shoot(split.first_seed + place, stream.shoot, device, path=lap)
    frames = torch.stack([view(shoot, frame)[1].permute(2, 0, 1) for frame in range(stream.shoot.frames)])
    name = scene_name(stream.split, place) + (f"-{lap}" if lap else "")
    return RenderedRoom(name, frames, shoot.world_T_cams, find_triples(list(shoot.world_T_cams), stream.rule).found)


def batch_of(pool: Sequence[RenderedRoom], stream: RoomStream, share: Share, turn: int) -> Samples:
    """One process's part of one turn, out of the rooms that are there in its step."""
    triples = [(room, triple) for room in pool for triple in room.triples]
    if not triples:
        raise DataError(
            f"there is no triple in {', '.join(room.name for room in pool)}: render more frames of each room, or "
            "allow longer steps"
        )
    chosen = [triples[number] for number in stream.triples_for(share, turn, len(triples))]
    draws = [draw_for(share.seed, 0, place) for place in share.places(turn)]
    return Samples(
        frames=torch.stack([room.views(triple) for room, triple in chosen]),
        K=stack_intrinsics([stream.shoot.camera] * len(chosen)),
        source_T_target=torch.stack([room.poses(triple) for room, triple in chosen]),
        source_is_earlier=torch.tensor([True, False]),
        is_flipped=torch.tensor([draw.is_flipped for draw in draws]),
        colour=torch.from_numpy(np.stack([draw.colour for draw in draws])),
        names=tuple(f"{room.name}/{frame_name(target)}" for room, (_, target, _) in chosen),
        labels={},
    )


def _finished(rooms: Sequence[Future[RenderedRoom]], progress: Progress) -> list[RenderedRoom]:
    """Wait for rooms."""
    found: list[RenderedRoom] = []
    for room in rooms:
        found.append(room.result())
        progress(len(found), len(rooms))
    return found


def _of_this_thread(name: str) -> torch.device:
    """A device with its number: which CUDA device is the current one is something that every thread has for itself."""
    device = torch.device(name)
    return (
        torch.device("cuda", torch.cuda.current_device()) if device.type == "cuda" and device.index is None else device
    )
