"""The curve of one pixel is the one that the sweep over whole images has there, to the rounding of float32."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from deglare.losses.pixel_sweep import error_at_pixel
from deglare.losses.sweep import UNSEEN, error_along_rays, sweep_depths

SIZE_HW = (24, 30)
K = torch.tensor([[26.0, 0, 14.2], [0, 25.0, 11.7], [0, 0, 1]])
DEPTHS = sweep_depths(0.4, 8.0, 9)


def scene(seed: int, sources: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, and cameras that move and turn a little."""
    noise = torch.Generator().manual_seed(seed)
    images = torch.rand(sources + 1, 3, *SIZE_HW, generator=noise)
    poses = torch.eye(4).repeat(sources, 1, 1)
    poses[:, :3, 3] = 0.2 * torch.randn(sources, 3, generator=noise)
    turned = torch.linalg.matrix_exp(
        0.1 * torch.cross(torch.eye(3), torch.randn(1, 3, generator=noise).expand(3, 3), dim=1)
    )
    poses[:, :3, :3] = turned
    return images[0], images[1:], poses


@settings(max_examples=40)
@given(
    seed=st.integers(0, 99), sources=st.integers(1, 3), x=st.integers(0, 29), y=st.integers(0, 23),
    window=st.sampled_from([1, 3, 5, 9]),
)  # fmt: skip
def test_every_pixel_has_the_curve_of_the_whole_sweep(seed: int, sources: int, x: int, y: int, window: int) -> None:
    target, others, poses = scene(seed, sources)
    whole = error_along_rays(target, others, poses, K, DEPTHS, window)
    found = error_at_pixel(target, others, poses, K, DEPTHS, (x, y), window)
    torch.testing.assert_close(found.errors, whole[:, y, x], rtol=0, atol=2e-5)


@pytest.mark.parametrize("xy", [(0, 0), (29, 23), (0, 23), (29, 0), (15, 0), (1, 12)])
def test_borders_and_corners_are_mirrored_as_in_the_whole_image(xy: tuple[int, int]) -> None:
    target, others, poses = scene(3, 2)
    whole = error_along_rays(target, others, poses, K, DEPTHS, 9)
    found = error_at_pixel(target, others, poses, K, DEPTHS, xy, 9)
    torch.testing.assert_close(found.errors, whole[:, xy[1], xy[0]], rtol=0, atol=2e-5)


def test_a_depth_at_which_no_source_sees_the_pixel_is_told() -> None:
    target, others, poses = scene(0, 1)
    poses[0] = torch.eye(4)
    poses[0, 0, 3] = -1.0  # the point moves to the left by 26 pixels at 1 m
    found = error_at_pixel(target, others, poses, K, DEPTHS, (6, 12), 1)
    lands_at = 6 - 26.0 / DEPTHS
    assert (found.seen == (lands_at >= 0)).all() and 0 < int(found.seen.sum()) < len(DEPTHS)
    assert (found.errors[~found.seen] == UNSEEN).all()


def test_a_source_behind_everything_sees_nothing() -> None:
    target, others, poses = scene(0, 2)
    poses[:] = torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0]))
    found = error_at_pixel(target, others, poses, K, DEPTHS, (15, 12))
    assert not found.seen.any() and (found.errors == UNSEEN).all()
