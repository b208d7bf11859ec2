"""Triplet mining as a method: when it begins, what it reports, and whom its student believes."""

from __future__ import annotations

import pytest
import torch

from deglare.errors import RequestError
from deglare.losses.triplet import TripletRule
from deglare.methods import Batch, SelfSup, Triplet, TripletDistilled
from deglare.networks import build, save_network
from deglare.networks.depth_network import DepthNetwork

NOTHING, EVERYTHING = TripletRule("fixed", -10.0), TripletRule("fixed", 10.0)


def network(seed: int = 0) -> DepthNetwork:
    torch.manual_seed(seed)
    return build("monodepth2-small")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two networks that differ."""
    root = tmp_path_factory.mktemp("teachers")
    paths = root / "plain.safetensors", root / "mined.safetensors"
    for seed, path in enumerate(paths):
        save_network(network(seed + 7), path)
    return str(paths[0]), str(paths[1])


def test_until_it_is_warm_it_is_self_supervision(batch: Batch) -> None:
    method, plain = Triplet(warm_up=3).build(network(), 1), SelfSup().build(network(), 1)
    for one in (method, plain):
        one.trained.eval()
    assert torch.equal(method.loss(batch, 2)["loss"], plain.loss(batch, 2)["loss"])
    warm = method.loss(batch, 3)
    assert set(warm) == {"loss", "photometric", "smoothness", "mined", "delta"}
    assert 0 < float(warm["mined"]) <= 0.3, "the first quartile, and ties"


def test_with_nothing_mined_it_stays_self_supervision(batch: Batch) -> None:
    method, plain = Triplet(warm_up=0, rule=NOTHING).build(network(), 1), SelfSup().build(network(), 1)
    for one in (method, plain):
        one.trained.eval()
    torch.testing.assert_close(method.loss(batch, 0)["loss"], plain.loss(batch, 0)["loss"])


def test_everything_mined_lets_the_sources_depth_learn_too(batch: Batch) -> None:
    method = Triplet(warm_up=0, rule=EVERYTHING, automask=False).build(network(), 0)
    loss = method.loss(batch, 0)
    assert 0.1 < float(loss["mined"]) < 1
    loss["loss"].backward()
    assert all(parameter.grad is not None for parameter in method.trained.parameters())


def test_a_depth_that_is_not_a_number_gives_a_loss_that_is_none(batch: Batch) -> None:
    method = Triplet(warm_up=0).build(network(), 0)
    with torch.no_grad():
        next(method.network.parameters()).fill_(torch.nan)
    assert torch.isnan(method.loss(batch, 0)["loss"])


def test_learned_poses_do_as_well_as_known_ones(batch: Batch) -> None:
    method = Triplet(warm_up=0, pose="posecnn").build(network(), 0)
    method.loss(batch._replace(source_T_target=None), 0)["loss"].backward()
    assert all(parameter.grad is not None for parameter in method.trained["pose"].parameters())


@pytest.mark.parametrize(("rule", "believed"), [(NOTHING, 0), (EVERYTHING, 1)])
def test_the_student_believes_the_teacher_that_the_mask_names(
    batch: Batch, teachers: tuple[str, str], rule: TripletRule, believed: int
) -> None:
    method = TripletDistilled(*teachers, rule=rule).build(network(), 0)
    method.trained.eval()
    mask = method.mask(batch, torch.full((2, 3, 1, 64, 64), 0.5))
    label_m = method.label_m(batch, mask)
    theirs = (method.plain, method.mined)[believed].depth_m(batch.target)
    chosen = mask if believed else ~mask
    assert chosen.any()
    assert torch.equal(label_m[chosen], theirs[chosen])


@pytest.mark.parametrize("source", ["student", "plain", "mined"])
def test_teachers_stay_as_they_are(batch: Batch, teachers: tuple[str, str], source: str) -> None:
    method = TripletDistilled(*teachers, mask=source).build(network(), 0)  # type: ignore[arg-type]
    method.trained.train()
    before = {name: tensor.clone() for name, tensor in method.mined.network.state_dict().items()}
    method.loss(batch, 0)["loss"].backward()
    assert all(parameter.grad is None for parameter in method.plain.network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in method.mined.network.state_dict().items())


def test_what_is_missing_is_said_so(batch: Batch, teachers: tuple[str, str]) -> None:
    with pytest.raises(RequestError, match=r"--method\.mined"):
        TripletDistilled(plain=teachers[0]).build(network(), 0)
    with pytest.raises(RequestError, match="no poses"):
        TripletDistilled(*teachers).build(network(), 0).loss(batch._replace(source_T_target=None), 0)
    with pytest.raises(RequestError, match="0 or more"):
        Triplet(warm_up=-1)
