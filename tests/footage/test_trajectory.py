"""Cameras in the forms of other tools, read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_scenes import CAMERA, look_at
from scipy.spatial.transform import Rotation

from deglare.data.cameras import write_camera
from deglare.data.files import write_image
from deglare.data.tum import read_tum
from deglare.footage.trajectory import quaternion_of, transforms, tum_lines

POSES = [look_at((1.0 + 0.1 * n, 2.0, 1.5), (0.2 * n, 0, 0)) for n in range(5)]
TIMES = [0.1 * n + 0.05 for n in range(5)]


@given(vector=st.tuples(*[st.floats(-3.1, 3.1)] * 3))
def test_a_rotation_becomes_the_quaternion_that_makes_it(vector: tuple[float, float, float]) -> None:
    rotation = Rotation.from_rotvec(vector).as_matrix()
    w, x, y, z = quaternion_of(rotation)
    assert w >= 0
    assert Rotation.from_quat([x, y, z, w]).as_matrix() == pytest.approx(rotation, abs=1e-9)


def test_the_reader_of_tum_reads_the_poses_back(tmp_path: Path) -> None:
    write_image(tmp_path / "rgb" / "a.png", np.zeros((*CAMERA.size_hw, 3), dtype=np.uint8))
    (tmp_path / "rgb.txt").write_text("".join(f"{time} rgb/a.png\n" for time in TIMES))
    (tmp_path / "groundtruth.txt").write_text(tum_lines(TIMES, POSES))
    write_camera(tmp_path / "camera.json", CAMERA)
    sequence = read_tum(tmp_path)
    assert len(sequence) == 5
    for frame, pose in zip(sequence, POSES, strict=True):
        assert frame.world_T_cam == pytest.approx(pose, abs=1e-8)


def test_transforms_have_opengl_axes_and_centres_at_halves() -> None:
    found = transforms(CAMERA, {"000001": POSES[0]}, "../color/{}.jpg", "../fused/{}.png")
    found = json.loads(json.dumps(found))
    matrix = np.array(found["frames"][0]["transform_matrix"])
    assert matrix[:3, 3] == pytest.approx(POSES[0][:3, 3])
    assert matrix[:3, 2] == pytest.approx(-POSES[0][:3, 2]) and matrix[:3, 1] == pytest.approx(-POSES[0][:3, 1])
    assert found["frames"][0]["file_path"] == "../color/000001.jpg"
    assert (found["cx"], found["w"], found["h"]) == (CAMERA.cx + 0.5, 96, 72)
