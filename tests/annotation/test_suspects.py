import numpy as np
import pytest
from plain_scenes import CAMERA, facing, plane

from deglare.annotation import SuspectRule, Suspicion, suspects
from deglare.annotation.suspects import without
from deglare.errors import DataError
from deglare.types import DepthMap

V, U = np.indices(CAMERA.size_hw)
MIRROR = (U > 20) & (U < 70) & (V > 10) & (V < 60)
WALL = plane((0, 0, 1), 3.0, facing())


def seen_through(thickness_m: float) -> DepthMap:
    """A sensor that looks through the mirror in the left half and sees nothing in a corner of the right one."""
    metres = np.where(MIRROR & (U < 45), WALL.metres + thickness_m, WALL.metres)
    return DepthMap.of_positive(np.where((U > 55) & (V > 40), 0, metres))


def test_truth_behind_the_mirror_and_holes_in_it_are_suspect_and_nothing_else_is() -> None:
    codes = suspects(seen_through(1.5), WALL, MIRROR)
    assert np.array_equal(codes == Suspicion.THROUGH, MIRROR & (U < 45))
    assert np.array_equal(codes == Suspicion.MISSING, MIRROR & (U > 55) & (V > 40))


@pytest.mark.parametrize("thickness_m, expected", [(0.43, False), (0.45, True)])
def test_the_limit_is_a_length_and_a_share_of_the_depth(thickness_m: float, expected: bool) -> None:
    assert np.any(suspects(seen_through(thickness_m), WALL, MIRROR) == Suspicion.THROUGH) == expected  # 0.2 + 8 % of 3


def test_specks_are_noise() -> None:
    truth = DepthMap.of_positive(np.where((V == 30) & (U < 40), 9.0, WALL.metres))
    assert not suspects(truth, WALL, MIRROR).any()
    assert suspects(truth, WALL, MIRROR, SuspectRule(least_pixels=5)).sum() == 19


def test_where_no_surface_is_known_nothing_lies_behind_it() -> None:
    surface = DepthMap(WALL.metres, U > 45)
    assert not np.any(suspects(seen_through(1.5), surface, MIRROR) == Suspicion.THROUGH)


def test_excluded_pixels_are_no_truth() -> None:
    left = without(WALL, MIRROR)
    assert not left.valid[MIRROR].any() and np.array_equal(left.valid, WALL.valid & ~MIRROR)
    with pytest.raises(DataError, match="resize"):
        without(WALL, MIRROR[1:])
    with pytest.raises(DataError, match="differ in size"):
        suspects(WALL, WALL, MIRROR[1:])
