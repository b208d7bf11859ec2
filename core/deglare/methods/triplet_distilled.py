"""Reflection-aware distillation (ICLR 2025): a student learns from one teacher on reflections, else from another.

Both teachers have the student's architecture: one learned by triplet mining, the other by plain self-supervision, which
keeps more detail. Which of them is believed is decided pixel by pixel by the mined mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deglare.losses.log_depth import log_depth_over_scales, upsampled
from deglare.losses.reprojection import all_finite
from deglare.losses.triplet import TripletRule, triplet_scales
from deglare.methods.frozen import Frozen
from deglare.methods.method import Batch, Trained, known_poses
from deglare.methods.triplet import mined_of
from deglare.networks.depth_network import DepthNetwork


@dataclass(frozen=True)
class TripletDistilled:
    """Log-depth loss to the depth of two frozen teachers; poses are needed for the mask."""

    plain: str = ""
    """The teacher that learned by self-supervision alone."""
    mined: str = ""
    """The one that learned by triplet mining: believed where the mask says reflective."""
    mask: Literal["student", "plain", "mined"] = "student"
    """Whose depth the mask is computed from."""
    rule: TripletRule = field(default_factory=TripletRule)

    @property
    def needs_poses(self) -> bool:
        """The mask compares views."""
        return True

    @property
    def needs_sources(self) -> bool:
        """The mask compares views."""
        return True

    @property
    def reads(self) -> None:
        """Its teachers make the labels while it trains."""
        return None

    def build(self, network: DepthNetwork, seed: int) -> TripletStudent:
        """Start a training."""
        plain = Frozen.load(self.plain, "--method.plain")
        return TripletStudent(
            nn.ModuleDict({"network": network}), self, plain, Frozen.load(self.mined, "--method.mined")
        )


@dataclass(eq=False)
class TripletStudent(Trained):
    """A training under way."""

    config: TripletDistilled
    plain: Frozen
    mined: Frozen

    def loss(self, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """The mean difference of log depth over the scales."""
        scales = self.network.disparities(batch.shown[:, 0])
        mask = self.mask(batch, self.ours(batch, scales[0].detach()))
        label_m = self.label_m(batch, mask)
        with torch.autocast(label_m.device.type, enabled=False):
            loss = log_depth_over_scales(scales, label_m, torch.ones_like(mask))
        return {"loss": loss, "mined": mask.float().mean()}

    @torch.no_grad()
    def ours(self, batch: Batch, target: Float[Tensor, "b 1 _ _"]) -> Float[Tensor, "b n 1 _ _"] | None:
        """What the student sees in target and sources, where the mask goes by that: only the target is learnt from."""
        if self.config.mask != "student":
            return None
        sources = self.network.disparities(batch.shown[:, 1:].flatten(0, 1))[0]
        return torch.cat([target[:, None], sources.unflatten(0, (len(target), -1))], dim=1)

    @torch.no_grad()
    def mask(self, batch: Batch, ours: Float[Tensor, "b n 1 _ _"] | None) -> Bool[Tensor, "b 1 h w"]:
        """Where the teacher that mined is believed; None asks a teacher for the depth that this is mined from."""
        if ours is None:
            teacher = self.plain if self.config.mask == "plain" else self.mined
            frames = torch.cat([batch.target[:, None], batch.sources], dim=1)
            ours = teacher.disparity(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        poses = known_poses(batch)
        if not all_finite(ours, poses, batch.K):
            return torch.zeros_like(batch.target[:, :1], dtype=torch.bool)
        with torch.autocast(batch.target.device.type, enabled=False):
            scales = triplet_scales(batch.views(poses), [ours[:, 0]], [ours[:, 1:]], self.config.rule)
        return mined_of(scales, batch)

    def label_m(self, batch: Batch, mask: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Depth of either teacher."""
        return torch.where(mask, self.mined.depth_m(batch.target), self.plain.depth_m(batch.target))

    @torch.no_grad()
    def show(self, batch: Batch) -> Mapping[str, Tensor]:
        """Input, depth, mask and label."""
        finest = self.network.disparities(batch.shown[:, 0])[0]
        mask = self.mask(batch, self.ours(batch, finest))
        depth_m = 1 / upsampled(finest, (batch.target.shape[2], batch.target.shape[3]))
        return {"input": batch.shown[:, 0], "depth": depth_m, "mined": mask, "teachers": self.label_m(batch, mask)}

    def to(self, device: torch.device) -> None:
        """Move student and teachers."""
        super().to(device)
        for teacher in (self.plain, self.mined):
            teacher.network.to(device)
