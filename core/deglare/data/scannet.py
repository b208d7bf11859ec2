"""ScanNet as its exporters leave it on disk; ``.sens`` files themselves are read in ``sens.py``.

Two layouts: ``color/N.jpg, depth/N.png, pose/N.txt`` (the official exporter), and
``sensor_data/frame-NNNNNN.{color.jpg, depth.png, pose.txt}``; both with ``intrinsic/intrinsic_{color,depth}.txt``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deglare.data.cameras import read_matrix
from deglare.data.drafts import ColourFile, DepthFile, Draft, Source, assemble, read_pose
from deglare.data.folders import by_stem, first_existing, one_size_hw
from deglare.errors import DataError
from deglare.types import Camera, Sequence

FORMAT = "scannet"


@dataclass(frozen=True)
class _Layout:
    """The files of a scene by frame name."""

    images: dict[str, Path]
    depths: dict[str, Path]
    poses: Path
    pose_ending: str
    intrinsics: Path


def looks_like_scannet(path: Path) -> bool:
    """One of the two layouts."""
    if (path / "sensor_data").is_dir():
        return True
    return all((path / name).is_dir() for name in ("color", "pose", "intrinsic"))


def read_scannet(path: Path) -> Sequence:
    """Open an exported scene. Lost tracking is stored as -inf: such frames are left out and counted."""
    layout = _layout(path)
    camera = _camera(layout, "color", one_size_hw(list(layout.images.values()), str(path)))
    depth_camera = None
    if layout.depths:
        depth_camera = _camera(layout, "depth", one_size_hw(list(layout.depths.values()), str(path)))
    drafts = (
        Draft(
            name=name,
            load_rgb=ColourFile(image),
            stated_pose=read_pose(layout.poses / f"{name}{layout.pose_ending}"),
            pose_source=str(layout.poses / f"{name}{layout.pose_ending}"),
            load_depth=DepthFile(layout.depths[name]) if name in layout.depths else None,
        )
        for name, image in layout.images.items()
    )
    return assemble(Source(path.resolve().name, FORMAT, camera, depth_camera), drafts)


def _layout(path: Path) -> _Layout:
    frames = path / "sensor_data"
    if not frames.is_dir():
        return _Layout(
            by_stem(path / "color"), by_stem(path / "depth", (".png",)), path / "pose", ".txt", path / "intrinsic"
        )
    return _Layout(
        images=by_stem(frames, (".color.jpg", ".color.png")),
        depths=by_stem(frames, (".depth.png",)),
        poses=frames,
        pose_ending=".pose.txt",
        intrinsics=first_existing(path, ("intrinsic", "sensor_data/intrinsic")) or path / "intrinsic",
    )


def _camera(layout: _Layout, which: str, size_hw: tuple[int, int]) -> Camera:
    file = layout.intrinsics / f"intrinsic_{which}.txt"
    if not file.is_file():
        raise DataError(f"there is no {file}: export the intrinsics of the scene along with its frames")
    return read_matrix(file, size_hw)
