from __future__ import annotations

import numpy as np
import pytest

from deglare.data.agreement import agreement, edge_match
from deglare.types import DepthMap

SIZE = (160, 200)


def boxes(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its depth: boxes of random shades at random distances before a wall."""
    random = np.random.default_rng(seed)
    shade, depth = np.full(SIZE, 128.0), np.full(SIZE, 4.0)
    for _ in range(8):
        y, x = random.integers(10, 110), random.integers(10, 150)
        h, w = random.integers(20, 45), random.integers(20, 45)
        shade[y : y + h, x : x + w] = random.integers(0, 255)
        depth[y : y + h, x : x + w] = random.uniform(1, 3)
    shade += random.normal(0, 4, SIZE)
    return np.repeat(np.clip(shade, 0, 255).astype(np.uint8)[..., None], 3, axis=2), depth


@pytest.mark.parametrize("shift_xy", [(0, 0), (7, 0), (-5, 9)])
def test_a_shift_between_colour_and_depth_is_found(shift_xy: tuple[int, int]) -> None:
    matches = []
    for seed in range(6):
        rgb, depth = boxes(seed)
        moved = np.roll(rgb, (shift_xy[1], shift_xy[0]), axis=(0, 1))
        matches.append(edge_match(moved, DepthMap.of_positive(depth)))
    found = agreement(matches)
    assert found is not None
    assert found.is_clear
    assert np.abs(np.array(found.shift_xy) - shift_xy).max() <= 1
    assert found.agrees == (shift_xy == (0, 0))


def test_missing_depth_along_the_edges_does_not_hide_them() -> None:
    matches = []
    for seed in range(6):
        rgb, depth = boxes(seed)
        jump = np.zeros(SIZE, dtype=bool)
        jump[:, 1:] |= np.abs(np.diff(depth, axis=1)) > 0.1
        jump[1:] |= np.abs(np.diff(depth, axis=0)) > 0.1
        far_side_lost = np.where(jump | np.roll(jump, 2, axis=1) | np.roll(jump, -2, axis=1), depth > 3, False)
        matches.append(edge_match(rgb, DepthMap.of_positive(np.where(far_side_lost, 0, depth))))
    found = agreement(matches)
    assert found is not None
    assert found.agrees


def test_colour_that_has_nothing_to_do_with_depth_matches_nowhere() -> None:
    matches = [edge_match(boxes(seed)[0], DepthMap.of_positive(boxes(seed + 100)[1])) for seed in range(12)]
    found = agreement([match for match in matches if match is not None])
    assert found is not None
    assert not found.agrees


def test_flat_depth_has_nothing_to_compare() -> None:
    rgb, _ = boxes(0)
    assert edge_match(rgb, DepthMap.of_positive(np.full(SIZE, 2.0))) is None
    assert edge_match(rgb, DepthMap.of_positive(np.zeros(SIZE))) is None
    assert agreement([]) is None
