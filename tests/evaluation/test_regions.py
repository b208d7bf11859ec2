import numpy as np
import pytest

from deglare.errors import DataError, RequestError
from deglare.evaluation import RegionRule, regions_of
from deglare.evaluation.regions import boundary_of
from deglare.types import DepthMap, Material, SurfaceLabels


def flat(*rows: list[float]) -> DepthMap:
    return DepthMap.of_positive(np.array(rows))


def test_distance_bins_hold_their_near_edge_and_not_their_far_one() -> None:
    found = regions_of(flat([0.5, 1.0, 1.999, 2.0, 3.0, 5.0, 9.9, 10.0]))
    members = {name: np.flatnonzero(mask[0]).tolist() for name, mask in found.items() if name.endswith(" m")}
    assert members == {"0-1 m": [0], "1-2 m": [1, 2], "2-3 m": [3], "3-5 m": [4], "5-10 m": [5, 6]}


def test_labels_become_regions() -> None:
    share = np.array([[0.4, 0.49, 0.5, 0.9]], dtype=np.float32)
    material = np.array([[Material.MATTE, Material.GLOSSY, Material.GLOSSY, Material.LIGHT]], dtype=np.uint8)
    labels = SurfaceLabels(np.array([[False, True, True, False]]), share, material)
    found = regions_of(flat([2.0, 2.0, 2.0, 2.0]), labels)
    members = {name: np.flatnonzero(mask[0]).tolist() for name, mask in found.items() if mask.any()}
    assert members == {
        "all": [0, 1, 2, 3],
        "reflective": [1, 2],
        "non-reflective": [0, 3],
        "highlight": [2, 3],
        "reflective, no highlight": [1],
        "matte": [0],
        "glossy": [1, 2],
        "light": [3],
        "2-3 m": [0, 1, 2, 3],
    }


def test_without_labels_a_pixel_is_neither_reflective_nor_not() -> None:
    found = regions_of(flat([2.0, 3.0]))
    assert {name for name, mask in found.items() if mask.any()} == {"all", "2-3 m", "3-5 m", "boundary"}


def test_a_reflective_mask_alone_says_nothing_about_highlights_and_materials() -> None:
    found = regions_of(flat([2.0, 2.0]), SurfaceLabels(np.array([[True, False]])))
    assert {name for name, mask in found.items() if mask.any()} == {"all", "reflective", "non-reflective", "2-3 m"}


def test_pixels_without_truth_lie_in_no_region() -> None:
    found = regions_of(flat([2.0, 0.0, 2.0]), SurfaceLabels(np.ones((1, 3), dtype=bool)))
    assert not any(mask[0, 1] for mask in found.values())
    assert found["all"].tolist() == [[True, False, True]]


@pytest.mark.parametrize(("width", "expected"), [(1, [3, 4]), (2, [2, 3, 4, 5]), (3, [1, 2, 3, 4, 5, 6])])
def test_the_boundary_is_as_wide_as_stated_on_either_side_of_a_jump(width: int, expected: list[int]) -> None:
    step = np.repeat([[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]], 3, axis=0)
    for depth, axis in ((step, 1), (step.T, 0)):
        found = boundary_of(DepthMap.of_positive(depth), 0.1, width)
        assert np.flatnonzero(found.all(axis=1 - axis)).tolist() == expected
        assert np.flatnonzero(found.any(axis=1 - axis)).tolist() == expected


def test_a_jump_is_more_than_a_tenth_of_the_nearer_depth() -> None:
    assert not boundary_of(flat([2.0, 2.19]), 0.1, 2).any()
    assert boundary_of(flat([2.0, 2.21]), 0.1, 2).all()
    assert boundary_of(flat([2.21, 2.0]), 0.1, 2).all()


def test_the_rim_of_a_hole_in_the_truth_is_no_boundary() -> None:
    assert not boundary_of(flat([2.0, 2.0, 0.0, 2.0]), 0.1, 2).any()


def test_a_slanted_floor_has_no_boundary() -> None:
    rows = np.arange(20, 288)  # from 20 pixels below the horizon on
    floor = np.repeat((1.5 * 300 / rows)[:, None], 8, axis=1)
    assert not boundary_of(DepthMap.of_positive(floor), 0.1, 2).any()


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match="resize both together"):
        regions_of(flat([2.0, 2.0]), SurfaceLabels(np.zeros((2, 2), dtype=bool)))


def test_an_unknown_material_is_refused() -> None:
    labels = SurfaceLabels(np.zeros((1, 1), dtype=bool), material=np.array([[9]], dtype=np.uint8))
    with pytest.raises(DataError, match="material 9 is unknown"):
        regions_of(flat([2.0]), labels)


@pytest.mark.parametrize("rule", [{"depth_edges_m": (1.0,)}, {"depth_edges_m": (2.0, 1.0)}, {"boundary_jump": 0.0}])
def test_a_rule_that_cuts_nothing_is_refused(rule: dict) -> None:
    with pytest.raises(RequestError):
        RegionRule(**rule)
