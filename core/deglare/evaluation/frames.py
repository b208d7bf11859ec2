"""One frame compared: sizes, alignment, clamp, sums by region. Nothing is kept and no file is touched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from deglare.evaluation.alignment import Aligned, align, median_ratio
from deglare.evaluation.metrics import term_sums
from deglare.evaluation.protocol import Protocol
from deglare.evaluation.regions import RegionMap, region_map
from deglare.evaluation.sparsification import SPARSIFICATION_METRICS, Sparsification, sparsify_regions
from deglare.evaluation.tally import Tally
from deglare.geometry.resampling import (
    resize_bilinear,
    resize_labels,
    resize_prediction,
    resize_relative,
    resize_truth,
)
from deglare.types import DepthMap, RelativeDepth, SurfaceLabels

SPARSIFIED_REGIONS = ("all", "reflective", "non-reflective", "highlight")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What one frame gives."""

    tally: Tally
    predicted_m: Float32[np.ndarray, "h w"]
    """Aligned and clamped."""
    truth_m: Float32[np.ndarray, "h w"]
    compared: Bool[np.ndarray, "h w"]
    clamped: int
    """Compared pixels whose aligned depth lay outside the range."""
    scale: float
    sparsification: Sparsification | None

    @property
    def error_m(self) -> Float32[np.ndarray, "h w"]:
        """Signed error in metres, above 0 is too far, NaN where nothing is compared."""
        error = np.full(self.truth_m.shape, np.nan, dtype=np.float32)
        np.subtract(self.predicted_m, self.truth_m, out=error, where=self.compared)
        return error


def compare_frame(
    predicted: DepthMap | RelativeDepth,
    truth: DepthMap,
    labels: SurfaceLabels | None,
    protocol: Protocol,
    sigma: Float32[np.ndarray, "h w"] | None = None,
    sequence_scale: float | None = None,
) -> Comparison | None:
    """Compare one frame; None where no pixel of the truth is eligible.

    Args:
        sigma: uncertainty of the prediction, in any unit: it only ranks pixels.
        sequence_scale: the scene's factor, for the alignment ``median-sequence``.
    """
    predicted, truth, labels = _same_size(predicted, truth, labels, protocol)
    eligible = protocol.eligible(truth)
    if not eligible.any():
        return None
    regions = region_map(truth, eligible, labels, protocol.regions)
    return compare_regions(predicted, truth, eligible, regions, protocol, sigma, sequence_scale)


def compare_regions(
    predicted: DepthMap | RelativeDepth,
    truth: DepthMap,
    eligible: Bool[np.ndarray, "h w"],
    regions: RegionMap,
    protocol: Protocol,
    sigma: Float32[np.ndarray, "h w"] | None = None,
    sequence_scale: float | None = None,
) -> Comparison:
    """As `compare_frame` once regions are cut, which several predictions of one frame need only once.

    Args:
        predicted: at the size of the truth.
        truth: of the frame.
        eligible: what `Protocol.eligible` says of the truth.
        regions: of the eligible pixels.
        protocol: its sizes and regions are not looked at again.
        sigma: uncertainty of the prediction, in any unit.
        sequence_scale: the scene's factor, for the alignment ``median-sequence``.
    """
    compared = predicted.valid & eligible
    aligned = Aligned(truth.metres, 1.0)
    if compared.any():
        aligned = align(predicted, truth.metres, compared, protocol.alignment, sequence_scale)
    low, high = np.float32(protocol.min_depth_m), np.float32(protocol.max_depth_m)
    metres = np.clip(aligned.metres, low, high)
    clamped = int(np.count_nonzero((metres != aligned.metres) & compared))
    terms = term_sums(metres, truth.metres, compared, regions)
    sparsified, overall = None, None
    if sigma is not None:
        sigma = resize_bilinear(sigma, truth.size_hw)
        sparsified, overall = _sparsified(metres, truth.metres, sigma, compared & np.isfinite(sigma), regions)
    tally = Tally.of_frame(terms, sparsified)
    return Comparison(tally, metres, truth.metres, compared, clamped, aligned.scale, overall)


def scale_of_frame(predicted: DepthMap | RelativeDepth, truth: DepthMap, protocol: Protocol) -> float | None:
    """median(truth) / median(predicted) of one frame, None where nothing is compared."""
    predicted, truth, _ = _same_size(predicted, truth, None, protocol)
    compared = predicted.valid & protocol.eligible(truth)
    values = predicted.metres if isinstance(predicted, DepthMap) else predicted.values
    return median_ratio(values[compared], truth.metres[compared]) if compared.any() else None


def _same_size(
    predicted: DepthMap | RelativeDepth, truth: DepthMap, labels: SurfaceLabels | None, protocol: Protocol
) -> tuple[DepthMap | RelativeDepth, DepthMap, SurfaceLabels | None]:
    """Everything at the comparison resolution."""
    size_hw = protocol.size_hw or truth.size_hw
    if isinstance(predicted, DepthMap):
        predicted = resize_prediction(predicted, size_hw)
    else:
        predicted = resize_relative(predicted, size_hw)
    return predicted, resize_truth(truth, size_hw), None if labels is None else resize_labels(labels, size_hw)


def _sparsified(
    predicted_m: Float32[np.ndarray, "h w"],
    truth_m: Float32[np.ndarray, "h w"],
    sigma: Float32[np.ndarray, "h w"],
    known: Bool[np.ndarray, "h w"],
    regions: RegionMap,
) -> tuple[Float64[np.ndarray, "r s"], Sparsification | None]:
    """Areas by region, NaN where there are too few pixels, and the curves of all pixels."""
    masks = {name: regions.mask(name) & known for name in SPARSIFIED_REGIONS}
    found = sparsify_regions(predicted_m, truth_m, sigma, masks)
    areas = np.full((len(regions.names), len(SPARSIFICATION_METRICS)), np.nan)
    for name, curves in found.items():
        areas[regions.names.index(name)] = curves.areas
    return areas, found.get("all")
