import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deglare.annotation.masks import combined, from_json, to_json
from deglare.annotation.rle import counts_of, decoded, encoded, mask_of, packed, unpacked
from deglare.errors import LabelError

V, U = np.indices((48, 64))
RECTANGLE = np.zeros((4, 5), dtype=bool)
RECTANGLE[1:3, 1:4] = True
FAR_APART = np.zeros((480, 640), dtype=bool)
FAR_APART[100:400, 37] = FAR_APART[7, 7] = FAR_APART[0, 0] = FAR_APART[479, 639] = True
DISC = "_h0;S14M2M4M2O0O2N2O0O2O00000000000000000001N101N2N101N3L3N3LSl0"

OF_COCO = [
    (RECTANGLE, "5220003"),
    (np.ones((3, 3), dtype=bool), "09"),
    (np.zeros((7, 2), dtype=bool), ">"),
    (np.hypot(V - 20, U - 30) < 15, DISC),
    (FAR_APART, "01VY30fk:[9cS\\8eF"),
]
"""Strings that pycocotools writes for these masks."""


@pytest.mark.parametrize("mask, text", OF_COCO)
def test_packed_runs_are_those_of_coco(mask: np.ndarray, text: str) -> None:
    assert encoded(mask) == text
    assert np.array_equal(decoded(text, mask.shape), mask)


def test_counts_run_down_the_columns_and_begin_outside() -> None:
    assert counts_of(RECTANGLE).tolist() == [5, 2, 2, 2, 2, 2, 5]
    assert counts_of(np.ones((2, 3), dtype=bool)).tolist() == [0, 6]


masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda size: arrays(bool, size))


@given(mask=masks)
def test_every_mask_comes_back_from_its_runs(mask: np.ndarray) -> None:
    assert np.array_equal(mask_of(counts_of(mask), mask.shape), mask)
    assert np.array_equal(decoded(encoded(mask), mask.shape), mask)


@given(counts=st.lists(st.integers(0, 50_000_000), min_size=1, max_size=30))
def test_every_count_comes_back_from_the_string(counts: list[int]) -> None:
    assert unpacked(packed(np.array(counts, dtype=np.int64))).tolist() == counts


@given(text=st.text(max_size=40), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_any_other_text_is_refused_or_is_a_mask_of_that_size(text: str, size: tuple[int, int]) -> None:
    try:
        mask = decoded(text, size)
    except LabelError:
        return
    assert mask.shape == size


@pytest.mark.parametrize("text", ["P", "0" * 3, "~~", "PPPPPPPPPPPPPPPPPPPPP0", "5220004", "ä", ""])
def test_damaged_runs_are_refused(text: str) -> None:
    with pytest.raises(LabelError):
        decoded(text, (4, 5))


def test_a_mask_too_large_for_any_image_is_refused_before_it_is_made() -> None:
    with pytest.raises(LabelError, match="refused"):
        decoded("0", (1 << 20, 1 << 20))


@given(surfaces=arrays(np.uint8, (6, 7), elements=st.integers(0, 5)))
def test_masks_of_kinds_come_back_from_json(surfaces: np.ndarray) -> None:
    assert np.array_equal(from_json(to_json(surfaces)), surfaces)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"size_hw": [4, 5]},
        {"size_hw": [4, -5], "surfaces": {}},
        {"size_hw": [4, 5], "surfaces": {"matte": "d0"}},
        {"size_hw": [4, 5], "surfaces": {"glossy": 5}},
        {"size_hw": [4, 5], "surfaces": {"glossy": "5220003", "wet": "5220003"}},
    ],
)
def test_what_is_no_mask_is_refused(value: object) -> None:
    with pytest.raises(LabelError):
        from_json(value)


def test_a_pixel_of_two_kinds_is_refused() -> None:
    with pytest.raises(LabelError, match="two surfaces"):
        combined({1: RECTANGLE, 2: RECTANGLE}, RECTANGLE.shape)
