"""Which way surfaces face, read from depth."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from deglare.geometry.projection import rays, unproject


class Normals(NamedTuple):
    """Surface normals in camera axes."""

    unit: Float[Tensor, "b 3 h w"]
    """Length 1, facing the camera; zero where not valid."""
    valid: Bool[Tensor, "b 1 h w"]


def normals_from_depth(
    depth_m: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"], K: Float[Tensor, "b 3 3"]
) -> Normals:
    """Normals from steps to the neighbours left or right, above or below: exact on planes.

    Of the two neighbours along a side the one with the smaller change of depth is taken, so that the edges of things
    stay sharp; a pixel without a valid neighbour along either side has no normal.
    """
    points = unproject(depth_m.masked_fill(~valid, 0), K)
    along_x, valid_x = _step(points, valid, dim=3)
    along_y, valid_y = _step(points, valid, dim=2)
    kept = valid & valid_x & valid_y
    towards_camera = torch.linalg.cross(along_y, along_x, dim=1)
    return Normals(functional.normalize(towards_camera, dim=1, eps=1e-20).masked_fill(~kept, 0), kept)


def cos_incidence(unit_normals: Float[Tensor, "b 3 h w"], K: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 1 h w"]:
    """Cosine between the normal and the way back to the camera: 1 seen head-on, 0 seen edge-on or without a normal."""
    directions = functional.normalize(rays(K, (unit_normals.shape[2], unit_normals.shape[3])), dim=1)
    return -(directions * unit_normals).sum(1, keepdim=True).clamp(-1, 0)


def _step(
    points: Float[Tensor, "b 3 h w"], valid: Bool[Tensor, "b 1 h w"], dim: int
) -> tuple[Float[Tensor, "b 3 h w"], Bool[Tensor, "b 1 h w"]]:
    """The step to the next or from the previous point along ``dim``, whichever changes z less."""
    steps = points.diff(dim=dim)
    size = points.shape[dim]
    both_valid = valid.narrow(dim, 1, size - 1) & valid.narrow(dim, 0, size - 1)
    cost = steps[:, 2:].detach().abs().masked_fill(~both_valid, torch.inf)
    forwards, backwards = _pad(steps, dim, 0.0), _pad(steps, dim, 0.0, at_start=True)
    cost_forwards, cost_backwards = _pad(cost, dim, torch.inf), _pad(cost, dim, torch.inf, at_start=True)
    chosen = torch.where(cost_forwards <= cost_backwards, forwards, backwards)
    return chosen, torch.minimum(cost_forwards, cost_backwards).isfinite()


def _pad(values: Float[Tensor, "b c h w"], dim: int, fill: float, at_start: bool = False) -> Float[Tensor, "b c h2 w2"]:
    """One more row or column of ``fill`` at the end or the start."""
    edge = values.new_full([1 if i == dim else n for i, n in enumerate(values.shape)], fill)
    return torch.cat([edge, values] if at_start else [values, edge], dim=dim)
