"""Learning from labels which way surfaces face: depth that is right on average may still be bumpy."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from deglare.geometry.normals import normals_from_depth


def normals_loss(
    depth_m: Float[Tensor, "b 1 h w"],
    label_m: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    K: Float[Tensor, "b 3 3"],
) -> Float[Tensor, ""]:
    """Mean of ``1 - cos`` of the angle between the normals of depth and label; zero where no label has a normal.

    Args:
        depth_m: Positive everywhere.
        label_m: What is learnt.
        valid: Where there is a label.
        K: In pixels of both.

    Labels that are not finite and positive are left out whatever ``valid`` says.
    """
    known = valid & label_m.isfinite() & (label_m > 0)
    target = normals_from_depth(label_m.masked_fill(~known, 1.0), known, K)
    found = normals_from_depth(depth_m, known, K)
    both = target.valid & found.valid
    apart = (1 - (target.unit * found.unit).sum(1, keepdim=True)) * both
    return apart.sum() / both.sum().clamp(min=1)
