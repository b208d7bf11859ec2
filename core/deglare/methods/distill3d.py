"""3D Distillation (ICCV 2023), its last stage: a fresh network learns from the labels of finished runs.

Labels are made by ``deglare label``: what teachers predict, mended by the surface that many views agree on. Which layer
of a run is learnt from is a setting, so that the paper's ablations are the same method: ``fused`` (whatever strategy
the run was fused with), ``projected``, or ``predicted/TEACHER``. The last is self-teaching, but for the millimetre to
which labels on disk are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deglare.errors import RequestError
from deglare.losses.log_depth import log_depth_over_scales
from deglare.losses.normals import normals_loss
from deglare.methods.method import DEPTH_LABEL, PLACE, Batch, LabelRequest, Trained
from deglare.networks.depth_network import DepthNetwork


@dataclass(frozen=True)
class Distill3D:
    """Log-depth loss to the labels of finished runs; no poses needed, no photometric loss."""

    labels: str = field(default="", metadata=PLACE)
    """A run that deglare label made, or a folder that holds one for each sequence."""
    layer: str = "fused"
    """What of it is learnt: fused, projected, or predicted/TEACHER."""
    scales: Literal[1, 4] = 4
    """How many of the decoder's scales learn: all, or the finest alone."""
    normals: float = 0.0
    """Weight of a second loss, on the normals of the finest scale; 0 is none."""

    def __post_init__(self) -> None:
        if not self.normals >= 0:  # true for NaN too
            raise RequestError(f"the weight of normals is {self.normals:g}: it must be at least 0")

    @property
    def needs_poses(self) -> bool:
        """They are in the labels."""
        return False

    @property
    def needs_sources(self) -> bool:
        """Targets alone."""
        return False

    @property
    def reads(self) -> LabelRequest:
        """One layer of every run."""
        if not self.labels:
            raise RequestError("distill3d needs labels: --method.labels RUN, as deglare label makes it")
        return LabelRequest(Path(self.labels), self.layer)

    def build(self, network: DepthNetwork, seed: int) -> Distilled:
        """Start a training."""
        return Distilled(nn.ModuleDict({"network": network}), self)


@dataclass(eq=False)
class Distilled(Trained):
    """A training under way."""

    config: Distill3D

    def loss(self, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """The mean difference of log depth over the scales, where there are labels, and of normals if asked for."""
        label_m = label_of(batch)
        valid = label_m > 0
        disparities = self.network.disparities(batch.shown[:, 0])[: self.config.scales]
        with torch.autocast(label_m.device.type, enabled=False):
            depth = log_depth_over_scales(disparities, label_m, valid)
            found = {"loss": depth, "labelled": valid.float().mean()}
            if self.config.normals:
                normals = normals_loss(1 / disparities[0], label_m, valid, batch.K)
                total = depth + self.config.normals * normals
                found |= {"loss": total, "depth": depth.detach(), "normals": normals.detach()}
        return found

    @torch.no_grad()
    def show(self, batch: Batch) -> Mapping[str, Tensor]:
        """Input, depth and label; black where there is none."""
        label_m = label_of(batch)
        depth_m = self.network.depth_m(batch.shown[:, 0]).float()
        known = label_m.masked_fill(label_m == 0, torch.nan)
        return {"input": batch.shown[:, 0], "depth": depth_m, "label": known}


def label_of(batch: Batch) -> Float[Tensor, "b 1 h w"]:
    """Depth that came with the batch, in metres, 0 where there is none; a `RequestError` where none came."""
    if DEPTH_LABEL not in batch.labels:
        raise RequestError("these samples have no labels: train on sequences on disk, and name their runs")
    return batch.labels[DEPTH_LABEL]
