"""The networks against a second, naive version in the published names, layer by layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from deglare.networks import build
from deglare.networks.published import from_published
from deglare.networks.weights import load_strictly

Tensors = dict[str, Tensor]


def reflected(x: Tensor, w: Tensors, name: str) -> Tensor:
    return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="reflect"), w[f"{name}.weight"], w[f"{name}.bias"])


def conv_elu(x: Tensor, w: Tensors, name: str) -> Tensor:
    y = reflected(x, w, f"{name}.conv.conv")
    return torch.where(y > 0, y, torch.exp(y) - 1)


def up(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def norm(x: Tensor, w: Tensors, name: str) -> Tensor:
    parts = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    mean, var, weight, bias = (part[:, None, None] for part in parts)
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def hardswish(x: Tensor) -> Tensor:
    return x * (x + 3).clamp(0, 6) / 6


def plain_reference(features: list[Tensor], w: Tensors) -> list[Tensor]:
    x, disparities = features[4], {}
    for i in (4, 3, 2, 1, 0):
        x = up(conv_elu(x, w, f"decoder.{2 * (4 - i)}"))
        x = torch.cat([x, features[i - 1]], 1) if i else x
        x = conv_elu(x, w, f"decoder.{2 * (4 - i) + 1}")
        if i < 4:
            disparities[i] = torch.sigmoid(reflected(x, w, f"decoder.{10 + i}.conv"))
    return [disparities[s] for s in range(4)]


def excited(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    mean = x.mean(3).mean(2)
    return x * torch.sigmoid(torch.relu(mean @ first.T) @ second.T)[:, :, None, None]


def dense_reference(features: list[Tensor], w: Tensors, heads: str) -> list[Tensor]:
    X = {f"{row}0": feature for row, feature in enumerate(features)}

    def joined(high: str, *low: str) -> Tensor:
        return torch.cat([up(conv_elu(X[high], w, f"convs.X_{high}_Conv_0")), *(X[name] for name in low)], 1)

    def attended(name: str, x: Tensor) -> Tensor:
        at = f"convs.X_{name}_attention"
        x = excited(x, w[f"{at}.fc.0.weight"], w[f"{at}.fc.2.weight"])
        return torch.relu(functional.conv2d(x, w[f"{at}.conv_se.weight"], w[f"{at}.conv_se.bias"]))

    def narrowed(name: str, x: Tensor) -> Tensor:
        return functional.conv2d(x, w[f"convs.X_{name}_downsample.conv.weight"])

    X["01"] = conv_elu(joined("10", "00"), w, "convs.X_10_Conv_1")
    X["11"] = conv_elu(joined("20", "10"), w, "convs.X_20_Conv_1")
    X["21"] = conv_elu(joined("30", "20"), w, "convs.X_30_Conv_1")
    X["31"] = attended("31", joined("40", "30"))
    X["02"] = conv_elu(narrowed("02", joined("11", "00", "01")), w, "convs.X_11_Conv_1")
    X["12"] = conv_elu(narrowed("12", joined("21", "10", "11")), w, "convs.X_21_Conv_1")
    X["22"] = attended("22", joined("31", "20", "21"))
    X["03"] = conv_elu(narrowed("03", joined("12", "00", "01", "02")), w, "convs.X_12_Conv_1")
    X["13"] = attended("13", joined("22", "10", "11", "12"))
    X["04"] = attended("04", joined("13", "00", "01", "02", "03"))
    full = conv_elu(up(conv_elu(X["04"], w, "convs.X_04_Conv_0")), w, "convs.X_04_Conv_1")
    ends = (full, X["04"], X["13"], X["22"])
    return [torch.sigmoid(reflected(end, w, f"convs.{heads}{s}.conv")) for s, end in enumerate(ends)]


def squeezed_reference(features: list[Tensor], w: Tensors) -> list[Tensor]:
    narrow = [features[0]]
    for number in (1, 2, 3, 4):
        name = f"convs.f{number}"
        x = excited(features[number], w[f"{name}.ca.fc.0.weight"], w[f"{name}.ca.fc.2.weight"])
        narrow.append(
            torch.relu(functional.conv2d(x, w[f"{name}.conv_se.weight"], w[f"{name}.conv_se.bias"], padding=1))
        )
    return dense_reference(narrow, w, "dispconv")


def mpvit_reference(image: Tensor, w: Tensors) -> list[Tensor]:
    x = hardswish(norm(functional.conv2d(image, w["stem.0.conv.weight"], stride=2, padding=1), w, "stem.0.bn"))
    x = hardswish(norm(functional.conv2d(x, w["stem.1.conv.weight"], padding=1), w, "stem.1.bn"))
    features = [x]
    for stage, (paths, layers) in enumerate(zip((2, 3, 3, 3), (1, 3, 6, 3), strict=True)):
        outs = []
        for path in range(paths):
            at = f"patch_embed_stages.{stage}.patch_embeds.{path}.patch_conv"
            x = functional.conv2d(x, w[f"{at}.dwconv.weight"], stride=1 if path else 2, padding=1, groups=x.shape[1])
            x = hardswish(norm(functional.conv2d(x, w[f"{at}.pwconv.weight"]), w, f"{at}.bn"))
            if path == 0:
                outs.append(local_reference(x, w, f"mhca_stages.{stage}.InvRes"))
            outs.append(path_reference(x, w, f"mhca_stages.{stage}.mhca_blks.{path}", layers))
        at = f"mhca_stages.{stage}.aggregate"
        x = hardswish(norm(functional.conv2d(torch.cat(outs, 1), w[f"{at}.conv.weight"]), w, f"{at}.bn"))
        features.append(x)
    return features


def local_reference(x: Tensor, w: Tensors, at: str) -> Tensor:
    y = hardswish(norm(functional.conv2d(x, w[f"{at}.conv1.conv.weight"]), w, f"{at}.conv1.bn"))
    y = hardswish(norm(functional.conv2d(y, w[f"{at}.dwconv.weight"], padding=1, groups=x.shape[1]), w, f"{at}.norm"))
    return x + norm(functional.conv2d(y, w[f"{at}.conv2.conv.weight"]), w, f"{at}.conv2.bn")


def path_reference(x: Tensor, w: Tensors, at: str, layers: int) -> Tensor:
    channels, height, width = x.shape[1:]
    for layer in range(layers):
        name = f"{at}.MHCA_layers.{layer}"
        x = x + functional.conv2d(
            x, w[f"{name}.cpe.proj.weight"], w[f"{name}.cpe.proj.bias"], padding=1, groups=channels
        )
        tokens = x[0].reshape(channels, -1).T  # one image
        y = linear(layer_norm(tokens, w, f"{name}.norm1"), w, f"{name}.factoratt_crpe.qkv")
        tokens = tokens + attention_reference(y, w, f"{name}.factoratt_crpe", (height, width))
        y = linear(layer_norm(tokens, w, f"{name}.norm2"), w, f"{name}.mlp.fc1")
        y = y * (1 + torch.erf(y / 2**0.5)) / 2
        tokens = tokens + linear(y, w, f"{name}.mlp.fc2")
        x = tokens.T.reshape(1, channels, height, width)
    return x


def attention_reference(qkv: Tensor, w: Tensors, at: str, size_hw: tuple[int, int]) -> Tensor:
    """One head after the other, with the windows dealt out 2, 3 and 3."""
    channels = qkv.shape[1] // 3
    head = channels // 8
    outs = []
    for number, group in enumerate((0, 0, 1, 1, 1, 2, 2, 2)):
        q, k, v = (qkv[:, part * channels + number * head :][:, :head] for part in (0, 1, 2))
        first = number - (0, 2, 5)[group]
        weight, bias = (w[f"{at}.crpe.conv_list.{group}.{p}"][first * head :][:head] for p in ("weight", "bias"))
        image = v.T.reshape(1, head, *size_hw)
        placed = functional.conv2d(image, weight, bias, padding=weight.shape[-1] // 2, groups=head).reshape(head, -1).T
        shares = torch.exp(k) / torch.exp(k).sum(0)
        outs.append(head**-0.5 * (q @ (shares.T @ v)) + q * placed)
    return linear(torch.cat(outs, 1), w, f"{at}.proj")


def linear(x: Tensor, w: Tensors, at: str) -> Tensor:
    return x @ w[f"{at}.weight"].T + w[f"{at}.bias"]


def layer_norm(x: Tensor, w: Tensors, at: str) -> Tensor:
    centred = x - x.mean(1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(1, keepdim=True) + 1e-6) * w[f"{at}.weight"] + w[f"{at}.bias"]


def doubles(tensors: dict[str, Any]) -> Tensors:
    return {n: t.double() if t.is_floating_point() else t for n, t in tensors.items() if isinstance(t, Tensor)}


@pytest.mark.usefixtures("seeded")
def test_a_network_with_published_weights_computes_what_its_paper_says(published: Any) -> None:
    encoder, decoder = doubles(published.encoder), doubles(published.decoder)
    bare = {name.removeprefix("encoder."): tensor for name, tensor in encoder.items()}
    family, named = from_published(bare, decoder, "the drawn checkpoint")
    assert family == published.family
    network = build(family).double().eval()
    load_strictly(network, named, "the drawn checkpoint")
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    with torch.inference_mode():
        outputs = network(image)
        features = resnet_features(image, bare) if family != "monovit" else mpvit_reference(image, bare)
        expected = {
            "monodepth2": lambda: plain_reference(features, decoder),
            "hrdepth": lambda: dense_reference(features, decoder, "dispConvScale"),
            "monovit": lambda: squeezed_reference(features, decoder),
        }[family]()
    for output, wanted in zip(outputs, expected, strict=True):
        assert wanted.std() > 1e-3, "a constant output would prove nothing"
        torch.testing.assert_close(output, wanted, rtol=1e-6, atol=1e-7)


def resnet_features(image: Tensor, weights: Tensors) -> list[Tensor]:
    """Torchvision's own ResNet-18 on the normalised image."""
    from torchvision.models import resnet18
    from torchvision.models.feature_extraction import create_feature_extractor

    network = resnet18(weights=None).double()
    network.load_state_dict(weights)
    names = {"relu": "0", "layer1": "1", "layer2": "2", "layer3": "3", "layer4": "4"}
    found = create_feature_extractor(network.eval(), names)((image - 0.45) / 0.225)
    return [found[str(scale)] for scale in range(5)]
