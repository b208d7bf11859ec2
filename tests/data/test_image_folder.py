from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from deglare.data.files import write_image, write_text
from deglare.data.opening import open_sequence
from deglare.errors import DataError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name in ("img10.png", "img9.jpg", "img1.png"):
        write_image(tmp_path / "shots" / name, np.zeros((30, 40, 3), dtype=np.uint8))
    return tmp_path / "shots"


def test_a_plain_folder_has_no_poses_and_its_camera_is_a_guess_that_is_said(images: Path) -> None:
    sequence = open_sequence(images)
    assert [f.name for f in sequence] == ["img1", "img9", "img10"]
    assert not sequence.has_poses
    camera = sequence[0].camera
    left_edge_to_right_edge = 2 * math.degrees(math.atan(20 / camera.fx))
    assert left_edge_to_right_edge == pytest.approx(60)
    assert (camera.cx, camera.cy, camera.fy) == (19.5, 14.5, camera.fx)
    assert any("guessed" in note for note in sequence.notes)


def test_a_stated_camera_is_used_and_nothing_is_guessed(images: Path) -> None:
    write_text(images / "K.txt", "50 0 20 0 51 15 0 0 1")
    sequence = open_sequence(images)
    assert sequence[0].camera.fy == 51
    assert sequence.notes == ()


def test_images_of_two_sizes_are_refused(images: Path) -> None:
    write_image(images / "img11.png", np.zeros((31, 40, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"40x30 but img11\.png is 40x31"):
        open_sequence(images)
