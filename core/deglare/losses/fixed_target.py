"""The photometric error of many images to one target that needs no gradient: faster, with the same values.

What depends on the target alone is computed once, and the gradient is written out instead of recorded step by step.
With window means m, variances v and the covariance c,

    SSIM = n1 n2 / (d1 d2),  n1 = 2 mx my + C1,  n2 = 2 c + C2,  d1 = mx^2 + my^2 + C1,  d2 = vx + vy + C2,

and c = mean(x y) - mx my, vy = mean(y^2) - my^2, so the derivative with respect to an image y is
``A'(g_m) + 2 y A'(g_yy) + x A'(g_xy)``, where A' is the adjoint of the window mean.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from deglare.losses.photometric import C1, C2, SSIM_WEIGHT
from deglare.losses.windows import mean3, spread3

CPU_CHUNK = 2
"""Images at a time on the CPU, so that what is computed stays in its caches."""


class Target(NamedTuple):
    """An image, and what SSIM needs to know about it."""

    image: Float[Tensor, "b 3 h w"]
    mean: Float[Tensor, "b 3 h w"]
    variance: Float[Tensor, "b 3 h w"]

    @classmethod
    def of(cls, image: Float[Tensor, "b 3 h w"]) -> Target:
        """Compute the statistics."""
        mean = mean3(image)
        return cls(image, mean, mean3(image * image).sub_(mean * mean))


def error_to(target: Target, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    """What `photometric_error` gives; the gradient flows into ``image`` only."""
    return _ErrorToTarget.apply(image, *target)  # type: ignore[return-value]


class _ErrorToTarget(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, target: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        wants_gradient = ctx.needs_input_grad[0]
        error = torch.empty_like(image[:, :1])
        slopes = image.new_empty((3, *image.shape)) if wants_gradient else None
        for part in _parts(image):
            one = Target(target[part], mean[part], variance[part])
            _forward(image[part], one, error[part], None if slopes is None else slopes[:, part])
        if slopes is not None:
            ctx.save_for_backward(image, target, slopes)
        return error

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        image, target, slopes = ctx.saved_tensors
        (gradient,) = grad_outputs
        out = torch.empty_like(image)
        for part in _parts(image):
            out[part] = _backward(image[part], target[part], slopes[:, part], gradient[part])
        return out, None, None, None


def _parts(image: Tensor) -> list[slice]:
    step = CPU_CHUNK if image.device.type == "cpu" else max(len(image), 1)
    return [slice(start, start + step) for start in range(0, len(image), step)]


def _forward(y: Tensor, x: Target, error: Tensor, slopes: Tensor | None) -> None:
    """Fill in the error, and the derivatives of the structural term by mean(y), mean(y^2) and mean(x y)."""
    mean = mean3(y)
    both, square = x.mean * mean, mean * mean
    n1 = (2 * both).add_(C1)
    n2 = mean3(x.image * y).sub_(both).mul_(2).add_(C2)
    d1 = (x.mean * x.mean).add_(square).add_(C1)
    d2 = mean3(y * y).sub_(square).add_(x.variance).add_(C2)
    least = (d1 * d2).reciprocal_()
    likeness = n1 * n2 * least
    distance = ((1 - likeness) / 2).clamp_(0, 1)
    colour = (x.image - y).abs_().mean(1, keepdim=True)
    torch.add((1 - SSIM_WEIGHT) * colour, distance.mean(1, keepdim=True), alpha=SSIM_WEIGHT, out=error)
    if slopes is None:
        return
    inside = ((likeness >= -1) & (likeness <= 1)).to(y.dtype).mul_(-SSIM_WEIGHT / (2 * y.shape[1]))
    d2.reciprocal_()
    slopes[0] = ((n2 - n1) * x.mean * least + (d2 - 1 / d1) * mean * likeness).mul_(2).mul_(inside)
    slopes[1] = likeness.mul_(d2).neg_().mul_(inside)
    slopes[2] = n1.mul_(least).mul_(2).mul_(inside)


def _backward(y: Tensor, x: Tensor, slopes: Tensor, gradient: Tensor) -> Tensor:
    by_mean, by_square, by_product = spread3(slopes * gradient)
    colour = torch.sign(y - x).mul_((1 - SSIM_WEIGHT) / y.shape[1]).mul_(gradient)
    return colour.add_(by_mean).add_(by_square.mul_(y), alpha=2).add_(by_product.mul_(x))
