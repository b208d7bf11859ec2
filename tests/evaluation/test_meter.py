import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.errors import DataError
from deglare.evaluation import Meter, Protocol
from deglare.evaluation.tally import MAX_BLOCKS, Blocks, Tally
from deglare.types import DepthMap, SurfaceLabels

FEW = Protocol(resamples=50)


def frame(seed: int, size_hw: tuple[int, int] = (8, 12)) -> tuple[DepthMap, DepthMap, SurfaceLabels]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 6, size_hw)
    predicted = truth * np.exp(rng.normal(0, 0.2, size_hw))
    return DepthMap.of_positive(predicted), DepthMap.of_positive(truth), SurfaceLabels(rng.random(size_hw) > 0.5)


def measured(seeds: list[int], protocol: Protocol = FEW, scene: str = "a") -> Meter:
    meter = Meter(protocol)
    for seed in seeds:
        meter.add(scene, f"{seed:04d}", *frame(seed))
    return meter


def values(meter: Meter) -> dict[tuple[str, str], float]:
    return {(row.region, row.metric): row.value for row in meter.report().rows}


@given(cut=st.integers(1, 11), averaging=st.sampled_from(["images", "pixels"]))
def test_merged_parts_equal_the_whole(cut: int, averaging: str) -> None:
    protocol = Protocol(resamples=0, averaging=averaging)  # type: ignore[arg-type]
    whole = measured(list(range(12)), protocol)
    first, second = measured(list(range(cut)), protocol), measured(list(range(cut, 12)), protocol)
    first.merge(second)
    assert values(first) == pytest.approx(values(whole))
    assert first.report().protocol == whole.report().protocol
    assert first.report().worst == whole.report().worst


def test_the_order_of_frames_does_not_matter() -> None:
    seeds = list(range(12))
    shuffled = np.random.default_rng(0).permutation(seeds).tolist()
    one, other = measured(seeds).report(), measured(shuffled).report()
    assert [r.value for r in other.rows] == pytest.approx([r.value for r in one.rows])
    assert (other.worst, other.protocol.frames_sha256) == (one.worst, one.protocol.frames_sha256)


def test_the_hash_tells_other_frames_apart() -> None:
    assert measured([1, 2]).report().protocol.frames_sha256 != measured([1, 3]).report().protocol.frames_sha256


def test_the_hash_can_be_made_again_from_the_names() -> None:
    stated = hashlib.sha256(b"a/0001\na/0002").hexdigest()
    assert measured([2, 1]).report().protocol.frames_sha256 == stated


def test_images_and_pixels_are_averaged_as_they_say() -> None:
    # one image of 1 pixel with error 1, one of 3 pixels with error 0: 1/2 over images, 1/4 over pixels
    meter = Meter(FEW)
    meter.add("a", "0", DepthMap.of_positive(np.array([[2.0]])), DepthMap.of_positive(np.array([[1.0]])))
    three = DepthMap.of_positive(np.array([[1.0, 1.0, 1.0]]))
    meter.add("a", "1", three, three)
    assert meter.report("images").value("all", "abs_rel") == 0.5
    assert meter.report("pixels").value("all", "abs_rel") == 0.25
    assert meter.report("pixels").protocol.averaging == "pixels"


def test_the_mean_over_images_takes_only_images_that_have_the_region() -> None:
    meter = Meter(FEW)
    wrong, truth = DepthMap.of_positive(np.full((2, 2), 2.0)), DepthMap.of_positive(np.ones((2, 2)))
    meter.add("a", "0", wrong, truth, SurfaceLabels(np.ones((2, 2), dtype=bool)))
    meter.add("a", "1", truth, truth, SurfaceLabels(np.zeros((2, 2), dtype=bool)))
    meter.add("a", "2", truth, truth)
    report = meter.report()
    row = report.row("reflective", "abs_rel")
    assert (row.value, row.frames, row.pixels, row.scenes) == (1.0, 1, 4, 1)
    assert report.row("all", "abs_rel").value == pytest.approx(1 / 3)
    assert report.row("all", "abs_rel").frames == 3


