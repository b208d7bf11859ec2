"""What is slow to make of a run and the same until its surface changes: fusing labels anew leaves it as it is."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from deglare.data.run_folder import RunFolder
from deglare.fusion.evidence import Levels, Needs
from deglare.geometry.mesh import Mesh
from deglare.geometry.mesh_files import read_mesh
from deglare.geometry.raycasting import RayCaster
from deglare.inspection.caching import ArrayCache

CACHE_BYTES = 256 << 20
"""A thousand depth maps of 384x288 pixels."""


class Kept:
    """Made by the first thread that asks, while the others wait."""

    def __init__(self, run: RunFolder) -> None:
        self.predicted = ArrayCache(CACHE_BYTES)
        self._run = run
        self._mesh: Mesh | None = None
        self._projector: RayCaster | None = None
        self._levels: dict[Needs, Levels] = {}
        self._fused: tuple[str, Mesh] | None = None
        self._on_mesh, self._on_fused, self._on_levels = RLock(), RLock(), RLock()

    def mesh(self) -> Mesh:
        """The fused surface."""
        with self._on_mesh:
            if self._mesh is None:
                self._mesh = read_mesh(self._run.mesh)
            return self._mesh

    def projector(self) -> RayCaster:
        """The fused surface, ready for rays; several threads may use it."""
        with self._on_mesh:
            if self._projector is None:
                self._projector = RayCaster(self.mesh(), threads=1)
            return self._projector

    def fused_mesh(self, version: str, make: Callable[[], Mesh]) -> Mesh:
        """The surface of the labels of one version of the run; that of another version is forgotten."""
        with self._on_fused:
            if self._fused is None or self._fused[0] != version:
                self._fused = (version, make())
            return self._fused[1]

    def levels(self, needs: Needs, find: Callable[[], Levels]) -> Levels:
        """Numbers of the whole run that somebody needs."""
        with self._on_levels:
            if needs not in self._levels:
                self._levels[needs] = find()
            return self._levels[needs]
