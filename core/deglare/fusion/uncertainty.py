"""How sure depth is: the spread of several predictions of one frame, by several networks or by one alone.

Spreads of different kinds have different sizes: a threshold that suits three networks is too high for one of them
and its mirror image. Compare like with like, or choose thresholds by quantile (`deglare.fusion.levels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from deglare.errors import DataError, RequestError
from deglare.geometry.resizing import resize_image
from deglare.networks.teachers import NetworkTeacher, Teacher, as_image, resized_inverse
from deglare.types import DepthMap, RelativeDepth, Rgb

CROP_SHARE = 7 / 8
"""Sides of a crop, as a share of the frame's: a mild zoom, and four crops still cover every pixel."""

Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class UncertaintyMap:
    """Standard deviation of depth in metres, larger is worse. A pixel that is not valid is neither sure nor unsure."""

    sigma_m: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]

    def __post_init__(self) -> None:
        if self.sigma_m.shape != self.valid.shape:
            raise DataError(
                f"uncertainty is {self.sigma_m.shape} but valid is {self.valid.shape}: resize both together"
            )
        kept = self.sigma_m[self.valid]
        if not np.all((kept >= 0) & (kept < np.inf)):  # false for NaN too
            raise DataError("known uncertainty is a finite standard deviation of at least 0 m: mark the rest unknown")

    @classmethod
    def of_known(cls, sigma_m: Float[np.ndarray, "h w"]) -> UncertaintyMap:
        """NaN is unknown, as in what `read_uncertainty` gives."""
        return cls(np.asarray(sigma_m, dtype=np.float32), ~np.isnan(sigma_m))

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.sigma_m.shape[0], self.sigma_m.shape[1]

    @property
    def known_m(self) -> Float32[np.ndarray, "h w"]:
        """Metres with NaN where unknown, as `write_uncertainty` takes them."""
        return np.where(self.valid, self.sigma_m, np.float32(np.nan))


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one or several networks say about one image."""

    depths: tuple[DepthMap, ...]
    """Of each teacher that was asked for its depth, in their order."""
    uncertainty: UncertaintyMap

    @property
    def depth(self) -> DepthMap:
        """Of the first teacher."""
        return self.depths[0]


def spread(depths: Sequence[DepthMap], ddof: int = 0) -> UncertaintyMap:
    """Standard deviation over several depths of one frame, pixel by pixel.

    Known where all of them are valid: over fewer depths it would be another number, for the same threshold.
    Deviations are taken from the first depth before anything is averaged, so that nothing is lost where depths are
    nearly equal, and equal ones give exactly 0.

    Args:
        depths: At least two, of one size.
        ddof: Squares are divided by n - ddof: 0, as published, or 1 for the sample's deviation.
    """
    _require_several(depths, ddof)
    first, *others = depths
    valid = np.logical_and.reduce([depth.valid for depth in depths])
    kept = True if valid.all() else valid  # a mask costs eight times the subtraction
    steps = [np.subtract(d.metres, first.metres, out=np.zeros_like(first.metres), where=kept) for d in others]
    mean = reduce(np.add, steps) / np.float32(len(depths))
    squares = mean * mean
    for step in steps:
        step -= mean
        step *= step
        squares += step
    squares /= np.float32(len(depths) - ddof)
    return UncertaintyMap(np.sqrt(squares), valid)


def flip_spread(teacher: Teacher, rgb: Rgb) -> Estimate:
    """Depth, and half of how far it is from the depth of the mirror image, mirrored back.

    Half of the difference is the standard deviation of the two. Both images go through the network together.
    """
    plain, mirrored = predict_all(teacher, [rgb, np.ascontiguousarray(rgb[:, ::-1])])
    back = DepthMap(np.ascontiguousarray(mirrored.metres[:, ::-1]), np.ascontiguousarray(mirrored.valid[:, ::-1]))
    return Estimate((plain,), spread([plain, back]))


def crop_spread(teacher: Teacher, rgb: Rgb, share: float = CROP_SHARE) -> Estimate:
    """Depth, and how far it is from that of four enlarged crops, one in each corner.

    Crops are enlarged to the frame's size, so that the network works at the size it always works at. To a network
    that is a longer lens: things become larger and so, in its eyes, nearer, by the zoom if it learned that rule
    perfectly. Each crop is therefore multiplied by the one factor that gives it the frame's median depth, whatever
    the network made of the zoom; what is left is where the crop disagrees with the frame about shape, as it does on
    a highlight whose surroundings have changed. A mistake that scales the whole frame stays unseen.

    A pixel lies in one to four crops. Uncertainty is half of the root mean square difference from the frame, which
    does not depend on how many there are; with a single one it is the standard deviation of the two.
    """
    size_hw = (rgb.shape[0], rgb.shape[1])
    windows = corner_windows(size_hw, share)
    whole, *parts = predict_all(teacher, [rgb, *(_enlarged(rgb[window], size_hw) for window in windows)])
    squares, seen = np.zeros(size_hw, dtype=np.float32), np.zeros(size_hw, dtype=np.uint8)
    for window, part in zip(windows, parts, strict=True):
        _add_square_difference(squares, seen, window, whole, part)
    valid = seen > 0
    sigma = np.sqrt(np.divide(squares, seen, out=squares, where=valid)) / np.float32(2)
    return Estimate((whole,), UncertaintyMap(sigma, valid))


def corner_windows(size_hw: tuple[int, int], share: float) -> list[Window]:
    """Four windows with sides of ``share`` of the frame's, one in each corner; together they cover it."""
    if not 0.5 <= share < 1:
        raise RequestError(f"crops with {share:g} of the frame's sides do not do: choose a share from 0.5 to below 1")
    height, width = (max(int(np.ceil(side * share)), 1) for side in size_hw)
    rows = (slice(0, height), slice(size_hw[0] - height, size_hw[0]))
    columns = (slice(0, width), slice(size_hw[1] - width, size_hw[1]))
    return [(row, column) for row in rows for column in columns]


