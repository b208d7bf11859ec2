"""What ``run.json`` says a run was made with, checked before anything is shown of it."""

from __future__ import annotations

from dataclasses import dataclass

from deglare.data.run_folder import Manifest
from deglare.errors import DataError
from deglare.fusion.evidence import Levels
from deglare.fusion.settings import MeshSettings
from deglare.fusion.settings_files import mesh_settings_from, range_from, restored, strategy_from
from deglare.fusion.strategies import Strategy
from deglare.networks.disparity import INDOOR, MetricRange

NEEDED = ("frames", "predict", "mesh", "project")
"""Stages without which there is nothing to inspect; a run that was never fused is shown without labels."""
FUSE = "fuse"


@dataclass(frozen=True, eq=False)
class Making:
    """How a run came about."""

    teachers: tuple[str, ...]
    base: str
    """The teacher whose depth was fused to a mesh and mended by it."""
    mesh: MeshSettings
    strategy: Strategy | None
    """Of the labels; None where there are none."""
    projected_range: MetricRange
    levels: Levels
    """Of the whole run, found when it was fused; what its strategy did not ask for is None."""

    @classmethod
    def of(cls, manifest: Manifest) -> Making:
        """Read it; a `DataError` where a stage is not finished or cannot be understood."""
        require_finished(manifest)
        stages = manifest.stages
        try:
            teachers = tuple(str(one["name"]) for one in stages["predict"].settings["teachers"])
            base = str(stages["mesh"].settings["base"])
        except (KeyError, TypeError) as error:
            raise DataError(f"run.json does not say which teachers it is of ({error!r}): make the run again") from error
        if base not in teachers:
            raise DataError(f"run.json was fused from '{base[:60]}', none of its teachers: make the run again")
        fuse = stages.get(FUSE)
        return cls(
            teachers,
            base,
            mesh_settings_from(stages["mesh"].settings),
            None if fuse is None else strategy_from(fuse.settings.get("strategy")),
            INDOOR if fuse is None else range_from(fuse.settings.get("projected_range_m")),
            Levels() if fuse is None else restored(Levels, fuse.result.get("levels") or {}, "the levels"),
        )


def require_finished(manifest: Manifest) -> None:
    """A `DataError` that names the first stage that is not finished."""
    for name in (*NEEDED, FUSE):
        stage = manifest.stages.get(name)
        if (stage is None and name in NEEDED) or (stage is not None and not stage.is_finished):
            raise DataError(f"the run is half-written: '{name}' is not finished; run the same deglare label line again")
