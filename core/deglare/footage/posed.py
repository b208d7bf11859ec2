"""The believed part of a clip as a posed folder: straight pictures, one camera, a pose each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deglare.data.files import read_rgb, write_image
from deglare.data.opening import open_sequence
from deglare.data.posed_folder import PosedFolder
from deglare.errors import DataError
from deglare.footage.cameras import Cameras
from deglare.footage.frames import Kept
from deglare.footage.workplace import Workplace, copy_whole
from deglare.fusion.importing import resized_rgb
from deglare.fusion.staging import Key
from deglare.geometry.poses_lens import Lens, straightened
from deglare.types import Camera, Sequence


def run_camera_of(lens: Lens, kept: Kept) -> Camera:
    """The pinhole camera of the run's frames."""
    return lens.camera.resized(kept.run_hw)


def write_posed(place: Workplace, found: Key, cameras: Cameras, kept: Kept, name: str) -> tuple[Key, Sequence]:
    """Write the believed frames and open them as a sequence of that name.

    A lens that bends so little that nobody notices leaves the pictures as they are, to the last byte.
    """
    if cameras.lens is None:
        raise DataError("there are no cameras to write")
    believed = cameras.believed(kept)
    folder, ledger = PosedFolder(place.root / "posed"), place.ledger
    key = Key.after("posed", {}, found)
    if not ledger.is_current(key, folder.root):
        ledger.begin(key, folder.root)
        writing = _Writing(place, folder, cameras.lens, kept.run_hw)
        for frame in believed:
            if not folder.color(frame).is_file():
                writing.picture(frame)
        folder.write_camera(run_camera_of(cameras.lens, kept))
        folder.write_poses((frame, cameras.world_T_cam[frame]) for frame in believed)
        ledger.finish(key)
    return key, replace(open_sequence(folder.root), name=name)


@dataclass(frozen=True)
class _Writing:
    """How one picture becomes straight."""

    place: Workplace
    folder: PosedFolder
    lens: Lens
    run_hw: tuple[int, int]

    def picture(self, name: str) -> None:
        rgb = read_rgb(self.place.frame(name))
        straight = straightened(rgb, self.lens)
        out = self.folder.color(name)
        if straight is rgb:
            copy_whole(self.place.color(name), out)
        else:
            write_image(out, resized_rgb(straight, self.run_hw))
