"""Runs to look at: one that the pipeline made of the wall with the wandering highlight, and copies to be broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from glare import TEACHERS, write_glare_wall
from screened_wall import ScreenedWall

from deglare.data.opening import open_sequence
from deglare.fusion.labelling import label
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.strategies import ByUncertainty
from deglare.inspection.run import InspectedRun

SETTINGS = LabelSettings(mesh=MeshSettings(every=2), strategy=ByUncertainty())
"""Every other frame is in the mesh."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def glare_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 12 frames of 64x96 pixels; its two teachers fall for the highlight. Not to be changed."""
    folder = tmp_path_factory.mktemp("inspected")
    source = write_glare_wall(folder / "wall")
    label(open_sequence(source), TEACHERS, folder / "glare", SETTINGS)
    return folder / "glare"


@pytest.fixture(scope="session")
def glare_run(glare_folder: Path) -> InspectedRun:
    """That run, opened."""
    return InspectedRun.open(glare_folder)


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    """A copy of a run that a test may change."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / folder.name))

    return copy


@pytest.fixture(scope="session")
def wall_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the screened wall. Not to be changed."""
    return ScreenedWall().made().write(tmp_path_factory.mktemp("inspected") / "wall")


@pytest.fixture(scope="session")
def wall_run(wall_folder: Path) -> InspectedRun:
    """That run, opened."""
    return InspectedRun.open(wall_folder)
