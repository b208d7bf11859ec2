"""Is loading hidden? Training steps on real data beside steps on one batch that is there already.

    python tests/bench/loading.py [--size 128 96] [--batch 12] [--rounds 4] [--network NAME] [--device cpu] [--json]

The data is the sample scene that ships with the package: once decoded in memory, and once decoded whenever it is
needed, 36 JPEGs of 384x288 a step, by one worker. The batch that is there already is flipped and jittered already, so
the ratios hold the time for that, too. The three take turns in blocks of eight steps; the first three of a block do not
count, in which what was prepared during the other blocks is used up. A worker hides what it does only where it finds an
idle core: on a busy machine look at the time that the training thread itself was at work.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count, repeat
from pathlib import Path
from typing import NamedTuple

import torch

from deglare.data.triples import TripleRule
from deglare.methods import SelfSup
from deglare.methods.method import Batch
from deglare.samples import sample_scene_path
from deglare.training.draws import Share
from deglare.training.loop import Training, make_optimiser, start_method
from deglare.training.samples import augmented
from deglare.training.settings import TrainSettings
from deglare.training.triples import TripleData, Wanted, load_triples

BLOCK, UNCOUNTED = 8, 3
ENDLESS = 1 << 30


class Taken(NamedTuple):
    """Milliseconds of a step."""

    wall: float
    at_work: float
    """Of the training thread alone."""


class Stepper:
    """A training as the trainer starts it."""

    def __init__(self, settings: TrainSettings, source: TripleData, device: torch.device) -> None:
        self.method = start_method(Training(settings, "selfsup", SelfSup(), source, Path(), device=device.type))
        self.method.to(device)
        self.optimiser = make_optimiser(self.method, settings, device)
        self.method.trained.train()
        self.steps = count()

    def step(self, batches: Iterator[Batch]) -> None:
        """Fetch a batch and learn from it."""
        batch = next(batches)
        self.optimiser.zero_grad()
        self.method.loss(batch, next(self.steps))["loss"].backward()
        self.optimiser.step()


def loaded(source: TripleData, settings: TrainSettings, device: torch.device) -> Iterator[Batch]:
    """Batches as the trainer makes them."""
    for samples in source.batches(Share(settings.seed, settings.batch), 0, ENDLESS):
        yield augmented(samples.to(device))


def timed(work: Callable[[], object]) -> Taken:
    """What a GPU was asked for is waited for."""
    wall, at_work = time.perf_counter(), time.thread_time()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return Taken(1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - at_work))


def in_turns(stepper: Stepper, sources: dict[str, Iterator[Batch]], rounds: int) -> dict[str, Taken]:
    """Medians of the steps that count."""
    taken: dict[str, list[Taken]] = {name: [] for name in sources}
    for _ in range(rounds):
        for name, batches in sources.items():
            taken[name] += [timed(lambda b=batches: stepper.step(b)) for _ in range(BLOCK)][UNCOUNTED:]
    return {
        name: Taken(statistics.median(t.wall for t in one), statistics.median(t.at_work for t in one))
        for name, one in taken.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, default=(128, 96))
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--network", default="monodepth2-small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    device, scene, rule = torch.device(asked.device), [sample_scene_path()], TripleRule(every=1)
    settings = TrainSettings(ENDLESS, asked.network, size=tuple(asked.size), batch=asked.batch)
    in_memory = load_triples(scene, Wanted(settings.size_hw, rule))
    on_disk = load_triples(scene, Wanted(settings.size_hw, rule, memory_bytes=0, workers=1))
    sources = {
        "cached": repeat(next(loaded(in_memory, settings, device))),
        "in memory": loaded(in_memory, settings, device),
        "by a worker": loaded(on_disk, settings, device),
    }
    found = in_turns(Stepper(settings, in_memory, device), sources, asked.rounds)
    width, height = asked.size
    print(f"{asked.network} at {width}x{height}, batch {asked.batch}, {device}, {torch.get_num_threads()} threads")
    cached = found["cached"]
    for name, one in found.items():
        print(
            f"{name:<12}{one.wall:9.1f} ms a step, {one.wall / cached.wall:.3f} of cached; "
            f"{one.at_work:9.1f} ms at work, {one.at_work / cached.at_work:.3f} of cached"
        )
    if asked.json:
        ratios = {name: one.wall / cached.wall for name, one in found.items()}
        at_work = {name: one.at_work / cached.at_work for name, one in found.items()}
        result = {"name": "loading", "ratio": ratios["in memory"], "unit": "ms a step", "baseline": cached.wall}
        print(json.dumps(result | {"ours": found["in memory"].wall, "ratios": ratios, "ratios at work": at_work}))


if __name__ == "__main__":
    main()
