from pathlib import Path

import numpy as np
import pytest
import torch
from known_evidence import Formula
from torch import nn

from deglare.data.files import read_json, write_json
from deglare.data.run_folder import require_plain
from deglare.errors import CheckpointError, RequestError
from deglare.fusion.estimators import (
    UNCERTAINTIES,
    Crop,
    Ensemble,
    Flip,
    Snapshots,
    UncertaintyConfig,
)
from deglare.fusion.uncertainty import crop_spread, flip_spread
from deglare.networks import INDOOR, depth_of
from deglare.networks.checkpoints import save_network
from deglare.networks.teachers import NetworkTeacher, load_model
from deglare.training.checkpoints import Checkpoint, write_checkpoint
from deglare.training.snapshots import load_snapshot, snapshots
from deglare.types import Rgb

RGB = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


def constant(metres: float) -> Formula:
    return Formula(lambda rgb: np.full(rgb.shape[:2], metres))


def placed(rgb: Rgb) -> np.ndarray:
    """Depth of a network that knows where in the image a pixel lies."""
    return 1 + rgb[..., 0] / 255 + np.linspace(0, 1, rgb.shape[1])


def depth_of_bias(bias: float) -> float:
    return float(depth_of(np.array([1 / (1 + np.exp(-bias))]), INDOOR)[0])


@pytest.mark.parametrize("name", UNCERTAINTIES)
def test_every_uncertainty_is_a_config_that_builds_itself(name: str) -> None:
    assert isinstance(UNCERTAINTIES[name], UncertaintyConfig)


def test_an_ensemble_gives_the_depth_of_each_teacher_and_their_spread() -> None:
    teachers = [constant(1.0), constant(2.0), constant(3.0)]
    found = Ensemble().build(teachers).estimate(RGB)
    assert [float(depth.metres[0, 0]) for depth in found.depths] == [1, 2, 3]
    assert found.depth is found.depths[0]
    np.testing.assert_allclose(found.uncertainty.sigma_m, np.sqrt(2 / 3), rtol=1e-6)
    np.testing.assert_allclose(Ensemble(ddof=1).build(teachers).estimate(RGB).uncertainty.sigma_m, 1, rtol=1e-6)


def test_one_teacher_against_itself_is_what_the_functions_compute() -> None:
    for config, function in ((Flip(), flip_spread), (Crop(), crop_spread)):
        found, expected = config.build([Formula(placed)]).estimate(RGB), function(Formula(placed), RGB)
        assert np.array_equal(found.uncertainty.sigma_m, expected.uncertainty.sigma_m)
        assert np.array_equal(found.depth.metres, expected.depth.metres)
        assert found.uncertainty.sigma_m.max() > 0.05


@pytest.mark.parametrize(("config", "count"), [(Ensemble(), 1), (Ensemble(), 0), (Ensemble(ddof=2), 2)])
def test_an_ensemble_of_too_few_is_refused_and_another_way_named(config: Ensemble, count: int) -> None:
    with pytest.raises(RequestError, match="choose 'flip', which needs one"):
        config.build([constant(2.0)] * count)


@pytest.mark.parametrize("config", [Flip(), Crop(), Snapshots()])
@pytest.mark.parametrize("count", [0, 2])
def test_what_is_of_one_teacher_is_refused_for_others(config: UncertaintyConfig, count: int) -> None:
    with pytest.raises(RequestError, match=f"one teacher, not of {count}: name one"):
        config.build([constant(2.0)] * count)


def test_snapshots_are_found_oldest_first(tmp_path: Path) -> None:
    for name in ("000020000", "000000500", "000001000", ".000020500.unfinished", "notes"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "checkpoints" / name / "state.json").touch()
    (tmp_path / "checkpoints" / "000030000").mkdir()  # without a state it is none
    assert [int(place.name) for place in snapshots(tmp_path)] == [500, 1000, 20000]


def test_snapshots_are_the_networks_of_their_steps(kept_run: Path) -> None:
    for place, bias in zip(snapshots(kept_run), (-0.4, 0.0, 0.4), strict=True):
        teacher = load_snapshot(place)
        assert require_plain(teacher.name, "teacher") == f"step-{int(place.name)}"
        assert teacher.size_hw == (64, 96)
        np.testing.assert_allclose(teacher.predict(RGB).metres, depth_of_bias(bias), rtol=1e-4)


def test_snapshots_of_a_training_that_started_from_another_network_have_its_encoder(tmp_path: Path) -> None:
    teacher = load_model("monodepth2-small")  # its encoder is not the one that the name alone stands for
    assert isinstance(teacher, NetworkTeacher)
    save_network(teacher.network, tmp_path / "start.safetensors")
    settings = {"network": "monodepth2-small", "encoder": None, "depth_range_m": [0.1, 10.0], "size": [96, 64]}
    identity = {"settings": {**settings, "start": str(tmp_path / "start.safetensors")}}
    trained = nn.ModuleDict({"network": teacher.network}).state_dict()
    place = write_checkpoint(tmp_path / "checkpoints", Checkpoint(7, identity, trained, {"0.step": torch.tensor(7)}))
    again = load_snapshot(place)
    assert again.network.recipe.encoder == teacher.network.recipe.encoder is not None
    assert np.array_equal(
        again.predict(RGB).metres, NetworkTeacher(teacher.network, size_hw=(64, 96)).predict(RGB).metres
    )


def test_the_spread_of_snapshots_is_theirs_and_the_depth_is_the_teachers(kept_run: Path) -> None:
    found = Snapshots(kept_run).build([constant(2.5)]).estimate(RGB)
    expected = np.std([depth_of_bias(bias) for bias in (-0.4, 0.0, 0.4)])
    np.testing.assert_allclose(found.uncertainty.sigma_m, expected, rtol=1e-3)
    assert len(found.depths) == 1
    assert (found.depth.metres == 2.5).all()


def test_a_run_that_kept_one_checkpoint_has_no_spread(short_run: Path) -> None:
    with pytest.raises(RequestError, match=r"needs two checkpoints but .* kept 1: train with --keep 3"):
        Snapshots(short_run).build([constant(2.0)])


def test_snapshots_need_the_folder_of_a_training(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="give the folder that a training wrote"):
        snapshots(tmp_path / "nowhere")
    with pytest.raises(RequestError, match="needs the folder of their training"):
        Snapshots().build([constant(2.0)])
    assert snapshots(tmp_path) == []


@pytest.mark.parametrize(
    "settings", [None, {}, {"network": "resnet"}, {"network": "monodepth2-small", "depth_range_m": [1], "size": [1, 1]}]
)
def test_a_checkpoint_that_does_not_describe_its_network_is_refused(short_run: Path, settings: object) -> None:
    (place,) = snapshots(short_run)
    state = read_json(place / "state.json")
    assert isinstance(state, dict)
    write_json(place / "state.json", {**state, "identity": {"settings": settings}})
    with pytest.raises(CheckpointError, match="does not say which network it trains"):
        load_snapshot(place)
