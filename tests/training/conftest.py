"""Rooms of one textured wall, small networks, and runs that take seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deglare.data.posed_folder import PosedFolder
from deglare.data.triples import TripleRule
from deglare.methods import SelfSup
from deglare.training.loop import Training
from deglare.training.settings import TrainSettings, Watching
from deglare.training.triples import TripleData, Wanted, load_triples
from deglare.types import Camera, DepthMap

CAMERA = Camera(70.0, 72.0, 45.3, 30.2, (64, 96))
SIZE_HW = (64, 96)


def write_wall(root: Path, frames: int = 8, seed: int = 0, with_depth: bool = True) -> Path:
    """A camera that walks along a wall 2 m away, 6 cm a frame."""
    folder, rng = PosedFolder(root), np.random.default_rng(seed)
    waves = rng.uniform(2, 9, (3, 2))
    folder.write_camera(CAMERA)
    poses = []
    for number in range(frames):
        pose = np.eye(4)
        pose[:3, 3] = 0.06 * number, 0.004 * number, 0.0
        poses.append((f"{number:03d}", pose))
        x, y, _ = np.moveaxis(CAMERA.rays() * 2.0 + pose[:3, 3], -1, 0)
        image = np.stack([0.5 + 0.4 * np.sin(a * x + b * y + k) for k, (a, b) in enumerate(waves)], axis=-1)
        depth = DepthMap.of_positive(np.full(CAMERA.size_hw, 2.0)) if with_depth else None
        folder.write_frame(f"{number:03d}", (image * 255).astype(np.uint8), depth)
    folder.write_poses(poses)
    return root


@pytest.fixture(scope="session")
def walls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two sequences."""
    root = tmp_path_factory.mktemp("walls")
    write_wall(root / "one")
    write_wall(root / "two", seed=1)
    return root


@pytest.fixture(scope="session")
def data(walls: Path) -> TripleData:
    return load_triples([walls], Wanted(SIZE_HW, TripleRule(every=1)))


@pytest.fixture(scope="session")
def tiny() -> TrainSettings:
    return TrainSettings(steps=6, network="monodepth2-small", size=(96, 64), batch=2, learning_rate=1e-3, seed=3)


@pytest.fixture
def run(data: TripleData, tiny: TrainSettings, tmp_path: Path) -> Callable[..., Training]:
    """A run; keyword arguments change its settings."""
    seldom = Watching(log_every=1, checkpoint_every=2, picture_every=0, validate_every=0)

    def make(out: str = "run", watching: Watching = seldom, **changes: object) -> Training:
        settings = replace(tiny, **changes)  # type: ignore[arg-type]
        return Training(settings, "selfsup", SelfSup(), data, tmp_path / out, watching, "cpu")

    return make


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
