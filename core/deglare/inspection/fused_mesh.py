"""The surface of the labels: they are fused as the run's predictions were, frame for frame and setting for setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from deglare.data.files import read_png16, read_rgb
from deglare.errors import RequestError
from deglare.fusion.levels import quantile_threshold
from deglare.fusion.threads import in_order
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.fusion.voting import vote_weights
from deglare.geometry.engines import new_volume
from deglare.geometry.mesh import Mesh
from deglare.geometry.pieces import without_scraps
from deglare.inspection.layers import metres_of, sigma_of
from deglare.inspection.run import InspectedRun
from deglare.progress import Progress, quiet
from deglare.types import DepthMap, Rgb

AT_A_TIME = 2
"""Frames are decoded while the one before is fused."""


@dataclass(frozen=True, eq=False)
class _Vote:
    """One frame on its way into the volume."""

    name: str
    depth: DepthMap
    weights: Float32[np.ndarray, "h w"] | None
    rgb: Rgb


def fused_mesh(run: InspectedRun, progress: Progress = quiet) -> Mesh:
    """One surface of the labels of every n-th frame.

    Where the run weighed votes by certainty the labels are weighed by the same, though nobody has asked the teachers
    how sure a mended pixel is.
    """
    if not run.has_fused:
        raise RequestError(f"{run.name} has no labels yet: fuse it, then their surface can be shown")
    return mesh_of_depth(run, lambda name: metres_of(run.depth_mm(name, "fused")), progress)


def mesh_of_depth(run: InspectedRun, depth_of: Callable[[str], DepthMap], progress: Progress = quiet) -> Mesh:
    """Fuse some depth of a run with the settings that its own mesh was made with."""
    settings, chosen = run.making.mesh, run.names[:: run.making.mesh.every]
    uncertain = settings.weighs_certainty
    median_m = quantile_threshold((_uncertainty(run, name) for name in chosen), 0.5) if uncertain else None

    def vote(name: str) -> _Vote:
        depth = depth_of(name)
        sigma = _uncertainty(run, name) if uncertain else None
        weights = vote_weights(depth, run.camera, settings, sigma, median_m)
        return _Vote(name, depth, weights, run.read(run.folder.color(name), read_rgb))

    volume = new_volume(settings.volume, settings.engine)
    for done, view in enumerate(in_order(vote, chosen, AT_A_TIME), start=1):
        volume.integrate(view.depth, run.camera, run.poses[view.name], view.weights, view.rgb)
        progress(done, len(chosen))
    return without_scraps(volume.mesh(settings.tau), settings.scraps_m2)


def _uncertainty(run: InspectedRun, name: str) -> UncertaintyMap:
    return sigma_of(run.read(run.folder.layer("uncertainty", name), read_png16))
