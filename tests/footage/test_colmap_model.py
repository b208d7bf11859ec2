"""The text model, read back by COLMAP itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pycolmap
import pytest
from plain_scenes import CAMERA, look_at

from deglare.footage.colmap_model import SeenPoints, places_in_images, write_model
from deglare.types import inverse_rigid

POSES = {f"{n:06d}": look_at((2.0, 0.3 * n - 0.5, 1.5)) for n in range(3)}


@pytest.fixture
def points() -> SeenPoints:
    """Points near the origin, each seen by all cameras but one."""
    rng = np.random.default_rng(0)
    xyz = rng.uniform(-0.3, 0.3, (12, 3))
    point, frame = (axis.ravel() for axis in np.indices((12, 3)))
    kept = point % 3 != frame
    point, frame = point[kept].astype(np.int64), frame[kept].astype(np.int64)
    cam_T_world = np.stack([inverse_rigid(pose) for pose in POSES.values()])[frame]
    seen = CAMERA.project(np.einsum("nij,nj->ni", cam_T_world[:, :3, :3], xyz[point]) + cam_T_world[:, :3, 3])
    colours = rng.integers(0, 255, (12, 3)).astype(np.uint8)
    return SeenPoints(xyz, colours, np.full(12, 0.25), frame, point, seen)


def test_colmap_reads_the_model_and_finds_no_error_in_it(tmp_path: Path, points: SeenPoints) -> None:
    write_model(tmp_path, CAMERA, POSES, points)
    model = pycolmap.Reconstruction(tmp_path)
    assert (model.num_images(), model.num_points3D(), model.num_cameras()) == (3, 12, 1)
    assert model.cameras[1].params == pytest.approx([CAMERA.fx, CAMERA.fy, CAMERA.cx + 0.5, CAMERA.cy + 0.5])
    for image in model.images.values():
        name = image.name.removesuffix(".jpg")
        assert image.cam_from_world().matrix() == pytest.approx(inverse_rigid(POSES[name])[:3], abs=1e-9)
        for seen in image.points2D:
            expected = image.project_point(model.points3D[seen.point3D_id].xyz)
            assert seen.xy == pytest.approx(expected, abs=2e-3)
    for number, one in model.points3D.items():
        assert one.xyz == pytest.approx(points.xyz[number - 1]) and list(one.color) == list(points.rgb[number - 1])
        assert one.track.length() == 2


def test_sightings_are_counted_within_their_image() -> None:
    assert places_in_images(np.array([0, 1, 0, 2, 1, 0])).tolist() == [0, 0, 1, 0, 1, 2]


def test_a_model_without_points_can_be_read(tmp_path: Path) -> None:
    nothing = np.zeros(0, dtype=np.int64)
    empty = SeenPoints(
        np.zeros((0, 3)), np.zeros((0, 3), dtype=np.uint8), np.zeros(0), nothing, nothing, np.zeros((0, 2))
    )
    write_model(tmp_path, CAMERA, POSES, empty)
    assert pycolmap.Reconstruction(tmp_path).num_images() == 3
