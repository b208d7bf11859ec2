import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from known_networks import Unchanged, formula_network
from torch import Tensor, nn

from deglare.errors import RequestError
from deglare.networks import DepthNetwork, NetworkTeacher, Recipe, build, fast, load_model, save_network
from deglare.networks.fast import CompiledTeacher, available_precision, difference, difference_from_torch

SPREAD = 0.3
"""Standard deviation of a lively network before its last sigmoid."""

NETWORKS = ["monodepth2-small", "hrdepth-small", "monovit-small"]


@pytest.fixture
def openvino() -> None:
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")


@pytest.fixture
def bf16(openvino: None) -> None:
    if available_precision("auto") != "bf16":
        pytest.skip("this processor has no bf16 arithmetic")


def noise(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def lively(name: str) -> DepthNetwork:
    """A fresh network gives nearly constant depth: keep its features apart as training does, then spread its depth.

    It then varies by a fifth of its mean, as that of a trained network does over a room.
    """
    network, images = build(name), torch.rand(4, 3, 64, 96)
    for module in network.decoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    heads = {n: p for n, p in network.decoder.named_parameters() if "heads.0." in n}
    with torch.no_grad():
        for name, parameter in heads.items():
            parameter *= 0.01 if name.endswith("weight") else 0
        network.train()(images)  # sets the norms
        logits = torch.logit(network.eval()(images)[0])
        for name, parameter in heads.items():
            scale = SPREAD / logits.std()
            parameter.copy_(parameter * scale if name.endswith("weight") else -1 - logits.mean() * scale)
    return network


def of_torch(network: DepthNetwork, rgb: np.ndarray) -> np.ndarray:
    """Depth in metres straight from the network, without any teacher."""
    pixels = torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None].float() / 255
    with torch.inference_mode():
        return network.eval().depth_m(pixels)[0, 0].numpy()


@pytest.mark.usefixtures("seeded", "openvino")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_compiled_in_fp32_gives_torchs_depth(name: str) -> None:
    network, (rgb,) = lively(name), noise(1)
    expected = of_torch(network, rgb)
    assert expected.std() > 0.15 * expected.mean()
    found = CompiledTeacher(network, precision="fp32").predict(rgb)
    assert found.valid.all()
    np.testing.assert_allclose(found.metres, expected, rtol=1e-4)


@pytest.mark.usefixtures("seeded", "bf16")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_compiled_in_bf16_is_within_half_a_percent(name: str) -> None:
    network, (rgb,) = lively(name), noise(1)
    expected = of_torch(network, rgb)
    assert expected.std() > 0.15 * expected.mean()
    teacher = CompiledTeacher(network)
    assert teacher.precision == "bf16"
    apart = np.abs(teacher.predict(rgb).metres / expected - 1)
    assert 1e-5 < np.median(apart) < 5e-3, "and not exact, or it was not bf16"


@pytest.mark.usefixtures("openvino")
@pytest.mark.parametrize("size_hw", [(64, 96), (70, 100), (200, 130)])
def test_any_image_size_gives_what_the_torch_teacher_gives(size_hw: tuple[int, int]) -> None:
    (rgb,) = noise(1, *size_hw)
    found = CompiledTeacher(formula_network(), precision="fp32").predict(rgb)
    np.testing.assert_allclose(found.metres, NetworkTeacher(formula_network()).predict(rgb).metres, rtol=1e-5)


@pytest.mark.usefixtures("openvino")
def test_a_batch_gives_what_single_images_give() -> None:
    teacher, rgbs = CompiledTeacher(formula_network((64, 96)), precision="fp32"), noise(3)
    for one, rgb in zip(teacher.predict_batch(rgbs), rgbs, strict=True):
        np.testing.assert_array_equal(one.metres, teacher.predict(rgb).metres)
        np.testing.assert_allclose(one.metres, 1 / (0.1 + 9.9 * rgb[..., 0] / 255), rtol=1e-5)


@pytest.mark.usefixtures("openvino")
def test_a_size_is_compiled_once_and_old_sizes_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[int, int]] = []
    real = fast.compile_network

    def counted(network: DepthNetwork, size_hw: tuple[int, int], precision: str, threads: int) -> object:
        compiled.append(size_hw)
        return real(network, size_hw, precision, threads)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(fast, "compile_network", counted)
    teacher = CompiledTeacher(formula_network(), precision="fp32")
    for width in (64, 64, 96, 128, 160, 96, 192, 64):
        teacher.predict(noise(1, 64, width)[0])
    assert compiled == [(64, width) for width in (64, 96, 128, 160, 192, 64)]
    assert len(teacher._compiled) == fast.KEPT_SIZES