def predict_all(teacher: Teacher, rgbs: Sequence[Rgb]) -> list[DepthMap]:
    """Metric depth of several images of one size, in one pass where the teacher can."""
    found = teacher.predict_batch(rgbs) if isinstance(teacher, NetworkTeacher) else map(teacher.predict, rgbs)
    return [_metric(depth, teacher) for depth in found]


def _metric(depth: DepthMap | RelativeDepth, teacher: Teacher) -> DepthMap:
    if isinstance(depth, RelativeDepth):
        raise RequestError(f"{teacher.name} predicts relative depth, which has no spread in metres: align it first")
    return depth


def _require_several(depths: Sequence[DepthMap], ddof: int) -> None:
    if len(depths) < 2 or not 0 <= ddof < len(depths):
        raise RequestError(
            f"a spread of {len(depths)} depths with ddof {ddof} is none: give two depths or more than ddof"
        )
    sizes = {depth.size_hw for depth in depths}
    if len(sizes) > 1:
        raise DataError(f"depths of one frame have the sizes {sorted(sizes)} (height, width): predict them at one size")


def _enlarged(rgb: Rgb, size_hw: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    resized = resize_image(as_image(rgb)[None], size_hw)[0]
    return (resized * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _add_square_difference(
    squares: Float32[np.ndarray, "h w"], seen: UInt8[np.ndarray, "h w"], window: Window, whole: DepthMap, part: DepthMap
) -> None:
    """Add to the sums of one window what a crop, scaled to the frame's median, differs from the frame."""
    metres, valid = whole.metres[window], whole.valid[window]
    inverse = np.divide(1, part.metres, out=np.zeros_like(part.metres), where=part.valid)
    inverse, in_part = resized_inverse(inverse, part.valid, (metres.shape[0], metres.shape[1]))
    both = valid & in_part & (inverse > 0)
    if not both.any():
        return
    factor = np.median(metres[both] * inverse[both])
    difference = metres[both] - factor / inverse[both]
    squares[window][both] += difference * difference
    seen[window][both] += 1
