"""From a network's sigmoid to inverse depth in 1/m and depth in metres, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Float
from torch import Tensor

from deglare.errors import RequestError


@dataclass(frozen=True)
class MetricRange:
    """The depths in metres that a sigmoid of 1 (nearest) and of 0 (farthest) stand for."""

    nearest_m: float
    farthest_m: float

    def __post_init__(self) -> None:
        if not 0 < self.nearest_m < self.farthest_m < math.inf:
            raise RequestError(
                f"a depth range of {self.nearest_m:g} to {self.farthest_m:g} m is none: give 0 < nearest < farthest"
            )


INDOOR = MetricRange(0.1, 10.0)
"""What every network here is trained with, unless told otherwise."""

KITTI = MetricRange(0.1, 100.0)
"""What the published street networks were trained with: decode them with nothing else."""


@overload
def disparity_of(sigmoid: Float[Tensor, "*shape"], depth_range: MetricRange) -> Float[Tensor, "*shape"]: ...
@overload
def disparity_of(sigmoid: Float[np.ndarray, "*shape"], depth_range: MetricRange) -> Float[np.ndarray, "*shape"]: ...
def disparity_of(sigmoid, depth_range):
    """Inverse depth in 1/m, linear in the sigmoid."""
    least, most = 1 / depth_range.farthest_m, 1 / depth_range.nearest_m
    return least + (most - least) * sigmoid


@overload
def depth_of(sigmoid: Float[Tensor, "*shape"], depth_range: MetricRange) -> Float[Tensor, "*shape"]: ...
@overload
def depth_of(sigmoid: Float[np.ndarray, "*shape"], depth_range: MetricRange) -> Float[np.ndarray, "*shape"]: ...
def depth_of(sigmoid, depth_range):
    """Z-depth in metres, always within the range."""
    return 1 / disparity_of(sigmoid, depth_range)


@overload
def sigmoid_of(depth_m: Float[Tensor, "*shape"], depth_range: MetricRange) -> Float[Tensor, "*shape"]: ...
@overload
def sigmoid_of(depth_m: Float[np.ndarray, "*shape"], depth_range: MetricRange) -> Float[np.ndarray, "*shape"]: ...
def sigmoid_of(depth_m, depth_range):
    """The sigmoid that stands for a depth in metres; outside 0 to 1 where the depth is out of range."""
    least, most = 1 / depth_range.farthest_m, 1 / depth_range.nearest_m
    return (1 / depth_m - least) / (most - least)
