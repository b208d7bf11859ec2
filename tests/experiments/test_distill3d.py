"""The plan: what is done once, what by seed, what by network, and what a change reaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_results import choice

from deglare.errors import RequestError
from deglare.experiments.arms import ARMS, arms_named, mesh_of
from deglare.experiments.distill3d import Choice, Experiment, experiment_of
from deglare.experiments.runs import Predictions, Surface
from deglare.experiments.scales import SCALES, scale_named
from deglare.experiments.sources import Given
from deglare.experiments.trainings import Longer, Paired, Student
from deglare.fusion.estimators import Ensemble, Flip
from deglare.fusion.settings import PUBLISHED, LabelSettings

NETWORK = "monodepth2-small"


def changed(before: Choice, after: Choice) -> set[str]:
    """First words of the ids whose keys differ, among steps that both have."""
    one, other = experiment_of(before).plan, experiment_of(after).plan
    return {id.split("/")[0] for id in one.steps if id in other.steps and one.key(id) != other.key(id)}


def ids(experiment: Experiment, kind: str) -> list[str]:
    return [id for id in experiment.plan.steps if id.startswith(f"{kind}/")]


def test_all_ways_are_tried_on_one_network_and_some_on_all() -> None:
    students = ids(experiment_of(choice([])), "student")
    taught = [arm for arm in ARMS.values() if arm.views is None]
    assert len([id for id in students if f"/{NETWORK}/" in id]) == len(taught) == len(ARMS) - 2
    everywhere = {"self-teaching", "distill3d", "robust", "agreed", "agreed-rounds"}
    assert {id.split("/")[2] for id in students if "/monovit-small/" in id} == everywhere
    longer = ids(experiment_of(choice([])), "longer")
    assert {tuple(id.split("/")[1:3]) for id in longer} == {
        (network, views) for network in SCALES["small"].networks for views in ("selfsup", "triplet")
    }


def test_named_ways_are_tried_on_every_network() -> None:
    students = ids(experiment_of(choice(["difference"])), "student")
    assert [id.split("/")[1] for id in students] == list(SCALES["small"].networks)


def test_ways_that_differ_late_share_what_comes_before() -> None:
    experiment = experiment_of(choice(["distill3d", "difference", "multiview", "quantile", "projected"], scale="tiny"))
    assert ids(experiment, "predict") == ["predict/all"]
    assert ids(experiment, "surface") == [f"surface/{NETWORK}/published/all"]
    assert len(ids(experiment, "labels")) == 4


def test_one_teacher_is_unsure_against_its_mirror_image_and_three_against_each_other() -> None:
    plan = experiment_of(choice(["robust", "robust-one"], scale="tiny")).plan
    three, one = plan.steps["predict/all"].work, plan.steps[f"predict/{NETWORK}"].work
    assert isinstance(three, Predictions) and three.uncertainty == Ensemble() and len(three.names) == 3
    assert isinstance(one, Predictions) and one.uncertainty == Flip() and one.names == (NETWORK,)
    assert plan.steps["predict/all"].needs[:3] == tuple(f"teacher/{name}" for name in three.names)


def test_published_and_robust_surfaces_are_made_as_their_settings_say() -> None:
    plan = experiment_of(choice(["distill3d", "robust", "robust-half"], scale="tiny")).plan
    works = [
        plan.steps[id].work
        for id in ids(experiment_of(choice(["distill3d", "robust", "robust-half"], scale="tiny")), "surface")
    ]
    meshes = [work.mesh for work in works if isinstance(work, Surface)]
    assert meshes == [mesh_of(fusion, 2) for fusion in ("published", "robust", "robust-half")]
    assert meshes[0] == replace(PUBLISHED.mesh, every=2)
    assert meshes[1] == replace(LabelSettings().mesh, every=2)
    assert meshes[1].tau == 0.35 and meshes[2].tau == 0.5


def test_students_learn_the_layer_of_their_arm() -> None:
    plan = experiment_of(choice([], scale="tiny")).plan
    found = {id: step.work for id, step in plan.steps.items() if isinstance(step.work, Student)}
    layers = {id.split("/")[2]: work.layer for id, work in found.items()}
    assert layers["self-teaching"] == f"predicted/{NETWORK}"
    assert layers["projected"] == layers["projected-low"] == "projected"
    assert layers["distill3d"] == "fused"
    sizes = {id.split("/")[2]: work.training.size for id, work in found.items()}
    assert sizes["projected-low"] == (32, 32) and sizes["projected"] == (64, 64)
    assert plan.steps[f"student/{NETWORK}/self-teaching/seed-0"].needs[-1] == "predict/all"


def test_a_second_round_learns_from_the_student_of_the_first() -> None:
    plan = experiment_of(choice(["rounds"], scale="tiny")).plan
    (after,) = [step for id, step in plan.steps.items() if id.startswith("predict/all-after")]
    assert after.needs[0] == f"student/{NETWORK}/robust/seed-0"
    assert after.needs[1] == "teacher/hrdepth-small"
    last = plan.steps[f"student/{NETWORK}/rounds/seed-0"]
    assert after.id.removeprefix("predict/").replace("/", "-") in last.needs[-1]


def test_triplet_mining_begins_where_a_teacher_ended_and_is_compared_with_one_that_went_on_as_long() -> None:
    experiment = experiment_of(choice(["longer", "triplet"], scale="tiny"))
    plain, mined = (experiment.plan.steps[f"longer/{NETWORK}/{views}/seed-0"] for views in ("selfsup", "triplet"))
    assert isinstance(plain.work, Longer) and isinstance(mined.work, Longer)
    assert plain.needs == mined.needs == (f"teacher/{NETWORK}", "data/train")
    assert plain.work.training == mined.work.training and mined.work.training.weights is None
    assert [model.step for model in experiment.models[1:]] == [plain.id, mined.id]


def test_one_student_learns_from_both_of_them_and_others_from_labels_of_one_that_mined() -> None:
    plan = experiment_of(choice(["triplet-distilled", "triplet-3d", "triplet-union", "mined"], scale="tiny")).plan
    pair = plan.steps[f"student/{NETWORK}/triplet-distilled/seed-0"]
    assert isinstance(pair.work, Paired)
    assert pair.needs[:2] == (f"longer/{NETWORK}/selfsup/seed-0", f"longer/{NETWORK}/triplet/seed-0")
    predicted = f"all-with-{NETWORK}-triplet"
    assert plan.steps[f"predict/{predicted}/seed-0"].needs[:3] == (
        f"longer/{NETWORK}/triplet/seed-0",
        *(f"teacher/{name}" for name in SCALES["tiny"].ensemble[1:]),
    )
    assert ids(experiment_of(choice(["triplet-3d", "triplet-union"], scale="tiny")), "surface") == [
        f"surface/{NETWORK}/published/{predicted}-seed-0"
    ]
    assert plan.steps[f"labels/{NETWORK}/published/all/mask"].needs == (f"surface/{NETWORK}/published/all",)


def test_a_student_begins_fresh_or_as_the_teacher_whose_depth_it_learns_from() -> None:
    arms = ["distill3d", "rounds", "triplet-3d", "triplet-distilled"]
    fresh, begun = choice(arms, scale="tiny"), choice(arms, scale="tiny")
    begun = replace(begun, scale=replace(begun.scale, students="teacher"))
    steps = {one.choice.scale.students: one.plan.steps for one in map(experiment_of, (fresh, begun))}
    first = {arm: steps["teacher"][f"student/{NETWORK}/{arm}/seed-0"].needs[0] for arm in arms}
    assert first == {
        "distill3d": f"teacher/{NETWORK}",
        "rounds": f"student/{NETWORK}/robust/seed-0",
        "triplet-3d": f"longer/{NETWORK}/triplet/seed-0",
        "triplet-distilled": f"longer/{NETWORK}/selfsup/seed-0",
    }
    assert steps["fresh"][f"student/{NETWORK}/distill3d/seed-0"].needs[0] == "data/train"
    works = [steps[how][f"student/{NETWORK}/distill3d/seed-0"].work for how in ("fresh", "teacher")]
    assert isinstance(works[0], Student) and isinstance(works[1], Student)
    assert works[1].settings["begun"] == "teacher" and "begun" not in works[0].settings
    assert works[1].training.learning_rate == works[0].training.learning_rate / 2


def test_shipped_teachers_serve_every_seed_and_trained_ones_one_each() -> None:
    shipped = experiment_of(choice(["distill3d"], seeds=(0, 1)))
    assert len(ids(shipped, "teacher")) == 3 and len(ids(shipped, "labels")) == 3 and len(ids(shipped, "student")) == 6
    trained = experiment_of(choice(["distill3d"], seeds=(0, 1), teachers="trained"))
    assert len(ids(trained, "teacher")) == 6 and len(ids(trained, "labels")) == 6 and len(ids(trained, "student")) == 6
    assert len({trained.plan.key(id) for id in ids(trained, "student")}) == 6


def test_a_change_reaches_what_depends_on_it_and_nothing_else() -> None:
    before = choice(["self-teaching", "distill3d"], scale="tiny")
    scale = before.scale
    assert changed(before, before) == set()
    assert changed(before, replace(before, scale=replace(scale, student_steps=7))) == {"student", "measure"}
    assert changed(before, replace(before, scale=replace(scale, fuse_every=3))) == {
        "surface",
        "labels",
        "student",
        "measure",
    }
    assert changed(before, replace(before, every={"val": 2})) == {"measure"}
    assert changed(before, replace(before, scale=replace(scale, checkpoint_every=1))) == set()
    assert changed(before, replace(before, seeds=(0, 1))) == set()


def test_test_is_measured_last() -> None:
    experiment = experiment_of(choice(["distill3d"], scale="tiny", splits=("val", "test")))
    order = list(experiment.plan.steps)
    assert all(id.startswith("measure/test/") for id in order[-2:])
    assert sum(id.startswith("measure/test/") for id in order) == len(experiment.models) == 2


def test_of_a_video_the_frames_that_are_trained_on_are_predicted_and_fused(tmp_path: Path) -> None:
    scale = SCALES["tiny"]
    sources = {split: Given(split, (tmp_path / "a",)) for split in ("train", "val")}
    plan = experiment_of(Choice(scale, sources, ("distill3d",), every={"train": 10, "val": 10})).plan
    predictions, surface = (plan.steps[id].work for id in ("predict/all", f"surface/{NETWORK}/published/all"))
    assert isinstance(predictions, Predictions) and predictions.every == 10
    assert isinstance(surface, Surface) and surface.mesh.every == 1


def test_first_weights_are_known_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"1")
    (tmp_path / "b.pth").write_bytes(b"1")
    (tmp_path / "c.pth").write_bytes(b"2")
    keys = []
    for name in "abc":
        own = choice(["distill3d"])
        scale = replace(own.scale, students="fresh", weights=str(tmp_path / f"{name}.pth"), networks=(NETWORK,))
        plan = experiment_of(replace(own, scale=scale)).plan
        keys.append(plan.key(f"student/{NETWORK}/distill3d/seed-0"))
    assert keys[0] == keys[1] != keys[2]


def test_first_weights_go_to_the_networks_they_fit() -> None:
    scale = replace(SCALES["small"], weights="mobile.pth", transformer_weights="mpvit.pth", transformer_batch=8)
    convolutional, transformer = (scale.training(name, 5, 0) for name in ("hrdepth-small", "monovit-small"))
    assert (convolutional.encoder, convolutional.weights, convolutional.batch) == ("mobilenetv2_100", "mobile.pth", 12)
    assert (transformer.encoder, transformer.weights, transformer.batch) == (None, "mpvit.pth", 8)
    assert (convolutional.encoder_rate, SCALES["small"].training(NETWORK, 5, 0).encoder_rate) == (2e-4, None)


def test_arms_come_in_order_with_those_they_follow() -> None:
    assert [arm.name for arm in arms_named(("rounds", "self-teaching"))] == ["self-teaching", "robust", "rounds"]
    assert [arm.name for arm in arms_named(())][-3:] == ["rounds", "rounds-one", "agreed-rounds"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arms": ("nobody",)}, "there is no arm 'nobody'"),
        ({"seeds": ()}, "name each seed once"),
        ({"seeds": (1, 1)}, "name each seed once"),
        ({"splits": ("later",)}, "there is no split later"),
        ({"scale": replace(SCALES["tiny"], networks=())}, "name each network once"),
        ({"scale": replace(SCALES["tiny"], networks=("monodepth2",))}, "has no monodepth2: its networks are"),
    ],
)
def test_requests_that_make_no_plan_say_so(change: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        experiment_of(replace(choice(["distill3d"], scale="tiny"), **change))  # type: ignore[arg-type]


def test_networks_that_do_not_ship_must_be_trained() -> None:
    with pytest.raises(RequestError, match="--teachers trained"):
        choice(["distill3d"], scale="full")
    assert ids(experiment_of(choice(["distill3d"], scale="full", teachers="trained")), "teacher")
    with pytest.raises(RequestError, match="there is no scale"):
        scale_named("huge")
