import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from deglare.errors import CheckpointError, RequestError
from deglare.networks import MetricRange, build, export_onnx, load_model
from deglare.networks.decoders import PlainDecoder
from deglare.networks.onnx_teacher import OnnxTeacher
from deglare.types import DepthMap, RelativeDepth

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper  # noqa: E402

OPSETS = [helper.make_opsetid("", 18)]


def write_mean(path: Path, shape: list[Any], kind: int = TensorProto.FLOAT, metadata: str | None = None) -> Path:
    """A file whose depth is the mean of the three colours."""
    axis = shape.index(3) if 3 in shape else 1
    cast = helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [axis])
    mean = helper.make_node("ReduceMean", ["floats", "axes"], ["depth"], keepdims=1)
    image = helper.make_tensor_value_info("image", kind, shape)
    depth = helper.make_tensor_value_info("depth", TensorProto.FLOAT, None)
    graph = helper.make_graph([cast, mean], "mean", [image], [depth], [axes])
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {"deglare": metadata})
    onnx.save(model, path)
    return path


def grey(height: int = 32, width: int = 64) -> np.ndarray:
    values = np.linspace(20, 200, width).round().astype(np.uint8)
    return np.broadcast_to(values[None, :, None], (height, width, 3)).copy()


@pytest.mark.parametrize(
    "shape", [[1, 3, 64, 128], [1, 64, 128, 3], ["b", 3, "h", "w"], [1, 3, 64, None], [1, "h", "w", 3]]
)
def test_layout_and_size_are_found_in_the_file(shape: list[Any], tmp_path: Path) -> None:
    teacher = OnnxTeacher(write_mean(tmp_path / "mean.onnx", shape))
    depth = teacher.predict(grey(64, 128))
    assert isinstance(depth, RelativeDepth) and teacher.name == "mean"
    np.testing.assert_allclose(depth.values, grey(64, 128)[..., 0] / 255, rtol=1e-5)


def test_an_input_of_whole_numbers_gets_the_colours_as_they_are(tmp_path: Path) -> None:
    teacher = OnnxTeacher(write_mean(tmp_path / "mean.onnx", [1, 64, 128, 3], TensorProto.UINT8), is_metric=True)
    depth = teacher.predict(grey(64, 128))
    assert isinstance(depth, DepthMap)
    np.testing.assert_allclose(depth.metres, grey(64, 128)[..., 0], rtol=1e-5)


def test_another_image_size_comes_back_at_its_own(tmp_path: Path) -> None:
    teacher = OnnxTeacher(write_mean(tmp_path / "mean.onnx", [1, 3, 64, 128]))
    depth = teacher.predict(grey(100, 201))
    assert isinstance(depth, RelativeDepth) and depth.values.shape == (100, 201)
    np.testing.assert_allclose(depth.values[:, 8:], grey(100, 201)[:, 8:, 0] / 255, rtol=0.05)


def test_disparity_is_inverted_and_black_is_no_depth(tmp_path: Path) -> None:
    rgb = grey(64, 128)
    rgb[:, :10] = 0
    depth = OnnxTeacher(write_mean(tmp_path / "mean.onnx", [1, 3, 64, 128]), gives_disparity=True).predict(rgb)
    assert isinstance(depth, RelativeDepth)
    assert not depth.valid[:, :10].any() and depth.valid[:, 10:].all()
    np.testing.assert_allclose(depth.values[:, 10:], 255 / rgb[:, 10:, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("metadata", "metric"), [('{"unit": "m"}', True), ('{"unit": "mm"}', False), ("[]", False), ("{", False)]
)
def test_only_our_own_mark_makes_a_file_metric(metadata: str, metric: bool, tmp_path: Path) -> None:
    path = write_mean(tmp_path / "mean.onnx", [1, 3, 64, 128], metadata=metadata)
    assert isinstance(load_model(path).predict(grey(64, 128)), DepthMap) is metric
    assert isinstance(load_model(path, is_metric=True).predict(grey(64, 128)), DepthMap)


@pytest.mark.parametrize("shape", [[1, 1, 64, 128], [4, 3, 64, 128], [3, 64, 128]])
def test_a_file_that_takes_no_image_is_refused(shape: list[Any], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a depth model takes one image"):
        OnnxTeacher(write_mean(tmp_path / "mean.onnx", shape))


@pytest.mark.parametrize("content", [b"", b"not onnx", b"\x08\x09" * 50])
def test_a_file_that_is_no_onnx_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match="no ONNX file that can be run"):
        load_model(tmp_path / "bad.onnx")


def test_a_file_that_gives_no_map_is_refused(tmp_path: Path) -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["out"])], "same", [image], [out])
    onnx.save(helper.make_model(graph, opset_imports=OPSETS, ir_version=9), tmp_path / "same.onnx")
    with pytest.raises(CheckpointError, match="not one depth map"):
        OnnxTeacher(tmp_path / "same.onnx").predict(grey(64, 64))


@pytest.mark.usefixtures("seeded")
def test_an_exported_network_agrees_with_torch_for_any_batch_and_says_what_it_is(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    import onnxruntime
    import torch

    network = build("monodepth2-small", depth_range=MetricRange(0.5, 20)).eval()
    for head in cast(PlainDecoder, network.decoder).heads:
        torch.nn.init.normal_(cast(torch.Tensor, head.weight), std=2.0)  # so that depth varies over the image
    done = export_onnx(network, tmp_path / "network.onnx", (64, 96))
    assert done.worst_relative <= 1e-4 and done.opset == 18
    model = onnx.load(done.path)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 18
    assert json.loads({p.key: p.value for p in model.metadata_props}["deglare"])["depth_range_m"] == [0.5, 20]
    image = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        expected = network.depth_m(image).numpy()
    assert expected.std() > 0.05 * expected.mean()
    session = onnxruntime.InferenceSession(done.path, providers=["CPUExecutionProvider"])
    (found,) = session.run(["depth_m"], {"image": image.numpy()})
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4)
    rgb = grey(64, 96)
    depth = load_model(done.path).predict(rgb)
    assert isinstance(depth, DepthMap)
    with torch.inference_mode():
        pixels = torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None].float() / 255
        np.testing.assert_allclose(depth.metres, network.depth_m(pixels)[0, 0].numpy(), rtol=1e-4)


def test_a_size_that_does_not_fit_is_refused_before_anything_is_traced(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="multiples of 32"):
        export_onnx(build("monodepth2-small"), tmp_path / "network.onnx", (100, 100))
    assert not (tmp_path / "network.onnx").exists()


@pytest.mark.shared
def test_a_real_depth_network_sees_the_lounge(shared_data: Path) -> None:
    from deglare.data.opening import open_sequence
    from deglare.networks import median_scaled

    path = shared_data / "pretrained" / "pydnetpp_448x640_fp32.onnx"
    if not path.exists():
        pytest.skip("the real network is not there")
    teacher, errors = load_model(path), []
    for frame in open_sequence(shared_data / "hololens_lounge_a").frames[::15]:
        predicted, truth = teacher.predict(frame.rgb()), frame.depth()
        assert isinstance(predicted, RelativeDepth) and truth is not None
        scaled = median_scaled(predicted, truth)
        both = scaled.valid & truth.valid
        errors.append(np.mean(np.abs(scaled.metres[both] - truth.metres[both]) / truth.metres[both]))
    assert 0.10 < np.mean(errors) < 0.17, "0.14 over all frames"
