"""Checkpoints: folders that are whole or not there, and of which there is always one once there was one.

``checkpoints/000120/`` holds ``weights.safetensors`` (everything that learns, with its buffers),
``optimiser.safetensors`` and ``state.json`` (step, what the run is, hashes of the other two). A new folder is written
beside its place, moved there, read back, and only then are older ones removed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from deglare import __version__
from deglare.data.files import read_json, write_json
from deglare.errors import CheckpointError, DataError, RequestError
from deglare.networks.weights import load_strictly, read_weights, write_weights

FORMAT = 1
STATE, WEIGHTS, OPTIMISER = "state.json", "weights.safetensors", "optimiser.safetensors"
MISSING = "nothing"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a run was."""

    step: int
    """How many steps were done."""
    identity: Mapping[str, object]
    """What the run is: settings, method and data, JSON-able."""
    weights: Mapping[str, Tensor] = field(repr=False)
    optimiser: Mapping[str, Tensor] = field(repr=False)


def snapshot(step: int, identity: Mapping[str, object], trained: nn.Module, optimiser: Optimizer) -> Checkpoint:
    """Take down where a run is."""
    state: dict[int, dict[str, Tensor]] = optimiser.state_dict()["state"]
    flat = {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}
    return Checkpoint(step, identity, trained.state_dict(), flat)


def restore(checkpoint: Checkpoint, trained: nn.Module, optimiser: Optimizer) -> None:
    """Put a run back where it was."""
    load_strictly(trained, checkpoint.weights, f"the checkpoint of step {checkpoint.step}")
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in checkpoint.optimiser.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = _laid_out(value, parameters[int(number)])
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """In the memory order of its parameter: the fused optimisers take that for granted."""
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value


def write_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = 1) -> Path:
    """Write one, read it back, and remove all but the newest ``keep``.

    A place that is taken is that of the same step, and kept.
    """
    place = folder / f"{checkpoint.step:09d}"
    if not place.exists():
        unfinished = folder / f".{place.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        write_weights(unfinished / WEIGHTS, checkpoint.weights, {})
        write_weights(unfinished / OPTIMISER, checkpoint.optimiser, {})
        state = {
            "format": FORMAT,
            "version": __version__,
            "step": checkpoint.step,
            "identity": dict(checkpoint.identity),
            "sha256": {name: _sha256(unfinished / name) for name in (WEIGHTS, OPTIMISER)},
        }
        write_json(unfinished / STATE, state)
        unfinished.replace(place)
    found = read_checkpoint(place)
    for name, tensor in checkpoint.weights.items():
        if not torch.equal(found.weights[name], tensor.detach().cpu()):
            raise CheckpointError(f"{place} reads back with another {name}: is the disk failing? Older ones are kept")
    for older in _places(folder)[:-keep]:
        if older != place:
            shutil.rmtree(older)
    return place


def read_checkpoint(place: Path) -> Checkpoint:
    """Read one; a `CheckpointError` where anything is missing or changed."""
    state = read_json(place / STATE)
    match state:
        case {
            "format": int() as form,
            "step": int() as step,
            "identity": dict() as identity,
            "sha256": dict() as hashes,
        }:
            pass
        case _:
            raise CheckpointError(f"{place / STATE} is not the state of a training: remove {place}")
    if form != FORMAT:
        raise CheckpointError(f"{place} has format {form}, but this version reads {FORMAT}: update deglare")
    for name in (WEIGHTS, OPTIMISER):
        if not (place / name).is_file() or hashes.get(name) != _sha256(place / name):
            raise CheckpointError(f"{place / name} is missing or has changed since it was written: remove {place}")
    optimiser = read_weights(place / OPTIMISER).tensors
    return Checkpoint(step, identity, read_weights(place / WEIGHTS).tensors, optimiser)


def newest_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole one, and what is wrong with those after it."""
    faults: list[str] = []
    for place in reversed(_places(folder)):
        try:
            return read_checkpoint(place), faults
        except (CheckpointError, DataError) as error:
            faults.append(str(error))
    if faults:
        raise CheckpointError(f"no checkpoint in {folder} can be read: {'; '.join(faults)}")
    return None, faults


def discard(folder: Path, step: int) -> None:
    """Remove checkpoints after ``step``, which cannot be read, and what a crash left unfinished."""
    for place in [*folder.glob(".*.unfinished"), *(p for p in _places(folder) if int(p.name) > step)]:
        shutil.rmtree(place)


def require_same(identity: Mapping[str, object], found: Mapping[str, object], where: Path) -> None:
    """Raise a `RequestError` that shows every difference between this run and the one in a checkpoint."""
    here, there = flattened(identity), flattened(found)
    names = [name for name in dict.fromkeys([*here, *there]) if here.get(name, MISSING) != there.get(name, MISSING)]
    if names:
        lines = [f"{name}: {there.get(name, MISSING)} there, {here.get(name, MISSING)} here" for name in names]
        raise RequestError(
            f"{where} holds a run with other settings or data ({'; '.join(lines)}): ask for the same, or choose "
            "another --out"
        )


def flattened(tree: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested settings by dotted name."""
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _places(folder: Path) -> list[Path]:
    """Folders of checkpoints, oldest first."""
    return sorted((p for p in folder.glob("[0-9]*") if p.is_dir() and p.name.isdigit()), key=lambda p: int(p.name))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
