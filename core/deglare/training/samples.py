"""Between a source of batches and a method: samples as they were recorded, with what chance decided about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from deglare.geometry.flips import flip_intrinsics, flip_pose
from deglare.methods.method import Batch
from deglare.training.draws import Share
from deglare.training.jitter import jittered


class Samples(NamedTuple):
    """Some samples, neither flipped nor jittered yet."""

    frames: UInt8[Tensor, "b n 3 h w"]
    """Target, then sources."""
    K: Float[Tensor, "b 3 3"]
    source_T_target: Float[Tensor, "b s 4 4"] | None
    source_is_earlier: Bool[Tensor, " s"]
    is_flipped: Bool[Tensor, " b"]
    colour: Float[Tensor, "b 2 3 3"]
    names: tuple[str, ...]
    labels: Mapping[str, Tensor]
    """Maps ``b c h w``, flipped with the images."""

    def to(self, device: torch.device) -> Samples:
        """On another device."""
        poses = None if self.source_T_target is None else self.source_T_target.to(device, non_blocking=True)
        return Samples(
            self.frames.to(device, non_blocking=True),
            self.K.to(device, non_blocking=True),
            poses,
            self.source_is_earlier.to(device),
            self.is_flipped.to(device, non_blocking=True),
            self.colour.to(device, non_blocking=True),
            self.names,
            {name: label.to(device, non_blocking=True) for name, label in self.labels.items()},
        )


@runtime_checkable
class BatchSource(Protocol):
    """Where samples come from: sequences on disk, or rooms that are rendered while training."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the samples do."""
        ...

    def batches(self, share: Share, first_turn: int, turns: int) -> Iterator[Samples]:
        """This process's part of every turn from ``first_turn`` to before ``turns``; the same however often asked."""
        ...


def augmented(samples: Samples) -> Batch:
    """Flip image, principal point and poses together, and jitter what the networks see."""
    flipped = samples.is_flipped
    width = samples.frames.shape[-1]
    recorded = flipped_where(flipped, samples.frames).float().div_(255)
    K = torch.where(flipped[:, None, None], flip_intrinsics(samples.K, width), samples.K)
    poses = samples.source_T_target
    if poses is not None:
        mirrored = flip_pose(poses.flatten(0, 1)).view_as(poses)
        poses = torch.where(flipped[:, None, None, None], mirrored, poses)
    return Batch(
        target=recorded[:, 0],
        sources=recorded[:, 1:],
        shown=jittered(recorded, samples.colour),
        K=K,
        source_T_target=poses,
        source_is_earlier=samples.source_is_earlier,
        names=samples.names,
        labels={name: flipped_where(flipped, label) for name, label in samples.labels.items()},
    )


def flipped_where(is_flipped: Bool[Tensor, " b"], maps: Tensor) -> Tensor:
    """Mirror some of a batch left to right."""
    chosen = is_flipped.view(-1, *[1] * (maps.ndim - 1))
    return torch.where(chosen, maps.flip(-1), maps)
