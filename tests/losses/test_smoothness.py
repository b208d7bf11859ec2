import pytest
import torch

from deglare.losses.smoothness import edge_aware_smoothness


def test_a_step_costs_its_height_over_the_mean_and_less_where_the_image_has_an_edge() -> None:
    disparity = torch.tensor([[[[1.0, 1.0, 3.0, 3.0]]]]).expand(1, 1, 2, 4)
    plain = torch.full((1, 3, 2, 4), 0.5)
    edge = torch.cat([torch.full((1, 3, 2, 2), 0.2), torch.full((1, 3, 2, 2), 0.9)], dim=3)
    assert float(edge_aware_smoothness(disparity, plain)) == pytest.approx(2 / 2 / 3)
    expected = 2 / 2 / 3 * torch.exp(torch.tensor(-0.7))
    assert float(edge_aware_smoothness(disparity, edge)) == pytest.approx(float(expected))


def test_steps_down_the_image_count_as_steps_across_it() -> None:
    disparity = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    image = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    turned = edge_aware_smoothness(disparity.transpose(2, 3), image.transpose(2, 3))
    torch.testing.assert_close(turned, edge_aware_smoothness(disparity, image))


def test_the_scale_of_disparity_does_not_matter_for_any_image_of_a_batch() -> None:
    disparity = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0)) + 0.1
    image = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    scaled = disparity * torch.tensor([0.01, 50.0])[:, None, None, None]
    torch.testing.assert_close(
        edge_aware_smoothness(scaled, image), edge_aware_smoothness(disparity, image), rtol=1e-4, atol=0
    )


def test_a_flat_disparity_costs_nothing() -> None:
    image = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    assert float(edge_aware_smoothness(torch.full((1, 1, 6, 6), 0.4), image)) == 0
