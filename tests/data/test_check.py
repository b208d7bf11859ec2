from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deglare.data.check import check_sequence
from deglare.data.files import write_image
from deglare.data.opening import open_sequence
from deglare.data.posed_folder import read_posed_folder


def test_the_numbers_are_those_of_the_scene(
    tmp_path: Path, make_scene: Callable[..., object], write_scene: Callable[..., Path]
) -> None:
    scene = make_scene(count=21)
    report = check_sequence(open_sequence(write_scene(tmp_path / "room", scene)))
    assert (report.frames, report.frames_read, report.frames_with_pose) == (21, 21, 21)
    assert report.image_size_hw == report.depth_size_hw == (96, 128)
    assert report.depth_share is not None
    assert report.depth_share.median == 1
    assert report.step_m is not None
    assert report.turn_deg is not None
    assert report.step_m.median == pytest.approx(0.06)
    assert report.turn_deg.high == pytest.approx(1.0, abs=1e-6)
    assert report.path_m == pytest.approx(20 * 0.06)
    assert report.reprojection is not None
    assert report.reprojection.pairs == 20
    assert report.reprojection.median_mm < 5
    assert report.reprojection.inverse_mm is not None
    assert report.reprojection.inverse_mm > 5 * report.reprojection.median_mm
    assert report.triples is not None
    assert report.triples.found == ((9, 10, 11),)
    assert report.ok
    assert report.is_trainable
    assert report.verdict == "room can be used and trained on: 1 of 3 targets have a triple"


def test_the_worst_pair_is_named(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    poses = [p.copy() for p in scene.poses]
    poses[11][:3, 3] += [0.0, 0.0, 0.3]
    report = check_sequence(open_sequence(write_scene(tmp_path, scene, poses)))
    assert report.reprojection is not None
    assert report.reprojection.worst_pair == ("0010", "0011")
    assert report.reprojection.worst_mm > 10 * report.reprojection.median_mm


def test_damaged_files_are_counted_and_the_first_is_named(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    write_scene(tmp_path, scene)
    for path in (tmp_path / "depth" / "0003.png", tmp_path / "color" / "0007.jpg"):
        path.write_bytes(path.read_bytes()[:1500])
    report = check_sequence(read_posed_folder(tmp_path))
    assert not report.ok
    assert "2 frames cannot be decoded" in report.problems[0]
    assert "0003.png" in report.problems[0]
    assert report.verdict.endswith(report.problems[0])


def test_an_image_of_another_size_among_thousands_is_found(
    tmp_path: Path, make_scene: Callable[..., object], write_scene: Callable[..., Path]
) -> None:
    scene = make_scene(count=60, step_m=0.01, turn_deg=0.1)
    write_scene(tmp_path, scene)
    write_image(tmp_path / "color" / "0017.jpg", np.zeros((50, 60, 3), dtype=np.uint8))
    sequence = open_sequence(tmp_path)  # 16 headers are read at opening, this one is not among them
    report = check_sequence(sequence)
    assert "frame 0017 is 60x50 but its camera is for 128x96" in report.problems[0]


def test_depth_of_two_sizes_is_found(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    write_scene(tmp_path, scene)
    write_image(tmp_path / "depth" / "0006.png", np.full((48, 64), 2000, dtype=np.uint16))
    report = check_sequence(open_sequence(tmp_path))
    assert report.problems == ("depth is 128x96 in frame 0000 but 64x48 in frame 0006",)


def test_poses_in_millimetres_are_suspected(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    poses = [p.copy() for p in scene.poses]
    for pose in poses:
        pose[:3, 3] *= 1000
    report = check_sequence(read_posed_folder(write_scene(tmp_path, scene, poses)))
    assert any("poses in millimetres" in warning for warning in report.warnings)


def test_a_static_camera_can_be_read_but_not_trained_on(
    tmp_path: Path, make_scene: Callable[..., object], write_scene: Callable[..., Path]
) -> None:
    report = check_sequence(open_sequence(write_scene(tmp_path, make_scene(step_m=0.0, turn_deg=0.0))))
    assert report.ok
    assert not report.is_trainable
    assert "not trained on: none of 2 targets has a triple" in report.verdict


def test_images_alone_can_be_read_but_not_trained_on(tmp_path: Path, scene) -> None:
    for index in range(3):
        write_image(tmp_path / f"{index}.png", scene.rgb(index))
    report = check_sequence(open_sequence(tmp_path))
    assert report.ok
    assert report.triples is None
    assert report.reprojection is None
    assert report.verdict.endswith("it has no poses")


def test_a_sample_of_frames_is_read_in_neighbouring_pairs(
    tmp_path: Path, make_scene: Callable[..., object], write_scene: Callable[..., Path]
) -> None:
    scene = make_scene(count=40, step_m=0.01, turn_deg=0.1)
    seen: list[tuple[int, int]] = []
    report = check_sequence(
        open_sequence(write_scene(tmp_path, scene)), most_frames=10, progress=lambda *at: seen.append(at)
    )
    assert report.frames_read == 10
    assert report.reprojection is not None
    assert report.reprojection.pairs == 5
    assert seen == [(i, 10) for i in range(1, 11)]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "median", "p95", "worst"),
    [("hololens_lounge_a", 4.3, 5.6, 6.8), ("sevenscenes_redkitchen", 5.0, 8.9, 16.5)],
)
def test_real_sequences_give_the_numbers_measured_for_them(
    shared_data: Path, name: str, median: float, p95: float, worst: float
) -> None:
    report = check_sequence(open_sequence(shared_data / name))
    assert report.ok
    assert report.is_trainable
    assert report.reprojection is not None
    assert report.reprojection.median_mm == pytest.approx(median, abs=0.2)
    assert report.reprojection.p95_mm == pytest.approx(p95, abs=0.4)
    assert report.reprojection.worst_mm == pytest.approx(worst, abs=0.5)
    assert report.reprojection.inverse_mm is not None
    assert report.reprojection.inverse_mm > 10 * report.reprojection.median_mm
    assert report.edges is not None
    assert report.edges.agrees == report.depth_is_registered
