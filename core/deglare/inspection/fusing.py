"""The labels of one frame, as they are on disk or as another strategy would make them. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from deglare.data.files import read_png8
from deglare.fusion.settings_files import strategy_named
from deglare.fusion.strategies import Strategy
from deglare.inspection.evidence import evidence_of
from deglare.inspection.layers import metres_of
from deglare.inspection.levels import levels_for
from deglare.inspection.run import FrameId, InspectedRun
from deglare.types import DepthMap

AS_LABELLED = "labelled"
"""Asks for the labels that are on disk."""


@dataclass(frozen=True, eq=False)
class Fused:
    """Labels to look at."""

    depth: DepthMap
    source: UInt8[np.ndarray, "h w"]
    """`LabelSource` codes."""


def asked(strategy: Strategy | str | None, alpha: float | None = None) -> Strategy | None:
    """What somebody asks for by name and threshold; None is the labels on disk."""
    if isinstance(strategy, str):
        return None if strategy == AS_LABELLED else strategy_named(strategy, alpha)
    return strategy


def fused_of(
    run: InspectedRun, frame: FrameId, strategy: Strategy | None = None, teacher: str | None = None
) -> Fused | None:
    """The labels of one frame, None where there are none on disk.

    Args:
        run: Holds the frame.
        frame: Its name or number.
        strategy: Makes the labels; None takes those on disk, which are of the base teacher.
        teacher: Whose depth is mended; the base if not given.
    """
    name = run.frame(frame)
    if strategy is None:
        return _on_disk(run, name) if run.has_fused else None
    evidence = evidence_of(run, name, strategy.needs, run.teacher(teacher))
    labels = strategy.fuse(replace(evidence, levels=levels_for(run, strategy.needs)))
    return Fused(labels.depth, labels.source)


def _on_disk(run: InspectedRun, name: str) -> Fused:
    return Fused(metres_of(run.depth_mm(name, "fused")), run.read(run.folder.layer("source", name), read_png8))
