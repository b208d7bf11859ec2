"""A wall with a highlight that wanders, and teachers that fall for it: fusion has to mend what they predict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from deglare.data.posed_folder import PosedFolder
from deglare.types import Camera, DepthMap, Rgb, SurfaceLabels

CAMERA = Camera(60.0, 60.0, 47.5, 31.5, (64, 96))
WALL_M = 2.0
STEP_M = 0.06


def write_glare_wall(root: Path, frames: int = 12, camera: Camera = CAMERA) -> Path:
    """A camera walks along a wall 2 m away; on the wall a red highlight walks with it, at twice its speed."""
    folder = PosedFolder(root)
    folder.write_camera(camera)
    poses = []
    for number in range(frames):
        pose = np.eye(4)
        pose[0, 3] = STEP_M * number
        poses.append((f"{number:03d}", pose))
        points = camera.rays() * WALL_M + pose[:3, 3]
        image = np.repeat(90 + 60 * np.sin(9 * points[..., :1]) * np.sin(7 * points[..., 1:2]), 3, axis=-1)
        highlight = np.hypot(points[..., 0] - 4 * STEP_M * number + 0.8, points[..., 1]) < 0.25
        image[highlight] = 255, 0, 0
        truth = DepthMap.of_positive(np.full(camera.size_hw, WALL_M))
        labels = SurfaceLabels(highlight, specular_share=highlight.astype(np.float32))
        folder.write_frame(f"{number:03d}", image.clip(0, 255).astype(np.uint8), truth, labels)
    folder.write_poses(poses)
    return root


def highlight_of(rgb: Rgb) -> Bool[np.ndarray, "h w"]:
    """The red pixels, JPEG or not."""
    return (rgb[..., 0].astype(int) - rgb[..., 1]) > 128


@dataclass
class FallsForIt:
    """Right on the wall; in the highlight it sees a hole."""

    name: str
    hole_m: float

    def predict(self, rgb: Rgb) -> DepthMap:
        """Metric depth."""
        return DepthMap.of_positive(np.where(highlight_of(rgb), self.hole_m, WALL_M))


TEACHERS = (FallsForIt("deep", 4.0), FallsForIt("deeper", 5.0))
"""Their spread in the highlight is half a metre, and zero on the wall."""
