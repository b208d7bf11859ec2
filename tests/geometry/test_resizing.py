import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from deglare.geometry.planes import plane_depth
from deglare.geometry.projection import project, stack_intrinsics
from deglare.geometry.resizing import resize_depth, resize_disparity, resize_image, resize_intrinsics
from deglare.types import Camera

sides = st.integers(1, 40)
CAMERA = Camera(150.0, 160.0, 84.3, 61.8, (120, 156))
NORMAL = torch.tensor([[0.3, -0.2, 0.93]], dtype=torch.float64)
OFFSET = torch.tensor([2.0], dtype=torch.float64)


def plane_seen_by(camera: Camera) -> torch.Tensor:
    return plane_depth(NORMAL, OFFSET, torch.tensor(camera.matrix)[None], camera.size_hw)


@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides))
def test_the_resized_camera_is_the_one_of_types(old: tuple[int, int], new: tuple[int, int]) -> None:
    camera = Camera(50.0, 55.0, 11.25, 8.5, old)
    ours = resize_intrinsics(torch.tensor(camera.matrix)[None], old, new)
    np.testing.assert_allclose(ours[0], camera.resized(new).matrix, rtol=1e-12, atol=1e-12)


@given(new=st.tuples(sides, sides))
def test_projecting_then_resizing_is_resizing_then_projecting(new: tuple[int, int]) -> None:
    K = stack_intrinsics([CAMERA]).double()
    points = torch.randn(1, 3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    points[:, 2] = points[:, 2].abs() + 0.5
    old_pixels, _ = project(points, K)
    new_pixels, _ = project(points, resize_intrinsics(K, CAMERA.size_hw, new))
    scale = torch.tensor([new[1] / 156, new[0] / 120], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(new_pixels, (old_pixels + 0.5) * scale - 0.5)


@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides), seed=st.integers(0, 9))
def test_shrinking_averages_over_area(old: tuple[int, int], new: tuple[int, int], seed: int) -> None:
    new = (min(old[0], new[0]), min(old[1], new[1]))
    image = np.random.default_rng(seed).uniform(size=old)
    finest = image.repeat(new[0], axis=0).repeat(new[1], axis=1)  # both grids divide this one
    expected = finest.reshape(new[0], old[0], new[1], old[1]).mean(axis=(1, 3))
    np.testing.assert_allclose(resize_image(torch.tensor(image)[None, None], new)[0, 0], expected, atol=1e-12)


@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides))
def test_a_grey_image_stays_grey_at_every_size(old: tuple[int, int], new: tuple[int, int]) -> None:
    resized = resize_image(torch.full((2, 3, *old), 0.4), new)
    assert resized.shape == (2, 3, *new)
    torch.testing.assert_close(resized, torch.full((2, 3, *new), 0.4))


def test_a_shrunk_slope_shows_what_the_resized_camera_sees() -> None:
    v, u = np.indices((120, 156), dtype=np.float64)
    slope = torch.tensor(0.7 * u - 0.2 * v)[None, None]
    y, x = np.indices((40, 39))
    expected = 0.7 * ((x + 0.5) * 4 - 0.5) - 0.2 * ((y + 0.5) * 3 - 0.5)
    np.testing.assert_allclose(resize_image(slope, (40, 39))[0, 0], expected, rtol=1e-12, atol=1e-10)


def test_the_disparity_of_a_plane_is_exact_in_the_resized_camera_both_ways() -> None:
    for size_hw, border in (((40, 39), 0), ((240, 468), 2)):
        resized = resize_disparity(1 / plane_seen_by(CAMERA), size_hw)
        off = (resized * plane_seen_by(CAMERA.resized(size_hw)) - 1).abs()
        inner = off[..., border : size_hw[0] - border, border : size_hw[1] - border]
        assert inner.max() < 1e-12  # the outermost new pixels lie beyond the outermost old centres


def test_the_depth_of_a_plane_is_exact_in_a_camera_an_odd_factor_smaller() -> None:
    depth = plane_seen_by(CAMERA)
    resized, valid = resize_depth(depth, torch.ones_like(depth, dtype=torch.bool), (24, 52))
    torch.testing.assert_close(resized, plane_seen_by(CAMERA.resized((24, 52))), rtol=1e-12, atol=0)
    assert valid.all()


@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides))
def test_depth_is_taken_from_a_nearest_pixel_together_with_its_validity(old, new) -> None:
    codes = torch.arange(old[0] * old[1], dtype=torch.float64).reshape(1, 1, *old)
    taken, valid = resize_depth(codes, codes % 2 == 0, new)
    assert torch.equal(valid, taken % 2 == 0)
    for axis, index in ((0, taken[0, 0] // old[1]), (1, taken[0, 0] % old[1])):
        centre = (torch.arange(new[axis]) + 0.5) * old[axis] / new[axis] - 0.5
        expected_distance = (centre[:, None] - torch.arange(old[axis])).abs().min(1).values
        along = index[:, 0] if axis == 0 else index[0]
        torch.testing.assert_close((along - centre).abs(), expected_distance.double(), atol=1e-4, rtol=0)


def test_invalid_depth_never_leaks_into_valid_pixels() -> None:
    depth = torch.full((1, 1, 9, 12), torch.nan)
    depth[..., 6:] = 2.0
    taken, valid = resize_depth(depth, depth.isfinite(), (4, 5))
    assert valid.any() and not valid.all()
    assert torch.all(taken[valid] == 2)


def test_half_precision_images_are_averaged_in_float32_and_keep_their_type() -> None:
    image = torch.full((1, 1, 300, 1), 1.0, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        shrunk = resize_image(image, (1, 1))
    assert shrunk.dtype == torch.bfloat16
    assert shrunk.item() == 1.0
