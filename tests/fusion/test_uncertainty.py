from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from known_evidence import Formula, flat, holed, sigma_of
from known_networks import formula_network

from deglare.data.files import read_uncertainty, write_uncertainty
from deglare.errors import DataError, RequestError
from deglare.fusion.uncertainty import (
    Estimate,
    UncertaintyMap,
    corner_windows,
    crop_spread,
    flip_spread,
    predict_all,
    spread,
)
from deglare.networks import NetworkTeacher, Teacher
from deglare.types import DepthMap, RelativeDepth, Rgb


def noise(size_hw: tuple[int, int] = (64, 96), seed: int = 0) -> Rgb:
    return np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), dtype=np.uint8)


def test_the_spread_of_two_depths_is_half_their_difference() -> None:
    found = spread([flat(2.0), flat(2.5)])
    np.testing.assert_allclose(found.sigma_m, 0.25, rtol=1e-6)
    np.testing.assert_allclose(spread([flat(2.0), flat(2.5)], ddof=1).sigma_m, 0.5 / np.sqrt(2), rtol=1e-6)


@given(seed=st.integers(0, 10_000), count=st.integers(2, 6), ddof=st.integers(0, 1), middle=st.floats(0.2, 60))
def test_the_spread_agrees_with_numpy_in_twice_the_precision(seed: int, count: int, ddof: int, middle: float) -> None:
    metres = (middle * np.random.default_rng(seed).uniform(0.5, 2, (count, 4, 5))).astype(np.float32)
    found = spread([DepthMap.of_positive(one) for one in metres], ddof)
    expected = np.std(metres.astype(np.float64), axis=0, ddof=ddof)
    np.testing.assert_allclose(found.sigma_m, expected, rtol=1e-5, atol=1e-6 * np.abs(metres - metres[0]).max())


@given(metres=st.floats(0.1, 65), count=st.integers(2, 5))
def test_equal_teachers_have_no_spread_at_all(metres: float, count: int) -> None:
    assert not spread([flat(metres)] * count).sigma_m.any()


def test_nearly_equal_depths_keep_their_spread_where_a_mean_in_float32_would_lose_it() -> None:
    near = float(np.nextafter(np.float32(8), np.float32(9)))
    found = spread([flat(8.0), flat(near), flat(8.0)])
    np.testing.assert_allclose(found.sigma_m, (near - 8) * np.sqrt(2) / 3, rtol=1e-6)


def test_the_order_of_teachers_does_not_matter() -> None:
    depths = [DepthMap.of_positive(np.random.default_rng(seed).uniform(1, 5, (9, 7))) for seed in range(4)]
    np.testing.assert_allclose(spread(depths).sigma_m, spread(depths[::-1]).sigma_m, rtol=1e-5)


@pytest.mark.parametrize("content", [np.nan, np.inf, -3.0, 0.0])
def test_a_pixel_that_one_teacher_leaves_out_is_unknown_whatever_it_holds(content: float) -> None:
    holes = np.zeros((6, 8), dtype=bool)
    holes[2, 3] = True
    for depths in ([holed(flat(2.0), holes, content), flat(3.0)], [flat(3.0), holed(flat(2.0), holes, content)]):
        found = spread([*depths, flat(2.5)])
        assert np.array_equal(found.valid, ~holes)
        assert np.isfinite(found.sigma_m).all()


@pytest.mark.parametrize(("count", "ddof"), [(0, 0), (1, 0), (2, 2), (2, -1), (3, 5)])
def test_too_few_depths_are_refused(count: int, ddof: int) -> None:
    with pytest.raises(RequestError, match="give two depths or more"):
        spread([flat(2.0)] * count, ddof)


def test_depths_of_two_sizes_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(4, 5\), \(6, 8\).*one size"):
        spread([flat(2.0), flat(2.0, (4, 5))])


@pytest.mark.parametrize("bad", [-0.001, np.inf, -np.inf])
def test_no_uncertainty_is_negative_or_infinite(bad: float) -> None:
    with pytest.raises(DataError, match="mark the rest unknown"):
        sigma_of(bad)


