"""The volume that fuses depth: votes of every view for free and for solid, and the surface where they balance.

At a place x, s is what a view predicts in x's pixel less x's own depth, w its weight there. The surface is where

    F(x) = tau * sum w clip(s, 0, t) - (1 - tau) * sum w clip(-s, 0, t) [s > -B]

is zero. Both sums are kept, so that any ``tau`` costs nothing once views are fused.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32

from deglare.errors import RequestError
from deglare.geometry.blocks import BlockPool
from deglare.geometry.culling import blocks_in_view
from deglare.geometry.depth_view import prepare_view, require_companions
from deglare.geometry.mesh import Mesh
from deglare.geometry.surface import extract_surface, require_surface
from deglare.geometry.volume_settings import VolumeSettings
from deglare.geometry.votes import SUMS, SUMS_WITH_COLOUR, Lookup, Voting, mean_colour, signed_distance
from deglare.types import Camera, DepthMap, Rgb, Rigid


class Volume:
    """Our own engine. Its memory grows with the space that was seen, not with the number of views."""

    @torch.inference_mode(False)  # sums made in that mode could not be added to outside of it
    def __init__(self, settings: VolumeSettings | None = None, device: torch.device | str = "cpu") -> None:
        self.settings = settings or VolumeSettings()
        self._device = torch.device(device)
        sums = SUMS_WITH_COLOUR if self.settings.with_colour else SUMS
        self._pool = BlockPool(sums, self.settings.max_voxels, self._device)
        self._voting = Voting(self.settings, self._device)
        self.views = 0
        self.views_without_depth = 0

    @property
    def block_count(self) -> int:
        """Blocks of 8 x 8 x 8 voxels that were touched so far."""
        return len(self._pool)

    @torch.inference_mode(False)
    def integrate(
        self,
        depth: DepthMap,
        camera: Camera,
        world_T_cam: Rigid,
        weights: Float32[np.ndarray, "h w"] | None = None,
        rgb: Rgb | None = None,
    ) -> None:
        """Add the votes of one view. The order of the views does not matter, but for rounding.

        Args:
            depth: Metric.
            camera: In pixels of the depth map.
            world_T_cam: Camera to world.
            weights: How much each pixel's vote counts, 1 if not given; 0 is no vote. See `deglare.geometry.incidence`.
            rgb: As large as the depth map; needed where colours are fused, ignored otherwise.
        """
        view = prepare_view(depth, camera, world_T_cam, self.settings)
        require_companions(depth, weights, rgb, self.settings)
        corners = blocks_in_view(view, self.settings.voxel_m, self.settings.back_m)
        rows = self._pool.rows(corners)
        lookup = Lookup(view, weights, rgb if self.settings.with_colour else None, self._device)
        self._voting.vote(lookup, self._pool, corners, rows)
        self.views += 1
        self.views_without_depth += len(corners) == 0

    def mesh(self, tau: float = 0.5, min_weight: float = 0.0) -> Mesh:
        """The fused surface.

        Args:
            tau: The share of the votes that may lie nearer. 0.5 is the middle; less leans near, which is good against
                glare, as that only ever pushes depth farther, and bad elsewhere.
            min_weight: Surface is only where all voxels around have more weight than this.
        """
        if not 0 < tau < 1:
            raise RequestError(f"tau is {tau:g}, but must lie between 0 and 1: 0.5 is the middle, 0.35 leans near")
        sums = self._pool.sums[: self.block_count]
        distance = signed_distance(sums, tau, min_weight).cpu().numpy()
        colour = mean_colour(sums).cpu().numpy() if self.settings.with_colour else None
        mesh = extract_surface(self._pool.corners, distance, colour, self.settings.voxel_m)
        return require_surface(mesh, self.views, self.views_without_depth, self.settings)
