"""What decides the numbers of a training, and what is only watched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from deglare.errors import RequestError


@dataclass(frozen=True)
class TrainSettings:
    """Everything but method and data that changes the weights. A run goes on only under the same settings."""

    steps: int
    """How often the weights are changed."""
    network: str = "monodepth2"
    encoder: str | None = None
    """A timm encoder, by name, in place of the network's own."""
    weights: str | None = None
    """The encoder's first weights: "imagenet", or a file; random if not given."""
    start: str | None = None
    """A trained checkpoint that the whole network starts from, such as one trained at a smaller size."""
    depth_range_m: tuple[float, float] = (0.1, 10.0)
    """Nearest and farthest depth that the network can speak of."""
    size: tuple[int, int] = (384, 288)
    """Width and height in pixels."""
    batch: int = 12
    """Samples a step, all devices together."""
    accumulate: int = 1
    """Parts in which a batch is computed, where memory is short."""
    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-4
    encoder_rate: float | None = None
    """Learning rate of the encoder, where it is another one (MonoViT: 5e-5)."""
    milestones: tuple[float, ...] = (26 / 41, 36 / 41)
    """Shares of all steps after which the learning rates are multiplied by ``decay``."""
    decay: float = 0.1
    precision: Literal["32", "bf16"] = "32"
    """Of the networks; losses are always computed in float32."""
    frozen_norm: bool = False
    """Keep batch normalisation at its statistics. Otherwise each CPU process normalises its own share of a batch,
    CUDA devices share theirs."""
    devices: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.steps, self.batch, self.accumulate, self.devices)
        if min(counts) < 1:
            raise RequestError(f"steps, batch, accumulate and devices are {counts}: each must be at least one")
        if self.batch % (self.accumulate * self.devices):
            raise RequestError(
                f"a batch of {self.batch} does not divide into {self.accumulate} parts on {self.devices} devices"
            )
        rates = (self.learning_rate, self.learning_rate if self.encoder_rate is None else self.encoder_rate, self.decay)
        if not all(math.isfinite(rate) and rate >= 0 for rate in rates):
            raise RequestError(f"learning rates and decay are {rates}: none may be negative or infinite")
        if self.start is not None and (self.encoder or self.weights):
            raise RequestError("a checkpoint to start from brings its encoder and weights: leave those two out")
        if not 0 <= self.seed < 1 << 31:
            raise RequestError(f"seed {self.seed} is out of range: 0 to {(1 << 31) - 1}")

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.size[1], self.size[0]

    def rate_factor(self, step: int) -> float:
        """What the learning rates are multiplied by in a step, counted from 0."""
        return self.decay ** sum(step >= share * self.steps for share in self.milestones)


@dataclass(frozen=True)
class Watching:
    """How often a run reports, in steps; 0 is never. None of it changes the weights."""

    log_every: int = 10
    checkpoint_every: int = 500
    keep: int = 1
    """Checkpoints that stay, the newest ones; several from one run are an ensemble."""
    picture_every: int = 500
    validate_every: int = 2000
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if min(self.log_every, self.checkpoint_every, self.picture_every, self.validate_every) < 0:
            raise RequestError("intervals are numbers of steps: 0 is never, none is negative")
        if self.keep < 1:
            raise RequestError(f"a run that keeps {self.keep} checkpoints could not go on: keep at least one")


def is_due(every: int, step: int, steps: int) -> bool:
    """Whether something is to be done after ``step`` of ``steps``, counted from 1; at the end everything is."""
    return every > 0 and (step % every == 0 or step == steps)
