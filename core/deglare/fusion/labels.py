"""The labels of one frame, and the two ways to make them: a switch at every pixel, or a blend.

The rules that hold for every strategy:

* projected depth that is missing or out of range is replaced by the prediction, and counted (`Labels.fell_back`);
* where there is no prediction the projected depth takes its place, and is counted (`Labels.filled`);
* where there is neither, the pixel is dropped;
* where the uncertainty is unknown the prediction stays, since nothing speaks against it (`Labels.undecided`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from deglare.data.run_folder import LabelSource
from deglare.errors import DataError
from deglare.fusion.evidence import Evidence
from deglare.types import DepthMap


@dataclass(frozen=True, eq=False)
class Labels:
    """Depth to train on, and where each pixel of it is from."""

    depth: DepthMap
    """0 where dropped."""
    source: UInt8[np.ndarray, "h w"]
    """`LabelSource` codes."""
    fell_back: int = 0
    """Pixels that kept the prediction because the projected depth that the strategy asked for is not there."""
    filled: int = 0
    """Pixels without prediction that took the projected depth, whatever the strategy asked for."""
    undecided: int = 0
    """Pixels that kept the prediction because their uncertainty is unknown."""

    def __post_init__(self) -> None:
        if self.source.shape != self.depth.metres.shape or np.any(
            (self.source != LabelSource.DROPPED) != self.depth.valid
        ):
            raise DataError("the source of a label must name one for every pixel with depth, and for no other")

    def count(self, source: LabelSource) -> int:
        """Number of pixels from one source."""
        return int(np.count_nonzero(self.source == source))


def switched(
    evidence: Evidence, wanted: Bool[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"] | None = None
) -> Labels:
    """Projected depth where it is ``wanted`` and there, else predicted depth.

    Args:
        evidence: Of the frame.
        wanted: Where the strategy asks for projected depth; what it says of pixels without prediction is ignored.
        known: Where the strategy could decide at all; everywhere if not given.
    """
    taken = wanted & evidence.has_projected
    metres, source = _of_predicted(evidence.predicted)
    np.copyto(metres, evidence.needed_projected().metres, where=taken)
    np.copyto(source, np.uint8(LabelSource.PROJECTED), where=taken)
    return _completed(evidence, metres, source, wanted & evidence.predicted.valid, known)


def blended(
    evidence: Evidence, share: Float32[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"] | None = None
) -> Labels:
    """Predicted depth, moved towards projected depth by a ``share`` of the way: 0 keeps it, 1 replaces it."""
    mixed = evidence.has_projected & evidence.predicted.valid
    mixed &= share > 0
    metres, source = _of_predicted(evidence.predicted)
    with np.errstate(all="ignore"):  # holes may hold anything
        moved = evidence.needed_projected().metres - metres
        moved *= share
        moved += metres
    np.copyto(metres, moved, where=mixed)
    np.copyto(source, np.uint8(LabelSource.BLENDED), where=mixed)
    return _completed(evidence, metres, source, evidence.predicted.valid, known)


def only_predicted(predicted: DepthMap) -> Labels:
    """Predicted depth alone; pixels without it are dropped."""
    metres, source = _of_predicted(predicted)
    return Labels(DepthMap(metres, predicted.valid), source)


def _of_predicted(predicted: DepthMap) -> tuple[Float32[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
    """Fresh arrays of depth, 0 where there is none, and of its source."""
    metres = np.where(predicted.valid, predicted.metres, np.float32(0))
    return metres, predicted.valid.astype(np.uint8) * np.uint8(LabelSource.PREDICTED)


def _completed(
    evidence: Evidence,
    metres: Float32[np.ndarray, "h w"],
    source: UInt8[np.ndarray, "h w"],
    asked: Bool[np.ndarray, "h w"],
    known: Bool[np.ndarray, "h w"] | None,
) -> Labels:
    """Fill pixels without prediction, in place, and count what was not as asked, among those with one."""
    predicted, there = evidence.predicted, evidence.has_projected
    lacking = there & ~predicted.valid
    np.copyto(metres, evidence.needed_projected().metres, where=lacking)
    np.copyto(source, np.uint8(LabelSource.PROJECTED), where=lacking)
    return Labels(
        DepthMap(metres, predicted.valid | there),
        source,
        fell_back=int(np.count_nonzero(asked & ~there)),
        filled=int(np.count_nonzero(lacking)),
        undecided=0 if known is None else int(np.count_nonzero(predicted.valid & ~known)),
    )
