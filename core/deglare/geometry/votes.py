"""The votes of one view for the voxels of its blocks, added to their sums.

At a voxel, s is the predicted depth in its pixel less the voxel's own depth: positive in front of the surface. A view
of weight w adds w clip(s, 0, t) to FREE and w clip(-s, 0, t) to SOLID, the latter up to B behind its surface.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64, UInt8
from torch import Tensor
from torch.nn import functional

from deglare.geometry.blocks import OFFSETS, SIDE, VOXELS, BlockPool
from deglare.geometry.depth_view import DepthView
from deglare.geometry.projection import NEAREST_Z_M
from deglare.geometry.volume_settings import VolumeSettings

FREE, SOLID, WEIGHT, COLOUR, COLOUR_WEIGHT = 0, 1, 2, slice(3, 6), 6
"""Places of the sums of a voxel. The last two are there where colours are fused."""

SUMS, SUMS_WITH_COLOUR = 3, 7

CHUNK_BLOCKS = {"cpu": 128, "cuda": 8192}
"""Blocks that are worked on together: on a CPU what they need stays in the cache."""

COLOUR_REACH_VOXELS = 2
"""So near to its surface a view's colour counts in full."""

FAR_AWAY_M = 1e6
"""Where voxels behind the camera are put: beyond everything, so that they get no vote."""


class Lookup:
    """What a view has at the pixels of voxels. A border of one pixel without a vote stands for all that is outside."""

    def __init__(
        self,
        view: DepthView,
        weights: Float32[np.ndarray, "h w"] | None,
        rgb: UInt8[np.ndarray, "h w 3"] | None,
        device: torch.device,
    ) -> None:
        self.size_hw = (view.metres.shape[0] + 2, view.metres.shape[1] + 2)
        self.metres = _bordered(view.metres, -np.inf, device)
        self.weights = None if weights is None else _bordered(weights, 0, device)
        self.colours = [] if rgb is None else [_bordered(rgb[..., i].astype(np.float32), 0, device) for i in range(3)]
        # one pixel for the border and a half, so that cutting off decimals is rounding
        self.image_T_world = view.image_T_world(shift_px=1.5)


