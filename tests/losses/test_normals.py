"""Normals of planes are known by formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from jaxtyping import Float
from plain_scenes import CAMERA, facing, plane
from torch import Tensor

from deglare.geometry.projection import stack_intrinsics
from deglare.losses.normals import normals_loss

K = stack_intrinsics([CAMERA])
EVERYWHERE = torch.ones(1, 1, *CAMERA.size_hw, dtype=torch.bool)


def tilted(degrees: float, distance_m: float = 2.0) -> Float[Tensor, "1 1 h w"]:
    """A wall in front of the camera, turned about the vertical."""
    angle = np.radians(degrees)
    found = plane((float(np.sin(angle)), 0.0, float(np.cos(angle))), distance_m, facing())
    assert found.valid.all()
    return torch.from_numpy(found.metres)[None, None]


@pytest.mark.parametrize("degrees", [0.0, 10.0, 25.0])
def test_the_loss_of_two_planes_is_one_minus_the_cosine_between_them(degrees: float) -> None:
    loss = normals_loss(tilted(degrees), tilted(0.0), EVERYWHERE, K)
    assert float(loss) == pytest.approx(1 - np.cos(np.radians(degrees)), abs=1e-4)


def test_distance_is_no_matter_to_normals() -> None:
    assert float(normals_loss(tilted(15.0, 1.0), tilted(15.0, 4.0), EVERYWHERE, K)) == pytest.approx(0, abs=1e-5)


def test_pixels_without_a_label_say_nothing_and_get_no_gradient() -> None:
    depth = tilted(20.0).requires_grad_()
    label = tilted(0.0)
    label[..., :40] = torch.nan
    known = EVERYWHERE.clone()
    known[..., -10:] = False
    loss = normals_loss(depth, label, known, K)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1 - np.cos(np.radians(20.0)), abs=1e-4)
    assert depth.grad is not None and bool(depth.grad.isfinite().all())
    assert not depth.grad[..., :40].any() and not depth.grad[..., -10:].any()
    assert bool(depth.grad[..., 45:80].any())


def test_without_any_label_the_loss_is_zero() -> None:
    assert float(normals_loss(tilted(20.0), tilted(0.0), ~EVERYWHERE, K)) == 0


def test_steps_against_the_gradient_turn_depth_towards_the_label() -> None:
    depth = tilted(20.0).requires_grad_()
    before = normals_loss(depth, tilted(0.0), EVERYWHERE, K)
    before.backward()
    assert depth.grad is not None
    after = normals_loss(depth.detach() - 0.5 * depth.grad, tilted(0.0), EVERYWHERE, K)
    assert float(after) < float(before.detach())
