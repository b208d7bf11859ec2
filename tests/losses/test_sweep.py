"""What the photometric loss alone sees: the surface where it is matte, the mirrored lamp where it is polished."""

import numpy as np
import pytest
import torch
from mirrored_lamp import CAMERA, POLISHED, specular_share, views

from deglare.errors import DataError
from deglare.losses.sweep import Sweep, best_depth, error_along_rays, photometric_depth, sweep_depths
from deglare.rooms.scene import Finish
from deglare.rooms.trajectory import look_along
from deglare.types import Frame


def test_on_a_matte_floor_the_loss_prefers_the_floor() -> None:
    frames, seen = views(Finish())
    found = photometric_depth(frames[1], [frames[0], frames[2]], Sweep(steps=96, window=9))
    truth = seen[1].depth_m[0].numpy()
    inner = (slice(20, 100), slice(20, 140))
    relative = np.abs(found.metres - truth)[inner] / truth[inner]
    assert np.median(relative) < 0.03


def test_on_a_polished_floor_the_loss_prefers_the_mirrored_lamp() -> None:
    frames, seen = views(POLISHED)
    highlight = specular_share(seen[1]) > 0.5
    assert highlight.sum() > 60, "the lamp must be seen in the floor"
    found = photometric_depth(frames[1], [frames[0], frames[2]], Sweep(steps=96, window=9)).metres[highlight]
    surface = seen[1].depth_m[0].numpy()[highlight]
    virtual = seen[1].virtual_m[0].numpy()[highlight]
    nearer_the_lamp = np.abs(1 / found - 1 / virtual) < np.abs(1 / found - 1 / surface)
    assert nearer_the_lamp.mean() > 0.7
    assert np.median(found - surface) > 0.5 * np.median(virtual - surface) > 0.5


def test_a_parabola_finds_the_minimum_between_the_steps() -> None:
    depths = sweep_depths(1.0, 5.0, 32)
    inverse = 1 / depths
    truth = 0.3712
    errors = ((inverse - truth) ** 2)[:, None, None].expand(-1, 2, 3)
    metres, _ = best_depth(errors, depths)
    np.testing.assert_allclose(metres.numpy(), 1 / truth, rtol=1e-3)


def test_depth_that_no_source_sees_is_invalid() -> None:
    frames, _ = views(Finish())
    away = look_along(np.array([0.0, -1.2, 1.5]), -np.pi / 2, -0.75)
    turned = Frame("away", CAMERA, frames[0].load_rgb, world_T_cam=away)
    assert not photometric_depth(frames[1], [turned], Sweep(steps=8)).valid.any()


def test_frames_without_poses_are_refused() -> None:
    frames, _ = views(Finish())
    lost = Frame("lost", CAMERA, frames[0].load_rgb)
    with pytest.raises(DataError, match="lost has no pose"):
        photometric_depth(frames[1], [lost])


def test_the_error_at_the_true_depth_of_a_still_camera_is_zero() -> None:
    image = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0))
    K = torch.tensor([[20.0, 0, 11.5], [0, 20, 9.5], [0, 0, 1]])
    errors = error_along_rays(image, image[None], torch.eye(4)[None], K, sweep_depths(1, 4, 4))
    assert float(errors.abs().max()) < 1e-5
