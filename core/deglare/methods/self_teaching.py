"""Self-teaching (after mono-uncertainty): a fresh network learns the depth that a frozen one predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from deglare.losses.log_depth import log_depth_over_scales
from deglare.methods.frozen import Frozen
from deglare.methods.method import Batch, Trained
from deglare.networks.depth_network import DepthNetwork


@dataclass(frozen=True)
class SelfTeaching:
    """Log-depth loss to a teacher's prediction; no poses needed, no photometric loss."""

    teacher: str = ""
    """A network of ours: its .safetensors, a published checkpoint's folder, or the name of one shipped here."""
    scales: Literal[1, 4] = 4
    """How many of the decoder's scales learn: all, or the finest alone."""

    @property
    def needs_poses(self) -> bool:
        """Labels replace them."""
        return False

    @property
    def needs_sources(self) -> bool:
        """Targets alone."""
        return False

    @property
    def reads(self) -> None:
        """Its teacher makes the labels while it trains."""
        return None

    def build(self, network: DepthNetwork, seed: int) -> SelfTaught:
        """Start a training."""
        return SelfTaught(nn.ModuleDict({"network": network}), self, Frozen.load(self.teacher, "--method.teacher"))


@dataclass(eq=False)
class SelfTaught(Trained):
    """A training under way."""

    config: SelfTeaching
    teacher: Frozen

    def loss(self, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """The mean difference of log depth over the scales."""
        label_m = self.teacher.depth_m(batch.target)
        disparities = self.network.disparities(batch.shown[:, 0])[: self.config.scales]
        with torch.autocast(label_m.device.type, enabled=False):
            loss = log_depth_over_scales(disparities, label_m, torch.ones_like(label_m, dtype=torch.bool))
        return {"loss": loss}

    @torch.no_grad()
    def show(self, batch: Batch) -> Mapping[str, Tensor]:
        """Input, depth and label."""
        depth_m = self.network.depth_m(batch.shown[:, 0]).float()
        return {"input": batch.shown[:, 0], "depth": depth_m, "teacher": self.teacher.depth_m(batch.target)}

    def to(self, device: torch.device) -> None:
        """Move student and teacher."""
        super().to(device)
        self.teacher.network.to(device)
