"""Steps that give a network: one that ships, and how any step's network is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from deglare.errors import DataError
from deglare.experiments.steps import Done, Result, Tools
from deglare.networks.teachers import NetworkTeacher, load_model
from deglare.training.journal import NETWORK_FILE


def shipped(network: str) -> Traversable:
    """The weights of a network that come with the package, or where they would be."""
    return files("deglare.samples") / "weights" / f"{network}.safetensors"


@dataclass(frozen=True)
class Shipped:
    """A network that comes with the package."""

    network: str

    @property
    def settings(self) -> Mapping[str, Any]:
        """The weights themselves: another version may ship others."""
        return {"network": self.network, "sha256": hashlib.sha256(shipped(self.network).read_bytes()).hexdigest()}

    @property
    def seconds(self) -> float:
        """Nothing is done."""
        return 0.0

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """It is there."""
        return {"model": self.network}


def weights_of(model: Done) -> Path:
    """The file that holds the network of a finished step."""
    trained = model.place / NETWORK_FILE
    return trained if trained.is_file() else Path(str(shipped(str(model.result["model"]))))


def teacher_of(model: Done, name: str, tools: Tools, size_hw: tuple[int, int] | None = None) -> NetworkTeacher:
    """The network that a step left, under a name of its own, in exact arithmetic.

    Args:
        model: A finished step that gives one.
        name: Tells it from others in a run.
        tools: The device.
        size_hw: Images are resized to this for the network; None: the size it was trained at.
    """
    found = load_model(weights_of(model), device=tools.device)
    if not isinstance(found, NetworkTeacher):
        raise DataError(f"{model.place} holds no network of ours: remove it, and it is made again")
    found.name = name
    found.size_hw = size_hw or found.size_hw
    return found
