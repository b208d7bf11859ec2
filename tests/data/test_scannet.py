from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deglare.data.files import write_depth, write_image
from deglare.data.opening import open_sequence
from deglare.errors import DataError
from deglare.types import DepthMap


def write_intrinsics(folder: Path, scene) -> None:
    """Colour is twice as large as depth."""
    folder.mkdir(parents=True)
    for which, camera in (("color", scene.camera.resized((192, 256))), ("depth", scene.camera)):
        matrix = np.eye(4)
        matrix[:3, :3] = camera.matrix
        np.savetxt(folder / f"intrinsic_{which}.txt", matrix)


def write_frames(scene, place: Callable[[int, str], Path]) -> None:
    for index, pose in enumerate(scene.poses):
        write_image(place(index, "color"), np.zeros((192, 256, 3), dtype=np.uint8))
        write_depth(place(index, "depth"), DepthMap.of_positive(scene.depth_m(index)))
        place(index, "pose").parent.mkdir(exist_ok=True)
        np.savetxt(place(index, "pose"), pose)


@pytest.fixture(params=["A", "B"])
def scannet(request: pytest.FixtureRequest, tmp_path: Path, scene) -> tuple[Path, Callable[[int, str], Path]]:
    """A scene in each of the two layouts."""
    root = tmp_path / "scene0000_00"
    endings = {"color": "jpg", "depth": "png", "pose": "txt"}

    def place(index: int, what: str) -> Path:
        if request.param == "A":
            return root / what / f"{index}.{endings[what]}"
        return root / "sensor_data" / f"frame-{index:06d}.{what}.{endings[what]}"

    write_intrinsics(root / "intrinsic", scene)
    write_frames(scene, place)
    return root, place


def test_both_layouts_are_read_with_their_two_cameras(scannet, scene) -> None:
    sequence = open_sequence(scannet[0])
    assert (sequence.name, sequence.source_format, len(sequence)) == ("scene0000_00", "scannet", 12)
    for index, frame in enumerate(sequence):
        assert np.allclose(np.asarray(frame.world_T_cam), scene.poses[index])
        assert frame.camera.size_hw == frame.rgb().shape[:2] == (192, 256)
        assert frame.depth_camera is not None
        assert np.allclose(frame.depth_camera.matrix, scene.camera.matrix)
        depth = frame.depth()
        assert depth is not None
        assert np.abs(depth.metres - scene.depth_m(index))[depth.valid].max() < 0.00051


def test_frames_whose_tracking_was_lost_or_whose_pose_is_missing_are_counted(scannet) -> None:
    root, place = scannet
    np.savetxt(place(4, "pose"), np.full((4, 4), -np.inf))
    np.savetxt(place(5, "pose"), np.full((4, 4), -np.inf))
    place(7, "pose").unlink()
    sequence = open_sequence(root)
    assert len(sequence) == 9
    assert sequence.dropped == {"pose not finite (lost tracking)": 2, "no pose": 1}


def test_a_scene_without_intrinsics_names_the_missing_file(scannet) -> None:
    root, _ = scannet
    (root / "intrinsic" / "intrinsic_depth.txt").unlink()
    with pytest.raises(DataError, match=r"intrinsic_depth\.txt"):
        open_sequence(root)


def test_a_scene_in_which_every_pose_is_lost_says_so(scannet, scene) -> None:
    root, place = scannet
    for index in range(len(scene.poses)):
        np.savetxt(place(index, "pose"), np.full((4, 4), -np.inf))
    with pytest.raises(DataError, match="no frame that can be used: 12 pose not finite"):
        open_sequence(root)
