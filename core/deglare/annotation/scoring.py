"""Numbers on a subset: its frames, its masks as regions, and the truth with and without what is not to be scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from deglare.annotation.masks import Surfaces
from deglare.annotation.subset import Subset, SubsetFrame
from deglare.annotation.suspects import without
from deglare.errors import DataError
from deglare.evaluation.comparing import Scene
from deglare.evaluation.protocol import Protocol
from deglare.geometry.resampling import resize_nearest
from deglare.types import DepthMap, Frame, SurfaceLabels


@dataclass(frozen=True, eq=False)
class MarkedLabels:
    """What was marked, as labels; what was not marked is matte, as far as anybody said."""

    surfaces: Surfaces

    def __call__(self) -> SurfaceLabels:
        """As they are."""
        return SurfaceLabels(self.surfaces > 0, material=self.surfaces)


@dataclass(frozen=True, eq=False)
class ScoredDepth:
    """Truth without the pixels that are not to be scored."""

    load: Callable[[], DepthMap]
    excluded: Bool[np.ndarray, "h w"]

    def __call__(self) -> DepthMap:
        """Decode."""
        truth = self.load()
        return without(truth, resize_nearest(self.excluded, truth.size_hw))


def on_subset(scenes: Iterable[Scene], subset: Subset, leaves_out: bool = True) -> list[Scene]:
    """The frames of a subset, but for waste, with its masks; a frame that no scene has is a `DataError`.

    Args:
        scenes: With the names that the subset calls them by.
        subset: What is scored.
        leaves_out: Whether excluded pixels are left out of the truth.
    """
    wanted = {one.name: one for one in subset.frames if one.tag != "waste"}
    found, seen = list[Scene](), set[str]()
    for scene in scenes:
        pairs = [(frame, wanted.get(f"{scene.name}/{frame.name}")) for frame in scene.truth]
        frames = tuple(_marked(frame, one, leaves_out) for frame, one in pairs if one is not None)
        seen |= {one.name for _, one in pairs if one is not None}
        found += [replace(scene, truth=replace(scene.truth, frames=frames))] if frames else []
    if lost := sorted(set(wanted) - seen):
        raise DataError(
            f"{len(lost)} frames of the subset are in no scene, such as '{lost[0]}': name all of its scenes"
        )
    return found


def scored_on(protocol: Protocol, subset: Subset) -> Protocol:
    """The protocol, with the hash of the subset on its card."""
    return replace(protocol, subset_sha256=subset.sha256)


def has_excluded(subset: Subset) -> bool:
    """Whether anything is left out, so that numbers are told with and without."""
    return any(one.excluded is not None and one.excluded.any() for one in subset.frames)


def _marked(frame: Frame, one: SubsetFrame, leaves_out: bool) -> Frame:
    surfaces = one.surfaces
    if surfaces is None and one.tag == "not-reflective":
        surfaces = np.zeros(frame.camera.size_hw, dtype=np.uint8)
    if surfaces is not None:
        frame = replace(frame, load_labels=MarkedLabels(surfaces))
    if leaves_out and one.excluded is not None and frame.load_depth is not None:
        frame = replace(frame, load_depth=ScoredDepth(frame.load_depth, one.excluded))
    return frame
