"""Sequences whose depth and labels are made by formula, and folders of predictions for them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deglare.data.files import write_depth
from deglare.types import Camera, DepthMap, Frame, Sequence, SurfaceLabels

SIZE_HW = (24, 32)
Build = Callable[..., Sequence]


def truth_of(seed: int, size_hw: tuple[int, int] = SIZE_HW) -> tuple[DepthMap, SurfaceLabels]:
    """A slanted plane with a box; the lower half mirrors and holds a highlight."""
    v, u = np.indices(size_hw)
    rng = np.random.default_rng(seed)
    metres = 2.0 + 0.02 * u + 0.05 * v + rng.uniform(0, 0.5)
    metres[4:10, 6:14] = rng.uniform(0.8, 1.2)
    reflective = v >= size_hw[0] // 2
    share = np.where(reflective & (np.abs(u - 16) < 5), 0.8, 0.1).astype(np.float32)
    return DepthMap.of_positive(metres), SurfaceLabels(reflective, share, reflective.astype(np.uint8))


@pytest.fixture
def make_sequence() -> Build:
    """A sequence of ``count`` frames named 000000, 000001, ..."""

    def build(count: int = 6, name: str = "room", seed: int = 0, labelled: bool = True) -> Sequence:
        camera = Camera(30.0, 30.0, 15.5, 11.5, SIZE_HW)

        def frame(index: int) -> Frame:
            depth, labels = truth_of(1000 * seed + index)
            return Frame(
                f"{index:06d}",
                camera,
                load_rgb=lambda: np.zeros((*SIZE_HW, 3), dtype=np.uint8),
                load_depth=lambda: depth,
                load_labels=(lambda: labels) if labelled else None,
            )

        return Sequence(name, tuple(frame(i) for i in range(count)), "made")

    return build


@pytest.fixture
def write_predictions(tmp_path: Path) -> Callable[..., Path]:
    """A folder of depth PNGs for a sequence: the truth times ``factor``."""

    def write(sequence: Sequence, factor: float = 1.1, name: str = "predicted") -> Path:
        folder = tmp_path / name
        for frame in sequence:
            depth = frame.depth()
            assert depth is not None
            write_depth(folder / f"{frame.name}.png", DepthMap.of_positive(depth.metres * np.float32(factor)))
        return folder

    return write
