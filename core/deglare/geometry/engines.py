"""The engines that fuse depth, by name, and what they have in common."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32

from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.open3d_volume import Open3dVolume
from deglare.geometry.volume import Volume
from deglare.geometry.volume_settings import VolumeSettings
from deglare.types import Camera, DepthMap, Rgb, Rigid


@runtime_checkable
class DepthVolume(Protocol):
    """Takes view after view, and gives the surface."""

    settings: VolumeSettings
    views: int
    views_without_depth: int

    def integrate(
        self,
        depth: DepthMap,
        camera: Camera,
        world_T_cam: Rigid,
        weights: Float32[np.ndarray, "h w"] | None = None,
        rgb: Rgb | None = None,
    ) -> None:
        """Add one view."""
        ...

    def mesh(self, tau: float = 0.5, min_weight: float = 0.0) -> Mesh:
        """The fused surface; a `DataError` that says why, where there is none."""
        ...


ENGINES = {"votes": Volume, "open3d": Open3dVolume}
"""Our own, and the published one."""


def new_volume(settings: VolumeSettings, engine: str = "votes", device: torch.device | str = "cpu") -> DepthVolume:
    """An empty volume."""
    if engine not in ENGINES:
        raise RequestError(f"there is no engine '{engine}': choose one of {', '.join(ENGINES)}")
    return ENGINES[engine](settings, device)
