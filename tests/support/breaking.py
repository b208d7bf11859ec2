"""One finished run for all tests of a folder, and copies of runs to be broken: fixtures that its conftest takes in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from open_runs import make_glare_run


@pytest.fixture(scope="session")
def glare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    return make_glare_run(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[..., Path]:
    """A copy of a run that a test may change."""

    def copy(folder: Path, name: str | None = None) -> Path:
        return Path(shutil.copytree(folder, tmp_path / (name or folder.name)))

    return copy
