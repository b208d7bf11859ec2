"""Colour jitter as one affine map of colours, so that a whole batch is jittered in one multiplication.

Brightness, contrast, saturation and hue are all linear in an image's colours x and their mean m: any order of them is
``x -> A x + B m``. Unlike torchvision's, the hue turns in the YIQ plane and colours are clamped once, at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64
from torch import Tensor

STRENGTH = 0.2
"""Brightness, contrast and saturation are multiplied by 0.8 to 1.2 ..."""
HUE_TURNS = 0.1
"""... and the hue is turned by up to this share of the circle."""

GREY = np.array([0.299, 0.587, 0.114])
TO_YIQ = np.array([GREY, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
TO_GREY = np.outer(np.ones(3), GREY)
NO_JITTER: Float32[np.ndarray, "2 3 3"] = np.stack([np.eye(3), np.zeros((3, 3))]).astype(np.float32)


class Jitter(NamedTuple):
    """One draw, the same for all frames of a sample."""

    brightness: float
    contrast: float
    saturation: float
    hue_turns: float
    order: tuple[int, ...] = (0, 1, 2, 3)
    """In which the four are applied."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Jitter:
        """Monodepth2's ranges, in a random order."""
        brightness, contrast, saturation = rng.uniform(1 - STRENGTH, 1 + STRENGTH, 3).tolist()
        hue = float(rng.uniform(-HUE_TURNS, HUE_TURNS))
        return cls(brightness, contrast, saturation, hue, tuple(rng.permutation(4).tolist()))


def jitter_matrices(jitter: Jitter) -> Float32[np.ndarray, "2 3 3"]:
    """A and B."""
    eye, zero = np.eye(3), np.zeros((3, 3))
    steps = (
        (jitter.brightness * eye, zero),
        (jitter.contrast * eye, (1 - jitter.contrast) * TO_GREY),
        (jitter.saturation * eye + (1 - jitter.saturation) * TO_GREY, zero),
        (hue_matrix(jitter.hue_turns), zero),
    )
    a, b = eye, zero
    for number in jitter.order:
        of_colour, of_mean = steps[number]
        a, b = of_colour @ a, of_colour @ b + of_mean @ (a + b)  # the mean so far is (A + B) m
    return np.stack([a, b]).astype(np.float32)


def hue_matrix(turns: float) -> Float64[np.ndarray, "3 3"]:
    """Turn colours about the axis of greys, which stay as they are."""
    c, s = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    return np.linalg.solve(TO_YIQ, np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ TO_YIQ)


def jittered(frames: Float[Tensor, "b n 3 h w"], matrices: Float[Tensor, "b 2 3 3"]) -> Float[Tensor, "b n 3 h w"]:
    """Apply each sample's matrices to all its frames; the mean is each frame's own."""
    means = frames.mean((3, 4))
    of_colour, of_mean = matrices[:, None, 0], matrices[:, None, 1]
    shift = (of_mean * means[:, :, None]).sum(3)
    x = frames[:, :, None].unbind(3)
    columns = of_colour[..., None, None]
    mixed = columns[..., 0, :, :] * x[0]  # then in place: fresh memory for every sum takes longer than the sum
    mixed += columns[..., 1, :, :] * x[1]
    mixed += columns[..., 2, :, :] * x[2]
    mixed += shift[..., None, None]
    return mixed.clamp_(0, 1)
