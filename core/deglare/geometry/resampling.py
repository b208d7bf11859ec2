"""Depth and labels as arrays at another size. Truth and labels are only ever taken from the nearest pixel."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Shaped
from PIL import Image

from deglare.types import DepthMap, RelativeDepth, SurfaceLabels


def resize_prediction(depth: DepthMap, size_hw: tuple[int, int]) -> DepthMap:
    """Bilinear in disparity, exact to half a pixel; averaged over the larger pixel where it shrinks.

    Pixels without depth take no part; a new pixel is valid where at least half of its weight comes from valid ones.
    """
    if depth.size_hw == size_hw:
        return depth
    disparity = np.zeros(depth.size_hw, dtype=np.float32)
    np.divide(1, depth.metres, out=disparity, where=depth.valid)
    mixed, valid = _mix(disparity, depth.valid, size_hw)
    metres = np.zeros(size_hw, dtype=np.float32)
    np.divide(1, mixed, out=metres, where=valid)
    return DepthMap(metres, valid)


def resize_relative(depth: RelativeDepth, size_hw: tuple[int, int]) -> RelativeDepth:
    """Bilinear in the values themselves: without a scale and shift there is no disparity to be had."""
    if depth.values.shape == size_hw:
        return depth
    return RelativeDepth(*_mix(depth.values, depth.valid, size_hw))


def resize_bilinear(values: Float32[np.ndarray, "h w"], size_hw: tuple[int, int]) -> Float32[np.ndarray, "h2 w2"]:
    """One channel, pixel centres at half pixels, borders repeated."""
    if values.shape == size_hw:
        return values
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.asarray(image.resize((size_hw[1], size_hw[0]), Image.Resampling.BILINEAR))


def resize_nearest(values: Shaped[np.ndarray, "h w"], size_hw: tuple[int, int]) -> Shaped[np.ndarray, "h2 w2"]:
    """The pixel whose centre is nearest."""
    if values.shape == size_hw:
        return values
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(values.shape, size_hw, strict=True)
    )
    return values[rows[:, None], columns]


def nearest_pixels(
    pixels_xy: Float64[np.ndarray, "h w 2"], size_hw: tuple[int, int]
) -> tuple[Int64[np.ndarray, "h w"], Int64[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Rows and columns of the nearest pixel of an image, and where there is one within half a pixel of it."""
    columns, rows = (np.floor(pixels_xy[..., axis] + 0.5).astype(np.int64) for axis in (0, 1))
    inside = (rows >= 0) & (rows < size_hw[0]) & (columns >= 0) & (columns < size_hw[1])
    return np.clip(rows, 0, size_hw[0] - 1), np.clip(columns, 0, size_hw[1] - 1), inside


def resize_truth(truth: DepthMap, size_hw: tuple[int, int]) -> DepthMap:
    """Depth and validity of the nearest pixel."""
    if truth.size_hw == size_hw:
        return truth
    return DepthMap(resize_nearest(truth.metres, size_hw), resize_nearest(truth.valid, size_hw))


def resize_labels(labels: SurfaceLabels, size_hw: tuple[int, int]) -> SurfaceLabels:
    """Every label from the nearest pixel."""
    if labels.reflective.shape == size_hw:
        return labels
    layers = {layer.name: getattr(labels, layer.name) for layer in fields(labels)}
    known = {name: values for name, values in layers.items() if values is not None}
    return replace(labels, **{name: resize_nearest(values, size_hw) for name, values in known.items()})


def _mix(
    values: Float32[np.ndarray, "h w"], valid: Shaped[np.ndarray, "h w"], size_hw: tuple[int, int]
) -> tuple[Float32[np.ndarray, "h2 w2"], Shaped[np.ndarray, "h2 w2"]]:
    """Bilinear means over valid pixels only, and where their weight reaches one half."""
    if valid.all():
        return resize_bilinear(values, size_hw), np.ones(size_hw, dtype=bool)
    weight = resize_bilinear(valid.astype(np.float32), size_hw)
    mixed = resize_bilinear(np.where(valid, values, 0).astype(np.float32), size_hw)
    enough = weight >= 0.5
    return np.divide(mixed, weight, out=np.zeros_like(mixed), where=enough), enough
