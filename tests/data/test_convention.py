from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deglare.data.convention import (
    Y_UP,
    DepthView,
    relative_pose,
    reprojection_mm,
    require_convention,
    require_depth_range,
)
from deglare.data.files import write_image
from deglare.data.opening import open_sequence
from deglare.data.posed_folder import read_posed_folder
from deglare.errors import DataError
from deglare.types import DepthMap


def view(scene, index: int) -> DepthView:
    return DepthView(DepthMap.of_positive(scene.depth_m(index)), scene.camera, scene.poses[index])


def test_exact_depth_under_exact_poses_lands_on_itself_up_to_the_pixel_grid(scene) -> None:
    a, b = view(scene, 3), view(scene, 5)
    right = reprojection_mm(a, b, relative_pose(a.world_T_cam, b.world_T_cam))
    still = reprojection_mm(a, b, np.eye(4))
    assert right is not None
    assert still is not None
    assert right < 6
    assert still > 40


def test_an_error_of_depth_is_measured_in_millimetres(scene) -> None:
    a = view(scene, 3)
    b = DepthView(DepthMap.of_positive(a.depth.metres + np.float32(0.025)), a.camera, a.world_T_cam)
    assert reprojection_mm(a, b, np.eye(4)) == pytest.approx(25, abs=1e-3)


def test_views_that_do_not_meet_have_no_error(scene) -> None:
    behind = np.diag([-1.0, 1.0, -1.0, 1.0])
    assert reprojection_mm(view(scene, 0), view(scene, 0), behind) is None


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (lambda m: np.linalg.inv(m), r"are world-to-camera: .* replace each matrix M by inv\(M\)"),
        (lambda m: m @ Y_UP, r"are camera-to-world with OpenGL axes .* M @ diag\(1, -1, -1, 1\)"),
        (lambda m: np.linalg.inv(m @ Y_UP), r"are world-to-camera with OpenGL axes"),
    ],
)
def test_poses_in_another_convention_are_refused_with_the_way_to_convert_them(
    tmp_path: Path,
    scene,
    write_scene: Callable[..., Path],
    convert: Callable[[np.ndarray], np.ndarray],
    message: str,
) -> None:
    write_scene(tmp_path, scene, [convert(pose) for pose in scene.poses])
    with pytest.raises(DataError, match=message):
        open_sequence(tmp_path)


def test_following_the_advice_mends_the_file(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    wrong = [np.linalg.inv(pose) for pose in scene.poses]
    write_scene(tmp_path, scene, [np.linalg.inv(m) for m in wrong])
    assert np.allclose(np.asarray(open_sequence(tmp_path)[4].world_T_cam), scene.poses[4])


def test_a_camera_that_stands_still_or_has_noisy_poses_is_not_refused(
    tmp_path: Path, make_scene: Callable[..., object], write_scene: Callable[..., Path]
) -> None:
    still = make_scene(step_m=0.0, turn_deg=0.0)
    require_convention(read_posed_folder(write_scene(tmp_path / "still", still)))
    moving, random = make_scene(), np.random.default_rng(2)
    noisy = [pose.copy() for pose in moving.poses]  # type: ignore[attr-defined]
    for pose in noisy:
        pose[:3, 3] += random.normal(0, 0.05, 3)
    require_convention(read_posed_folder(write_scene(tmp_path / "noisy", moving, noisy)))


def test_one_frame_is_enough_to_open(
    tmp_path: Path, make_scene: Callable[..., object], write_scene: Callable[..., Path]
) -> None:
    assert len(open_sequence(write_scene(tmp_path, make_scene(count=1)))) == 1


def test_depth_in_metres_where_millimetres_belong_is_one_sentence(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    write_scene(tmp_path, scene)
    for index, name in enumerate(scene.names()):
        write_image(tmp_path / "depth" / f"{name}.png", np.rint(scene.depth_m(index)).astype(np.uint16))
    with pytest.raises(DataError, match=r"seem to hold metres, multiply them by 1000"):
        open_sequence(tmp_path)


def test_depth_in_a_finer_unit_is_one_sentence() -> None:
    require_depth_range(59.0, "a hall")
    with pytest.raises(DataError, match="finer unit"):
        require_depth_range(61.0, "a room")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["hololens_lounge_a", "sevenscenes_redkitchen"])
def test_real_poses_turned_round_are_refused(tmp_path: Path, shared_data: Path, name: str) -> None:
    """A copy in which each pose is the inverse of what it should be."""
    sequence = open_sequence(shared_data / name)
    if name == "hololens_lounge_a":
        for item in ("images", "depth", "K.txt"):
            (tmp_path / item).symlink_to(shared_data / name / item)
        poses = [np.linalg.inv(f.world_T_cam) for f in sequence if f.world_T_cam is not None]
        np.savetxt(tmp_path / "poses.txt", np.stack(poses).reshape(-1, 16))
    else:
        for path in (shared_data / name).iterdir():
            if path.name.endswith(".pose.txt"):
                np.savetxt(tmp_path / path.name, np.linalg.inv(np.loadtxt(path)))
            else:
                (tmp_path / path.name).symlink_to(path)
    with pytest.raises(DataError, match="are world-to-camera: read so"):
        open_sequence(tmp_path)
