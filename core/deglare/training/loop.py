"""The loop: batches, loss, gradients, one step; on Lightning Fabric for devices, precision and processes.

Where a run stands is one number, its step: batches, chance and learning rates follow from it and the seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from deglare import __version__
from deglare.data.files import write_json
from deglare.errors import DataError, RequestError
from deglare.methods.method import Batch, Method, MethodConfig, Rates
from deglare.networks.building import build
from deglare.networks.checkpoints import load_network
from deglare.networks.depth_network import DepthNetwork
from deglare.networks.disparity import MetricRange
from deglare.progress import Progress, quiet
from deglare.training.checkpoints import (
    Checkpoint,
    discard,
    newest_checkpoint,
    require_same,
    restore,
    snapshot,
    write_checkpoint,
)
from deglare.training.draws import Share, seed_for_step
from deglare.training.journal import CONFIG, NETWORK_FILE
from deglare.training.reporting import CHECKPOINTS, Reporter, Validate
from deglare.training.samples import BatchSource, augmented
from deglare.training.settings import TrainSettings, Watching, is_due

if TYPE_CHECKING:
    from lightning.fabric import Fabric


@dataclass(frozen=True, eq=False)
class Training:
    """One run: what learns, on what, how long, and where the results go."""

    settings: TrainSettings
    method_name: str
    method: MethodConfig
    source: BatchSource
    out: Path
    watching: Watching = field(default_factory=Watching)
    device: str = "auto"
    """auto, cpu or cuda; a run may go on on another one."""

    @property
    def identity(self) -> dict[str, object]:
        """What must be the same for a run to go on."""
        return {
            "settings": _jsonable(asdict(self.settings)),
            "method": {"name": self.method_name, **_settings_of(self.method)},
            "data": self.source.fingerprint,
        }


@dataclass(frozen=True)
class Outcome:
    """How far a run has come."""

    step: int
    resumed_from: int
    is_finished: bool
    is_first_process: bool
    notes: tuple[str, ...] = ()
    """What was found damaged and left out."""


def train(
    training: Training,
    validate: Validate | None = None,
    progress: Progress = quiet,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train from the newest checkpoint in ``training.out``, or from the start, to the last step.

    Args:
        training: The run.
        validate: Called on the first process with the network in evaluation mode.
        progress: Told the steps done.
        stop: Asked after every step; true ends the run with a checkpoint.
    """
    settings, fabric = training.settings, start_fabric(training.settings, training.device)
    checkpoint, notes = newest_checkpoint(training.out / CHECKPOINTS)
    if checkpoint is not None:
        require_same(training.identity, checkpoint.identity, training.out)
    method = start_method(training)
    method.to(fabric.device)
    step_module = _Step(method)
    optimiser = make_optimiser(method, settings, fabric.device)
    if checkpoint is not None:
        restore(checkpoint, method.trained, optimiser)
    first = 0 if checkpoint is None else checkpoint.step
    fabric.barrier()  # everyone has read what is there before the first process changes it
    reporter = _start_reports(training, first, validate) if fabric.is_global_zero else None
    module, wrapped_optimiser = fabric.setup(step_module, optimiser)
    run = Run(training, fabric, method, module, wrapped_optimiser, optimiser, reporter)
    try:
        done = run.steps(first, progress, stop)
    finally:
        if reporter is not None:
            reporter.close()
    is_finished = done == settings.steps
    if is_finished and reporter is not None:
        reporter.finish(method)
    fabric.barrier()
    return Outcome(done, first, is_finished, fabric.is_global_zero, tuple(notes))


