from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from deglare.errors import CheckpointError, RequestError
from deglare.networks import build
from deglare.networks.building import GREY


@pytest.mark.parametrize("name", ["monodepth2", "hrdepth-small", "monovit-small"])
def test_an_encoder_of_timm_takes_the_place_of_the_networks_own(name: str) -> None:
    network = build(name, encoder="mobilenetv2_100").eval()
    assert network.recipe.encoder == "mobilenetv2_100"
    torch.testing.assert_close(network.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))
    torch.testing.assert_close(network.std.flatten(), torch.tensor([0.229, 0.224, 0.225]))
    outputs = network(torch.rand(1, 3, 64, 96))
    assert [o.shape[2:] for o in outputs] == [(64, 96), (32, 48), (16, 24), (8, 12)]
    torch.stack([o.mean() for o in outputs]).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("resnet17", "timm has no encoder 'resnet17'; near it: .*resnet"),
        ("hf-hub:a/b", "timm has no encoder"),
        ("convnext_atto", "features at 1/4, 1/8, 1/16, 1/32, but the decoders need 1/2"),
        ("vit_tiny_patch16_224", "the decoders need 1/2|cannot give"),
    ],
)
def test_an_encoder_that_cannot_serve_is_refused(encoder: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        build("monodepth2-small", encoder=encoder)


def test_weights_that_do_not_exist_are_refused_without_asking_the_network() -> None:
    with pytest.raises(RequestError, match="timm has no ImageNet weights for this network's own encoder"):
        build("monodepth2-small", weights="imagenet")


def test_resnet_weights_with_a_classifier_start_the_encoder(published_monodepth2: Any, tmp_path: Path) -> None:
    resnet = {n.removeprefix("encoder."): t for n, t in published_monodepth2.encoder.items() if isinstance(t, Tensor)}
    torch.save(resnet, tmp_path / "resnet18.pth")
    network = build("monodepth2", weights=tmp_path / "resnet18.pth")
    own = network.encoder.state_dict()
    assert "fc.weight" in resnet and "fc.weight" not in own
    assert all(torch.equal(own[name], resnet[name]) for name in own)


def test_mpvit_weights_start_monovit(published_monovit: Any, tmp_path: Path) -> None:
    tensors = {n: t for n, t in published_monovit.encoder.items() if isinstance(t, Tensor)}
    torch.save({"model": tensors | {"cls_head.cls.weight": torch.zeros(1000, 288)}}, tmp_path / "mpvit_small.pth")
    network = build("monovit", weights=tmp_path / "mpvit_small.pth")
    assert torch.equal(network.encoder.state_dict()["stem.0.conv.weight"], tensors["stem.0.conv.weight"])


def test_weights_of_another_encoder_are_refused(published_monodepth2: Any, tmp_path: Path) -> None:
    resnet = {n.removeprefix("encoder."): t for n, t in published_monodepth2.encoder.items() if isinstance(t, Tensor)}
    torch.save(resnet, tmp_path / "resnet18.pth")
    with pytest.raises(CheckpointError, match=r"missing \(.*unexpected \(|shape \("):
        build("hrdepth-small", encoder="mobilenetv2_100", weights=tmp_path / "resnet18.pth")
    with pytest.raises(CheckpointError, match="of another shape"):
        build("hrdepth-small", weights=tmp_path / "resnet18.pth")


def test_torchvision_and_timm_compute_the_same_with_torchvisions_mobilenet() -> None:
    from torchvision.models import mobilenet_v2

    torch_vision = mobilenet_v2(weights=None).eval()
    for module in torch_vision.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    compare_mobilenets(torch_vision.state_dict(), torch_vision)


def compare_mobilenets(weights: dict[str, Tensor], torch_vision: torch.nn.Module, path: Path | None = None) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = path or Path(folder) / "mobilenet_v2.pth"
        if path is None:
            torch.save(weights, file)
        network = build("monodepth2-small", encoder="mobilenetv2_100", weights=file).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        x, expected = image, []
        for number, layer in enumerate(torch_vision.features):  # pyright: ignore[reportArgumentType]
            x = layer(x)
            if number in (1, 3, 6, 13, 17):
                expected.append(x)
        for ours, theirs in zip(network.encoder(image), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.shared
def test_the_real_mobilenet_weights_load(shared_data: Path) -> None:
    from torchvision.models import mobilenet_v2

    path = shared_data / "pretrained" / "mobilenet_v2-b0353104.pth"
    if not path.exists():
        pytest.skip("the real weights are not there")
    torch_vision = mobilenet_v2(weights=None).eval()
    torch_vision.load_state_dict(torch.load(path, weights_only=True))
    compare_mobilenets(torch_vision.state_dict(), torch_vision, path)


def test_grey_is_what_monodepth2_subtracts() -> None:
    assert GREY == ((0.45,) * 3, (0.225,) * 3)
