"""7-Scenes: ``seq-NN/frame-NNNNNN.{color.png, depth.png, pose.txt}``, and the same files in any folder.

Colour and raw depth come from the two cameras of a Kinect, 2.5 cm apart, with focal lengths of 525 and 585 pixels.
Poses belong to the depth camera. ``depth.proj.png``, where somebody made it, is depth moved into the colour camera.
"""

from __future__ import annotations

from pathlib import Path

from deglare.data.cameras import MATRIX_FILES, read_matrix
from deglare.data.drafts import ColourFile, DepthFile, Draft, Source, assemble, read_pose
from deglare.data.folders import by_stem, file_names, first_existing, one_size_hw
from deglare.errors import DataError
from deglare.types import Camera, Sequence

FORMAT = "7-scenes"
COLOUR_ENDINGS = (".color.png", ".color.jpg")
COLOUR_CAMERA = Camera(525.0, 525.0, 320.0, 240.0, (480, 640))
DEPTH_CAMERA = Camera(585.0, 585.0, 320.0, 240.0, (480, 640))


def looks_like_seven_scenes(path: Path) -> bool:
    """Colour images and poses side by side, named frame-NNNNNN."""
    names = file_names(path)
    return any(n.startswith("frame-") and n.endswith(COLOUR_ENDINGS) for n in names) and any(
        n.endswith(".pose.txt") for n in names
    )


def read_seven_scenes(path: Path) -> Sequence:
    """Open one sequence; an intrinsic matrix in the folder is that of the depth camera."""
    images = by_stem(path, COLOUR_ENDINGS)
    raw, registered = by_stem(path, (".depth.png",)), by_stem(path, (".depth.proj.png",))
    depths = registered or raw
    camera = _for_size(COLOUR_CAMERA, one_size_hw(list(images.values()), str(path)))
    depth_camera = None
    if depths and not registered:
        depth_camera = _depth_camera(path, one_size_hw(list(depths.values()), str(path)))
    drafts = (
        Draft(
            name=name,
            load_rgb=ColourFile(image),
            stated_pose=read_pose(path / f"{name}.pose.txt"),
            pose_source=str(path / f"{name}.pose.txt"),
            load_depth=DepthFile(depths[name]) if name in depths else None,
        )
        for name, image in images.items()
    )
    source = Source(_name(path), FORMAT, camera, depth_camera, depth_is_registered=bool(registered) or not raw)
    return assemble(source, drafts, notes=_notes(depth_camera))


def _depth_camera(path: Path, size_hw: tuple[int, int]) -> Camera:
    stated = first_existing(path, MATRIX_FILES) or first_existing(path.parent, MATRIX_FILES)
    return _for_size(DEPTH_CAMERA, size_hw) if stated is None else read_matrix(stated, size_hw)


def _for_size(camera: Camera, size_hw: tuple[int, int]) -> Camera:
    if size_hw[0] * camera.size_hw[1] != size_hw[1] * camera.size_hw[0]:
        raise DataError(f"7-Scenes images are 640x480 or scaled from it, these are {size_hw[1]}x{size_hw[0]}")
    return camera if size_hw == camera.size_hw else camera.resized(size_hw)


def _name(path: Path) -> str:
    """``chess/seq-01``: the number alone says nothing."""
    resolved = path.resolve()
    return f"{resolved.parent.name}/{resolved.name}" if resolved.name.startswith("seq-") else resolved.name


def _notes(depth_camera: Camera | None) -> tuple[str, ...]:
    if depth_camera is None:
        return ()
    return ("depth and colour come from two cameras 2.5 cm apart: towards the edges they are some 30 pixels apart",)
