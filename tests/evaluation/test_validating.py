"""What a network in training is worth: errors of depth, and how well a mask by its depth finds reflections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glare import write_glare_wall
from known_networks import formula_network

from deglare.data.comparable import comparable_frames
from deglare.data.opening import open_sequence
from deglare.evaluation.validating import validated
from deglare.fusion.mining import Look, mined_mask
from deglare.losses.triplet import TripletRule
from deglare.networks.teachers import NetworkTeacher
from deglare.types import Sequence

EVERYTHING, A_QUARTER = TripletRule("fixed", 10.0), TripletRule()


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Sequence:
    return open_sequence(write_glare_wall(tmp_path_factory.mktemp("held") / "wall", frames=4))


def test_the_mask_is_compared_with_what_the_frames_mark_as_reflective(wall: Sequence) -> None:
    found = validated(formula_network(), [wall], A_QUARTER)
    teacher, poses = (
        NetworkTeacher(formula_network()),
        [frame.world_T_cam for frame in wall if frame.world_T_cam is not None],
    )
    looks = [Look(frame.rgb(), teacher.predict(frame.rgb()), pose) for frame, pose in zip(wall, poses, strict=True)]
    masks = np.stack([
        mined_mask(look, [looks[one] for one in comparable_frames(poses, number)], wall[0].camera, A_QUARTER)
        for number, look in enumerate(looks)
    ])  # fmt: skip
    true = np.stack([labels.reflective for frame in wall if (labels := frame.labels()) is not None])
    assert found["mined_precision"] == pytest.approx(true[masks].mean())
    assert found["mined_recall"] == pytest.approx(masks[true].mean())
    assert found["mined_coverage"] == pytest.approx(masks.mean())


def test_a_rule_that_mines_all_that_two_views_see_is_as_precise_as_chance(wall: Sequence) -> None:
    found = validated(formula_network(), [wall], EVERYTHING)
    assert found["mined_coverage"] > 0.5
    assert 0 < found["mined_precision"] < 0.3


def test_without_a_rule_nothing_but_depth_is_measured_and_a_rule_does_not_change_that(wall: Sequence) -> None:
    plain, mining = validated(formula_network(), [wall]), validated(formula_network(), [wall], A_QUARTER)
    assert {name for name in mining if name not in plain} == {"mined_precision", "mined_recall", "mined_coverage"}
    assert plain.items() <= mining.items()


def test_nothing_is_said_of_a_mask_where_no_frame_knows_what_is_reflective_or_where_it_is(wall: Sequence) -> None:
    unmarked = replace(wall, frames=tuple(replace(frame, load_labels=None) for frame in wall))
    lost = replace(wall, frames=tuple(replace(frame, world_T_cam=None) for frame in wall))
    plain = validated(formula_network(), [wall])
    for sequence in (unmarked, lost):
        assert validated(formula_network(), [sequence], A_QUARTER) == plain


def test_frames_of_several_sequences_are_counted_together(wall: Sequence, tmp_path: Path) -> None:
    other = open_sequence(write_glare_wall(tmp_path / "other", frames=3))
    first, both = (validated(formula_network(), held, A_QUARTER) for held in ([wall], [wall, other]))
    second = validated(formula_network(), [other], A_QUARTER)
    low, high = sorted((first["mined_coverage"], second["mined_coverage"]))
    assert low <= both["mined_coverage"] <= high
    assert both["mined_coverage"] == pytest.approx((4 * first["mined_coverage"] + 3 * second["mined_coverage"]) / 7)
