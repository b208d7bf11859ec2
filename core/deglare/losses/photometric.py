"""How differently two images look, pixel by pixel: the error that self-supervised depth minimises.

``P(a, b) = 0.85 * mean_c clamp((1 - SSIM(a, b)) / 2, 0, 1) + 0.15 * mean_c |a - b|``, Monodepth2's form, with SSIM over
3x3 windows, reflected borders and biased variances.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

SSIM_WEIGHT = 0.85
C1, C2 = 0.01**2, 0.03**2


def photometric_error(a: Float[Tensor, "b 3 h w"], b: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Error in [0, 1] at every pixel of two images in [0, 1]."""
    structure = structural_difference(a, b).mean(1, keepdim=True)
    colour = (a - b).abs().mean(1, keepdim=True)
    return SSIM_WEIGHT * structure + (1 - SSIM_WEIGHT) * colour


def structural_difference(a: Float[Tensor, "b c h w"], b: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """``clamp((1 - SSIM) / 2, 0, 1)`` for every channel."""
    a, b = _reflected(a), _reflected(b)
    mean_a, mean_b = _mean3(a), _mean3(b)
    var_a, var_b = _mean3(a * a) - mean_a * mean_a, _mean3(b * b) - mean_b * mean_b
    covariance = _mean3(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + C1) * (2 * covariance + C2)
    most = (mean_a * mean_a + mean_b * mean_b + C1) * (var_a + var_b + C2)
    return ((1 - likeness / most) / 2).clamp(0, 1)


def _reflected(image: Tensor) -> Tensor:
    return functional.pad(image, (1, 1, 1, 1), mode="reflect")


def _mean3(image: Tensor) -> Tensor:
    return functional.avg_pool2d(image, 3, stride=1)
