import builtins
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deglare.errors import CheckpointError, RequestError
from deglare.networks import load_model
from deglare.networks.transformers_teacher import as_depth, output_of
from deglare.types import DepthMap, RelativeDepth


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ({"model_type": "depth_anything", "depth_estimation_type": "relative"}, "disparity"),
        ({"model_type": "depth_anything", "depth_estimation_type": "metric"}, "metres"),
        ({"model_type": "dpt"}, "disparity"),
        ({"model_type": "zoedepth"}, "metres"),
    ],
)
def test_the_configuration_says_what_comes_out(config: dict[str, str], output: str) -> None:
    assert output_of(SimpleNamespace(**config), "somebody/something") == output


def test_a_model_of_unknown_output_is_refused_rather_than_guessed() -> None:
    with pytest.raises(RequestError, match="'somebody/something' is a crystal_ball model"):
        output_of(SimpleNamespace(model_type="crystal_ball"), "somebody/something")


def test_disparity_becomes_relative_depth_and_metres_stay_metres() -> None:
    values = np.array([[0.5, 2.0], [0.0, -1.0]], dtype=np.float32)
    relative, metric = as_depth(values, "disparity", (2, 2)), as_depth(values, "metres", (2, 2))
    assert isinstance(relative, RelativeDepth) and isinstance(metric, DepthMap)
    assert relative.valid.tolist() == metric.valid.tolist() == [[True, True], [False, False]]
    assert relative.values[0].tolist() == [2.0, 0.5] and metric.metres[0].tolist() == [0.5, 2.0]


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "transformers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RequestError, match=r"pip install 'deglare\[foundation\]'"):
        load_model("hf:somebody/something")


@pytest.fixture
def tiny_depth_anything(tmp_path: Path) -> Path:
    """A Depth Anything of a few thousand random weights, saved as transformers saves it."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=28, patch_size=14,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, patch_size=14, neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8, head_hidden_size=8,
    )  # fmt: skip
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(tmp_path)
    size = {"height": 28, "width": 28}
    transformers.DPTImageProcessor(size=size, ensure_multiple_of=14).save_pretrained(tmp_path)
    return tmp_path


def test_a_local_model_predicts_at_the_size_of_the_image(tiny_depth_anything: Path) -> None:
    teacher = load_model(f"hf:{tiny_depth_anything}")
    depth = teacher.predict(np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8))
    assert isinstance(depth, RelativeDepth) and depth.values.shape == (30, 50)
    assert teacher.name == tiny_depth_anything.name


def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(CheckpointError, match="transformers cannot load a depth model"):
        load_model(f"hf:{tmp_path}")
