import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deglare.cli import main
from deglare.networks.building import build
from deglare.networks.checkpoints import is_kernel, load_network, save_network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_network(build("monodepth2-small"), path)
    return path


def test_an_exported_network_runs_elsewhere_and_says_how_near_it_is(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    out = tmp_path / "net.onnx"
    assert main(["export", "onnx", str(weights), "--out", str(out), "--size", "96", "64", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["size_hw"] == [64, 96] and result["worst_relative"] < 1e-4
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    depth = session.run(None, {"image": np.full((2, 3, 64, 96), 0.5, dtype=np.float32)})[0]
    assert depth.shape == (2, 1, 64, 96) and depth.min() > 0


@pytest.mark.parametrize(
    "extra, said",
    [
        (["--out", "net.pt", "--size", "96", "64"], ".onnx"),
        (["--out", "net.onnx"], "--size"),
        (["--out", "net.onnx", "--size", "90", "64"], "multiple"),
        (["--out", "net.onnx", "--half"], "--half"),
    ],
)
def test_a_wrong_request_exits_2_in_one_sentence(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: list[str], said: str, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "onnx", str(weights), *extra]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_exported_half_weights_load_as_the_same_network_in_half_the_bytes(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "half.safetensors"
    assert main(["export", "weights", str(weights), "--out", str(out), "--half"]) == 0
    assert out.stat().st_size < 0.55 * weights.stat().st_size
    before, after = (load_network(path).state_dict() for path in (weights, out))
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        kept = tensor.half().to(tensor.dtype) if is_kernel(tensor) else tensor
        assert torch.equal(after[name], kept), name
