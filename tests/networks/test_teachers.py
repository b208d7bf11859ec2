from pathlib import Path

import numpy as np
import pytest
import torch
from known_networks import formula_network

from deglare.errors import DeglareError, RequestError
from deglare.networks import NetworkTeacher, build, load_model, save_network
from deglare.networks.teachers import resized_inverse, shipped_names
from deglare.types import DepthMap


def colours(height: int, width: int) -> np.ndarray:
    """Red rises linearly from left to right."""
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    rgb[..., 0] = np.linspace(10, 240, width).round()
    return rgb


@pytest.mark.parametrize("size_hw", [(64, 96), (70, 100), (50, 90), (200, 130)])
def test_any_image_size_goes_in_and_comes_out(size_hw: tuple[int, int]) -> None:
    rgb = colours(*size_hw)
    depth = NetworkTeacher(formula_network()).predict(rgb)
    assert depth.size_hw == size_hw and depth.valid.all()
    disparity = 0.1 + 9.9 * rgb[..., 0] / 255
    np.testing.assert_allclose((1 / depth.metres)[:, 3:-3], disparity[:, 3:-3], atol=0.06)


def test_at_the_networks_own_size_nothing_is_resized() -> None:
    rgb = colours(64, 96)
    depth = NetworkTeacher(formula_network((64, 96))).predict(rgb)
    np.testing.assert_allclose(depth.metres, 1 / (0.1 + 9.9 * rgb[..., 0] / 255), rtol=1e-5)


def test_a_batch_gives_what_single_images_give() -> None:
    rng = np.random.default_rng(0)
    rgbs = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(3)]
    teacher = NetworkTeacher(build("monodepth2-small"))
    for one, rgb in zip(teacher.predict_batch(rgbs), rgbs, strict=True):
        np.testing.assert_allclose(one.metres, teacher.predict(rgb).metres, rtol=1e-4)
    assert teacher.predict_batch([]) == []
    with pytest.raises(RequestError, match="must have one size"):
        teacher.predict_batch([rgbs[0], rgbs[1][:32]])


def test_a_teacher_neither_trains_nor_remembers() -> None:
    network = build("monodepth2-small").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    teacher = NetworkTeacher(network)
    first = teacher.predict(colours(64, 64))
    np.testing.assert_array_equal(first.metres, teacher.predict(colours(64, 64)).metres)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_working_size_that_does_not_fit_is_refused_at_once() -> None:
    with pytest.raises(RequestError, match="multiples of 32"):
        NetworkTeacher(formula_network(), size_hw=(100, 100))


def test_a_saved_network_is_a_teacher_by_its_path(tmp_path: Path) -> None:
    network = build("monodepth2-small").eval()
    path = tmp_path / "mine.safetensors"
    save_network(network, path)
    teacher = load_model(path)
    assert teacher.name == "mine"
    depth = teacher.predict(colours(64, 64))
    assert isinstance(depth, DepthMap)
    np.testing.assert_array_equal(depth.metres, NetworkTeacher(network).predict(colours(64, 64)).metres)


def test_shipped_weights_are_used_by_name_or_said_to_be_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deglare.networks.teachers.files", lambda _: tmp_path)
    with pytest.raises(RequestError, match="no weights for 'hrdepth-small' are shipped with this version"):
        load_model("hrdepth-small")
    save_network(build("hrdepth-small"), tmp_path / "weights" / "hrdepth-small.safetensors")
    assert load_model("hrdepth-small").name == "hrdepth-small"


def test_every_network_that_ships_is_a_teacher_by_its_name() -> None:
    names = shipped_names()
    assert {"monodepth2-small", "hrdepth-small", "monovit-small", "monodepth2-small-distilled"} <= set(names)
    rgb = np.full((96, 128, 3), 128, dtype=np.uint8)
    for name in names:
        depth = load_model(name).predict(rgb)
        assert isinstance(depth, DepthMap) and depth.valid.all() and 0.1 <= depth.metres.min()


@pytest.mark.parametrize("name", ["nothing", "nowhere/at.onnx", "", "a\n.onnx"])
def test_what_is_no_model_is_refused(name: str) -> None:
    with pytest.raises(DeglareError):
        load_model(name)


def test_resizing_inverse_depth_keeps_holes_out() -> None:
    inverse = np.full((4, 4), 0.5, dtype=np.float32)
    valid = np.ones((4, 4), dtype=bool)
    valid[0, 0], inverse[0, 0] = False, np.nan
    values, kept = resized_inverse(inverse, valid, (8, 8))
    assert not kept[:2, :2].any() and kept[3:, 3:].all()
    np.testing.assert_allclose(values[kept], 0.5)
