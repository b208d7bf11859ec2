"""What a page must know of a run before it shows a frame, as JSON."""

from __future__ import annotations

from typing import Any

from deglare.fusion.settings_files import described, threshold_of
from deglare.inspection.detecting import detected
from deglare.inspection.run import InspectedRun
from deglare.inspection.survey import survey
from deglare.progress import Progress, quiet


def describe(run: InspectedRun, progress: Progress = quiet) -> dict[str, Any]:
    """The manifest of a run. It looks at many frames: keep it as long as `InspectedRun.version` stays the same."""
    found, camera = survey(run, progress), run.camera
    return {
        "name": run.name,
        "version": run.version,
        "frames": list(run.names),
        "size_hw": list(camera.size_hw),
        "camera": {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy},
        "poses": [pose.ravel().tolist() for pose in run.poses.values()],
        "teachers": list(run.teachers),
        "base": run.base,
        "strategy": run.strategy,
        "labelled": labelled_with(run),
        "levels": {"sigma_m": run.levels.sigma_m, "gap": run.levels.gap},
        "projected_range_m": [run.projected_range.nearest_m, run.projected_range.farthest_m],
        "has": {
            "truth": run.has_truth,
            "regions": run.has_regions,
            "specular": run.has_specular,
            "materials": run.has_materials,
            "projected": True,
            "fused": run.has_fused,
            "mined": run.has_mined,
        },
        "detected": detected(run),
        "range_m": [found.shown.near_m, found.shown.far_m],
        "beyond": found.beyond,
        "bars": {"what": found.bars_say, "values": list(found.bars)},
    }


def labelled_with(run: InspectedRun) -> dict[str, Any] | None:
    """The settings of the strategy behind the labels, and its threshold as ``alpha`` where it has one."""
    strategy = run.making.strategy
    if strategy is None:
        return None
    field = threshold_of(strategy)
    return {**described(strategy), "alpha": None if field is None else getattr(strategy, field)}
