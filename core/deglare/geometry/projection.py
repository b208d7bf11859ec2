"""Between pixels and points: the conventions of `deglare.types.Camera` on batches of tensors.

Points are in metres, channels first: ``b 3 h w``. Everything is computed in float32 or better, with elementwise
arithmetic only: neither autocast nor TF32 can round a pixel coordinate to bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from deglare.types import Camera

NEAREST_Z_M = 1e-3
"""Points with a smaller z, those behind the camera among them, are not seen."""


def stack_intrinsics(cameras: Sequence[Camera], device: torch.device | str = "cpu") -> Float[Tensor, "b 3 3"]:
    """The intrinsic matrices of some cameras, in float32."""
    return torch.stack([torch.as_tensor(c.matrix, dtype=torch.float32) for c in cameras]).to(device)


def precise(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Half precision becomes float32; float32 and float64 stay as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def rays(K: Float[Tensor, "b 3 3"], size_hw: tuple[int, int]) -> Float[Tensor, "b 3 h w"]:
    """Directions through every pixel centre in camera axes, scaled to z = 1."""
    fx, fy, cx, cy = _numbers(K)
    u = torch.arange(size_hw[1], device=K.device, dtype=fx.dtype)
    v = torch.arange(size_hw[0], device=K.device, dtype=fx.dtype)[:, None]
    x, y = (u - cx) / fx, (v - cy) / fy
    x, y = x.expand(-1, size_hw[0], -1), y.expand(-1, -1, size_hw[1])
    return torch.stack([x, y, torch.ones_like(x)], dim=1)


def unproject(depth_m: Float[Tensor, "b 1 h w"], K: Float[Tensor, "b 3 3"]) -> Float[Tensor, "b 3 h w"]:
    """Camera-axes points in metres of whole maps of z-depth."""
    return precise(depth_m) * rays(K, (depth_m.shape[2], depth_m.shape[3]))


def project(
    points_cam: Float[Tensor, "b 3 h w"], K: Float[Tensor, "b 3 3"]
) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 1 h w"]]:
    """Pixels (x, y) and z in metres of camera-axes points.

    A z below `NEAREST_Z_M` is returned as it is, but its pixel is computed as if it were that far in front: finite,
    with a finite gradient, and meaningless.
    """
    fx, fy, cx, cy = _numbers(K)
    x, y, z = precise(points_cam).split(1, dim=1)
    in_front = z.clamp(min=NEAREST_Z_M)
    return torch.cat([x / in_front * fx[:, None] + cx[:, None], y / in_front * fy[:, None] + cy[:, None]], dim=1), z


def transform(points_b: Float[Tensor, "b 3 h w"], a_T_b: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b 3 h w"]:
    """The same points in axes a."""
    columns = precise(a_T_b)[:, :3, :, None, None]
    x, y, z = precise(points_b)[:, None].unbind(2)
    return columns[:, :, 0] * x + columns[:, :, 1] * y + columns[:, :, 2] * z + columns[:, :, 3]


def compose(a_T_b: Float[Tensor, "b 4 4"], b_T_c: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b 4 4"]:
    """``a_T_c``: the matrix product, unrounded by autocast and TF32."""
    return (precise(a_T_b)[:, :, :, None] * precise(b_T_c)[:, None]).sum(2)


def invert(a_T_b: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b 4 4"]:
    """``b_T_a`` of rigid transforms, by transposing the rotation."""
    precise_pose = precise(a_T_b)
    turned = precise_pose[:, :3, :3].transpose(1, 2)
    moved = -(turned * precise_pose[:, None, :3, 3]).sum(2, keepdim=True)
    return torch.cat([torch.cat([turned, moved], dim=2), precise_pose[:, 3:]], dim=1)


def relative_pose(
    world_T_target: Float[Tensor, "b 4 4"], world_T_source: Float[Tensor, "b 4 4"]
) -> Float[Tensor, "b 4 4"]:
    """``source_T_target``, the matrix that a warp needs."""
    return compose(invert(world_T_source), world_T_target)


def _numbers(K: Float[Tensor, "b 3 3"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """fx, fy, cx and cy, each ``b 1 1``."""
    matrix = precise(K)[:, :, :, None, None]
    return matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, 0, 2], matrix[:, 1, 2]
