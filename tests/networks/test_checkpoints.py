import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from deglare.errors import CheckpointError, RequestError
from deglare.networks import KITTI, DepthNetwork, MetricRange, build, load_network, save_network
from deglare.networks.depth_network import Recipe
from deglare.networks.published import from_published, without_aliases
from deglare.networks.weights import read_weights

Tensors = dict[str, Tensor]


def write_folder(folder: Path, encoder: dict[str, Any], decoder: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save(encoder, folder / "encoder.pth")
    torch.save(decoder, folder / "depth.pth")
    return folder


def test_the_drawn_checkpoints_have_the_published_numbers_of_entries(published: Any) -> None:
    tensors = [value for value in published.encoder.values() if isinstance(value, Tensor)]
    assert len(tensors) == {"monodepth2": 122, "hrdepth": 122, "monovit": 1261}[published.family]
    assert len(published.decoder) == {"monodepth2": 28, "hrdepth": 142, "monovit": 174}[published.family]


def test_a_published_folder_loads_with_its_size_and_the_street_range(published: Any, tmp_path: Path) -> None:
    network = load_network(write_folder(tmp_path / "weights", published.encoder, published.decoder))
    assert network.recipe == Recipe(published.family, None, KITTI, (192, 640))
    assert not network.training


def test_another_range_can_be_asked_for(published_monodepth2: Any, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, published_monodepth2.encoder, published_monodepth2.decoder)
    assert load_network(folder, depth_range=MetricRange(0.2, 20)).recipe.depth_range == MetricRange(0.2, 20)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_monovit_in_one_file_is_the_same_network(published_monovit: Any, prefix: str, tmp_path: Path) -> None:
    one = {f"{prefix}encoder.{n}": t for n, t in published_monovit.encoder.items() if isinstance(t, Tensor)}
    one |= {f"{prefix}decoder.{n}": t for n, t in published_monovit.decoder.items()}
    assert len(one) == 1435
    torch.save(one, tmp_path / "depth.pth")
    network = load_network(tmp_path)
    parts = {n: t for n, t in published_monovit.encoder.items() if isinstance(t, Tensor)}
    _, expected = from_published(parts, published_monovit.decoder, "two files")
    ours = network.state_dict()
    assert ours.keys() == expected.keys() and all(torch.equal(ours[name], expected[name]) for name in ours)
    assert network.recipe.size_hw is None


def test_a_second_copy_that_differs_is_refused(published_hrdepth: Any, published_monovit: Any) -> None:
    decoder = dict(published_hrdepth.decoder)
    decoder["decoder.4.conv.conv.weight"] = decoder["decoder.4.conv.conv.weight"] + 1e-3
    with pytest.raises(CheckpointError, match=r"decoder\.4 as a second copy of a layer, but it equals none"):
        without_aliases(decoder, "depth.pth")
    encoder = {name: t for name, t in published_monovit.encoder.items() if isinstance(t, Tensor)}
    alias = "mhca_stages.2.mhca_blks.1.MHCA_layers.3.factoratt_crpe.crpe.conv_list.0.bias"
    encoder[alias] = encoder[alias] + 1e-3
    with pytest.raises(CheckpointError, match="name one layer but hold different numbers"):
        from_published(encoder, published_monovit.decoder, "encoder.pth")


def test_a_wrong_checkpoint_says_what_is_missing_unexpected_and_of_another_shape(
    published_monodepth2: Any, tmp_path: Path
) -> None:
    encoder, decoder = dict(published_monodepth2.encoder), dict(published_monodepth2.decoder)
    for name in [n for n in encoder if n.startswith("encoder.layer4")]:
        del encoder[name]
    encoder["encoder.attention.weight"] = torch.zeros(3)
    decoder["decoder.3.conv.conv.weight"] = torch.zeros(64, 256, 3, 3)
    with pytest.raises(CheckpointError) as caught:
        load_network(write_folder(tmp_path, encoder, decoder))
    text = str(caught.value)
    assert "30 missing (encoder.layer4.0.conv1.weight, " in text and ", ...)" in text
    assert "1 unexpected (encoder.attention.weight)" in text
    assert "1 of another shape (decoder.after.3.weight (64, 256, 3, 3) instead of (128, 256, 3, 3))" in text


def test_numbers_that_are_not_finite_are_refused(published_monodepth2: Any, tmp_path: Path) -> None:
    decoder = dict(published_monodepth2.decoder)
    decoder["decoder.10.conv.bias"] = torch.tensor([float("nan")])
    with pytest.raises(CheckpointError, match=r"not finite, in decoder\.heads\.0\.bias"):
        load_network(write_folder(tmp_path, published_monodepth2.encoder, decoder))


def test_another_networks_weights_are_named_as_none_of_ours(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"conv1.weight": torch.zeros(1)}, {"scratch.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="no checkpoint of Monodepth2, HR-Depth or MonoViT"):
        load_network(folder)


class Poison:
    """Unpickling it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_poisoned_pickle_is_refused_and_not_run(zipped: bool, tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "depth.pth"
    content = {"weight": torch.zeros(1), "extra": Poison(victim)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="more than tensors and numbers, and is not read"):
        load_network(tmp_path)
    assert not victim.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"\x80\x02]q\x00.", os.urandom(64)])
def test_what_is_no_checkpoint_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "depth.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"depth\.pth"):
        load_network(tmp_path)


def test_a_network_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    network = build("hrdepth-small", encoder="mobilenetv2_100", depth_range=MetricRange(0.2, 8)).eval()
    network.recipe = Recipe(
        "hrdepth-small", "mobilenetv2_100", MetricRange(0.2, 8), (64, 96), {"method": "selfsup", "steps": 12}
    )
    save_network(network, tmp_path / "network.safetensors")
    for path in (tmp_path / "network.safetensors", tmp_path):
        again = load_network(path)
        assert again.recipe == network.recipe
        image = torch.rand(1, 3, 64, 64)
        with torch.inference_mode():
            assert all(torch.equal(a, b) for a, b in zip(network(image), again(image), strict=True))


@pytest.fixture(scope="module")
def own_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("own") / "network.safetensors"
    save_network(build("monodepth2-small"), path)
    return path.read_bytes()


@pytest.mark.parametrize("kept", [0, 4, 7, 100, 5000, -1])
def test_a_truncated_safetensors_is_one_sentence(kept: int, own_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(own_file[:kept])
    with pytest.raises(CheckpointError, match=r"no whole safetensors file .*copy it again"):
        load_network(path)


def with_recipe(own_file: bytes, change: Any) -> bytes:
    """The same file with another recipe in its header."""
    (length,) = struct.unpack("<Q", own_file[:8])
    header = json.loads(own_file[8 : 8 + length])
    recipe = json.loads(header["__metadata__"]["deglare"])
    header["__metadata__"]["deglare"] = change if isinstance(change, str) else json.dumps(recipe | change)
    packed = json.dumps(header).encode()
    packed += b" " * (-len(packed) % 8)
    return struct.pack("<Q", len(packed)) + packed + own_file[8 + length :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2, but this version reads 1"),
        ({"network": "resnet"}, "the network 'resnet', which is none of"),
        ({"network": "monodepth2"}, "of another shape"),
        ({"depth_range_m": [1, 0.1]}, "not two rising numbers"),
        ({"depth_range_m": ["a", "b"]}, "not two rising numbers"),
        ({"size_hw": [-1, 10]}, "no image size"),
        ({"encoder": 3}, "another form"),
        ({"training": []}, "another form"),
        ("{", "broken JSON"),
        ("[]", "as list"),
    ],
)
def test_a_recipe_is_not_believed(change: Any, message: str, own_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(with_recipe(own_file, change))
    with pytest.raises(CheckpointError, match=message):
        load_network(path)


def test_a_recipe_cannot_make_us_build_a_giant(
    own_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[DepthNetwork] = []
    monkeypatch.setattr("deglare.networks.checkpoints.build", lambda *a, **k: sizes.append(build(*a, **k)) or sizes[-1])
    path = tmp_path / "changed.safetensors"
    path.write_bytes(with_recipe(own_file, {"encoder": "resnet152"}))
    with pytest.raises(CheckpointError, match="does not fit this network"):
        load_network(path)
    assert [network.device.type for network in sizes] == ["meta"]


def test_loading_leaves_the_random_numbers_alone(own_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    path.write_bytes(own_file)
    before = torch.random.get_rng_state()
    load_network(path)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_recipe_cannot_make_us_fetch_a_model(own_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(with_recipe(own_file, {"encoder": "hf-hub:someone/something"}))
    with pytest.raises(RequestError, match="timm has no encoder 'hf-hub:someone/something'"):
        load_network(path)


def test_safetensors_of_somebody_else_are_named_so(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="does not say which network it belongs to"):
        load_network(tmp_path)


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deglare.networks.weights.MAX_WEIGHT_BYTES", 1000)
    torch.save({"a": torch.zeros(1000)}, tmp_path / "large.pth")
    with pytest.raises(CheckpointError, match="more than the 1000 that weights may have"):
        read_weights(tmp_path / "large.pth")


def test_what_is_not_there_is_said_to_be_not_there(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no checkpoint"):
        load_network(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="holds neither"):
        load_network(tmp_path)
    with pytest.raises(RequestError, match=r"saved as \.safetensors"):
        save_network(build("monodepth2-small"), tmp_path / "network.pth")
