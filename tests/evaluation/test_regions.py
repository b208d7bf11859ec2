from dataclasses import replace

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


def glossy(share: list[float], roughness: list[float]) -> SurfaceLabels:
    values = [np.array([row], dtype=np.float32) for row in (share, roughness)]
    return SurfaceLabels(values[0] > 0.3, values[0], roughness=values[1])


def highlights_in(labels: SurfaceLabels, rule: RegionRule | None = None) -> dict[str, list[int]]:
    """Pixels of a row at 2 m in each region of highlights that has any."""
    found = regions_of(flat([2.0] * labels.reflective.shape[1]), labels, rule)
    lit = {name: np.flatnonzero(mask[0]).tolist() for name, mask in found.items() if name.startswith("highlight")}
    return {name: pixels for name, pixels in lit.items() if pixels}


def test_roughness_bins_hold_their_lower_edge_and_not_their_upper_one() -> None:
    roughness = [0.0, 0.004, 0.0099, 0.01, 0.0299, 0.03, 0.1, 1.0]
    assert highlights_in(glossy([0.9] * 8, roughness)) == {
        "highlight": [0, 1, 2, 3, 4, 5, 6, 7],
        "highlight on gloss, roughness < 0.01": [0, 1, 2],
        "highlight on gloss, roughness 0.01-0.03": [3, 4],
        "highlight on gloss, roughness >= 0.03": [5, 6, 7],
    }


def test_only_highlights_on_a_surface_of_known_roughness_are_told_apart() -> None:
    nan = float("nan")
    assert highlights_in(glossy([0.49, 0.5, 0.9, 0.9], [0.02, 0.02, nan, 0.005])) == {
        "highlight": [1, 2, 3],
        "highlight on gloss, roughness < 0.01": [3],
        "highlight on gloss, roughness 0.01-0.03": [1],
    }


def test_roughness_leaves_the_other_regions_as_they_are() -> None:
    rng = np.random.default_rng(3)
    size = (12, 17)
    truth = DepthMap.of_positive(rng.uniform(-1, 12, size))
    share, roughness = rng.random(size).astype(np.float32), rng.choice([0.004, 0.02, 0.05, np.nan], size)
    labels = SurfaceLabels(share > 0.3, share, rng.integers(0, 7, size).astype(np.uint8))
    without = regions_of(truth, labels)
    found = regions_of(truth, replace(labels, roughness=roughness.astype(np.float32)))
    cut = [name for name in found if ", roughness " in name]
    for name in found.keys() - cut:
        np.testing.assert_array_equal(found[name], without[name], err_msg=name)
    assert not any(without[name].any() for name in cut)
    gloss = truth.valid & (share >= 0.5) & (labels.material == Material.GLOSSY)
    expected = [gloss & np.isclose(roughness, alpha) for alpha in (0.004, 0.02, 0.05)]
    for name, mask in zip(cut, expected, strict=True):
        np.testing.assert_array_equal(found[name], mask, err_msg=name)


def test_roughness_without_a_mirrored_share_says_nothing_about_highlights() -> None:
    labels = SurfaceLabels(np.array([[True]]), roughness=np.array([[0.02]], dtype=np.float32))
    assert highlights_in(labels) == {}


def test_highlights_are_cut_where_the_rule_says() -> None:
    labels = glossy([0.9] * 4, [0.01, 0.02, 0.05, 0.4])
    assert highlights_in(labels, RegionRule(roughness_edges=(0.02,))) == {
        "highlight": [0, 1, 2, 3],
        "highlight on gloss, roughness < 0.02": [0],
        "highlight on gloss, roughness >= 0.02": [1, 2, 3],
    }
    assert highlights_in(labels, RegionRule(roughness_edges=())) == {"highlight": [0, 1, 2, 3]}


