from dataclasses import replace

import pytest
import torch
from torch import nn

from deglare.errors import RequestError
from deglare.networks import NETWORKS, DepthNetwork, MetricRange, build
from deglare.networks.decoders import DenseDecoder, PlainDecoder, SqueezedDecoder
from deglare.networks.depth_network import nearest_multiples
from deglare.networks.mpvit import MPVIT_SMALL, MPViTEncoder
from deglare.networks.pose import PoseNet
from deglare.networks.resnet import RESNET18_WIDTHS, ResNetEncoder

UNUSED_BY_HRDEPTH = 32 * 64 * 9 + 32 + 3 * (16 * 32 * 9 + 16)
"""X_00, X_01, X_02 and X_03_Conv_0 of the published decoders: counted there, never used, and not made here."""


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parts_have_the_published_numbers_of_parameters() -> None:
    assert count(ResNetEncoder()) == 11_176_512
    assert count(PlainDecoder(RESNET18_WIDTHS)) == 3_152_724
    assert count(DenseDecoder(RESNET18_WIDTHS)) == 2_924_132 - UNUSED_BY_HRDEPTH
    assert count(MPViTEncoder()) == 22_603_400
    assert count(SqueezedDecoder((64, 128, 216, 288, 288))) == 5_266_708 - UNUSED_BY_HRDEPTH
    pose = PoseNet()
    assert (count(pose.encoder), count(pose.decoder)) == (11_185_920, 1_314_572)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_whole_network_is_its_parts(name: str) -> None:
    network = build(name)
    assert count(network) == count(network.encoder) + count(network.decoder)
    if name.endswith("-small"):
        assert 1_500_000 <= count(network) <= 4_000_000


@pytest.mark.parametrize("name", NETWORKS)
def test_four_sigmoids_come_out_the_largest_first(name: str) -> None:
    with torch.inference_mode():
        outputs = build(name).eval()(torch.rand(1, 3, 64, 96))
    assert [tuple(o.shape) for o in outputs] == [(1, 1, 64, 96), (1, 1, 32, 48), (1, 1, 16, 24), (1, 1, 8, 12)]
    assert all(((0 < o) & (o < 1)).all() for o in outputs)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.usefixtures("seeded")
def test_gradients_reach_every_parameter(name: str) -> None:
    network = build(name).eval()
    outputs = network(torch.rand(1, 3, 64, 64))
    torch.stack([(output * torch.randn_like(output)).sum() for output in outputs]).sum().backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert idle == []


@pytest.mark.parametrize("name", ["monodepth2-small", "hrdepth-small", "monovit-small"])
@pytest.mark.usefixtures("seeded")
def test_a_seed_gives_the_same_network_again(name: str) -> None:
    torch.manual_seed(5)
    first = build(name).state_dict()
    torch.manual_seed(5)
    again = build(name).state_dict()
    torch.manual_seed(6)
    other = build(name).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", ["monodepth2-small", "hrdepth-small", "monovit-small"])
def test_in_evaluation_an_image_does_not_see_its_batch(name: str) -> None:
    network = build(name).eval()
    images = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        together, alone = network(images)[0][1], network(images[1:2])[0][0]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "mean", "std"), [("monodepth2-small", 0.45, 0.225), ("monovit-small", 0.0, 1.0)])
def test_colours_are_normalised_as_the_encoder_wants_them(name: str, mean: float, std: float) -> None:
    network, seen = build(name).eval(), []
    network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        network(image)
    torch.testing.assert_close(seen[0], (image - mean) / std)


def test_metric_depth_uses_the_range_of_the_recipe() -> None:
    network = build("monodepth2-small", depth_range=MetricRange(1.0, 4.0)).eval()
    with torch.inference_mode():
        image = torch.rand(1, 3, 64, 64)
        expected = 1 / (1 / 4 + (1 - 1 / 4) * network(image)[0])
        torch.testing.assert_close(network.depth_m(image), expected)
        network.recipe = replace(network.recipe, depth_range=MetricRange(1.0, 8.0))
        assert (network.depth_m(image) > expected).all()


@pytest.mark.parametrize("size_hw", [(144, 192), (192, 100), (32, 64)])
def test_other_sizes_are_refused_with_one_that_fits(size_hw: tuple[int, int]) -> None:
    height, width = nearest_multiples(size_hw)
    with pytest.raises(RequestError, match=rf"multiples of 32 from 64 on: resize it to {width}x{height}"):
        build("monodepth2-small")(torch.rand(1, 3, *size_hw))


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RequestError, match="there is no network 'monodepth3': choose monodepth2, hrdepth"):
        build("monodepth3")


def test_drop_path_grows_linearly_over_thirteen_layers() -> None:
    drops = [drop for stage in range(4) for drop in MPVIT_SMALL.drops(stage)]
    assert drops == pytest.approx([0.2 * layer / 12 for layer in range(13)])


def test_drop_path_keeps_the_mean_and_is_silent_in_evaluation() -> None:
    from deglare.networks.mpvit import Block

    block, ones = Block(8, 2, 2, drop_path=0.5), torch.ones(4000, 1, 8)
    dropped = block._dropped(ones)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert dropped.mean().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(block.eval()._dropped(ones), ones)


def test_the_network_is_a_module_that_moves_with_its_normalisation() -> None:
    network = build("monodepth2-small").to(torch.float64)
    assert isinstance(network, DepthNetwork) and network.mean.dtype == torch.float64
    assert not {"mean", "std"} & set(network.state_dict())