@pytest.mark.usefixtures("openvino")
def test_a_network_that_was_converted_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fast._converted
    other = DepthNetwork(Unchanged(), GreenIsNear(), Recipe("hrdepth-small"), (0.0,) * 3, (1.0,) * 3)
    monkeypatch.setattr(fast, "_converted", lambda _, size_hw: real(other, size_hw))
    with pytest.raises(RequestError, match=r"differs from torch by .* of the depth"):
        CompiledTeacher(formula_network(), precision="fp32").predict(noise(1)[0])


class GreenIsNear(nn.Module):
    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [features[0][:, 1:2]] * 4


def test_the_difference_of_two_depths_is_relative_to_the_second() -> None:
    exact = np.full(200, 2.0)
    found = exact.copy()
    found[:150] *= 1.01
    found[:10] = 1.0
    said = difference(found, exact)
    assert said.median == pytest.approx(0.01) and said.p99 == pytest.approx(0.5) and said.worst_m == pytest.approx(1)


@pytest.mark.usefixtures("seeded", "openvino")
def test_the_reported_difference_is_that_of_the_depths_over_all_images() -> None:
    network, rgbs = lively("monodepth2-small"), noise(2)
    teacher = CompiledTeacher(network)
    said = difference_from_torch(teacher, rgbs)
    expected = np.stack([of_torch(network, rgb) for rgb in rgbs])
    apart = np.abs(np.stack([teacher.predict(rgb).metres for rgb in rgbs]) - expected)
    assert said.median == pytest.approx(np.median(apart / expected), rel=0.02, abs=1e-7)
    assert said.p99 == pytest.approx(np.percentile(apart / expected, 99), rel=0.02, abs=1e-6)
    assert said.worst_m == pytest.approx(apart.max(), rel=0.02, abs=1e-5)
    with pytest.raises(RequestError, match="at least one image"):
        difference_from_torch(teacher, [])


@pytest.mark.usefixtures("openvino")
def test_the_runtime_of_a_saved_network_is_chosen_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_network(build("monodepth2-small"), path)
    assert type(load_model(path)) is NetworkTeacher
    for runtime in ("openvino", "auto"):
        teacher = load_model(path, runtime=runtime, precision="fp32")
        assert isinstance(teacher, CompiledTeacher) and teacher.name == "mine" and teacher.precision == "fp32"


def test_without_openvino_auto_is_torch_and_asking_for_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.safetensors"
    save_network(build("monodepth2-small"), path)
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert type(load_model(path, runtime="auto")) is NetworkTeacher
    with pytest.raises(RequestError, match=r"needs openvino: pip install 'deglare\[fast\]'"):
        load_model(path, runtime="openvino")
    with pytest.raises(RequestError, match="torch computes in fp32"):
        load_model(path, runtime="auto", precision="bf16")


def test_choices_that_cannot_be_had_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_network(build("monodepth2-small"), path)
    with pytest.raises(RequestError, match="torch computes in fp32"):
        load_model(path, precision="bf16")
    with pytest.raises(RequestError, match="on the CPU, not on cuda"):
        load_model(path, runtime="openvino", device="cuda")
    for other in ("hf:somebody/something", "some.onnx"):
        with pytest.raises(RequestError, match="only networks of ours are compiled"):
            load_model(other, runtime="openvino")


@pytest.mark.usefixtures("openvino")
def test_bf16_is_refused_where_the_processor_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    class Old:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "Core", Old)
    assert available_precision("auto") == "fp32" and available_precision("fp32") == "fp32"
    with pytest.raises(RequestError, match="no bf16 arithmetic"):
        available_precision("bf16")


@pytest.mark.usefixtures("openvino")
def test_nothing_is_reported_to_openvinos_makers(tmp_path: Path) -> None:
    """In a process of its own, whose home shows what the package that reports would write there."""
    import os
    import subprocess

    code = (
        "import sys, torch\n"
        "from deglare.networks import build\n"
        "from deglare.networks.fast import compile_network\n"
        "compile_network(build('monodepth2-small').eval(), (64, 64), 'fp32', 1)\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0
    assert not (tmp_path / "intel").exists()
