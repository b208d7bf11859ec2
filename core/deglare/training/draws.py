"""Chance without state: every draw follows from (seed, epoch, sample) alone.

So a run that goes on needs no state of any generator, and any number of workers or processes draws the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from deglare.training.jitter import NO_JITTER, Jitter, jitter_matrices

ORDER, SAMPLE, STEP, POOL = 0, 1, 2, 3
"""Keep draws for different purposes apart."""
FLIP_CHANCE = JITTER_CHANCE = 0.5


class Draw(NamedTuple):
    """What chance decides about one sample."""

    is_flipped: bool
    colour: Float32[np.ndarray, "2 3 3"]
    """The jitter, see `deglare.training.jitter`."""


class Share(NamedTuple):
    """Which part of the stream of samples one process gets."""

    seed: int
    batch: int
    """Samples a step, all parts and processes together."""
    parts: int = 1
    process: int = 0
    processes: int = 1

    def places(self, turn: int) -> list[int]:
        """Places in the endless stream; a step has ``parts`` turns."""
        step, part = divmod(turn, self.parts)
        first = step * self.batch
        offset, stride = part * self.processes + self.process, self.parts * self.processes
        return list(range(first + offset, first + self.batch, stride))


def sample_at(place: int, samples: int, seed: int) -> tuple[int, int]:
    """Epoch and sample at a place of the endless stream of permutations."""
    epoch, position = divmod(place, samples)
    return epoch, int(permutation(seed, epoch, samples)[position])


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, samples: int) -> Int64[np.ndarray, " n"]:
    """The order of one epoch."""
    return np.random.default_rng([seed, ORDER, epoch]).permutation(samples)


def draw_for(seed: int, epoch: int, sample: int) -> Draw:
    """Two coins, and the jitter where the second one says so."""
    rng = np.random.default_rng([seed, SAMPLE, epoch, sample])
    is_flipped, is_jittered = bool(rng.random() < FLIP_CHANCE), bool(rng.random() < JITTER_CHANCE)
    return Draw(is_flipped, jitter_matrices(Jitter.drawn(rng)) if is_jittered else NO_JITTER)


def seed_for_step(seed: int, step: int, process: int) -> int:
    """For what draws from torch's own generator, such as drop-path."""
    return int(np.random.SeedSequence([seed, STEP, step, process]).generate_state(1)[0])


def seed_for_pool(seed: int, number: int) -> int:
    """For the order in which samples are drawn from one of many pools."""
    return int(np.random.SeedSequence([seed, POOL, number]).generate_state(1)[0])
