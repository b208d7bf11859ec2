from pathlib import Path

import numpy as np
import pytest
from annotating import NAMES, SIZE, dot, frames
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deglare.annotation import SETTLED, SURFACE_CODES, Annotations, compare, second_pass, settle, stroke
from deglare.annotation.agreement import ANY, Overlap, differences, outline, overlap, overlaps, settled
from deglare.errors import RequestError

FIRST, SECOND, THIRD = NAMES[:3]


def square(top: int, left: int, side: int, code: int = 1, size: tuple[int, int] = (40, 50)) -> np.ndarray:
    mask = np.zeros(size, dtype=np.uint8)
    mask[top : top + side, left : left + side] = code
    return mask


def test_two_squares_that_share_a_quarter_overlap_by_a_seventh() -> None:
    found = overlap(square(5, 5, 10) > 0, square(10, 10, 10) > 0)
    assert (found.both, found.only_a, found.only_b, found.iou) == (25, 75, 75, 25 / 175)
    assert found.outline_a == found.outline_b == 36


def test_outlines_within_the_tolerance_are_the_same_and_beyond_it_are_not() -> None:
    a, b = square(10, 10, 12) > 0, square(12, 10, 12) > 0
    assert overlap(a, b, 2.0).boundary_f == 1.0
    tight = overlap(a, b, 1.0).boundary_f
    assert tight is not None and 0.3 < tight < 0.8
    assert overlap(a, square(30, 40, 5) > 0).boundary_f == 0.0


def test_the_border_of_the_image_is_no_outline() -> None:
    whole = np.ones((6, 7), dtype=bool)
    assert not outline(whole).any() and overlap(whole, whole).boundary_f is None and overlap(whole, whole).iou == 1
    assert outline(np.arange(7)[None, :].repeat(6, 0) < 3).sum() == 6


masks = arrays(np.uint8, (6, 8), elements=st.integers(0, 5))


@given(a=masks, b=masks)
def test_agreement_is_symmetric_complete_with_oneself_and_sums_over_kinds(a: np.ndarray, b: np.ndarray) -> None:
    one, other = overlaps(a, b), overlaps(b, a)
    for kind, found in one.items():
        assert (found.iou, found.boundary_f) == (other[kind].iou, other[kind].boundary_f)
    assert all(found.iou in (None, 1.0) and found.boundary_f in (None, 1.0) for found in overlaps(a, a).values())
    for kind, found in one.items():
        in_a, in_b = (a > 0, b > 0) if kind == ANY else (a == SURFACE_CODES[kind], b == SURFACE_CODES[kind])
        assert found.both == np.sum(in_a & in_b) and found.only_a == np.sum(in_a & ~in_b)


@given(a=masks, b=masks)
def test_every_pixel_that_differs_lies_in_one_difference_and_choices_settle_it(a: np.ndarray, b: np.ndarray) -> None:
    found = differences(a, b)
    assert sum(one.pixels for one in found) == np.sum(a != b)
    assert [one.pixels for one in found] == sorted((one.pixels for one in found), reverse=True)
    assert np.array_equal(settled(a, b, {}, rest="a"), a) and np.array_equal(settled(a, b, {}, rest="b"), b)
    none = settled(a, b, {one.number: "none" for one in found})
    assert np.array_equal(none, np.where(a == b, a, 0))


def test_a_difference_says_what_each_marks_and_where() -> None:
    a, b = square(5, 5, 10), square(5, 5, 10)
    b[5:7, 5:15] = 3
    b[30:32, 40:45] = 5
    one, other = differences(a, b)
    assert (one.a, one.b, one.pixels, one.box_xyxy) == ("glossy", "screen", 20, (5, 5, 14, 6))
    assert (other.a, other.b, other.pixels, other.box_xyxy) == ("none", "wet", 10, (40, 30, 44, 31))
    chosen = settled(a, b, {0: "mirror", 1: "b"})
    assert (chosen[5:7, 5:15] == 2).all() and (chosen[7:15, 5:15] == 1).all() and (chosen[30:32, 40:45] == 5).all()
    for choices in ({0: "a"}, {0: "a", 1: "b", 2: "a"}, {0: "a", 1: "matte"}):
        with pytest.raises(RequestError):
            settled(a, b, choices)


@pytest.fixture
def annotations(tmp_path: Path):
    with Annotations(tmp_path / "a.sqlite", frames()) as one:
        yield one


def test_two_annotators_are_compared_on_the_frames_both_looked_at_and_settled(annotations: Annotations) -> None:
    for who in ("ann", "bob"):
        annotations.do(who, FIRST, stroke(dot(10, 10, radius=4)))
        annotations.tag(who, FIRST, "reflective")
    annotations.do("bob", FIRST, stroke(dot(25, 15, "wet", 3)))
    annotations.tag("ann", SECOND, "reflective")
    annotations.tag("bob", SECOND, "unsure")
    annotations.tag("ann", THIRD, "waste")
    report = compare(annotations, "ann", "bob")
    assert [one.frame for one in report.frames] == [FIRST, SECOND] and report.same_tags == (1, 2)
    assert report.whole["glossy"].iou == 1.0 and report.whole["wet"].iou == 0.0 and report.whole["mirror"].iou is None
    shown = report.to_json()
    assert shown["frames"][0]["differences"][0]["b"] == "wet" and shown["whole"]["glossy"]["boundary_f"] == 1.0
    with pytest.raises(RequestError, match="choose a tag"):
        settle(annotations, SECOND, "ann", "bob", {})
    kept = settle(annotations, FIRST, "ann", "bob", {0: "b"})
    assert kept.tag == "reflective" and np.array_equal(kept.surfaces, annotations.state("bob", FIRST).surfaces)
    assert settle(annotations, SECOND, "ann", "bob", {}, tag="unsure").tag == "unsure"
    assert annotations.tags(SETTLED) == {FIRST: "reflective", SECOND: "unsure"}
    assert SIZE == kept.surfaces.shape


def test_the_second_pass_has_what_the_first_has_in_an_order_that_tells_nothing(annotations: Annotations) -> None:
    for name in NAMES:
        annotations.tag("ann", name, "reflective")
    annotations.tag("bob", SECOND, "reflective")
    found = second_pass(annotations, "ann", "bob")
    assert set(found) == set(NAMES) - {SECOND} and list(found) != sorted(found)
    assert annotations.state("bob", FIRST).tag is None


def test_sums_of_overlaps_are_those_of_all_pixels() -> None:
    a, b = square(5, 5, 10) > 0, square(10, 10, 10) > 0
    assert (overlap(a, b) + overlap(b, a)).iou == 50 / 350 and (Overlap() + overlap(a, b)) == overlap(a, b)
