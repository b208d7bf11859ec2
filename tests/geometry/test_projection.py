import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from deglare.geometry.projection import (
    NEAREST_Z_M,
    compose,
    invert,
    project,
    rays,
    relative_pose,
    stack_intrinsics,
    transform,
    unproject,
)
from deglare.types import Camera, inverse_rigid

CAMERA = Camera(61.0, 57.5, 20.25, 13.75, (31, 45))
angles = st.tuples(*[st.floats(-3, 3)] * 3)
places = st.tuples(*[st.floats(-5, 5)] * 3)


@given(f=st.floats(20, 900), cx=st.floats(-20, 80), z=st.floats(0.1, 20), seed=st.integers(0, 99))
def test_unproject_then_project_returns_every_pixel_and_depth(f: float, cx: float, z: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    depth = z * (0.5 + torch.rand(2, 1, 12, 17, generator=generator, dtype=torch.float64))
    K = torch.tensor([[f, 0, cx], [0, 1.1 * f, 6.5], [0, 0, 1]], dtype=torch.float64).expand(2, 3, 3)
    pixels, z_again = project(unproject(depth, K), K)
    v, u = torch.meshgrid(torch.arange(12.0), torch.arange(17.0), indexing="ij")
    torch.testing.assert_close(pixels, torch.stack([u, v]).double().expand(2, 2, 12, 17), atol=1e-9, rtol=0)
    torch.testing.assert_close(z_again, depth)


def test_points_and_pixels_agree_with_the_camera_in_numpy() -> None:
    depth = np.random.default_rng(0).uniform(0.3, 5, CAMERA.size_hw)
    K = torch.tensor(CAMERA.matrix)[None]
    points = unproject(torch.tensor(depth)[None, None], K)
    np.testing.assert_allclose(points[0].permute(1, 2, 0), CAMERA.unproject(depth), rtol=1e-12)
    np.testing.assert_allclose(rays(K, CAMERA.size_hw)[0].permute(1, 2, 0), CAMERA.rays(), rtol=1e-12)
    shifted = points + torch.tensor([0.3, -0.2, 0.1])[:, None, None]
    pixels, _ = project(shifted, K)
    expected = CAMERA.project(shifted[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(pixels[0].permute(1, 2, 0), expected, rtol=1e-9, atol=1e-9)


def test_every_image_of_a_batch_has_its_own_camera() -> None:
    other = Camera(30.0, 33.0, 10.0, 11.0, CAMERA.size_hw)
    both = rays(stack_intrinsics([CAMERA, other]), CAMERA.size_hw)
    for i, camera in enumerate([CAMERA, other]):
        np.testing.assert_allclose(both[i].permute(1, 2, 0), camera.rays(), rtol=1e-5, atol=1e-6)


@given(turn=angles, move=places, turn2=angles, move2=places, turn3=angles)
def test_poses_form_a_group(pose, turn, move, turn2, move2, turn3) -> None:
    a_T_b, b_T_c, c_T_d = pose(turn, move), pose(turn2, move2), pose(turn3, move)
    one = torch.eye(4, dtype=torch.float64)[None]
    torch.testing.assert_close(compose(a_T_b, invert(a_T_b)), one, atol=1e-12, rtol=0)
    torch.testing.assert_close(compose(a_T_b, one), a_T_b, atol=0, rtol=0)
    left, right = compose(compose(a_T_b, b_T_c), c_T_d), compose(a_T_b, compose(b_T_c, c_T_d))
    torch.testing.assert_close(left, right, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(invert(compose(a_T_b, b_T_c)), compose(invert(b_T_c), invert(a_T_b)))
    np.testing.assert_allclose(invert(a_T_b)[0], inverse_rigid(a_T_b[0].numpy()), atol=1e-12)


@given(turn=angles, move=places, turn2=angles, move2=places)
def test_a_world_point_has_one_place_in_both_cameras(pose, turn, move, turn2, move2) -> None:
    world_T_target, world_T_source = pose(turn, move), pose(turn2, move2)
    points_world = torch.linspace(-3, 3, 3 * 4 * 5, dtype=torch.float64).reshape(1, 3, 4, 5)
    in_target = transform(points_world, invert(world_T_target))
    in_source = transform(in_target, relative_pose(world_T_target, world_T_source))
    torch.testing.assert_close(transform(in_source, world_T_source), points_world, atol=1e-10, rtol=0)


def test_transform_is_the_matrix_product_with_homogeneous_points(pose) -> None:
    a_T_b = pose((0.3, 0.2, -0.5), (1.0, 2.0, 3.0))
    points = torch.randn(1, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    homogeneous = torch.cat([points, torch.ones(1, 1, 4, 5)], dim=1).flatten(2)
    torch.testing.assert_close(transform(points, a_T_b).flatten(2), (a_T_b @ homogeneous)[:, :3])


def test_points_behind_the_camera_give_finite_pixels_and_gradients() -> None:
    K = torch.tensor(CAMERA.matrix)[None]
    points = torch.tensor([[[[0.5]], [[0.5]], [[z]]] for z in (-2.0, 0.0, NEAREST_Z_M / 2)], dtype=torch.float64)
    points.requires_grad_()
    pixels, z = project(points, K.expand(3, 3, 3))
    pixels.sum().backward()
    assert pixels.isfinite().all()
    assert points.grad is not None and points.grad.isfinite().all()
    assert z.flatten().tolist() == [-2.0, 0.0, NEAREST_Z_M / 2]


def test_half_precision_depth_keeps_pixel_coordinates_exact_under_autocast(device) -> None:
    camera = Camera(580.0, 580.0, 319.5, 239.5, (480, 640))
    K = stack_intrinsics([camera], device)
    depth = torch.full((1, 1, 480, 640), 2.5, dtype=torch.bfloat16, device=device)
    one = torch.eye(4, device=device)[None]
    with torch.autocast(device, dtype=torch.bfloat16):
        pixels, _ = project(transform(unproject(depth, K), compose(one, invert(one))), K)
    columns = torch.arange(640.0, device=device).expand(480, 640)
    assert (pixels[0, 0] - columns).abs().max() < 1e-3
