"""The lens of a video: one focal length, one radial coefficient, the principal point in the middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, UInt8

from deglare.types import Camera, Rgb

UNBENDING_STEPS = 8
UNNOTICED_PX = 0.5
"""Bending that moves no pixel by more than this is left in the frames."""


@dataclass(frozen=True)
class Lens:
    """Pinhole with radial bending: a ray (x, y, 1) is seen at ``focal * (1 + radial * r^2) * (x, y) + centre``."""

    focal_px: float
    size_hw: tuple[int, int]
    radial: float = 0.0

    @property
    def centre_xy(self) -> Float64[np.ndarray, "2"]:
        """The principal point, pixel centres on whole numbers."""
        return np.array([(self.size_hw[1] - 1) / 2, (self.size_hw[0] - 1) / 2])

    @property
    def camera(self) -> Camera:
        """The pinhole camera of frames without bending."""
        cx, cy = self.centre_xy
        return Camera(self.focal_px, self.focal_px, float(cx), float(cy), self.size_hw)

    @property
    def largest_bend_px(self) -> float:
        """How far bending moves a corner of the frame."""
        corner = float(np.hypot(*self.centre_xy)) / self.focal_px
        return abs(self.radial) * corner**3 * self.focal_px

    def directions(self, xy: Float[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 3"]:
        """Rays through pixels, scaled to z = 1."""
        bent = (xy - self.centre_xy) / self.focal_px
        straight = bent
        for _ in range(UNBENDING_STEPS if self.radial else 0):
            straight = bent / (1 + self.radial * np.sum(straight**2, axis=1, keepdims=True))
        return np.concatenate([straight, np.ones((len(straight), 1))], axis=1)


def straightened(rgb: Rgb, lens: Lens) -> UInt8[np.ndarray, "h w 3"]:
    """The frame as `Lens.camera` sees it; a frame whose bending nobody notices stays as it is."""
    if lens.largest_bend_px <= UNNOTICED_PX:
        return rgb
    from scipy.ndimage import map_coordinates

    rays = lens.camera.rays()[..., :2]
    bent = rays * (1 + lens.radial * np.sum(rays**2, axis=-1, keepdims=True))
    x, y = np.moveaxis(bent * lens.focal_px + lens.centre_xy, -1, 0)
    channels = [map_coordinates(rgb[..., c].astype(np.float32), (y, x), order=1, mode="nearest") for c in range(3)]
    return np.rint(np.stack(channels, axis=-1)).clip(0, 255).astype(np.uint8)
