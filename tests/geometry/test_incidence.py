import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_scenes import CAMERA, corner, facing, look_at, plane

from deglare.geometry.incidence import LEAST_WEIGHT, incidence_degrees, incidence_weights
from deglare.geometry.normals import cos_incidence, normals_from_depth
from deglare.types import DepthMap


@given(x=st.floats(-0.9, 0.9), y=st.floats(-0.9, 0.9), offset=st.floats(0.5, 8))
def test_on_a_plane_the_weight_is_the_cosine_of_incidence(x: float, y: float, offset: float) -> None:
    normal = np.array([x, y, 1.0]) / np.linalg.norm([x, y, 1.0])
    depth = plane(tuple(normal), offset, facing())
    rays = CAMERA.rays()
    cosine = rays @ normal / np.linalg.norm(rays, axis=-1)
    weights = incidence_weights(depth, CAMERA)
    seen = depth.valid & (cosine > 0.1)
    np.testing.assert_allclose(weights[seen], cosine[seen], atol=2e-2)
    assert np.abs(weights - cosine)[seen].mean() < 2e-3


def test_in_a_corner_it_agrees_with_normals_worked_out_from_points() -> None:
    depth = corner(look_at((1.4, 1.7, 1.2)))
    K = torch.tensor(CAMERA.matrix, dtype=torch.float32)[None]
    metres, valid = torch.from_numpy(depth.metres)[None, None], torch.from_numpy(depth.valid)[None, None]
    expected = cos_incidence(normals_from_depth(metres, valid, K).unit, K).clamp(LEAST_WEIGHT, 1)[0, 0].numpy()
    off = np.abs(incidence_weights(depth, CAMERA) - expected)
    assert np.median(off) < 1e-4
    assert np.mean(off > 0.02) < 0.03  # at the edges the two may take different neighbours


def test_a_jump_of_depth_beside_a_wall_leaves_the_wall_as_it_is() -> None:
    wall = plane((0, 0, 1), 2.0, facing()).metres.copy()
    wall[:, :40] = 5.0
    rays = CAMERA.rays()
    np.testing.assert_allclose(
        incidence_weights(DepthMap.of_positive(wall), CAMERA), 1 / np.linalg.norm(rays, axis=-1), atol=1e-3
    )


def test_what_has_no_neighbour_weighs_least_and_what_is_not_there_nothing() -> None:
    metres = np.zeros(CAMERA.size_hw, dtype=np.float32)
    metres[30, 40] = 1.5
    weights = incidence_weights(DepthMap.of_positive(metres), CAMERA)
    assert weights[30, 40] == np.float32(LEAST_WEIGHT)
    assert np.count_nonzero(weights) == 1
    assert weights.dtype == np.float32


@given(x=st.floats(-2, 2), y=st.floats(-2, 2), offset=st.floats(0.5, 8))
def test_on_a_plane_the_angle_is_the_one_between_the_normal_and_the_ray(x: float, y: float, offset: float) -> None:
    normal = np.array([x, y, 1.0]) / np.linalg.norm([x, y, 1.0])
    depth = plane(tuple(normal), offset, facing())
    rays = CAMERA.rays()
    expected = np.degrees(np.arccos(np.clip(rays @ normal / np.linalg.norm(rays, axis=-1), -1, 1)))
    angle = incidence_degrees(depth, CAMERA)
    seen = depth.valid & (expected < 80) & np.isfinite(angle)
    assert seen.sum() >= 0.9 * (depth.valid & (expected < 80)).sum()
    np.testing.assert_allclose(angle[seen], expected[seen], atol=0.2)


def test_an_angle_is_below_a_right_one_and_unknown_without_a_neighbour() -> None:
    metres = np.zeros(CAMERA.size_hw, dtype=np.float32)
    metres[30, 40] = 1.5
    metres[10:13, 10:13] = [[1, 5, 9], [9, 1, 5], [5, 9, 1]]
    angle = incidence_degrees(DepthMap.of_positive(metres), CAMERA)
    assert np.isnan(angle[30, 40]) and np.isnan(angle[0, 0])
    known = angle[10:13, 10:13]
    assert np.isfinite(known).all() and known.min() >= 0 and known.max() < 90