def test_unknown_uncertainty_survives_a_file(tmp_path: Path) -> None:
    before = sigma_of(np.array([0.0, 0.4, np.nan, 1.25, 70.0, np.nan, 0.0126, 3.0]))
    write_uncertainty(tmp_path / "u.png", before.known_m)
    after = UncertaintyMap.of_known(read_uncertainty(tmp_path / "u.png"))
    assert np.array_equal(after.valid, before.valid)
    assert after.sigma_m[0, [0, 1, 3, 4, 6]].tolist() == pytest.approx([0, 0.4, 1.25, 65.534, 0.013])


def test_the_flip_spread_is_half_the_way_to_the_mirrored_prediction() -> None:
    """Depth rises from left to right whatever is shown: mirrored back it falls."""
    slope = np.linspace(1, 3, 96)[None].repeat(64, 0)
    found = flip_spread(Formula(lambda rgb: slope), noise())
    np.testing.assert_allclose(found.depth.metres, slope, rtol=1e-6)
    np.testing.assert_allclose(found.uncertainty.sigma_m, np.abs(slope - slope[:, ::-1]) / 2, atol=1e-6)
    assert len(found.depths) == 1


def test_the_network_is_shown_the_image_and_its_mirror_image_once_each() -> None:
    teacher, rgb = Formula(lambda rgb: 1 + rgb[..., 0] / 255), noise()
    found = flip_spread(teacher, rgb)
    assert len(teacher.shown) == 2
    assert np.array_equal(teacher.shown[0], rgb)
    assert np.array_equal(teacher.shown[1], rgb[:, ::-1])
    assert not found.uncertainty.sigma_m.any()


