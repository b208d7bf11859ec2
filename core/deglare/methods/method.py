"""What the trainer and the methods agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deglare.errors import RequestError
from deglare.losses.reprojection import Views
from deglare.networks.depth_network import DepthNetwork

DEPTH_LABEL = "depth_m"
"""The name in `Batch.labels` of depth that was read from disk: metres, 0 where there is none."""

PLACE = {"is_place": True}
"""Metadata of a setting that says where something lies: a run may go on after that was moved, if its content is the
same."""


class Batch(NamedTuple):
    """Targets, with one frame before and one after each where a method needs them.

    Colours are in [0, 1]; whatever is flipped is flipped here.
    """

    target: Float[Tensor, "b 3 h w"]
    """As it was recorded: losses compare these colours."""
    sources: Float[Tensor, "b s 3 h w"]
    shown: Float[Tensor, "b n 3 h w"]
    """Target, then sources, in jittered colours: networks see these."""
    K: Float[Tensor, "b 3 3"]
    """In pixels of the images."""
    source_T_target: Float[Tensor, "b s 4 4"] | None
    """Known poses in metres, where there are any."""
    source_is_earlier: Bool[Tensor, " s"]
    names: tuple[str, ...]
    """scene/frame of each target."""
    labels: Mapping[str, Tensor]
    """Whatever else a source of batches has for each target, by name."""

    def views(self, source_T_target: Float[Tensor, "b s 4 4"]) -> Views:
        """What a photometric loss compares."""
        return Views(self.target, self.sources, source_T_target, self.K)


@dataclass(frozen=True)
class LabelRequest:
    """Depth on disk that a method learns from."""

    runs: Path
    """A finished run, or a folder that holds one for each sequence."""
    layer: str
    """fused, projected, or predicted/TEACHER."""


class Rates(NamedTuple):
    """Learning rates at the start."""

    base: float
    encoder: float
    """Of the depth network's encoder."""


class ParameterGroup(NamedTuple):
    """Parameters that share a learning rate."""

    parameters: list[nn.Parameter]
    rate: float


@runtime_checkable
class Method(Protocol):
    """A system in training."""

    @property
    def network(self) -> DepthNetwork:
        """What the training is for; it is saved in the end."""
        ...

    @property
    def trained(self) -> nn.ModuleDict:
        """Everything that learns, the network under the name ``network``."""
        ...

    def loss(self, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """``loss`` is minimised, the others are reported. Equal arguments give equal losses."""
        ...

    def groups(self, rates: Rates) -> list[ParameterGroup]:
        """Every parameter that learns, once."""
        ...

    def show(self, batch: Batch) -> Mapping[str, Tensor]:
        """What a picture of a batch shows, by title.

        Three channels are colours, one channel of booleans is a mask over the image, one of floats is metres.
        """
        ...

    def to(self, device: torch.device) -> None:
        """Move everything, also what does not learn."""
        ...


@runtime_checkable
class MethodConfig(Protocol):
    """The settings of a method: a frozen dataclass."""

    @property
    def needs_poses(self) -> bool:
        """Whether sequences without poses cannot be trained on."""
        ...

    @property
    def needs_sources(self) -> bool:
        """Whether it looks at frames before and after its targets."""
        ...

    @property
    def reads(self) -> LabelRequest | None:
        """Labels that must be read beside the frames."""
        ...

    def build(self, network: DepthNetwork, seed: int) -> Method:
        """Start a training of ``network``; ``seed`` is for what the method itself draws."""
        ...


@dataclass(eq=False)
class Trained:
    """What most methods share: the modules that learn, and their rates."""

    trained: nn.ModuleDict

    @property
    def network(self) -> DepthNetwork:
        """The depth network."""
        return cast(DepthNetwork, self.trained["network"])

    def groups(self, rates: Rates) -> list[ParameterGroup]:
        """The depth network's encoder, and everything else."""
        encoder = list(self.network.encoder.parameters())
        known = set(encoder)
        others = [p for p in self.trained.parameters() if p not in known]
        return [ParameterGroup(encoder, rates.encoder), ParameterGroup(others, rates.base)]

    def to(self, device: torch.device) -> None:
        """Move what learns."""
        self.trained.to(device)


def known_poses(batch: Batch) -> Float[Tensor, "b s 4 4"]:
    """The poses of a batch; a `RequestError` where it has none."""
    if batch.source_T_target is None:
        raise RequestError("these sequences have no poses: learn them with --method.pose posenet, or make them first")
    return batch.source_T_target
