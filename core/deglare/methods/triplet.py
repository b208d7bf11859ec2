"""Reflection-aware triplet mining (ICLR 2025), end to end: self-supervision that mirrored light does not mislead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deglare.errors import RequestError
from deglare.losses.fixed_target import Target
from deglare.losses.reprojection import all_finite, identity_errors
from deglare.losses.smoothness import smoothness_over_scales
from deglare.losses.triplet import DETECTOR, TripletRule, TripletScale, triplet_scales
from deglare.methods.method import Batch
from deglare.methods.selfsup import SelfSup, SelfSupervised
from deglare.networks.depth_network import DepthNetwork

Scales = list[Float[Tensor, "b n 1 _ _"]]
"""Disparities in 1/m of target and sources, in that order; finest scale first."""


@dataclass(frozen=True)
class Triplet(SelfSup):
    """Photometric loss, and on mined pixels a triplet loss in its place. Every frame of a triple is predicted."""

    rule: TripletRule = field(default_factory=TripletRule)
    warm_up: int = 1000
    """Steps of plain self-supervision before: the mask of depth that has learnt nothing means nothing."""

    def __post_init__(self) -> None:
        if self.warm_up < 0:
            raise RequestError(f"--method.warm-up {self.warm_up} is no number of steps: give 0 or more")

    def build(self, network: DepthNetwork, seed: int) -> TripletMining:
        """Start a training."""
        return TripletMining(self.modules(network), self, seed)


@dataclass(eq=False)
class TripletMining(SelfSupervised):
    """A training under way."""

    @property
    def own(self) -> Triplet:
        """The settings, with what this method adds."""
        return cast(Triplet, self.config)

    def loss(self, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Plain until it is warm; then mined over four scales."""
        if step < self.own.warm_up:
            return {**super().loss(batch, step), **dict.fromkeys(("mined", "delta"), batch.target.new_zeros(()))}
        scales = frames_disparities(self.network, batch)
        found = self.mine(batch, scales, self.poses(batch), self.own.rule, self.noise(batch, step))
        if not found:
            return {"loss": batch.target.new_full((), torch.nan)}
        mined = torch.stack([scale.loss for scale in found]).mean()
        smoothness = smoothness_over_scales([scale[:, 0] for scale in scales], batch.target, self.config.smoothness)
        return {
            "loss": mined + smoothness,
            "photometric": mined.detach(),
            "smoothness": smoothness.detach(),
            "mined": found[0].mined.float().mean(),
            "delta": found[0].delta.mean(),
        }

    def mine(
        self,
        batch: Batch,
        scales: Scales,
        poses: Float[Tensor, "b s 4 4"],
        rule: TripletRule,
        noise: Float[Tensor, "s h w"] | None = None,
    ) -> list[TripletScale]:
        """On colours as they were recorded; nothing where a disparity or a pose is not finite."""
        if not all_finite(*scales, poses, batch.K):
            return []
        ours, theirs = [scale[:, 0] for scale in scales], [scale[:, 1:] for scale in scales]
        with torch.autocast(batch.target.device.type, enabled=False):
            still = identity_errors(Target.of(batch.target), batch.sources, noise) if self.config.automask else None
            return triplet_scales(batch.views(poses), ours, theirs, rule, still, self.config.ignore_unseen)

    @torch.no_grad()
    def show(self, batch: Batch) -> Mapping[str, Tensor]:
        """Input, depth, what the loss mines, and what a detector of reflections would."""
        scales, poses = frames_disparities(self.network, batch)[:1], self.poses(batch)
        found = {
            title: mined_of(self.mine(batch, scales, poses, rule), batch)
            for title, rule in (("mined", self.own.rule), ("reflective, it says", DETECTOR))
        }
        return {"input": batch.shown[:, 0], "depth": 1 / scales[0][:, 0], **found}


def frames_disparities(network: DepthNetwork, batch: Batch) -> Scales:
    """Of every frame of every triple, in one pass."""
    found = network.disparities(batch.shown.flatten(0, 1))
    return [disparity.unflatten(0, (-1, batch.shown.shape[1])) for disparity in found]


def mined_of(scales: Sequence[TripletScale], batch: Batch) -> Bool[Tensor, "b 1 h w"]:
    """Of the finest scale."""
    return scales[0].mined if scales else torch.zeros_like(batch.target[:, :1], dtype=torch.bool)