class CountingTeacher(NetworkTeacher):
    """Counts the passes through its network."""

    passes = 0

    def sigmoid(self, images: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        return super().sigmoid(images)


def test_a_network_sees_both_images_in_one_pass_and_gives_its_usual_depth() -> None:
    teacher, rgb = CountingTeacher(formula_network()), noise((70, 100))
    found = flip_spread(teacher, rgb)
    assert teacher.passes == 1
    np.testing.assert_allclose(found.depth.metres, teacher.predict(rgb).metres, rtol=1e-6)
    assert found.uncertainty.sigma_m.max() < 1e-4  # it looks at single pixels: a mirror image changes nothing


def test_a_hole_of_either_image_is_unknown() -> None:
    depth = np.full((64, 96), 2.0)
    depth[10, 20] = np.nan
    found = flip_spread(Formula(lambda rgb: depth), noise())
    assert np.argwhere(~found.uncertainty.valid).tolist() == [[10, 20], [10, 75]]
    assert np.argwhere(~found.depth.valid).tolist() == [[10, 20]]


def in_turn(first: Callable[[Rgb], np.ndarray], later: Callable[[Rgb], np.ndarray]) -> Formula:
    """A teacher that sees the whole frame in one way and crops, which come later, in another."""
    seen: list[int] = []

    def depth(rgb: Rgb) -> np.ndarray:
        seen.append(1)
        return first(rgb) if len(seen) == 1 else later(rgb)

    return Formula(depth)


def wall() -> Rgb:
    """Red rises to the right and green downwards, so that depth can be read off a crop."""
    v, u = np.indices((96, 128))
    return np.stack([40 + 1.2 * u, 30 + 1.5 * v, 0 * u], axis=-1).astype(np.uint8)


def red_depth(rgb: Rgb) -> np.ndarray:
    return 1 + rgb[..., 0] / 100.0


@pytest.mark.parametrize("nearer", [1.0, 7 / 8, 0.5])
def test_a_network_that_follows_the_zoom_has_no_crop_spread_and_one_that_does_not_has_none_either(
    nearer: float,
) -> None:
    found = crop_spread(in_turn(red_depth, lambda rgb: nearer * red_depth(rgb)), wall())
    assert found.uncertainty.valid.all()
    np.testing.assert_allclose(found.depth.metres, red_depth(wall()), rtol=1e-6)
    assert found.uncertainty.sigma_m.max() < 0.015  # colours are whole numbers: one step of red is 1 cm


def test_what_crops_disagree_about_is_uncertain_and_nothing_else() -> None:
    """Two blue patches are 0.6 m farther in every crop: the spread is half of that, in one crop or in four."""
    patches = np.zeros((96, 128), dtype=bool)
    patches[1:9, 1:9] = patches[44:52, 60:68] = True
    rgb = wall()
    rgb[..., 2] = patches * np.uint8(255)
    teacher = in_turn(lambda rgb: np.full(rgb.shape[:2], 3.0), lambda rgb: np.where(rgb[..., 2] > 127, 3.6, 3.0))
    sigma = crop_spread(teacher, rgb).uncertainty.sigma_m
    for core in (np.s_[4:6, 4:6], np.s_[47:49, 63:65]):
        np.testing.assert_allclose(sigma[core], 0.3, rtol=1e-4)
    around = patches.copy()
    for axis in (0, 1):
        around |= np.logical_or.reduce([np.roll(around, step, axis) for step in (-2, -1, 1, 2)])
    assert sigma[~around].max() < 1e-6


def test_crops_are_shown_at_the_size_of_the_frame() -> None:
    teacher = Formula(red_depth)
    crop_spread(teacher, wall())
    assert [shown.shape for shown in teacher.shown] == [(96, 128, 3)] * 5


@given(height=st.integers(1, 70), width=st.integers(1, 70), share=st.floats(0.5, 0.999))
def test_four_equal_crops_cover_every_pixel_of_any_frame(height: int, width: int, share: float) -> None:
    seen = np.zeros((height, width), dtype=int)
    windows = corner_windows((height, width), share)
    for window in windows:
        seen[window] += 1
    assert seen.min() >= 1
    assert len({seen[window].shape for window in windows}) == 1


@pytest.mark.parametrize("share", [0.0, 0.49, 1.0, 3.0, np.nan])
def test_crops_that_leave_pixels_out_or_are_the_frame_are_refused(share: float) -> None:
    with pytest.raises(RequestError, match=r"share from 0\.5"):
        corner_windows((60, 80), share)


def test_a_pixel_is_known_where_the_frame_and_any_crop_see_it() -> None:
    whole, nothing = np.full((96, 128), 2.0), np.full((96, 128), np.nan)
    whole[50, 70] = np.nan
    answers = iter([whole, nothing, np.full((96, 128), 2.0), np.full((96, 128), 2.0), np.full((96, 128), 2.0)])
    found = crop_spread(Formula(lambda rgb: next(answers)), wall()).uncertainty
    expected = np.zeros((96, 128), dtype=bool)
    for window in corner_windows((96, 128), 7 / 8)[1:]:
        expected[window] = True
    expected[50, 70] = False
    assert not expected.all()
    assert np.array_equal(found.valid, expected)
    assert not found.sigma_m[found.valid].any()


class RelativeTeacher:
    name = "relative"

    def predict(self, rgb: Rgb) -> RelativeDepth:
        return RelativeDepth(np.ones(rgb.shape[:2], dtype=np.float32), np.ones(rgb.shape[:2], dtype=bool))


@pytest.mark.parametrize("measure", [flip_spread, crop_spread])
def test_relative_depth_has_no_spread_in_metres(measure: Callable[[Teacher, Rgb], Estimate]) -> None:
    with pytest.raises(RequestError, match=r"relative predicts relative depth.*align it first"):
        measure(RelativeTeacher(), noise())


def test_a_teacher_without_batches_is_asked_image_by_image() -> None:
    rgbs = [noise(seed=1), noise(seed=2)]
    for rgb, depth in zip(rgbs, predict_all(Formula(red_depth), rgbs), strict=True):
        np.testing.assert_allclose(depth.metres, red_depth(rgb), rtol=1e-6)
