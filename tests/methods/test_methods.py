"""What every method promises the trainer, and what each one computes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch

from deglare.errors import RequestError
from deglare.losses.log_depth import log_depth_over_scales
from deglare.losses.normals import normals_loss
from deglare.losses.reprojection import Views, reprojection_loss
from deglare.methods import (
    METHODS,
    Batch,
    Distill3D,
    Method,
    MethodConfig,
    SelfSup,
    SelfTeaching,
    Triplet,
    TripletDistilled,
)
from deglare.methods.method import DEPTH_LABEL, LabelRequest, Rates
from deglare.networks import build, disparity_of, save_network
from deglare.networks.depth_network import DepthNetwork


def network(seed: int = 0) -> DepthNetwork:
    torch.manual_seed(seed)
    return build("monodepth2-small")


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_network(network(7), path)
    return path


@pytest.fixture(
    params=[
        "selfsup",
        "learned pose",
        "self-teaching",
        "distill3d",
        "distill3d with normals",
        "triplet",
        "distilled triplet",
    ]
)
def method(request: pytest.FixtureRequest, teacher_file: Path) -> Method:
    configs: dict[str, MethodConfig] = {
        "selfsup": SelfSup(),
        "learned pose": SelfSup(pose="posecnn"),
        "self-teaching": SelfTeaching(teacher=str(teacher_file)),
        "distill3d": Distill3D(labels="runs"),
        "distill3d with normals": Distill3D(labels="runs", normals=0.5),
        "triplet": Triplet(warm_up=0),
        "distilled triplet": TripletDistilled(plain=str(teacher_file), mined=str(teacher_file)),
    }
    return configs[request.param].build(network(), 0)


def test_equal_calls_give_equal_losses(method: Method, batch: Batch) -> None:
    method.trained.eval()
    first, second = method.loss(batch, 5), method.loss(batch, 5)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_every_parameter_that_learns_is_in_one_group_and_gets_a_gradient(method: Method, batch: Batch) -> None:
    groups = method.groups(Rates(1e-3, 1e-4))
    grouped = [parameter for group in groups for parameter in group.parameters]
    assert len(grouped) == len({id(p) for p in grouped}) == len(list(method.trained.parameters()))
    assert [group.rate for group in groups] == [1e-4, 1e-3]
    assert {id(p) for p in groups[0].parameters} == {id(p) for p in method.network.encoder.parameters()}
    method.loss(batch, 0)["loss"].backward()
    assert all(parameter.grad is not None for parameter in grouped)


def test_pictures_are_colours_metres_or_masks_of_the_whole_batch(method: Method, batch: Batch) -> None:
    shown = method.show(batch)
    assert next(iter(shown)) == "input"
    for values in shown.values():
        assert values.shape[0] == 2 and values.shape[2:] == (64, 64)
        assert values.shape[1] == 3 or values.shape[1] == 1
        assert not values.requires_grad


@pytest.mark.parametrize("name", list(METHODS))
def test_configs_are_frozen_and_can_be_compared(name: str) -> None:
    config = METHODS[name]
    assert config == type(config)()
    with pytest.raises(FrozenInstanceError):
        config.needs_poses_too = True  # type: ignore[attr-defined]


def test_selfsup_compares_recorded_colours_under_known_poses(batch: Batch) -> None:
    method = SelfSup(smoothness=0.01).build(network(), 3)
    method.trained.eval()
    assert batch.source_T_target is not None
    disparities = [disparity_of(s, method.network.recipe.depth_range) for s in method.network(batch.shown[:, 0])]
    views = Views(batch.target, batch.sources, batch.source_T_target, batch.K)
    expected = reprojection_loss(views, disparities, smoothness_weight=0.01, noise=method.noise(batch, 4))
    torch.testing.assert_close(method.loss(batch, 4)["loss"], expected.total)
    assert not torch.equal(method.noise(batch, 4), method.noise(batch, 5))


def test_switches_of_selfsup_reach_the_loss(batch: Batch) -> None:
    """The second source is the target itself: unwarped it is perfect, so the mask takes everything."""
    masked, unmasked = SelfSup().build(network(), 0), SelfSup(automask=False).build(network(), 0)
    assert float(masked.loss(batch, 0)["photometric"]) < 1e-4
    assert float(unmasked.loss(batch, 0)["photometric"]) > 0.01
    assert batch.source_T_target is not None
    away = batch._replace(source_T_target=batch.source_T_target + torch.tensor([0, 0, 0, 50.0]))
    unseen = SelfSup(automask=False, ignore_unseen=True).build(network(), 0)
    assert float(unseen.loss(away, 0)["photometric"].detach()) == 0


def test_selfsup_without_poses_says_how_to_go_on(batch: Batch) -> None:
    with pytest.raises(RequestError, match=r"--method\.pose posenet"):
        SelfSup().build(network(), 0).loss(batch._replace(source_T_target=None), 0)
    assert SelfSup().needs_poses
    assert not SelfSup(pose="posenet").needs_poses


def test_learned_poses_ignore_the_known_ones(batch: Batch) -> None:
    method = SelfSup(pose="posecnn").build(network(), 0)
    method.trained.eval()
    assert torch.equal(method.loss(batch, 0)["loss"], method.loss(batch._replace(source_T_target=None), 0)["loss"])


@pytest.mark.parametrize("scales", [1, 4])
def test_self_teaching_compares_with_the_teacher_on_recorded_colours(
    batch: Batch, teacher_file: Path, scales: int
) -> None:
    method = SelfTeaching(teacher=str(teacher_file), scales=1 if scales == 1 else 4).build(network(), 0)
    method.trained.eval()
    label = network(7).eval().depth_m(batch.target)
    torch.testing.assert_close(method.teacher.depth_m(batch.target), label)
    found = method.network(batch.shown[:, 0])[:scales]
    disparities = [disparity_of(sigmoid, method.network.recipe.depth_range) for sigmoid in found]
    expected = log_depth_over_scales(disparities, label, torch.ones_like(label, dtype=torch.bool))
    torch.testing.assert_close(method.loss(batch, 0)["loss"], expected)


def test_the_teacher_stays_as_it_is(batch: Batch, teacher_file: Path) -> None:
    method = SelfTeaching(teacher=str(teacher_file)).build(network(), 0)
    before = {name: tensor.clone() for name, tensor in method.teacher.network.state_dict().items()}
    method.trained.train()
    method.loss(batch, 0)["loss"].backward()
    assert all(parameter.grad is None for parameter in method.teacher.network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in method.teacher.network.state_dict().items())


def test_a_student_equal_to_its_teacher_has_no_loss(batch: Batch, teacher_file: Path) -> None:
    method = SelfTeaching(teacher=str(teacher_file), scales=1).build(network(7), 0)
    method.trained.eval()
    same = batch._replace(shown=torch.cat([batch.target[:, None], batch.sources], dim=1))
    assert float(method.loss(same, 0)["loss"].detach()) == pytest.approx(0, abs=1e-6)


def test_a_teacher_that_is_missing_is_said_so() -> None:
    with pytest.raises(RequestError, match=r"--method\.teacher"):
        SelfTeaching().build(network(), 0)
    with pytest.raises(RequestError, match="there is no model"):
        SelfTeaching(teacher="nowhere.safetensors").build(network(), 0)


@pytest.fixture
def known(batch: Batch) -> torch.Tensor:
    return batch.labels[DEPTH_LABEL] > 0


@pytest.mark.parametrize("scales", [1, 4])
def test_distillation_compares_log_depth_where_there_are_labels(batch: Batch, known: torch.Tensor, scales: int) -> None:
    method = Distill3D(labels="runs", scales=1 if scales == 1 else 4).build(network(), 0)
    method.trained.eval()
    found = method.network(batch.shown[:, 0])[:scales]
    disparities = [disparity_of(sigmoid, method.network.recipe.depth_range) for sigmoid in found]
    expected = log_depth_over_scales(disparities, batch.labels[DEPTH_LABEL], known)
    losses = method.loss(batch, 0)
    torch.testing.assert_close(losses["loss"], expected)
    assert 0 < float(losses["labelled"]) < 1
    assert set(losses) == {"loss", "labelled"}


def test_normals_are_a_second_loss_with_its_weight(batch: Batch, known: torch.Tensor) -> None:
    plain, joint = (Distill3D(labels="runs", normals=weight).build(network(), 0) for weight in (0.0, 0.5))
    for method in (plain, joint):
        method.trained.eval()
    expected = normals_loss(joint.network.depth_m(batch.shown[:, 0]), batch.labels[DEPTH_LABEL], known, batch.K)
    losses = joint.loss(batch, 0)
    torch.testing.assert_close(losses["normals"], expected.detach())
    torch.testing.assert_close(losses["loss"], plain.loss(batch, 0)["loss"] + 0.5 * expected)


def test_distilling_a_teachers_prediction_is_self_teaching(batch: Batch, teacher_file: Path) -> None:
    """But for the millimetre of labels on disk."""
    taught = SelfTeaching(teacher=str(teacher_file)).build(network(), 0)
    distilled = Distill3D(labels="runs", layer="predicted/teacher").build(network(), 0)
    for method in (taught, distilled):
        method.trained.eval()
    label = (taught.teacher.depth_m(batch.target) * 1000).round() / 1000
    ours = distilled.loss(batch._replace(labels={DEPTH_LABEL: label}), 0)["loss"]
    torch.testing.assert_close(ours, taught.loss(batch, 0)["loss"], atol=1e-3, rtol=0)


def test_distillation_says_what_it_reads_and_what_is_missing(batch: Batch) -> None:
    assert Distill3D(labels="runs", layer="projected").reads == LabelRequest(Path("runs"), "projected")
    assert not Distill3D().needs_poses and not Distill3D().needs_sources
    with pytest.raises(RequestError, match=r"--method\.labels"):
        _ = Distill3D().reads
    with pytest.raises(RequestError, match="have no labels"):
        Distill3D(labels="runs").build(network(), 0).loss(batch._replace(labels={}), 0)
    with pytest.raises(RequestError, match="at least 0"):
        Distill3D(normals=-1.0)
