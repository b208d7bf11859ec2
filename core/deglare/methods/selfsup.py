"""Self-supervised depth (Monodepth2 and its heirs): each view must look like its neighbours, seen from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deglare.geometry.warping import warp
from deglare.losses.reprojection import PhotometricLoss, reprojection_loss, tie_break_noise
from deglare.methods.method import Batch, Trained, known_poses
from deglare.networks.depth_network import DepthNetwork
from deglare.networks.pose import build_pose, source_T_target

SEED_STRIDE = 1_000_003
"""Sets the seeds of steps apart from those of neighbouring runs."""


@dataclass(frozen=True)
class SelfSup:
    """Photometric loss over one frame before and one after, with known or learned poses."""

    pose: Literal["known", "posenet", "posecnn"] = "known"
    """Known poses make depth metric; a network that learns them makes it right up to a scale."""
    automask: bool = True
    """Leave alone what looks best without any motion."""
    ignore_unseen: bool = False
    """Leave out pixels that fall outside a source, instead of repeating its border as Monodepth2 does."""
    smoothness: float = 1e-3
    """Weight of smoothness at the finest scale."""

    @property
    def needs_poses(self) -> bool:
        """Only where no network learns them."""
        return self.pose == "known"

    @property
    def needs_sources(self) -> bool:
        """They are what the target is compared with."""
        return True

    @property
    def reads(self) -> None:
        """No labels."""
        return None

    def build(self, network: DepthNetwork, seed: int) -> SelfSupervised:
        """Start a training."""
        return SelfSupervised(self.modules(network), self, seed)

    def modules(self, network: DepthNetwork) -> nn.ModuleDict:
        """What learns: the network, and one of poses where they are not known."""
        return nn.ModuleDict({"network": network} | ({} if self.pose == "known" else {"pose": build_pose(self.pose)}))


@dataclass(eq=False)
class SelfSupervised(Trained):
    """A training under way."""

    config: SelfSup
    seed: int

    def loss(self, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Photometric error and smoothness over four scales."""
        poses = self.poses(batch)
        found = self.compare(batch, self.network.disparities(batch.shown[:, 0]), poses, step)
        return {
            "loss": found.total,
            "photometric": found.photometric.detach(),
            "smoothness": found.smoothness.detach(),
            "moving": found.moving.float().mean(),
        }

    def poses(self, batch: Batch) -> Float[Tensor, "b s 4 4"]:
        """Known, or what the pose network says about the jittered frames."""
        if self.config.pose == "known":
            return known_poses(batch)
        target, found = batch.shown[:, 0], []
        for number, is_earlier in enumerate(batch.source_is_earlier):
            source = batch.shown[:, 1 + number]
            found.append(source_T_target(self.trained["pose"], target, source, is_earlier.expand(len(target))))
        return torch.stack(found, dim=1)

    def compare(
        self, batch: Batch, disparities: Sequence[Tensor], poses: Float[Tensor, "b s 4 4"], step: int
    ) -> PhotometricLoss:
        """The loss on colours as they were recorded, in float32 whatever the networks run in."""
        config = self.config
        with torch.autocast(batch.target.device.type, enabled=False):
            return reprojection_loss(
                batch.views(poses),
                disparities,
                smoothness_weight=config.smoothness,
                noise=self.noise(batch, step) if config.automask else None,
                automask=config.automask,
                ignore_unseen=config.ignore_unseen,
            )

    def noise(self, batch: Batch, step: int) -> Float[Tensor, "s h w"]:
        """From seed and step alone, and the same on every device."""
        generator = torch.Generator().manual_seed(self.seed * SEED_STRIDE + step)
        height, width = batch.target.shape[2:]
        return tie_break_noise(batch.sources.shape[1], (height, width), generator).to(batch.target.device)

    @torch.no_grad()
    def show(self, batch: Batch) -> Mapping[str, Tensor]:
        """Input, depth, what moves, and the frame before as it would be seen from the target."""
        poses = self.poses(batch)
        disparities = self.network.disparities(batch.shown[:, 0])
        depth_m = 1 / disparities[0]
        warped = warp(batch.sources[:, 0], depth_m, poses[:, 0], batch.K, batch.K).image
        moving = self.compare(batch, disparities, poses, 0).moving
        return {"input": batch.shown[:, 0], "depth": depth_m, "trained on": moving, "before, warped": warped}
