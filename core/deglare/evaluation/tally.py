"""Sums over frames that add up: the whole state of a measurement, however many frames it has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from deglare.evaluation.metrics import METRICS, TERMS, metrics_of
from deglare.evaluation.sparsification import SPARSIFICATION_METRICS

ALL_METRICS = (*METRICS, *SPARSIFICATION_METRICS)
Averaging = Literal["images", "pixels"]


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums by region; ``a + b`` is the tally of the frames of both."""

    terms: Float64[np.ndarray, "*g r k"]
    """Sums of `TERMS` over pixels."""
    values: Float64[np.ndarray, "*g r m"]
    """Sums of each image's own `ALL_METRICS`."""
    images: Int64[np.ndarray, "*g r m"]
    """Images that have the metric in the region."""
    frames: int = 0

    @classmethod
    def empty(cls, regions: int) -> Tally:
        """The tally of no frames."""
        shape = (regions, len(ALL_METRICS))
        return cls(np.zeros((regions, len(TERMS))), np.zeros(shape), np.zeros(shape, dtype=np.int64))

    @classmethod
    def of_frame(cls, terms: Float64[np.ndarray, "r k"], sparsified: Float64[np.ndarray, "r s"] | None = None) -> Tally:
        """The tally of one image, with its sparsification numbers where it has an uncertainty."""
        if sparsified is None:
            sparsified = np.full((len(terms), len(SPARSIFICATION_METRICS)), np.nan)
        values = np.concatenate([metrics_of(terms), sparsified], axis=1)
        has = np.isfinite(values)
        return cls(terms, np.where(has, values, 0), has.astype(np.int64), 1)

    @classmethod
    def sum(cls, tallies: Iterable[Tally], regions: int) -> Tally:
        """Add many up."""
        total = cls.empty(regions)
        for tally in tallies:
            total = total + tally
        return total

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.terms + other.terms,
            self.values + other.values,
            self.images + other.images,
            self.frames + other.frames,
        )

    def metrics(self, averaging: Averaging) -> Float64[np.ndarray, "*g r m"]:
        """`ALL_METRICS` by region, NaN where there is nothing to measure.

        ``images`` is the mean of each image's own number. ``pixels`` weighs every pixel alike, which says more about
        regions that are small in many images; sparsification stays a mean over images.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self.values / self.images
        if averaging == "pixels":
            means[..., : len(METRICS)] = metrics_of(self.terms)
        return means


MAX_BLOCKS = 40


class Blocks:
    """The tally of one scene, cut into at most `MAX_BLOCKS` runs of consecutive frames.

    Runs double in length when there are too many of them, so that memory does not grow with the number of frames.
    """

    def __init__(self) -> None:
        self.length = 1
        self.parts: list[Tally] = []

    def add(self, tally: Tally) -> None:
        """Append the next frame, or the next run of frames."""
        if self.parts and self.parts[-1].frames + tally.frames <= self.length:
            self.parts[-1] = self.parts[-1] + tally
        else:
            self.parts.append(tally)
        while len(self.parts) > MAX_BLOCKS:
            self.length *= 2
            pairs = zip(self.parts[::2], self.parts[1::2], strict=False)
            odd = self.parts[len(self.parts) // 2 * 2 :]
            self.parts = [*(a + b for a, b in pairs), *odd]
