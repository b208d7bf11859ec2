"""One view on its way into a volume: checked, with pixels that have no vote marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from deglare.errors import DataError
from deglare.geometry.volume_settings import VolumeSettings
from deglare.types import Camera, DepthMap, Rgb, Rigid, inverse_rigid, require_rigid


@dataclass(frozen=True, eq=False)
class DepthView:
    """What one frame says: metres, with minus infinity in pixels without a vote."""

    metres: Float32[np.ndarray, "h w"]
    camera: Camera
    world_T_cam: Rigid

    def image_T_world(self, shift_px: float = 0) -> Float64[np.ndarray, "3 4"]:
        """World points to (x z, y z, z), x and y in pixels, moved by ``shift_px`` along both."""
        K = self.camera.matrix.copy()
        K[:2, 2] += shift_px
        return K @ inverse_rigid(self.world_T_cam)[:3]


def prepare_view(depth: DepthMap, camera: Camera, world_T_cam: Rigid, settings: VolumeSettings) -> DepthView:
    """Take the votes of pixels outside of the settings' range of depth away."""
    if camera.size_hw != depth.size_hw:
        raise DataError(f"depth is {depth.size_hw} but its camera is for {camera.size_hw} pixels: resize the camera")
    require_rigid(world_T_cam, "the pose of a view")
    metres = depth.metres
    has_vote = depth.valid & (metres >= settings.min_depth_m) & (metres <= settings.max_depth_m)
    return DepthView(np.where(has_vote, metres, np.float32(-np.inf)), camera, world_T_cam)


def require_companions(
    depth: DepthMap, weights: Float32[np.ndarray, "h w"] | None, rgb: Rgb | None, settings: VolumeSettings
) -> None:
    """Raise a `DataError` unless weights and colours go with the depth."""
    if weights is not None and weights.shape != depth.size_hw:
        raise DataError(f"weights are {weights.shape} but depth is {depth.size_hw}: resize both together")
    if weights is not None and not (weights.min() >= 0 and weights.max() < np.inf):  # false for NaN too
        raise DataError("weights must be finite and at least 0: give pixels without a vote 0")
    if settings.with_colour and (rgb is None or rgb.shape[:2] != depth.size_hw):
        raise DataError(f"colours are to be fused, but there is no image of {depth.size_hw} pixels: resize it to depth")
