"""Against a plane seen from many sides: what is carried is what the formula says, however ragged its depth is."""

from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from plain_scenes import CAMERA, facing, look_at

from deglare.annotation import CarryRule, Drawn, carry
from deglare.annotation.pinholes import closed
from deglare.types import DepthMap, Rigid

ndimage: Any = scipy.ndimage
"""Its annotations say less than it does."""

HOLES_EVERY = 40
"""One pixel of so many has no depth, and one has a wrong one."""
RADIUS_M = 0.9
RULE = CarryRule(least_pixels=1)


def floor_at(pose: Rigid) -> np.ndarray:
    """Where each pixel sees the plane z = 0, in world axes; NaN where it does not."""
    rays = CAMERA.rays() @ pose[:3, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = np.where(rays[..., 2] < -1e-6, -pose[2, 3] / rays[..., 2], np.nan)
    return np.concatenate([pose[:3, 3] + metres[..., None] * rays, metres[..., None]], axis=-1)


def exact(pose: Rigid) -> np.ndarray:
    """Pixels that see a disc on the floor."""
    places = floor_at(pose)
    return np.hypot(places[..., 0], places[..., 1]) < RADIUS_M


def ragged(pose: Rigid, seed: int) -> DepthMap:
    """Depth of the floor with pinholes: pixels without any, and pixels that look past it."""
    metres = np.nan_to_num(floor_at(pose)[..., 3])
    noise = np.random.default_rng(seed).random(metres.shape) * HOLES_EVERY
    return DepthMap.of_positive(np.where(noise < 1, 0, np.where(noise < 2, metres + 1.5, metres)).astype(np.float32))


POSES = {
    "drawn": look_at((1.9, 0.3, 1.6)),
    "beside": look_at((1.5, 1.3, 1.5)),
    "across": look_at((-1.8, 0.4, 1.9)),
    "above": look_at((0.1, -0.2, 2.6)),
    "low": look_at((0.4, -2.1, 1.1)),
}


@pytest.mark.parametrize("name", [name for name in POSES if name != "drawn"])
def test_a_disc_on_a_plane_is_carried_whole_but_for_its_outermost_pixel(name: str) -> None:
    pose = POSES["drawn"]
    drawn = Drawn(exact(pose).astype(np.uint8), ragged(pose, 1), CAMERA, pose)
    (one,) = carry(drawn, {name: POSES[name]}, lambda name: ragged(POSES[name], 2), RULE)
    truth, found = exact(POSES[name]), one.surfaces > 0
    inner = ndimage.binary_erosion(truth, np.ones((3, 3)))
    outer = ndimage.binary_dilation(truth, np.ones((3, 3)))
    assert inner.sum() > 300 and not (found & ~outer).any()
    missing = ndimage.label(inner & ~found)[1]
    assert missing <= 0.02 * inner.sum(), missing  # several pinholes that meet by chance are a hole


def plane(size: int = 12) -> DepthMap:
    return DepthMap.of_positive(np.full((size, size), 2.0, dtype=np.float32))


def changed(depth: DepthMap, at: tuple[slice | int, slice | int], metres: float) -> DepthMap:
    new = depth.metres.copy()
    new[at] = metres
    return DepthMap.of_positive(new)


def slack(z: np.ndarray) -> np.ndarray:
    return 0.05 + 0.01 * z


def test_pinholes_are_closed_with_what_surrounds_them() -> None:
    surfaces = np.full((12, 12), 1, dtype=np.uint8)
    surfaces[:, 6:] = 4
    surfaces[3, 3] = surfaces[8, 8] = surfaces[8, 9] = surfaces[9, 8] = surfaces[9, 9] = 0
    nothing = np.zeros((12, 12), dtype=bool)
    whole = closed(surfaces, plane(), nothing, slack)
    assert (whole[:, :6] == 1).all() and (whole[:, 6:] == 4).all()
    for metres in (0.0, 7.0):  # no depth, and depth of something behind
        assert (closed(surfaces, changed(plane(), (3, 3), metres), nothing, slack) > 0).all()


def test_what_hides_the_surface_what_was_left_out_by_hand_and_larger_holes_stay() -> None:
    surfaces = np.full((12, 12), 1, dtype=np.uint8)
    surfaces[3, 3:5] = 0
    nothing = np.zeros((12, 12), dtype=bool)
    assert np.array_equal(closed(surfaces, changed(plane(), (3, 4), 1.2), nothing, slack), surfaces)
    assert np.array_equal(closed(surfaces, plane(), surfaces == 0, slack), surfaces)
    seen_through = changed(plane(), (3, slice(3, 5)), 5.0)
    assert (closed(surfaces, seen_through, surfaces == 0, slack) == 1).all()
    surfaces[6:8, 6:9] = 0
    assert (closed(surfaces, plane(), nothing, slack)[6:8, 6:9] == 0).all()


def test_edges_are_never_touched() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        surfaces = (rng.random((20, 20)) < 0.6).astype(np.uint8)
        found = closed(surfaces, plane(20), np.zeros((20, 20), dtype=bool), slack)
        assert np.array_equal(found[surfaces > 0], surfaces[surfaces > 0])
        outside = ndimage.label(np.pad(surfaces == 0, 1, constant_values=True))[0]
        assert not found[(outside == outside[0, 0])[1:-1, 1:-1]].any()


def test_a_hole_of_a_pixel_that_was_left_out_in_the_drawing_is_carried_as_it_is() -> None:
    pose = facing()
    depth = DepthMap.of_positive(np.full(CAMERA.size_hw, 3.0, dtype=np.float32))
    surfaces = np.zeros(CAMERA.size_hw, dtype=np.uint8)
    surfaces[20:40, 20:50] = 2
    surfaces[30, 35:37] = 0
    (one,) = carry(Drawn(surfaces, depth, CAMERA, pose), {"same": pose}, lambda _: depth, RULE)
    assert np.array_equal(one.surfaces, surfaces)
