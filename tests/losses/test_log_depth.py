import math

import pytest
import torch

from deglare.losses.log_depth import log_depth_loss, log_depth_over_scales


def test_it_is_the_mean_difference_of_logarithms_over_valid_pixels() -> None:
    depth = torch.tensor([[[[1.0, 2.0], [4.0, 3.0]]]])
    label = torch.tensor([[[[math.e, 2.0], [2.0, 9.0]]]])
    valid = torch.tensor([[[[True, True], [True, False]]]])
    assert float(log_depth_loss(depth, label, valid)) == pytest.approx((1 + 0 + math.log(2)) / 3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -2.0])
def test_labels_that_are_no_depth_give_neither_loss_nor_gradient(bad: float) -> None:
    depth = torch.tensor([[[[1.0, 2.0]]]], requires_grad=True)
    loss = log_depth_loss(depth, torch.tensor([[[[bad, 4.0]]]]), torch.ones(1, 1, 1, 2, dtype=torch.bool))
    assert float(loss.detach()) == pytest.approx(math.log(2))
    loss.backward()
    assert depth.grad is not None
    assert depth.grad[0, 0, 0].tolist() == pytest.approx([0.0, -0.5])


def test_without_any_label_the_loss_is_zero_and_can_be_differentiated() -> None:
    depth = torch.ones(1, 1, 2, 2, requires_grad=True)
    loss = log_depth_loss(depth, torch.full((1, 1, 2, 2), 3.0), torch.zeros(1, 1, 2, 2, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    assert depth.grad is not None
    assert not depth.grad.any()


def test_scales_are_brought_to_full_size_as_disparity_and_averaged() -> None:
    label = torch.full((1, 1, 8, 16), 2.0)
    everywhere = torch.ones_like(label, dtype=torch.bool)
    fine, coarse = torch.full((1, 1, 8, 16), 0.25), torch.full((1, 1, 4, 8), 1.0)
    expected = (math.log(4 / 2) + math.log(2 / 1)) / 2
    assert float(log_depth_over_scales([fine, coarse], label, everywhere)) == pytest.approx(expected)
    assert float(log_depth_over_scales([fine], label, everywhere)) == pytest.approx(math.log(2))


def test_a_plane_in_disparity_stays_one_when_it_is_upsampled() -> None:
    """Inverse depth of a plane is linear in the image, depth is not: upsampling depth would bend it."""
    columns = torch.arange(16) + 0.5
    fine = (0.2 + 0.05 * columns).expand(1, 1, 8, 16)
    coarse = (0.2 + 0.05 * (2 * torch.arange(8) + 1.0)).expand(1, 1, 4, 8)
    inner = torch.zeros(1, 1, 8, 16, dtype=torch.bool)
    inner[..., 1:-1] = True
    assert float(log_depth_over_scales([coarse], 1 / fine, inner)) < 1e-6