def test_rows_agree_with_a_loop_over_images() -> None:
    seeds = list(range(5))
    by_hand = []
    for seed in seeds:
        predicted, truth, labels = frame(seed)
        mask = labels.reflective & (truth.metres > 0.1) & (truth.metres < 10)
        p, g = np.clip(predicted.metres, 0.1, 10)[mask], truth.metres[mask]
        by_hand.append(np.sqrt(np.mean((np.log(p) - np.log(g)) ** 2)))
    assert measured(seeds).report().value("reflective", "rmse_log") == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_the_worst_frames_are_kept_with_their_signed_errors() -> None:
    meter = Meter(FEW, keep_worst=2)
    truth = DepthMap.of_positive(np.full((2, 2), 2.0))
    for index, depth in enumerate([2.0, 4.0, 2.2, 1.0, 2.8]):
        meter.add("a", str(index), DepthMap.of_positive(np.full((2, 2), depth)), truth)
    assert meter.report().worst == (("a/1", 1.0), ("a/3", 0.5))
    worst = max(meter.worst)
    np.testing.assert_allclose(worst.error_m, 2.0)


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    data = frame(0, (96, 128))

    def peak(frames: int) -> int:
        tracemalloc.start()
        meter = Meter(FEW)
        for index in range(frames):
            meter.add("a", f"{index:06d}", *data)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(50)
    few, many = peak(100), peak(400)
    assert many - few < 300 * 1000  # a name and some numbers a frame, not an image of 49,152 bytes


def test_blocks_are_bounded_in_number_and_lose_nothing() -> None:
    blocks, regions = Blocks(), 2
    for index in range(1000):
        blocks.add(Tally.of_frame(np.full((regions, 10), float(index + 1))))
    assert MAX_BLOCKS / 2 <= len(blocks.parts) <= MAX_BLOCKS
    assert sum(part.frames for part in blocks.parts) == 1000
    assert max(part.frames for part in blocks.parts) <= blocks.length
    assert Tally.sum(blocks.parts, regions).terms[0, 0] == 1000 * 1001 / 2


def test_frames_without_truth_in_range_are_counted_and_named() -> None:
    meter = measured([0, 1])
    predicted, truth, _ = frame(2)
    meter.add("a", "far", predicted, DepthMap.of_positive(truth.metres + 50))
    assert meter.report().frames == 2
    assert any("1 frame have no true depth inside range" in note for note in meter.report().notes)


def test_a_frame_without_any_prediction_lowers_the_coverage_only() -> None:
    meter = measured([0])
    _, truth, labels = frame(1)
    nothing = DepthMap(np.zeros(truth.size_hw, dtype=np.float32), np.zeros(truth.size_hw, dtype=bool))
    meter.add("a", "1", nothing, truth, labels)
    report = meter.report()
    assert report.value("all", "coverage") == 0.5
    assert report.row("all", "abs_rel").frames == 1
    assert any("have no prediction" in note for note in report.notes)


def test_nothing_compared_is_an_error_and_not_an_empty_table() -> None:
    with pytest.raises(DataError, match="no frame could be compared"):
        Meter(FEW).report()


def test_measurements_under_different_protocols_do_not_mix() -> None:
    with pytest.raises(DataError, match="different protocols"):
        measured([0]).merge(measured([1], Protocol(alignment="median")))


def test_a_fit_with_a_scale_below_zero_is_told() -> None:
    _, truth, labels = frame(0)
    meter = Meter(Protocol(alignment="lsq-depth", resamples=0))
    meter.add("a", "0", DepthMap.of_positive(1 / truth.metres), truth, labels)
    assert any("is the prediction disparity" in note for note in meter.report().notes)


def test_an_uncertainty_gives_areas_by_region_and_curves() -> None:
    meter = Meter(FEW)
    for seed in range(3):
        predicted, truth, labels = frame(seed, (24, 32))
        sigma = np.abs(predicted.metres - truth.metres) / truth.metres
        meter.add("a", str(seed), predicted, truth, labels, sigma)
    report = meter.report()
    assert report.value("all", "ause_abs_rel") == pytest.approx(0, abs=1e-7)
    assert report.value("reflective", "aurg_abs_rel") > 0
    assert set(report.regions) >= {"reflective", "non-reflective"}
    oracle = np.array(report.curves["abs_rel oracle"])
    assert np.all(np.diff(oracle) <= 1e-9)
    assert oracle[0] == pytest.approx(report.value("all", "abs_rel"), rel=1e-5)
