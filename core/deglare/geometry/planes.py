"""Planes and what is mirrored in them: where a lamp seems to be, seen in a polished floor.

A plane is a unit normal n and an offset d in metres: the points x with n·x = d. Its axes are named where they matter.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from deglare.geometry.projection import compose, invert, precise, rays


def plane_depth(
    normal_cam: Float[Tensor, "b 3"],
    offset_m: Float[Tensor, " b"],
    K: Float[Tensor, "b 3 3"],
    size_hw: tuple[int, int],
) -> Float[Tensor, "b 1 h w"]:
    """Z-depth of a plane in camera axes, by formula. Not positive where the ray never meets it."""
    slope = (rays(K, size_hw) * normal_cam[:, :, None, None]).sum(1, keepdim=True)
    return offset_m[:, None, None, None] / slope


def transform_plane(
    normal_b: Float[Tensor, "b 3"], offset_b_m: Float[Tensor, " b"], a_T_b: Float[Tensor, "b 4 4"]
) -> tuple[Float[Tensor, "b 3"], Float[Tensor, " b"]]:
    """The same plane in axes a."""
    normal_a = (a_T_b[:, :3, :3] * normal_b[:, None]).sum(2)
    return normal_a, offset_b_m + (normal_a * a_T_b[:, :3, 3]).sum(1)


def mirror_points(
    points: Float[Tensor, "b n 3"], normal: Float[Tensor, "b 3"], offset_m: Float[Tensor, " b"]
) -> Float[Tensor, "b n 3"]:
    """Where points seem to be, seen in the plane: as far behind it as they are in front."""
    above = (points * normal[:, None]).sum(2, keepdim=True) - offset_m[:, None, None]
    return points - 2 * above * normal[:, None]


def mirror_camera(
    world_T_cam: Float[Tensor, "b 4 4"], normal: Float[Tensor, "b 3"], offset_m: Float[Tensor, " b"]
) -> Float[Tensor, "b 4 4"]:
    """The camera that stands behind the mirror and sees the mirrored world as this one sees the real one.

    A mirror swaps left and right, which no rigid camera does: its x axis is turned round, so its image is the flipped
    one and its intrinsics are `flip_intrinsics` of this camera's.
    """
    turned = world_T_cam * world_T_cam.new_tensor([-1, 1, 1, 1])
    return compose(_mirror(normal, offset_m), turned)


def virtual_depth(
    points_world: Float[Tensor, "b n 3"],
    world_T_cam: Float[Tensor, "b 4 4"],
    normal: Float[Tensor, "b 3"],
    offset_m: Float[Tensor, " b"],
) -> Float[Tensor, "b n"]:
    """Z-depth in metres at which a camera sees the mirror images of points: the depth that fools a photometric loss."""
    mirrored = mirror_points(points_world, normal, offset_m)
    cam_T_world = invert(world_T_cam)
    return (mirrored * cam_T_world[:, None, 2, :3]).sum(2) + cam_T_world[:, None, 2, 3]


def _mirror(normal: Float[Tensor, "b 3"], offset_m: Float[Tensor, " b"]) -> Float[Tensor, "b 4 4"]:
    """The reflection as a matrix; its determinant is -1."""
    n, d = precise(normal), precise(offset_m)
    linear = torch.eye(3, dtype=n.dtype, device=n.device) - 2 * n[:, :, None] * n[:, None]
    top = torch.cat([linear, (2 * d[:, None] * n)[:, :, None]], dim=2)
    return functional.pad(top, (0, 0, 0, 1)) + functional.pad(torch.ones_like(top[:, :1, :1]), (3, 0, 3, 0))