@dataclass(eq=False)
class Run:
    """A run under way in one process."""

    training: Training
    fabric: Fabric
    method: Method
    module: nn.Module
    """Gives losses; wrapped for precision and processes."""
    wrapped_optimiser: Optimizer
    optimiser: Optimizer
    reporter: Reporter | None
    """Of the first process alone."""

    def steps(self, first: int, progress: Progress, stop: Callable[[], bool]) -> int:
        """Go from ``first`` steps done to the last, or until asked to stop; returns how many are done."""
        settings = self.training.settings
        parts = settings.accumulate
        share = Share(settings.seed, settings.batch, parts, self.fabric.global_rank, self.fabric.world_size)
        samples = self.training.source.batches(share, first * parts, settings.steps * parts)
        progress = progress if self.reporter is not None else quiet
        self.method.trained.train()
        if settings.frozen_norm:
            freeze_norm(self.method.trained)
        progress(first, settings.steps)
        for step in range(first, settings.steps):
            batches = (augmented(next(samples).to(self.fabric.device)) for _ in range(parts))
            batch, found = self.step(step, batches)
            done = step + 1
            if self.reporter is not None:
                self.reporter.after(done, found, batch, self.method)
            is_stopped = self._any(stop())
            if is_stopped or is_due(self.training.watching.checkpoint_every, done, settings.steps):
                self.save(done)
            progress(done, settings.steps)
            if is_stopped:
                return done
        return settings.steps

    def step(self, step: int, batches: Iterator[Batch]) -> tuple[Batch, Mapping[str, Tensor]]:
        """Change the weights once; returns the last part of the batch and its losses."""
        settings = self.training.settings
        torch.manual_seed(seed_for_step(settings.seed, step, self.fabric.global_rank))
        set_rates(self.optimiser, settings.rate_factor(step))
        self.wrapped_optimiser.zero_grad()
        for part, batch in enumerate(batches, start=1):
            is_last = part == settings.accumulate
            with nullcontext() if is_last else self.fabric.no_backward_sync(self.module):  # type: ignore[arg-type]
                found = self.module(_Sealed(batch), step)
                self._require_finite(found["loss"], batch, step)
                self.fabric.backward(found["loss"] / settings.accumulate)
            if is_last:
                self.wrapped_optimiser.step()
                return batch, found
        raise AssertionError("a step has at least one part")

    def save(self, step: int) -> None:
        """Write a checkpoint, and the losses up to it."""
        if self.reporter is not None:
            self.reporter.flush(step)
            self._require_finite_weights(step)
            taken = snapshot(step, self.training.identity, self.method.trained, self.optimiser)
            write_checkpoint(self.training.out / CHECKPOINTS, taken, self.training.watching.keep)

    def _require_finite(self, loss: Tensor, batch: Batch, step: int) -> None:
        is_bad = not bool(torch.isfinite(loss.detach()))
        if self._any(is_bad):
            where = f"of the batch {', '.join(batch.names)}" if is_bad else "in another process"
            raise DataError(
                f"the loss {where} is not finite in step {step + 1}: look at these frames and their poses, or lower "
                f"--learning-rate; the last checkpoint in {self.training.out / CHECKPOINTS} is from before"
            )

    def _require_finite_weights(self, step: int) -> None:
        bad = [name for name, p in self.method.trained.named_parameters() if not bool(torch.isfinite(p.detach()).all())]
        if bad:
            raise DataError(
                f"after step {step} {len(bad)} parameters are not finite ({bad[0]}, ...): lower --learning-rate; the "
                f"last checkpoint in {self.training.out / CHECKPOINTS} is from before"
            )

    def _any(self, claim: bool) -> bool:
        """Whether any process claims it."""
        if self.fabric.world_size == 1:
            return claim
        total = self.fabric.all_reduce(torch.tensor(float(claim), device=self.fabric.device), reduce_op="sum")
        return bool(total)  # type: ignore[arg-type]


class _Step(nn.Module):
    """What Fabric wraps: the modules that learn, called for a loss."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.trained = method.trained
        self._loss = method.loss

    def forward(self, sealed: _Sealed, step: int) -> dict[str, Tensor]:
        return dict(self._loss(sealed.batch, step))


class _Sealed:
    """Keeps Fabric from rounding what it finds inside: poses and cameras are nothing in bfloat16."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch


