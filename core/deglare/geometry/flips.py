"""Mirroring a view left to right: the image, its intrinsics and its poses must all be flipped together.

A flipped image with an unflipped principal point or pose is not a view of any scene, and trains a wrong network
without a complaint.
"""

from __future__ import annotations

from jaxtyping import Float, Shaped
from torch import Tensor


def flip_image(image: Shaped[Tensor, "b c h w"]) -> Shaped[Tensor, "b c h w"]:
    """Mirror images, depth maps or masks left to right."""
    return image.flip(-1)


def flip_intrinsics(K: Float[Tensor, "b 3 3"], width: int) -> Float[Tensor, "b 3 3"]:
    """The intrinsics of images that were mirrored left to right: cx becomes (width - 1) - cx."""
    signs = K.new_tensor([[1, 1, -1], [1, 1, 1], [1, 1, 1]])
    shift = K.new_tensor([[0, 0, width - 1], [0, 0, 0], [0, 0, 0]])
    return K * signs + shift


def flip_pose(a_T_b: Float[Tensor, "b 4 4"]) -> Float[Tensor, "b 4 4"]:
    """The transform between two views that were both mirrored: F T F with F = diag(-1, 1, 1, 1)."""
    mirror = a_T_b.new_tensor([-1, 1, 1, 1])
    return a_T_b * (mirror[:, None] * mirror)
