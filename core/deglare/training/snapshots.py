"""The depth network as a training left it in a checkpoint, finished or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from deglare.errors import CheckpointError, RequestError
from deglare.networks.building import NETWORKS, build
from deglare.networks.checkpoints import load_network
from deglare.networks.depth_network import DepthNetwork
from deglare.networks.disparity import MetricRange
from deglare.networks.teachers import NetworkTeacher
from deglare.networks.weights import load_strictly
from deglare.training.checkpoints import STATE, Checkpoint, read_checkpoint
from deglare.training.reporting import CHECKPOINTS

TRAINED = "network."
"""Before the names of the depth network's weights in a checkpoint."""


def snapshots(run_folder: Path) -> list[Path]:
    """The whole checkpoints that a training left in its folder, oldest first.

    There is one, unless the training was told to keep several.
    """
    if not run_folder.is_dir():
        raise RequestError(f"there is no folder {run_folder}: give the folder that a training wrote")
    places = [place for place in (run_folder / CHECKPOINTS).glob("*") if place.name.isdigit()]
    return sorted((place for place in places if (place / STATE).is_file()), key=lambda place: int(place.name))


def load_snapshot(place: Path) -> NetworkTeacher:
    """The depth network of a checkpoint, named by its step."""
    checkpoint = read_checkpoint(place)
    network = _network_as_in(checkpoint.identity, place)
    network.recipe = replace(network.recipe, training=_facts(checkpoint))
    load_strictly(network, _of_network(checkpoint.weights), str(place))
    return NetworkTeacher(network, name=f"step-{checkpoint.step}")


def _network_as_in(identity: Mapping[str, object], place: Path) -> DepthNetwork:
    """The network that a checkpoint's settings describe, with whatever weights.

    A training that started from a trained network took its encoder over, which only that network's file knows.
    """
    match identity.get("settings"):
        case {
            "network": str() as name,
            "depth_range_m": [int() | float() as nearest, int() | float() as farthest],
            "size": [int() as width, int() as height],
            **others,
        } if name in NETWORKS:
            pass
        case _:
            raise CheckpointError(f"{place} does not say which network it trains: it is from another version")
    depth_range = MetricRange(float(nearest), float(farthest))
    encoder, start = others.get("encoder"), others.get("start")
    if isinstance(start, str):
        network = load_network(start, depth_range)
    else:
        with torch.random.fork_rng(devices=[]):
            network = build(name, encoder=encoder if isinstance(encoder, str) else None, depth_range=depth_range)
    network.recipe = replace(network.recipe, size_hw=(height, width))
    return network


def _facts(checkpoint: Checkpoint) -> dict[str, object]:
    """What a finished training would have written beside the weights."""
    settings = checkpoint.identity.get("settings")
    known = settings if isinstance(settings, dict) else {}
    return {"steps": checkpoint.step, **{name: known[name] for name in ("batch", "seed") if name in known}}


def _of_network(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(TRAINED): value for name, value in weights.items() if name.startswith(TRAINED)}
