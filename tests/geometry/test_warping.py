import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from deglare.geometry.projection import invert, relative_pose
from deglare.geometry.warping import correspondences, is_seen, sample, warp, warp_depth

BILINEAR_ERROR = 2e-3
"""What interpolation loses on the texture: (1/8) * second difference, for waves of about 75 pixels."""


def warped(views, image: Tensor | None = None, depth: Tensor | None = None):
    source_T_target = relative_pose(views.world_T_target, views.world_T_source)
    image = views.image("source") if image is None else image
    return warp(image, views.depth("target") if depth is None else depth, source_T_target, views.K, views.K)


def test_a_known_plane_seen_from_a_second_pose_is_reproduced_pixel_by_pixel(two_views) -> None:
    image, valid = warped(two_views)
    off = (image - two_views.image("target")).abs()[valid.expand_as(image)]
    assert valid.float().mean() > 0.8
    assert off.max() < BILINEAR_ERROR


def test_the_inverse_pose_does_not_reproduce_it(two_views) -> None:
    target_T_source = invert(relative_pose(two_views.world_T_target, two_views.world_T_source))
    image, valid = warp(two_views.image("source"), two_views.depth("target"), target_T_source, two_views.K, two_views.K)
    off = (image - two_views.image("target")).abs()[valid.expand_as(image)]
    assert off.mean() > 10 * BILINEAR_ERROR


def test_wrong_depth_does_not_reproduce_it(two_views) -> None:
    image, valid = warped(two_views, depth=two_views.depth("target") * 1.3)
    assert (image - two_views.image("target")).abs()[valid.expand_as(image)].mean() > 5 * BILINEAR_ERROR


def test_the_plane_would_show_a_sampler_that_does_not_align_corners(two_views) -> None:
    source_T_target = relative_pose(two_views.world_T_target, two_views.world_T_source)
    pixels, z = correspondences(two_views.depth("target"), source_T_target, two_views.K, two_views.K)
    height, width = two_views.size_hw
    grid = pixels.permute(0, 2, 3, 1) / torch.tensor([width - 1, height - 1]) * 2 - 1
    image = functional.grid_sample(two_views.image("source"), grid, padding_mode="border", align_corners=False)
    valid = is_seen(pixels, z, two_views.size_hw).expand_as(image)
    assert (image - two_views.image("target")).abs()[valid].max() > 5 * BILINEAR_ERROR


@given(x=st.floats(0, 16), y=st.floats(0, 10))
def test_sampling_a_picture_of_coordinates_returns_the_coordinates(x: float, y: float) -> None:
    v, u = torch.meshgrid(torch.arange(11.0), torch.arange(17.0), indexing="ij")
    ramp = torch.stack([u, v])[None].double()
    wanted = torch.tensor([x, y], dtype=torch.float64)[None, :, None, None]
    torch.testing.assert_close(sample(ramp, wanted), wanted, atol=1e-9, rtol=0)


def test_outside_the_image_the_border_is_repeated() -> None:
    ramp = torch.arange(5.0).expand(1, 1, 3, 5)
    wanted = torch.tensor([[-7.0, 1.0], [99.0, -4.0], [2.0, 50.0]]).T[None, :, None]
    assert sample(ramp, wanted).flatten().tolist() == [0.0, 4.0, 2.0]


def test_an_image_of_one_pixel_can_be_sampled() -> None:
    assert sample(torch.full((1, 1, 1, 1), 0.25), torch.zeros(1, 2, 2, 2)).unique().tolist() == [0.25]


def test_the_identity_pose_returns_the_image_and_sees_every_pixel(two_views) -> None:
    one = torch.eye(4)[None]
    picture = torch.rand(1, 3, *two_views.size_hw, generator=torch.Generator().manual_seed(0))
    K = two_views.K.float()
    image, valid = warp(picture, two_views.depth("target").float(), one, K, K)
    torch.testing.assert_close(image, picture, atol=1e-4, rtol=0)
    assert valid.all()


def test_the_source_may_have_another_size_and_camera(two_views) -> None:
    K_source = two_views.K * torch.tensor([[1.5], [1.25], [1.0]], dtype=torch.float64)
    source = two_views.plane.image(two_views.world_T_source, K_source, (150, 228))
    source_T_target = relative_pose(two_views.world_T_target, two_views.world_T_source)
    image, valid = warp(source, two_views.depth("target"), source_T_target, two_views.K, K_source)
    off = (image - two_views.image("target")).abs()[valid.expand_as(image)]
    assert image.shape[2:] == two_views.size_hw
    assert off.max() < BILINEAR_ERROR