def test_as_many_bins_as_a_rule_may_have_are_told_apart() -> None:
    depths, alphas = np.linspace(0, 25.1, 252), (0.01, 0.03)
    rule = RegionRule(depth_edges_m=tuple(depths.tolist()), roughness_edges=alphas)
    truth = flat([0.05, 25.05, 25.05, 30.0])
    found = regions_of(truth, glossy([0.9] * 4, [0.05, 0.02, 0.05, 0.05]), rule)
    members = [np.flatnonzero(found[name][0]).tolist() for name in rule.names]
    by_name = dict(zip(rule.names, members, strict=True))
    assert by_name["highlight on gloss, roughness 0.01-0.03"] == [1]
    assert by_name["highlight on gloss, roughness >= 0.03"] == [0, 2, 3]
    assert (by_name["0-0.1 m"], by_name["25-25.1 m"]) == ([0], [1, 2])
    with pytest.raises(RequestError, match="cut too finely"):
        RegionRule(depth_edges_m=tuple(range(256)), roughness_edges=alphas)
    with pytest.raises(RequestError, match="cut too finely"):
        RegionRule(depth_edges_m=tuple(range(256)), roughness_edges=())


ANGLES = RegionRule(angle_edges_deg=(0, 30, 60, 90))


def test_bins_of_angles_hold_their_near_edge_and_not_their_far_one() -> None:
    angle = np.array([[0.0, 29.9, 30.0, 60.0, 89.9, 90.0, np.nan]], dtype=np.float32)
    found = regions_of(flat([2.0] * 7), None, ANGLES, angle)
    members = {name: np.flatnonzero(mask[0]).tolist() for name, mask in found.items() if name.endswith("degrees")}
    assert members == {"0-30 degrees": [0, 1], "30-60 degrees": [2], "60-90 degrees": [3, 4]}
    assert found["all"].all()


def test_angles_leave_the_other_regions_as_they_are() -> None:
    rng = np.random.default_rng(4)
    size = (12, 17)
    truth = DepthMap.of_positive(rng.uniform(-1, 12, size))
    share, roughness = rng.random(size).astype(np.float32), rng.choice([0.004, 0.02, np.nan], size)
    full = SurfaceLabels(
        share > 0.3, share, rng.integers(0, 7, size).astype(np.uint8), roughness=roughness.astype(np.float32)
    )
    angle = rng.choice([10.0, 40.0, 70.0, 95.0, np.nan], size).astype(np.float32)
    for labels in (full, replace(full, roughness=None), None):
        without, found = regions_of(truth, labels), regions_of(truth, labels, ANGLES, angle)
        for name, mask in without.items():
            np.testing.assert_array_equal(found[name], mask, err_msg=name)
        for name, value in (("0-30 degrees", 10), ("30-60 degrees", 40), ("60-90 degrees", 70)):
            np.testing.assert_array_equal(found[name], truth.valid & (angle == value), err_msg=name)


def test_a_rule_without_bins_of_angles_ignores_them_and_one_with_bins_can_do_without_a_map() -> None:
    angle = np.array([[10.0, 40.0]], dtype=np.float32)
    assert regions_of(flat([2.0, 2.0]), angle_deg=angle).keys() == regions_of(flat([2.0, 2.0])).keys()
    found = regions_of(flat([2.0, 2.0]), rule=ANGLES)
    assert not any(mask.any() for name, mask in found.items() if name.endswith("degrees"))


def test_the_kinds_hold_every_region_once_in_the_order_of_tables() -> None:
    kinds = ANGLES.kinds
    assert list(kinds) == ["region", "material", "distance", "angle"]
    assert tuple(name for names in kinds.values() for name in names) == ANGLES.names
    assert len(set(ANGLES.names)) == len(ANGLES.names)


def test_an_angle_map_of_another_size_is_refused() -> None:
    with pytest.raises(DataError, match="resize both together"):
        regions_of(flat([2.0, 2.0]), None, ANGLES, np.zeros((2, 2), dtype=np.float32))


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


@pytest.mark.parametrize(
    "rule",
    [
        {"depth_edges_m": (1.0,)},
        {"depth_edges_m": (2.0, 1.0)},
        {"boundary_jump": 0.0},
        {"roughness_edges": (0.0, 0.01)},
        {"roughness_edges": (0.03, 0.01)},
        {"roughness_edges": (0.01, float("inf"))},
        {"roughness_edges": (float("nan"),)},
        {"angle_edges_deg": (30.0,)},
        {"angle_edges_deg": (30.0, 30.0)},
        {"angle_edges_deg": (0.0, float("nan"))},
        {"angle_edges_deg": tuple(range(60))},
    ],
)
def test_a_rule_that_cuts_nothing_is_refused(rule: dict) -> None:
    with pytest.raises(RequestError):
        RegionRule(**rule)
