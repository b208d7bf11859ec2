import numpy as np
import pytest

from deglare.evaluation import METRICS, Meter, Protocol
from deglare.evaluation.intervals import bootstrap
from deglare.evaluation.metrics import TERMS
from deglare.evaluation.tally import ALL_METRICS, Tally
from deglare.types import DepthMap

BIAS = METRICS.index("bias")


def scene(biases: np.ndarray) -> Tally:
    """Frames of one region of one pixel each, whose bias is given."""
    terms = np.zeros((len(biases), 1, len(TERMS)))
    terms[:, 0, :2] = 1
    terms[:, 0, TERMS.index("bias")] = biases
    return Tally.sum((Tally.of_frame(term) for term in terms), 1)


@pytest.mark.parametrize("averaging", ["images", "pixels"])
def test_intervals_over_scenes_hold_the_truth_about_as_often_as_they_say(averaging: str) -> None:
    # frames of a scene share most of their error: an interval over frames would be right in a third of the cases
    rng, hits, runs, truth = np.random.default_rng(0), 0, 300, 0.7
    for run in range(runs):
        scenes = [scene(truth + rng.normal(0, 1) + rng.normal(0, 0.2, 5)) for _ in range(40)]
        low, high = bootstrap(scenes, averaging, 400, run)[:, 0, BIAS]  # type: ignore[arg-type]
        hits += low <= truth <= high
    assert 0.90 <= hits / runs <= 0.98


def test_the_ends_agree_with_a_naive_bootstrap() -> None:
    rng = np.random.default_rng(1)
    means, sizes = rng.normal(0, 1, 12), rng.integers(1, 6, 12)
    scenes = [scene(np.full(n, m)) for m, n in zip(means, sizes, strict=True)]
    drawn = rng.integers(0, 12, (20_000, 12))
    naive = np.percentile((means * sizes)[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    found = bootstrap(scenes, "images", 20_000, 0)[:, 0, BIAS]
    np.testing.assert_allclose(found, naive, atol=0.03)


def test_one_seed_gives_one_interval() -> None:
    scenes = [scene(np.array([x])) for x in (0.1, 0.4, 0.7)]
    one, again, other = (bootstrap(scenes, "images", 100, seed)[:, 0, BIAS] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_one_group_has_no_interval() -> None:
    assert np.isnan(bootstrap([scene(np.array([1.0]))], "images", 100, 0)).all()


def test_a_region_that_one_scene_has_gets_no_interval_and_the_others_keep_theirs() -> None:
    both, alone = np.zeros((2, len(TERMS))), np.zeros((2, len(TERMS)))
    both[:, :2], alone[0, :2] = 1, 1
    ends = bootstrap([Tally.of_frame(both), Tally.of_frame(alone), Tally.of_frame(alone)], "images", 100, 0)
    assert np.isfinite(ends[:, 0, BIAS]).all()
    assert np.isnan(ends[:, 1, BIAS]).all()


def frames(scene_name: str, count: int, meter: Meter) -> None:
    rng = np.random.default_rng(count)
    for index in range(count):
        truth = DepthMap.of_positive(np.full((2, 2), 2.0))
        meter.add(scene_name, str(index), DepthMap.of_positive(truth.metres * np.float32(rng.uniform(1, 1.5))), truth)


def test_one_scene_says_that_its_intervals_are_over_runs_of_its_frames() -> None:
    meter = Meter(Protocol(resamples=200))
    frames("only", 100, meter)
    report = meter.report()
    assert report.notes[0].startswith("one scene only: intervals are over 25 runs of up to 4 consecutive frames")
    row = report.row("all", "abs_rel")
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.value < row.high


def test_the_report_draws_scenes_and_not_frames() -> None:
    # two scenes of one error each: a resample has both or one of them twice, so the ends are the two scenes
    meter, truth = Meter(Protocol(resamples=300)), DepthMap.of_positive(np.full((2, 2), 2.0))
    for name, depth in (("a", 2.5), ("b", 3.0)):
        for index in range(30):
            meter.add(name, str(index), DepthMap.of_positive(np.full((2, 2), depth)), truth)
    row = meter.report().row("all", "abs_rel")
    assert (row.low, row.value, row.high) == pytest.approx((0.25, 0.375, 0.5))


def test_few_scenes_say_so_and_no_resamples_mean_no_intervals() -> None:
    meter = Meter(Protocol(resamples=200))
    for name in ("a", "b", "c"):
        frames(name, 4 + len(meter.scenes), meter)
    assert "3 are few" in meter.report().notes[0]
    without = Meter(Protocol(resamples=0))
    frames("a", 3, without)
    assert all(row.low is None and row.high is None for row in without.report().rows)
    assert len(ALL_METRICS) == len(METRICS) + 4
