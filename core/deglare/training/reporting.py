"""What a run leaves in its folder while it goes: losses, pictures, validation, checkpoints, the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from deglare.data.files import write_image
from deglare.errors import RequestError
from deglare.methods.method import Batch, Method
from deglare.networks.checkpoints import save_network
from deglare.networks.depth_network import DepthNetwork
from deglare.training.journal import LOSSES, NETWORK_FILE, VALIDATION, Journal, read_journal
from deglare.training.settings import TrainSettings, Watching, is_due
from deglare.training.showing import batch_picture, write_loss_plot

Validate = Callable[[DepthNetwork], Mapping[str, float]]
"""Metrics of a network on frames that it does not learn from."""

CHECKPOINTS = "checkpoints"


@runtime_checkable
class Board(Protocol):
    """What TensorBoard offers."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """One number."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class Reporter:
    """Writes the reports of one run; the first process has one.

    Args:
        out: The run's folder.
        settings: How long the run is.
        watching: How often to report.
        step: How many steps were done already; later reports are dropped.
        validate: Called with the network in evaluation mode.
    """

    def __init__(
        self, out: Path, settings: TrainSettings, watching: Watching, step: int, validate: Validate | None = None
    ) -> None:
        self.out, self.settings, self.watching, self.validate = out, settings, watching, validate
        self.losses, self.validations = Journal(out / LOSSES, step), Journal(out / VALIDATION, step)
        self.board = _board(out / "tensorboard", step) if watching.tensorboard else None
        self._sums: dict[str, Tensor] = {}
        self._count, self._since = 0, time.perf_counter()

    def after(self, step: int, found: Mapping[str, Tensor], batch: Batch, method: Method) -> None:
        """Take in one step, counted from 1, and report what is due."""
        self._sums = {name: self._sums.get(name, 0) + value.detach() for name, value in found.items()}
        self._count += 1
        steps, watching = self.settings.steps, self.watching
        if is_due(watching.log_every, step, steps):
            self.flush(step)
        if is_due(watching.picture_every, step, steps):
            self.picture(step, batch, method)
        if self.validate is not None and is_due(watching.validate_every, step, steps):
            with evaluating(method):
                self._write(self.validations, "validation", step, self.validate(method.network))

    def flush(self, step: int) -> None:
        """Write the mean losses of the steps since the last line."""
        if not self._count:
            return
        means = {name: float(total) / self._count for name, total in self._sums.items()}
        seconds = time.perf_counter() - self._since
        means["samples_per_s"] = round(self._count * self.settings.batch / seconds, 2)
        self._write(self.losses, "train", step, means)
        self._sums, self._count, self._since = {}, 0, time.perf_counter()

    def picture(self, step: int, batch: Batch, method: Method) -> None:
        """Draw a batch, and the losses so far."""
        with evaluating(method):
            shown = method.show(batch)
        write_image(self.out / "pictures" / f"{step:09d}.png", batch_picture(shown, batch.names))
        write_loss_plot(self.out / "losses.png", read_journal(self.losses.path), read_journal(self.validations.path))

    def finish(self, method: Method) -> Path:
        """Write the network as `load_model` reads it."""
        network, path = method.network, self.out / NETWORK_FILE
        facts = {"steps": self.settings.steps, "batch": self.settings.batch, "seed": self.settings.seed}
        network.recipe = replace(network.recipe, size_hw=self.settings.size_hw, training=facts)
        save_network(network, path)
        write_loss_plot(self.out / "losses.png", read_journal(self.losses.path), read_journal(self.validations.path))
        return path

    def close(self) -> None:
        """Let go of what is open."""
        if self.board is not None:
            self.board.close()

    def _write(self, journal: Journal, group: str, step: int, values: Mapping[str, float]) -> None:
        journal.add(step, values)
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(f"{group}/{name}", value, step)


@contextmanager
def evaluating(method: Method) -> Iterator[None]:
    """All modules in evaluation mode for a while, each then as it was, and no gradients."""
    modes = {module: module.training for module in method.trained.modules()}
    method.trained.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _board(folder: Path, step: int) -> Board:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RequestError("TensorBoard is not installed: pip install 'deglare[tensorboard]'") from error
    return SummaryWriter(str(folder), purge_step=step + 1)
