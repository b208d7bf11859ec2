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


def mutual_matches(first: Features, second: Features, ratio: float) -> Int64[np.ndarray, "m 2"]:
    """Rows of features that are each other's nearest, and nearer than ``ratio`` times the second nearest."""
    if len(first) < 2 or len(second) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    cosine = first.descriptors @ second.descriptors.T
    rows = np.arange(len(first))
    best = cosine.argmax(axis=1)
    is_mutual = cosine.argmax(axis=0)[best] == rows
    nearest = cosine[rows, best]
    cosine[rows, best] = -1
    runner_up = cosine.max(axis=1)
    is_clear = 1 - nearest < ratio**2 * (1 - runner_up)  # squared distances of unit vectors
    kept = np.flatnonzero(is_mutual & is_clear)
    return np.stack([kept, best[kept]], axis=1).astype(np.int64)


def _extractor(options):
    import pycolmap

    pycolmap.logging.minloglevel = 2
    return pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)


def _outside(features: Features, ignored: Bool[np.ndarray, "h w"]) -> Features:
    columns, rows = np.rint(features.xy).astype(int).T
    height, width = ignored.shape
    kept = ~ignored[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return Features(features.xy[kept], features.descriptors[kept])
