"""Short pieces of the bundled scene, as sequences of their own."""

from __future__ import annotations

from pathlib import Path

from deglare.data.posed_folder import PosedFolder
from deglare.samples import open_sample
from deglare.types import Rigid


def write_excerpt(root: Path, first: int, frames: int = 8) -> Path:
    """A posed folder of some frames, decoded and written again, with everything known about them."""
    folder, poses = PosedFolder(root), list[tuple[str, Rigid]]()
    for frame in open_sample()[first : first + frames]:
        assert frame.world_T_cam is not None
        folder.write_frame(frame.name, frame.rgb(), frame.depth(), frame.labels())
        folder.write_camera(frame.camera)
        poses.append((frame.name, frame.world_T_cam))
    folder.write_poses(poses)
    return root
