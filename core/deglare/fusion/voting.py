"""How much each pixel's vote for a surface counts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from deglare.fusion.settings import MeshSettings
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.geometry.incidence import incidence_weights
from deglare.types import Camera, DepthMap


def vote_weights(
    depth: DepthMap,
    camera: Camera,
    settings: MeshSettings,
    uncertainty: UncertaintyMap | None = None,
    median_m: float | None = None,
) -> Float32[np.ndarray, "h w"] | None:
    """How much each pixel of a view counts; None is one each.

    Args:
        depth: Of the view.
        camera: In pixels of the depth.
        settings: Name the kind of weights.
        uncertainty: Of the depth, where the settings look at it. An unknown one counts as twice the median.
        median_m: The median uncertainty of the sequence.
    """
    if settings.weights == "none":
        return None
    weights = incidence_weights(depth, camera)
    if settings.weighs_certainty and uncertainty is not None and median_m:
        sigma = np.where(uncertainty.valid, uncertainty.sigma_m, np.float32(2 * median_m))
        weights *= np.float32(median_m**2) / (np.float32(median_m**2) + sigma * sigma)
    return weights
