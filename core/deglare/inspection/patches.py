"""Small pictures around the place where a pixel would lie in other frames if it were so deep: see what matches."""

from __future__ import annotations

import base64

import numpy as np
import torch
from jaxtyping import Float64

from deglare.geometry.warping import sample
from deglare.pictures import NOTHING, Picture, Resized, png_bytes
from deglare.types import Camera, Rgb, Rigid

SIDE_PX = 33


def landing(camera: Camera, other_T_cam: Rigid, xy: tuple[int, int], metres: float) -> Float64[np.ndarray, "2"] | None:
    """The pixel of another frame where a point at that z-depth lies; None behind its camera."""
    ray = np.array([(xy[0] - camera.cx) / camera.fx, (xy[1] - camera.cy) / camera.fy, 1.0])
    at_other = other_T_cam[:3, :3] @ (metres * ray) + other_T_cam[:3, 3]
    return camera.project(at_other) if at_other[2] > 0 else None


def patch_around(rgb: Rgb, at_xy: Float64[np.ndarray, "2"] | None) -> Resized:
    """A square of `SIDE_PX` pixels whose middle is a place between pixels; what lies outside of the image is ground."""
    patch = np.broadcast_to(NOTHING, (SIDE_PX, SIDE_PX, 3)).copy()
    if at_xy is None or not np.all(np.isfinite(at_xy)):
        return patch
    steps = np.arange(SIDE_PX) - SIDE_PX // 2
    x, y = np.meshgrid(at_xy[0] + steps, at_xy[1] + steps)
    inside = (x >= 0) & (x <= rgb.shape[1] - 1) & (y >= 0) & (y <= rgb.shape[0] - 1)
    image = torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None]
    sampled = sample(image, torch.from_numpy(np.stack([x, y])[None]).float())[0].permute(1, 2, 0).numpy()
    patch[inside] = np.rint(sampled[inside]).astype(np.uint8)
    return patch


def as_url(picture: Picture) -> str:
    """A picture that a page can show without asking for it."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode()