class Voting:
    """Where votes are worked out. Holds the memory that every chunk of blocks needs again."""

    def __init__(self, settings: VolumeSettings, device: torch.device) -> None:
        self._settings, self._device = settings, device
        chunk = CHUNK_BLOCKS.get(device.type, CHUNK_BLOCKS["cuda"])
        self._x, self._y, self._z, self._s = torch.empty(4, chunk, VOXELS, device=device).unbind()
        self._pixel, self._row = torch.empty(2, chunk, VOXELS, device=device, dtype=torch.int32).unbind()
        sums = SUMS_WITH_COLOUR if settings.with_colour else SUMS
        self._votes = torch.empty(chunk, sums, VOXELS, device=device)

    def vote(
        self,
        lookup: Lookup,
        pool: BlockPool,
        corners: Int64[np.ndarray, "n 3"],
        rows: Int64[np.ndarray, " n"],
    ) -> None:
        """Add the votes of a view for the blocks at ``corners``, which are ``rows`` of the pool."""
        image_T_world, step_m = lookup.image_T_world, self._settings.voxel_m
        starts = corners * (SIDE * step_m) @ image_T_world[:, :3].T + image_T_world[:, 3]
        steps = (OFFSETS * step_m) @ image_T_world[:, :3].T
        starts, steps = (torch.from_numpy(a.astype(np.float32)).to(self._device) for a in (starts, steps.T))
        places = torch.from_numpy(rows).to(self._device)
        for some, where in zip(starts.split(len(self._x)), places.split(len(self._x)), strict=True):
            self._find_pixels(some, steps, lookup.size_hw)
            self._fill_votes(lookup, len(some))
            pool.sums.index_add_(0, where, self._votes[: len(some)])

    def _find_pixels(
        self, starts: Float32[Tensor, "m 3"], steps: Float32[Tensor, "3 v"], size_hw: tuple[int, int]
    ) -> None:
        """Depth z of the voxels of some blocks, and where their pixels stand in the tables of a `Lookup`."""
        x, y, z, pixel, row = (a[: len(starts)] for a in (self._x, self._y, self._z, self._pixel, self._row))
        for axis, out in enumerate((x, y, z)):
            torch.add(starts[:, axis : axis + 1], steps[axis], out=out)
        functional.threshold(z, NEAREST_Z_M, FAR_AWAY_M, inplace=True)
        inverse = torch.reciprocal(z, out=self._s[: len(starts)])
        x.mul_(inverse).clamp_(0, size_hw[1] - 1)
        y.mul_(inverse).clamp_(0, size_hw[0] - 1)
        pixel.copy_(x)
        row.copy_(y)
        pixel.add_(row, alpha=size_hw[1])

    def _fill_votes(self, lookup: Lookup, count: int) -> None:
        clip, settings = self._settings.clip_m, self._settings
        votes, pixel, s = self._votes[:count], self._pixel[:count], self._s[:count]
        free, solid, weight = votes[:, FREE], votes[:, SOLID], votes[:, WEIGHT]
        _look_up(lookup.metres, pixel, s).sub_(self._z[:count])
        torch.gt(s, -settings.back_m, out=weight)
        if lookup.weights is not None:
            weight.mul_(_look_up(lookup.weights, pixel, self._x[:count]))
        torch.clamp(s, 0, clip, out=free)
        torch.clamp(s.neg_(), 0, clip, out=solid).mul_(weight)
        if lookup.weights is not None:
            free.mul_(weight)  # without weights it is 1 wherever the voxel is free
        if settings.with_colour:
            self._fill_colours(lookup, count)

    def _fill_colours(self, lookup: Lookup, count: int) -> None:
        """A view that sees a voxel far from its surface has its say about the colour only where no other has."""
        votes, pixel, nearness = self._votes[:count], self._pixel[:count], self._s[:count]
        reach_m = COLOUR_REACH_VOXELS * self._settings.voxel_m
        nearness.abs_().clamp_(min=reach_m).reciprocal_().mul_(reach_m).pow_(4)
        torch.mul(nearness, votes[:, WEIGHT], out=votes[:, COLOUR_WEIGHT])
        for i, table in enumerate(lookup.colours):
            colour = _look_up(table, pixel, self._x[:count])
            torch.mul(colour, votes[:, COLOUR_WEIGHT], out=votes[:, COLOUR][:, i])


def _look_up(
    table: Float32[Tensor, " n"], pixel: Int32[Tensor, "m v"], out: Float32[Tensor, "m v"]
) -> Float32[Tensor, "m v"]:
    torch.index_select(table, 0, pixel.view(-1), out=out.view(-1))
    return out


def _bordered(values: Float32[np.ndarray, "h w"], border: float, device: torch.device) -> Float32[Tensor, " n"]:
    """A table with one more pixel on every side, row after row."""
    return torch.from_numpy(np.pad(values, 1, constant_values=border)).reshape(-1).to(device)


def signed_distance(sums: Float32[Tensor, "n sums v"], tau: float, min_weight: float) -> Float32[Tensor, "n v"]:
    """The mean of the votes: metres from the surface as far as the views agree on it, positive in free space.

    Free and solid votes are weighed by ``tau`` against each other first. Where all agree the weighing would shift the
    surface between two voxels, so what is left of it after that is divided by its own weight again; that moves no
    sign. NaN where the weight is not over ``min_weight``.
    """
    free, solid, weight = sums[:, FREE], sums[:, SOLID], sums[:, WEIGHT]
    balance = torch.sub(free * tau, solid, alpha=1 - tau)
    distance = torch.where(balance > 0, balance / tau, balance / (1 - tau)) / weight
    return torch.where(weight > min_weight, distance, torch.nan)


def mean_colour(sums: Float32[Tensor, "n sums v"]) -> Float32[Tensor, "n 3 v"]:
    """The weighted mean of the colours, 0 to 255; black where nothing was seen."""
    return sums[:, COLOUR] / sums[:, COLOUR_WEIGHT, None].clamp(min=torch.finfo(sums.dtype).tiny)
