"""Means and intervals over scenes and seeds, against a second, naive version."""

from __future__ import annotations

import numpy as np
import pytest
from made_results import choice, measured, result

from deglare.experiments.numbers import (
    RESAMPLES,
    Numbers,
    Sample,
    Spot,
    change_of,
    draws,
    frames_sha,
    sample_of,
)

NETWORK = "monodepth2-small"


def random_sample(seeds: int, scenes: int, chance: int = 0) -> Sample:
    rng = np.random.default_rng(chance)
    images = np.tile(rng.integers(1, 9, scenes).astype(float), (seeds, 1))
    return Sample(rng.gamma(2, 1, (seeds, scenes)) * images, images)


def test_the_mean_is_over_all_images_of_all_scenes_and_seeds() -> None:
    sample = Sample(np.array([[2.0, 9.0], [4.0, 3.0]]), np.array([[1.0, 3.0], [1.0, 3.0]]))
    assert sample.mean == 18 / 8


@pytest.mark.parametrize(("seeds", "scenes"), [(1, 5), (3, 4)])
def test_each_draw_takes_scenes_and_seeds_as_often_as_there_are(seeds: int, scenes: int) -> None:
    sample = random_sample(seeds, scenes)
    found = sample.resampled()
    assert found is not None and len(found) == RESAMPLES
    of_seeds, of_scenes = draws(seeds, 0), draws(scenes, 1)
    for draw in (0, 7, 999):
        assert of_seeds[draw].sum() == seeds and of_scenes[draw].sum() == scenes
        total = count = 0.0
        for k in range(seeds):
            for s in range(scenes):
                often = of_seeds[draw][k] * of_scenes[draw][s]
                total += often * sample.sums[k, s]
                count += often * sample.images[k, s]
        assert found[draw] == pytest.approx(total / count)


def test_the_interval_holds_the_mean_and_narrows_with_scenes() -> None:
    few, many = (random_sample(1, scenes).interval for scenes in (4, 200))
    for one in (few, many):
        assert one.low is not None and one.high is not None
        assert one.low < one.value < one.high
    assert few.high is not None and few.low is not None and many.high is not None and many.low is not None
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_seeds_that_differ_widen_the_interval() -> None:
    images = np.ones((2, 6))
    same = Sample(np.tile(np.arange(6.0), (2, 1)), images).interval
    apart = Sample(np.stack([np.arange(6.0) - 2, np.arange(6.0) + 2]), images).interval
    assert apart.value == same.value
    assert apart.high is not None and same.high is not None and apart.high > same.high


def test_one_scene_has_no_interval() -> None:
    assert random_sample(3, 1).interval[1:] == (None, None)


def test_arms_are_compared_scene_by_scene() -> None:
    """One is half of the other in every scene: no doubt is left, however different the scenes are."""
    theirs = random_sample(1, 6)
    ours = Sample(theirs.sums / 2, theirs.images)
    value, low, high = change_of(ours, theirs)
    assert (value, low, high) == pytest.approx((-0.5, -0.5, -0.5))
    assert change_of(random_sample(1, 6, 1), theirs).high != pytest.approx(-0.5)


def test_a_teacher_of_one_seed_is_compared_with_students_of_three() -> None:
    one = random_sample(1, 6)
    three = Sample(np.tile(one.sums, (3, 1)) * 0.8, np.tile(one.images, (3, 1)))
    assert change_of(three, one) == pytest.approx((-0.2, -0.2, -0.2))


def test_numbers_are_found_by_network_arm_and_spot() -> None:
    asked = choice(["self-teaching", "distill3d"], seeds=(0, 1))
    by_subset = {"all": 1.0, "reflection": 3.0, "highlight": 7.0}
    experiment, done = measured(asked, {(NETWORK, "distill3d"): [by_subset, 2.0], (NETWORK, "self-supervised"): 4.0})
    numbers = Numbers(experiment, done)
    scene_mean = (1 + 2 + 0.5) / 3
    sample = numbers.sample(NETWORK, "distill3d", Spot("val"))
    assert sample is not None and sample.mean == pytest.approx(1.5 * scene_mean) and sample.sums.shape == (2, 3)
    highlight = numbers.sample(NETWORK, "distill3d", Spot("val", region="highlight"))
    assert highlight is not None and highlight.mean == pytest.approx(4.5 * scene_mean)
    change = numbers.change(NETWORK, "distill3d", "self-supervised", Spot("val"))
    assert change is not None and change.value == pytest.approx(1.5 / 4 - 1)
    assert numbers.sample(NETWORK, "self-teaching", Spot("val")) is None
    assert numbers.change(NETWORK, "distill3d", "self-teaching", Spot("val")) is None
    assert numbers.sample("hrdepth-small", "distill3d", Spot("val")) is None


def test_a_subset_that_one_seed_lacks_is_a_mean_over_the_others() -> None:
    found = sample_of([result({"all": 1.0, "reflection": 3.0}), result({"all": 1.0})], Spot("val", "reflection"))
    assert found is not None and found.sums.shape == (1, 3)
    assert sample_of([result({"all": 1.0})], Spot("val", "no-reflection")) is None


def test_the_hash_of_frames_is_that_of_all_seeds() -> None:
    assert frames_sha([result(1.0), result(2.0)]) == "0" * 64
    assert frames_sha([result(1.0), {**result(2.0), "frames_sha256": "1" * 64}]) not in ("0" * 64, "1" * 64)
