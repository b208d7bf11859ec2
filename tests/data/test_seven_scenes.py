from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deglare.data.files import write_image, write_text
from deglare.data.opening import find_sequences, open_sequence
from deglare.data.seven_scenes import read_seven_scenes
from deglare.errors import DataError


@pytest.fixture
def chess(tmp_path: Path, scene) -> Path:
    """Three frames of a sequence, with holes of both codes."""
    folder = tmp_path / "chess" / "seq-01"
    for index in range(3):
        steps = np.full((480, 640), 1500, dtype=np.uint16)
        steps[0], steps[1] = 0, 65535
        write_image(folder / f"frame-{index * 5:06d}.color.png", np.zeros((480, 640, 3), dtype=np.uint8))
        write_image(folder / f"frame-{index * 5:06d}.depth.png", steps)
        np.savetxt(folder / f"frame-{index * 5:06d}.pose.txt", scene.poses[index])
    return folder


def test_raw_depth_belongs_to_its_own_camera(chess: Path) -> None:
    sequence = read_seven_scenes(chess)
    assert (sequence.name, sequence.source_format) == ("chess/seq-01", "7-scenes")
    assert [f.name for f in sequence] == ["frame-000000", "frame-000005", "frame-000010"]
    assert not sequence.depth_is_registered
    assert sequence[0].camera.fx == 525
    assert sequence[0].depth_camera is not None
    assert sequence[0].depth_camera.fx == 585
    assert len(sequence.notes) == 1


def test_both_codes_for_no_depth_are_holes(chess: Path) -> None:
    depth = read_seven_scenes(chess)[0].depth()
    assert depth is not None
    assert not depth.valid[:2].any()
    assert depth.valid[2:].all()
    assert depth.metres[5, 5] == pytest.approx(1.5)


def test_a_stated_matrix_is_that_of_the_depth_camera(chess: Path) -> None:
    write_text(chess / "camera-intrinsics.txt", "590 0 321 0 591 241 0 0 1")
    frame = read_seven_scenes(chess)[0]
    assert frame.camera.fx == 525
    assert frame.depth_camera is not None
    assert (frame.depth_camera.fy, frame.depth_camera.cx) == (591, 321)


def test_projected_depth_is_preferred_and_registered(chess: Path) -> None:
    for index in (0, 5, 10):
        write_image(chess / f"frame-{index:06d}.depth.proj.png", np.full((480, 640), 1700, dtype=np.uint16))
    sequence = read_seven_scenes(chess)
    depth = sequence[1].depth()
    assert depth is not None
    assert depth.metres[0, 0] == pytest.approx(1.7)
    assert sequence.depth_is_registered
    assert sequence[1].depth_camera is None
    assert sequence.notes == ()


def test_a_missing_pose_is_counted(chess: Path) -> None:
    (chess / "frame-000005.pose.txt").unlink()
    sequence = read_seven_scenes(chess)
    assert len(sequence) == 2
    assert sequence.dropped == {"no pose": 1}


def test_a_pose_with_a_word_or_too_few_numbers_names_its_file(chess: Path) -> None:
    write_text(chess / "frame-000005.pose.txt", "1 0 0 x")
    with pytest.raises(DataError, match=r"frame-000005\.pose\.txt, line 1: 'x' is not a number"):
        read_seven_scenes(chess)
    write_text(chess / "frame-000005.pose.txt", "1 0 0")
    with pytest.raises(DataError, match="holds 3 numbers, it should hold 16"):
        read_seven_scenes(chess)


def test_the_folder_of_a_scene_says_which_sequences_it_holds(chess: Path) -> None:
    with pytest.raises(DataError, match=r"holds several sequences \(1: seq-01\): name one"):
        open_sequence(chess.parent)
    assert find_sequences(chess.parent) == [chess]
    assert find_sequences(chess) == [chess]


def test_images_of_another_shape_are_refused(chess: Path) -> None:
    for index in (0, 5, 10):
        write_image(chess / f"frame-{index:06d}.color.png", np.zeros((480, 480, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="640x480 or scaled from it, these are 480x480"):
        read_seven_scenes(chess)
