"""A plain folder of images: frames in natural order of their names, without poses."""

from __future__ import annotations

from pathlib import Path

from deglare.data.cameras import CAMERA_FILE, GUESSED_FIELD_OF_VIEW_DEG, find_camera, guessed_camera
from deglare.data.drafts import ColourFile, DepthFile, Draft, Source, assemble
from deglare.data.folders import by_stem, has_images, one_size_hw
from deglare.data.posed_folder import COLOUR_FOLDERS
from deglare.errors import DataError
from deglare.types import Sequence

FORMAT = "image-folder"


def looks_like_image_folder(path: Path) -> bool:
    """Images, directly or in a folder of their own, and no poses."""
    return _image_folder(path) is not None and not (path / "poses.txt").exists() and not (path / "pose").exists()


def read_image_folder(path: Path) -> Sequence:
    """Open a folder of images; a camera that is not given is guessed, and a note says so."""
    folder = _image_folder(path)
    if folder is None:
        raise DataError(f"{path} holds no image, neither directly nor in {', '.join(COLOUR_FOLDERS)}")
    images = by_stem(folder)
    size_hw = one_size_hw(list(images.values()), str(folder))
    camera, notes = find_camera(path, size_hw), ()
    if camera is None:
        camera = guessed_camera(size_hw)
        notes = (
            f"the camera is guessed: {GUESSED_FIELD_OF_VIEW_DEG:g} degrees of horizontal field of view; "
            f"write {CAMERA_FILE} for the true one",
        )
    depths = by_stem(path / "depth", (".png",))
    drafts = (
        Draft(name, ColourFile(image), load_depth=DepthFile(depths[name]) if name in depths else None)
        for name, image in images.items()
    )
    return assemble(Source(path.resolve().name, FORMAT, camera, has_poses=False), drafts, notes=notes)


def _image_folder(path: Path) -> Path | None:
    places = (path, *(path / name for name in COLOUR_FOLDERS))
    return next((place for place in places if has_images(place)), None)
