from itertools import pairwise

import numpy as np
import pytest

from deglare.rooms.furnish import furnish
from deglare.rooms.scene import RoomScene
from deglare.rooms.trajectory import look_along, walk
from deglare.types import inverse_rigid, require_rigid, rotation_degrees

SEEDS = (5, 26, 1_000_001, 2_000_003, 3_000_000)
"""Seed 26 is one in which a corner once cut a step short."""


@pytest.fixture(scope="module", params=SEEDS)
def walked(request: pytest.FixtureRequest) -> tuple[RoomScene, np.ndarray]:
    room = furnish(request.param)
    return room, walk(room, np.random.default_rng([request.param, 1]), 90)


def test_neighbouring_frames_are_five_to_ten_centimetres_and_at_most_three_degrees_apart(walked) -> None:
    _, poses = walked
    steps = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    turns = [rotation_degrees(inverse_rigid(a) @ b) for a, b in pairwise(poses)]
    assert 0.05 <= steps.min() <= steps.max() <= 0.10
    assert max(turns) <= 3


def test_the_camera_stays_clear_of_walls_and_of_all_that_stands_in_the_room(walked) -> None:
    room, poses = walked
    places = poses[:, :3, 3]
    shell = room.boxes[0]
    assert (np.array(shell.half) - np.abs(places - np.array(shell.centre))).min() > 0.4
    for box in room.boxes[1:]:
        away = places - np.array(box.centre)
        cos, sin = np.cos(box.yaw), np.sin(box.yaw)
        local = np.stack([away[:, 0] * cos + away[:, 1] * sin, away[:, 1] * cos - away[:, 0] * sin, away[:, 2]], axis=1)
        assert np.linalg.norm(np.maximum(np.abs(local) - np.array(box.half), 0), axis=1).min() > 0.05
    for ball in room.balls:
        assert np.linalg.norm(places - np.array(ball.centre), axis=1).min() > ball.radius + 0.05


def test_poses_are_rigid_and_upright(walked) -> None:
    _, poses = walked
    for pose in poses:
        require_rigid(pose, "a pose of the walk")
        np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-9)
    assert poses[:, 2, 1].max() < -0.4  # the camera's y axis points down


def test_a_walk_goes_on_as_its_seed_says(walked) -> None:
    room, poses = walked
    again = walk(room, np.random.default_rng([1, 1]), 10)
    assert np.array_equal(again, walk(room, np.random.default_rng([1, 1]), 10))
    assert not np.allclose(again, poses[:10])


def test_a_camera_looks_along_yaw_and_pitch() -> None:
    pose = look_along(np.array([1.0, 2, 3]), np.radians(90), np.radians(-30))
    np.testing.assert_allclose(pose[:3, 2], (0, np.cos(np.radians(30)), -0.5), atol=1e-12)
    np.testing.assert_allclose(pose[:3, 0], (1, 0, 0), atol=1e-12)
    np.testing.assert_allclose(pose[:3, 3], (1, 2, 3))
    rolled = look_along(np.array([1.0, 2, 3]), np.radians(90), np.radians(-30), np.radians(5))
    assert rotation_degrees(inverse_rigid(pose) @ rolled) == pytest.approx(5)
    np.testing.assert_allclose(rolled[:3, 2], pose[:3, 2], atol=1e-12)