def test_a_pixel_is_valid_where_it_lands_between_the_outer_pixel_centres_in_front_of_the_camera() -> None:
    x = torch.tensor([-0.4, 0.0, 3.0, 6.0, 6.4])
    pixels = torch.stack([x, torch.full_like(x, 2.0)])[None, :, None]
    ahead = torch.ones(1, 1, 1, 5)
    assert is_seen(pixels, ahead, (5, 7)).flatten().tolist() == [False, True, True, True, False]
    assert not is_seen(pixels, ahead * 1e-4, (5, 7)).any()
    assert not is_seen(pixels, -ahead, (5, 7)).any()
    assert not is_seen(pixels * torch.nan, ahead, (5, 7)).any()


def test_right_depths_of_two_views_agree_and_wrong_ones_do_not(two_views) -> None:
    source_T_target = relative_pose(two_views.world_T_target, two_views.world_T_source)
    source_depth, target_depth = two_views.depth("source"), two_views.depth("target")
    everywhere = torch.ones_like(source_depth, dtype=torch.bool)
    right = warp_depth(source_depth, everywhere, target_depth, source_T_target, two_views.K, two_views.K)
    wrong = warp_depth(source_depth, everywhere, target_depth * 1.1, source_T_target, two_views.K, two_views.K)
    assert ((right.sampled_m - right.computed_m).abs() / right.computed_m)[right.valid].max() < 1e-4
    assert ((wrong.sampled_m - wrong.computed_m).abs() / wrong.computed_m)[wrong.valid].min() > 0.05


def test_a_hole_in_the_source_depth_spoils_exactly_the_pixels_that_touch_it() -> None:
    depth = torch.full((1, 1, 7, 9), 2.0, dtype=torch.float64)
    valid = torch.ones_like(depth, dtype=torch.bool)
    valid[..., 3, 4] = False
    holed = depth.masked_fill(~valid, torch.nan)
    K = torch.tensor([[[10.0, 0, 4], [0, 10, 3], [0, 0, 1]]], dtype=torch.float64)
    half_a_pixel = torch.eye(4, dtype=torch.float64)[None].clone()
    half_a_pixel[:, 0, 3] = 0.1
    found = warp_depth(holed, valid, depth, half_a_pixel, K, K)
    spoiled = (~found.valid).nonzero()[:, 2:].tolist()
    assert spoiled == [[0, 8], [1, 8], [2, 8], [3, 3], [3, 4], [3, 8], [4, 8], [5, 8], [6, 8]]
    assert torch.all(found.sampled_m[found.valid] == 2)


@pytest.mark.parametrize("wanted", ["depth", "pose", "image"])
def test_gradients_of_the_warp_equal_finite_differences(two_views, wanted) -> None:
    size = (6, 7)
    K = torch.tensor([[[9.0, 0, 3.2], [0, 9.5, 2.6], [0, 0, 1]]], dtype=torch.float64)
    inputs = {
        "image": two_views.plane.image(two_views.world_T_source, K, size),
        "depth": two_views.plane.depth(two_views.world_T_target, K, size),
        "pose": relative_pose(two_views.world_T_target, two_views.world_T_source),
    }
    inputs[wanted] = inputs[wanted].detach().clone().requires_grad_()

    def synthesise(value: Tensor) -> Tensor:
        given_now = inputs | {wanted: value}
        return warp(given_now["image"], given_now["depth"], given_now["pose"], K, K).image

    assert torch.autograd.gradcheck(synthesise, (inputs[wanted],))
    gradient = torch.autograd.grad(synthesise(inputs[wanted]).square().sum(), inputs[wanted])[0]
    assert gradient.abs().max() > 1e-3


def test_autocast_changes_nothing_and_the_image_keeps_its_precision(two_views, device) -> None:
    source = two_views.image("source").float().to(device)
    depth = two_views.depth("target").to(device, torch.bfloat16)
    K = two_views.K.float().to(device)
    source_T_target = relative_pose(two_views.world_T_target, two_views.world_T_source).float().to(device)
    plain = warp(source, depth.float(), source_T_target, K, K)
    with torch.autocast(device, dtype=torch.bfloat16):
        cast = warp(source, depth, source_T_target, K, K)
    assert torch.equal(plain.image, cast.image)
    assert torch.equal(plain.valid, cast.valid)
    assert warp(source.bfloat16(), depth, source_T_target, K, K).image.dtype == torch.bfloat16


def test_a_pixel_at_nowhere_samples_the_border_and_its_gradient_does_not_crash() -> None:
    image = torch.rand(1, 2, 5, 6, requires_grad=True)
    pixels_xy = torch.full((1, 2, 3, 3), float("nan"), requires_grad=True)
    sampled = sample(image, pixels_xy)
    sampled.sum().backward()
    torch.testing.assert_close(sampled, image[:, :, :1, :1].expand_as(sampled))
    assert not is_seen(pixels_xy, torch.ones(1, 1, 3, 3), (5, 6)).any()