def start_fabric(settings: TrainSettings, device: str) -> Fabric:
    """Start the processes; with several devices this command line is run once for each, unless torchrun did that."""
    from lightning.fabric import Fabric
    from lightning.fabric.strategies.ddp import DDPStrategy

    accelerator = device_named(device)
    started = os.environ.get("WORLD_SIZE", str(settings.devices))
    if started != str(settings.devices):
        raise RequestError(f"{started} processes were started for --devices {settings.devices}: give the same number")
    several = settings.devices > 1
    fabric = Fabric(
        accelerator=accelerator,
        devices=settings.devices,
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
    )
    fabric.launch()
    return fabric


def device_named(name: str) -> str:
    """``cuda`` or ``cpu``; auto is CUDA where it works."""
    if name not in ("auto", "cpu", "cuda"):
        raise RequestError(f"there is no device '{name}': choose auto, cpu or cuda")
    works = name != "cpu" and torch.cuda.is_available()
    if name == "cuda" and not works:
        raise RequestError("CUDA does not work here: choose --device cpu, or see deglare doctor")
    return "cuda" if works else "cpu"


def start_method(training: Training) -> Method:
    """A fresh network and its method; equal settings give equal weights."""
    settings = training.settings
    torch.manual_seed(settings.seed)
    method = training.method.build(first_network(settings), settings.seed)
    method.trained.to(memory_format=torch.channels_last)  # a tenth faster on the CPU
    if settings.devices > 1 and device_named(training.device) == "cuda" and not settings.frozen_norm:
        nn.SyncBatchNorm.convert_sync_batchnorm(method.trained)
    return method


def first_network(settings: TrainSettings) -> DepthNetwork:
    """The network before the first step."""
    depth_range = MetricRange(*settings.depth_range_m)
    if settings.start is None:
        return build(settings.network, encoder=settings.encoder, weights=settings.weights, depth_range=depth_range)
    network = load_network(Path(settings.start))
    if (network.recipe.network, network.recipe.depth_range) != (settings.network, depth_range):
        raise RequestError(
            f"{settings.start} is a {network.recipe.network} of {network.recipe.depth_range}, but a "
            f"{settings.network} of {depth_range} was asked for: give the same network and depth range"
        )
    return network


def make_optimiser(method: Method, settings: TrainSettings, device: torch.device) -> Optimizer:
    """Adam or AdamW over the method's groups; ``initial_lr`` is the rate before any milestone."""
    encoder_rate = settings.learning_rate if settings.encoder_rate is None else settings.encoder_rate
    groups = method.groups(Rates(settings.learning_rate, encoder_rate))
    options = [{"params": group.parameters, "lr": group.rate, "initial_lr": group.rate} for group in groups]
    kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.AdamW
    return kind(options, lr=settings.learning_rate, fused=True)


def set_rates(optimiser: Optimizer, factor: float) -> None:
    """Every group's first learning rate times ``factor``."""
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * factor


def freeze_norm(module: nn.Module) -> None:
    """Keep batch normalisation at its statistics; its scale and shift still learn."""
    for part in module.modules():
        if isinstance(part, _NormBase):
            part.eval()


def _start_reports(training: Training, step: int, validate: Validate | None) -> Reporter:
    training.out.mkdir(parents=True, exist_ok=True)
    discard(training.out / CHECKPOINTS, step)
    write_json(training.out / CONFIG, {"version": __version__, **training.identity})
    return Reporter(training.out, training.settings, training.watching, step, validate)


def _settings_of(method: MethodConfig) -> dict[str, object]:
    """All but where things lie: what lies there is in the fingerprint of the data."""
    places = {one.name for one in fields(method) if one.metadata.get("is_place")}  # type: ignore[arg-type]
    settings = asdict(method)  # type: ignore[call-overload]
    return {name: _jsonable(value) for name, value in settings.items() if name not in places}


def _jsonable(value: object) -> object:
    """Tuples as lists, paths as text: what comes back from JSON is what went in."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_jsonable(one) for one in value]
    return str(value) if isinstance(value, Path) else value


__all__ = ["NETWORK_FILE", "Checkpoint", "Outcome", "Training", "train"]
