"""What can be recognised in a frame: SIFT without rotation, for a phone is held upright, down to faint corners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

FAINTEST = 0.003
"""Contrast of the faintest feature, half of SIFT's own: blank walls have little more."""

UNIT = 512
"""Descriptors come in 8 bits: this is 1."""

MOST = 2500
"""Features of one frame; the largest are kept."""


@dataclass(frozen=True, eq=False)
class Features:
    """Places and what they look like."""

    xy: Float64[np.ndarray, "n 2"]
    """Pixels, centres on whole numbers."""
    descriptors: Float32[np.ndarray, "n 128"]
    """Of unit length."""

    def __len__(self) -> int:
        return len(self.xy)


def features_of(
    grey: UInt8[np.ndarray, "h w"], ignored: Bool[np.ndarray, "h w"] | None = None, most: int = MOST
) -> Features:
    """Features of one frame.

    Args:
        grey: The frame.
        ignored: Where nothing is to be recognised: surfaces known to mirror, whose features move wrongly.
        most: Not more than this.
    """
    import pycolmap

    options = pycolmap.FeatureExtractionOptions()
    options.num_threads, options.use_gpu = 1, False
    options.sift.peak_threshold = FAINTEST
    options.sift.upright = True
    options.sift.max_num_features = most
    keypoints, descriptors = _extractor(options).extract_from_uint8_array(np.ascontiguousarray(grey))
    xy = np.array([(one.x, one.y) for one in keypoints], dtype=np.float64).reshape(-1, 2) - 0.5
    found = Features(xy, np.asarray(descriptors.data, dtype=np.float32).reshape(len(xy), 128) / np.float32(UNIT))
    return found if ignored is None else _outside(found, ignored)


@dataclass(frozen=True, eq=False)
class Matches:
    """Features of two frames that are each other's nearest."""

    rows: Int64[np.ndarray, "m 2"]
    ratio: Float32[np.ndarray, " m"]
    """Distance to the nearest over that to the second nearest."""

    def clearer_than(self, ratio: float) -> Int64[np.ndarray, "k 2"]:
        """Rows whose nearest is nearer than ``ratio`` times the second nearest."""
        return self.rows[self.ratio < ratio]


def mutual_matches(first: Features, second: Features) -> Matches:
    """Compare every feature of one frame with every feature of another."""
    if len(first) < 2 or len(second) < 2:
        return Matches(np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.float32))
    cosine = first.descriptors @ second.descriptors.T
    rows = np.arange(len(first))
    best = cosine.argmax(axis=1)
    nearest = cosine[rows, best]
    mutual = np.flatnonzero(nearest == cosine.max(axis=0)[best])  # argmax down the columns takes ten times as long
    cosine[rows, best] = -1
    squared = np.maximum(1 - np.stack([nearest, cosine.max(axis=1)])[:, mutual], np.float32(1e-7))  # of unit vectors
    pairs = np.stack([mutual, best[mutual]], axis=1).astype(np.int64)
    _, once = np.unique(pairs[:, 1], return_index=True)  # features that are alike to the last bit
    once.sort()
    return Matches(pairs[once], np.sqrt(squared[0] / squared[1])[once])


def _extractor(options):
    import pycolmap

    pycolmap.logging.minloglevel = 2
    return pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)


def _outside(features: Features, ignored: Bool[np.ndarray, "h w"]) -> Features:
    columns, rows = np.rint(features.xy).astype(int).T
    height, width = ignored.shape
    kept = ~ignored[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return Features(features.xy[kept], features.descriptors[kept])
