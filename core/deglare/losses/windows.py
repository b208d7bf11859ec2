"""Means over 3x3 windows with mirrored borders, and their adjoint, in whole-image additions without padding."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def mean3(image: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n h w"]:
    """The mean of each pixel and its eight neighbours; beyond the border the image is mirrored at the last pixel."""
    return _sum3(_sum3(image, -1), -2).div_(9)


def spread3(gradient: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n h w"]:
    """The adjoint of `mean3`: ``sum(mean3(a) * b) == sum(a * spread3(b))``."""
    return _spread3(_spread3(gradient, -2), -1).div_(9)


def _sum3(image: Tensor, dim: int) -> Tensor:
    """Sum along one side with its neighbours; the neighbour of an end is the second pixel."""
    size = image.shape[dim]
    out = image.clone()
    out.narrow(dim, 1, size - 1).add_(image.narrow(dim, 0, size - 1))
    out.narrow(dim, 0, size - 1).add_(image.narrow(dim, 1, size - 1))
    out.narrow(dim, 0, 1).add_(image.narrow(dim, 1, 1))
    out.narrow(dim, size - 1, 1).add_(image.narrow(dim, size - 2, 1))
    return out


def _spread3(gradient: Tensor, dim: int) -> Tensor:
    size = gradient.shape[dim]
    out = gradient.clone()
    out.narrow(dim, 0, size - 1).add_(gradient.narrow(dim, 1, size - 1))
    out.narrow(dim, 1, size - 1).add_(gradient.narrow(dim, 0, size - 1))
    out.narrow(dim, 1, 1).add_(gradient.narrow(dim, 0, 1))
    out.narrow(dim, size - 2, 1).add_(gradient.narrow(dim, size - 1, 1))
    return out
