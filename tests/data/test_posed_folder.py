from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from workers import sent_to_a_worker

from deglare.data.files import write_image, write_text
from deglare.data.opening import open_sequence
from deglare.data.posed_folder import PosedFolder, read_posed_folder
from deglare.errors import DataError, RequestError
from deglare.types import DepthMap, SurfaceLabels


def as_line(pose: np.ndarray) -> str:
    return " ".join(str(float(x)) for x in pose.ravel())


def test_what_is_written_is_read_back(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    sequence = open_sequence(write_scene(tmp_path / "room", scene))
    assert (sequence.name, sequence.source_format, len(sequence)) == ("room", "posed-folder", 12)
    assert sequence[0].camera == scene.camera
    assert sequence.dropped == {}
    assert [f.name for f in sequence] == scene.names()
    for index, frame in enumerate(sequence):
        assert np.allclose(np.asarray(frame.world_T_cam), scene.poses[index], atol=1e-12)
        depth = frame.depth()
        assert depth is not None
        assert np.abs(depth.metres - scene.depth_m(index))[depth.valid].max() < 0.00051
        assert frame.rgb().shape == (96, 128, 3)


def test_surface_labels_are_read_back(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    folder, size = PosedFolder(write_scene(tmp_path, scene)), scene.camera.size_hw
    random = np.random.default_rng(5)
    labels = SurfaceLabels(
        reflective=random.random(size) > 0.5,
        specular_share=random.random(size).astype(np.float32),
        material=random.integers(0, 7, size, dtype=np.uint8),
        surface_id=random.integers(0, 65535, size, dtype=np.uint16),
    )
    folder.write_frame("0003", scene.rgb(3), None, labels)
    sequence = open_sequence(tmp_path)
    read = sequence[3].labels()
    assert read is not None
    assert np.array_equal(read.reflective, labels.reflective)
    assert np.array_equal(np.asarray(read.material), np.asarray(labels.material))
    assert np.array_equal(np.asarray(read.surface_id), np.asarray(labels.surface_id))
    assert np.abs(np.asarray(read.specular_share) - np.asarray(labels.specular_share)).max() <= 0.5 / 255 + 1e-6
    assert sequence[4].labels() is None
    assert "1 of 12 frames have a reflective mask" in sequence.notes


def test_labels_of_two_sizes_are_refused(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    folder = PosedFolder(write_scene(tmp_path, scene))
    write_image(folder.layer("regions", "0000"), np.zeros((96, 128), dtype=np.uint8))
    write_image(folder.layer("material", "0000"), np.zeros((48, 64), dtype=np.uint8))
    with pytest.raises(DataError, match=r"\(48, 64\).*\(96, 128\)"):
        open_sequence(tmp_path)[0].labels()


def test_poses_without_names_belong_to_the_images_in_natural_order(tmp_path: Path, scene) -> None:
    for index in range(12):
        write_image(tmp_path / "images" / f"shot{index}.png", scene.rgb(index))
    write_text(tmp_path / "poses.txt", "\n".join(as_line(p) for p in scene.poses))
    write_text(tmp_path / "K.txt", "100 0 63\n0 102 47.5\n0 0 1\n")
    sequence = open_sequence(tmp_path)
    assert [f.name for f in sequence] == [f"shot{i}" for i in range(12)]
    assert np.allclose(np.asarray(sequence[10].world_T_cam), scene.poses[10])
    assert np.array_equal(sequence[10].rgb(), scene.rgb(10))
    assert sequence[0].camera == scene.camera


def test_poses_may_lie_in_a_file_each_and_missing_ones_are_counted(tmp_path: Path, scene) -> None:
    for index, name in enumerate(scene.names()):
        write_image(tmp_path / "rgb" / f"{name}.jpeg", scene.rgb(index))
        if index not in (2, 5):
            write_text(tmp_path / "pose" / f"{name}.txt", as_line(scene.poses[index]))
    write_text(tmp_path / "intrinsics.txt", "100 0 63\n0 102 47.5\n0 0 1\n")
    sequence = open_sequence(tmp_path)
    assert [f.name for f in sequence] == [n for n in scene.names() if n not in ("0002", "0005")]
    assert sequence.dropped == {"no pose": 2}


@pytest.mark.parametrize("lost", [-np.inf, np.nan])
def test_lost_tracking_missing_poses_and_missing_images_are_left_out_and_counted(
    tmp_path: Path, scene, write_scene: Callable[..., Path], lost: float
) -> None:
    write_scene(tmp_path, scene)
    poses = dict(zip(scene.names(), scene.poses, strict=True))
    poses["0001"] = np.full((4, 4), lost)
    del poses["0002"], poses["0003"]
    poses["9999"] = np.eye(4)
    PosedFolder(tmp_path).write_poses(poses.items())
    sequence = open_sequence(tmp_path)
    assert [f.name for f in sequence] == ["0000", *scene.names()[4:]]
    assert sequence.dropped == {
        "pose without an image": 1,
        "pose not finite (lost tracking)": 1,
        "no pose": 2,
    }


def test_rounded_poses_are_made_exactly_rigid(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    rounded = [np.round(p, 3) for p in scene.poses]
    sequence = open_sequence(write_scene(tmp_path, scene, rounded))
    for frame, pose in zip(sequence, scene.poses, strict=True):
        assert frame.world_T_cam is not None
        rotation = frame.world_T_cam[:3, :3]
        assert np.abs(rotation.T @ rotation - np.eye(3)).max() < 1e-12
        assert np.abs(frame.world_T_cam - pose).max() < 2e-3


@pytest.mark.parametrize("scale", [1.1, -1.0, 1e200])
def test_a_pose_that_is_not_rigid_is_named(
    tmp_path: Path, scene, write_scene: Callable[..., Path], scale: float
) -> None:
    poses = [p.copy() for p in scene.poses]
    poses[7][:3, :3] *= scale
    write_scene(tmp_path, scene, poses)
    with pytest.raises(DataError, match=r"frame 0007 .* not rigid"):
        open_sequence(tmp_path)


def test_a_camera_a_thousand_kilometres_away_is_refused(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    poses = [p.copy() for p in scene.poses]
    poses[7][0, 3] = 1e300
    write_scene(tmp_path, scene, poses)
    with pytest.raises(DataError, match="frame 0007"):
        open_sequence(tmp_path)


def test_a_count_of_poses_that_differs_from_the_images_names_both(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    write_scene(tmp_path, scene)
    write_text(tmp_path / "poses.txt", "\n".join(as_line(p) for p in scene.poses[:-1]))
    with pytest.raises(DataError, match="11 poses for 12 images"):
        open_sequence(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0000 " + "1 " * 15 + "oops", "line 1: 'oops' is not a number"),
        ("0000 1 2 3", "line 1 has 4 words"),
        ("", "line 1 has 0 words"),
    ],
)
def test_a_damaged_pose_file_is_one_sentence(
    tmp_path: Path, scene, write_scene: Callable[..., Path], text: str, message: str
) -> None:
    write_scene(tmp_path, scene)
    write_text(tmp_path / "poses.txt", text)
    with pytest.raises(DataError, match=message):
        open_sequence(tmp_path)


def test_a_second_pose_for_one_frame_is_refused(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    write_scene(tmp_path, scene)
    PosedFolder(tmp_path).write_poses([("0000", np.eye(4)), ("0000", np.eye(4))])
    with pytest.raises(DataError, match="line 2: frame 0000 has a second pose"):
        open_sequence(tmp_path)


@pytest.mark.parametrize("name", ["a b", "a#1", "", " a"])
def test_a_name_that_could_not_be_read_back_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match="cannot be named"):
        PosedFolder(tmp_path).write_poses([(name, np.eye(4))])
    assert not (tmp_path / "poses.txt").exists()


def test_images_of_two_sizes_are_named_with_both_sizes(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    write_scene(tmp_path, scene)
    write_image(tmp_path / "color" / "0004.jpg", np.zeros((50, 60, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"128x96 but 0004\.jpg is 60x50"):
        open_sequence(tmp_path)


def test_a_camera_file_for_another_size_is_refused(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    write_scene(tmp_path, scene)
    PosedFolder(tmp_path).write_camera(scene.camera.resized((48, 64)))
    with pytest.raises(DataError, match="64x48 pixels but the images are 128x96"):
        open_sequence(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "should hold"),
        ("{", "not JSON"),
        ('{"fx": "wide"}', "'fx' should be a number"),
        ('{"fx": NaN}', "'fx' should be a number"),
        ('{"fx": 1' + "0" * 400 + "}", "'fx' should be a number"),
        ("[" * 100_000, "not JSON"),
        ('{"fx": -1, "fy": 1, "cx": 1, "cy": 1, "height": 96, "width": 128}', "not a camera"),
        ('{"fx": 1, "fy": 1, "cx": 300, "cy": 1, "height": 96, "width": 128}', "another image size"),
    ],
)
def test_a_damaged_camera_file_is_one_sentence(
    tmp_path: Path, scene, write_scene: Callable[..., Path], text: str, message: str
) -> None:
    write_scene(tmp_path, scene)
    write_text(tmp_path / "camera.json", text)
    with pytest.raises(DataError, match=message):
        open_sequence(tmp_path)


def test_poses_without_a_camera_say_which_files_are_looked_for(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    write_scene(tmp_path, scene)
    (tmp_path / "camera.json").unlink()
    with pytest.raises(DataError, match=r"no camera: add one of camera\.json, K\.txt"):
        open_sequence(tmp_path)


def test_two_images_of_one_name_are_refused(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    write_scene(tmp_path, scene)
    write_image(tmp_path / "color" / "0004.png", scene.rgb(4))
    with pytest.raises(DataError, match=r"0004\.jpg and 0004\.png"):
        open_sequence(tmp_path)


def test_opening_decodes_no_image_and_decoding_finds_the_damage(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    write_scene(tmp_path, scene)
    for path in (tmp_path / "color").iterdir():
        path.write_bytes(path.read_bytes()[:700])
    sequence = read_posed_folder(tmp_path)
    with pytest.raises(DataError, match=r"0002\.jpg is damaged or cut short"):
        sequence[2].rgb()


def test_a_frame_can_be_sent_to_another_process(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    frame = open_sequence(write_scene(tmp_path, scene))[1]
    copy = sent_to_a_worker(frame)
    assert np.array_equal(copy.rgb(), frame.rgb())
    assert isinstance(copy.depth(), DepthMap)


def test_frames_without_depth_are_kept_and_noted(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    write_scene(tmp_path, scene)
    (tmp_path / "depth" / "0002.png").unlink()
    sequence = open_sequence(tmp_path)
    assert len(sequence) == 12
    assert not sequence.has_depth
    assert sequence.notes == ("11 of 12 frames have depth",)
