"""Procedural textures: ``make_texture(rng, kind)`` gives linear RGB reflectance factors, size x size x 3, that tile.

A texture is a pattern around 1 that its surface multiplies with a tint; pictures and books carry their own colours.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64

TEXTURE_SIZE = 256

Rng = np.random.Generator
Pattern = Float64[np.ndarray, "s s"]


def make_texture(rng: Rng, kind: str) -> Float32[np.ndarray, "s s 3"]:
    """One texture of a named kind; `TEXTURES` lists them."""
    made = TEXTURES[kind](rng)
    if made.ndim == 2:
        made = made[..., None] * (1 + 0.03 * np.stack([noise(rng, 1.5) for _ in range(3)], axis=-1))
    return np.clip(made, 0.02, 2.2).astype(np.float32)


def noise(rng: Rng, falloff: float, stretch_yx: tuple[float, float] = (1.0, 1.0)) -> Pattern:
    """Tiling noise of unit deviation with amplitude 1 / frequency**falloff; stretch > 1 smooths along that axis."""
    frequency = np.fft.fftfreq(TEXTURE_SIZE) * TEXTURE_SIZE
    radius = np.hypot(frequency[:, None] * stretch_yx[0], frequency[None] * stretch_yx[1])
    amplitude = np.maximum(radius, 1) ** -falloff
    amplitude[0, 0] = 0
    spectrum = np.fft.fft2(rng.standard_normal((TEXTURE_SIZE, TEXTURE_SIZE))) * amplitude
    field = np.fft.ifft2(spectrum).real
    return field / field.std()


def _plain(rng: Rng) -> Pattern:
    return 1 + 0.02 * noise(rng, 0.8)


def _plaster(rng: Rng) -> Pattern:
    return 1 + 0.04 * noise(rng, 0.7) + 0.03 * noise(rng, 1.6)


def _concrete(rng: Rng) -> Pattern:
    return 1 + 0.15 * noise(rng, 1.1) + 0.06 * noise(rng, 0.3)


def _carpet(rng: Rng) -> Pattern:
    return 1 + 0.2 * noise(rng, 0.3) + 0.1 * noise(rng, 1.3)


def _fabric(rng: Rng) -> Pattern:
    across = np.arange(TEXTURE_SIZE)[None] / TEXTURE_SIZE
    stripes = 0.22 * np.sign(np.sin(2 * np.pi * across * rng.integers(3, 9))) if rng.random() < 0.4 else 0
    return 1 + 0.12 * noise(rng, 0.4) + 0.1 * noise(rng, 1.5) + stripes


def _wood(rng: Rng) -> Pattern:
    return (
        1
        + 0.13 * noise(rng, 1.2, (1.0, 9.0))
        + 0.07 * noise(rng, 0.5, (1.0, 12.0))
        + 0.04 * noise(rng, 0.3, (1.0, 5.0))
    )


def _parquet(rng: Rng) -> Pattern:
    """Planks side by side, each with its own tone and grain, ends offset from row to row."""
    planks, size = 8, TEXTURE_SIZE
    width = size // planks
    pattern = 1 + 0.13 * noise(rng, 1.2, (7.0, 1.0)) + 0.04 * noise(rng, 0.4, (5.0, 1.0))
    for plank in range(planks):
        columns = slice(plank * width, (plank + 1) * width)
        start = rng.integers(size)
        for half in range(2):
            rows = (start + half * size // 2 + np.arange(size // 2)) % size
            pattern[rows, columns] *= 1 + 0.16 * rng.standard_normal()
            pattern[rows[0], columns] *= 0.55
        pattern[:, columns.start] *= 0.55
    return pattern


def _tile(rng: Rng) -> Pattern:
    """Square tiles with a joint between them."""
    tiles, size = int(rng.integers(2, 4)), TEXTURE_SIZE
    edges = np.linspace(0, size, tiles + 1).astype(int)
    pattern = 1 + 0.1 * noise(rng, 1.3)
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            pattern[top:bottom, left:right] *= 1 + 0.07 * rng.standard_normal()
    for edge in edges[:-1]:
        pattern[edge : edge + 3] = 0.55
        pattern[:, edge : edge + 3] = 0.55
    return pattern


def _brick(rng: Rng) -> Pattern:
    size, rows, columns = TEXTURE_SIZE, 8, 4
    height, width = size // rows, size // columns
    pattern = np.ones((size, size))
    for row in range(rows):
        band = slice(row * height, (row + 1) * height)
        for column in range(columns):
            across = (column * width + (row % 2) * width // 2 + np.arange(width)) % size
            pattern[band, across] = 1 + 0.16 * rng.standard_normal()
            pattern[band, across[:3]] = 1.4
        pattern[band.start : band.start + 3] = 1.4
    return pattern * (1 + 0.1 * noise(rng, 0.6))


def _picture(rng: Rng) -> Float64[np.ndarray, "s s 3"]:
    """A poster: a coloured ground with patches and lines."""
    size = TEXTURE_SIZE
    ground = 0.5 + 0.16 * noise(rng, 1.4)[..., None] + 0.08 * np.stack([noise(rng, 1.4) for _ in range(3)], axis=-1)
    paint = 0.35 + 0.5 * rng.random(3)
    image = np.clip(ground, 0.02, 1) * paint
    for _ in range(rng.integers(3, 11)):
        x, y = rng.integers(0, size - 16, 2)
        width, height = rng.integers(12, 120, 2)
        image[y : y + height, x : x + width] = (0.6 * paint + 0.4 * rng.random(3)) * rng.uniform(0.15, 1.2)
    for _ in range(rng.integers(0, 10)):
        x, y = rng.integers(0, size - 60, 2)
        image[y : y + 4, x : x + rng.integers(20, 120)] = rng.random()
    return np.clip(image, 0.02, 0.95)


def _books(rng: Rng) -> Float64[np.ndarray, "s s 3"]:
    """Two boards of book spines."""
    size = TEXTURE_SIZE
    image = np.full((size, size, 3), 0.03)
    for shelf in range(2):
        left = 0
        while left < size:
            width, height = int(rng.integers(6, 20)), int(rng.integers(size // 3, size // 2 - 4))
            top = shelf * size // 2 + size // 2 - height
            image[top : top + height, left : left + width - 1] = (
                0.5 * rng.random(3) + 0.5 * rng.random()
            ) * rng.uniform(0.2, 1)
            left += width
    return np.clip(image, 0.03, 0.95)


TEXTURES: dict[str, Callable[[Rng], np.ndarray]] = {
    "plain": _plain,
    "plaster": _plaster,
    "concrete": _concrete,
    "carpet": _carpet,
    "fabric": _fabric,
    "wood": _wood,
    "parquet": _parquet,
    "tile": _tile,
    "brick": _brick,
    "picture": _picture,
    "books": _books,
}
