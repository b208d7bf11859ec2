"""Tensors on disk: safetensors, or torch's zip read as data only. Nothing in a file is ever run."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from deglare.data.files import write_atomically
from deglare.errors import CheckpointError

MAX_WEIGHT_BYTES = 4 << 30
"""A file of weights that is, or unpacks to, more than this is refused."""

NAMED = 4
"""How many keys an error names before it counts the rest."""

WRAPPERS = ("state_dict", "model")
"""Under these keys some training code keeps the tensors, beside other things."""


@dataclass(frozen=True, eq=False)
class Weights:
    """What a file of weights holds."""

    tensors: dict[str, Tensor]
    numbers: dict[str, object] = field(default_factory=dict)
    """Entries that are no tensors, such as the ``height`` and ``width`` of Monodepth2."""
    metadata: dict[str, str] = field(default_factory=dict)


def read_weights(path: Path) -> Weights:
    """Read ``.safetensors``, or any file that `torch.load` reads without running code."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    if size > MAX_WEIGHT_BYTES:
        raise CheckpointError(f"{path} has {size} bytes, more than the {MAX_WEIGHT_BYTES} that weights may have")
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)


def write_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write safetensors, whole or not at all."""
    from safetensors.torch import save

    packed = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, dict(metadata))
    write_atomically(path, lambda out: out.write(packed))


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Load tensors that must fit exactly and be finite; a `CheckpointError` says which do not, and changes nothing."""
    require_fit(module, tensors, what)
    infinite = [n for n, t in tensors.items() if t.is_floating_point() and not torch.isfinite(t).all()]
    if infinite:
        raise CheckpointError(f"{what} holds numbers that are not finite, in {some_of(infinite)}: training diverged")
    module.load_state_dict(dict(tensors))


def require_fit(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Raise a `CheckpointError` unless names and shapes are those of the module."""
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in tensors]
    unexpected = [name for name in tensors if name not in wanted]
    misshapen = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    found = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    faults = [f"{len(names)} {kind} ({some_of(names)})" for kind, names in found.items() if names]
    if faults:
        raise CheckpointError(f"{what} does not fit this network: {'; '.join(faults)}")


def hash_of_weights(module: nn.Module, *facts: object) -> str:
    """Over names and values of everything that is saved, and facts whose ``repr`` says what they are."""
    digest = hashlib.sha256(repr(facts).encode())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def some_of(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _read_safetensors(path: Path) -> Weights:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            return Weights(tensors, metadata=dict(file.metadata() or {}))
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is no whole safetensors file ({error}): copy it again") from error


def _read_torch(path: Path) -> Weights:
    _require_bounded(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler meets in a hostile file
        raise CheckpointError(
            f"{path} is damaged, or holds more than tensors and numbers, and is not read: save its state_dict alone "
            f"({type(error).__name__})"
        ) from error
    return _sorted_out(loaded, path)


def _sorted_out(loaded: object, path: Path) -> Weights:
    if isinstance(loaded, dict):
        loaded = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), dict)), loaded)
    entries = {key: value for key, value in loaded.items() if isinstance(key, str)} if isinstance(loaded, dict) else {}
    tensors = {key: value for key, value in entries.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors by name: save a state_dict")
    return Weights(tensors, {key: value for key, value in entries.items() if key not in tensors})


def _require_bounded(path: Path) -> None:
    """Torch's files are zip files: refuse one that would unpack to far more than it weighs."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if size > MAX_WEIGHT_BYTES:
        raise CheckpointError(f"{path} would unpack to {size} bytes, more than {MAX_WEIGHT_BYTES}: refused")


def parse_metadata(metadata: Mapping[str, str], key: str, path: Path) -> dict[str, object]:
    """The JSON object under one key of a file's metadata."""
    try:
        value = json.loads(metadata[key])
    except KeyError as error:
        raise CheckpointError(f"{path} does not say which network it belongs to: it was not saved here") from error
    except ValueError as error:
        raise CheckpointError(f"{path} describes its network in broken JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} describes its network as {type(value).__name__}, not as an object")
    return value
