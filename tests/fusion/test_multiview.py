"""Planes seen by cameras whose depth is known by formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_evidence import holed

from deglare.data.run_folder import LabelSource
from deglare.errors import DataError, RequestError
from deglare.fusion.evidence import Evidence, Neighbour
from deglare.fusion.multiview import is_consistent
from deglare.fusion.strategies import ByViews
from deglare.types import Camera, DepthMap, Rigid, inverse_rigid

CAMERA = Camera(110.0, 115.0, 46.3, 30.8, (64, 96))
OTHER = Camera(90.0, 92.0, 50.1, 37.0, (72, 100))
NORMAL, OFFSET = np.array([0.25, -0.15, 1.0]), 2.2


def pose(x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0, pitch: float = 0.0) -> Rigid:
    cos, sin, c, s = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    world_T_cam = np.eye(4)
    world_T_cam[:3, :3] = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]) @ np.array(
        [[1, 0, 0], [0, c, -s], [0, s, c]]
    )
    world_T_cam[:3, 3] = x, y, z
    return world_T_cam


def wall(camera: Camera, world_T_cam: Rigid) -> DepthMap:
    """Z-depth of the plane NORMAL . x = OFFSET."""
    ray = camera.rays() @ world_T_cam[:3, :3].T
    return DepthMap.of_positive((OFFSET - NORMAL @ world_T_cam[:3, 3]) / (ray @ NORMAL))


def view(world_T_target: Rigid, world_T_cam: Rigid, camera: Camera = OTHER) -> Neighbour:
    return Neighbour(wall(camera, world_T_cam), camera, inverse_rigid(world_T_cam) @ world_T_target)


def margin_px(world_T_target: Rigid, neighbour: Neighbour) -> np.ndarray:
    """How far inside the neighbour's image each target pixel falls; below 0 outside."""
    points = CAMERA.unproject(wall(CAMERA, world_T_target).metres)
    moved = points @ neighbour.neighbour_T_target[:3, :3].T + neighbour.neighbour_T_target[:3, 3]
    xy = neighbour.camera.project(moved)
    height, width = neighbour.camera.size_hw
    return np.minimum(np.minimum(xy[..., 0], width - 1 - xy[..., 0]), np.minimum(xy[..., 1], height - 1 - xy[..., 1]))


TARGET = pose(0.1, -0.05, 0.02, 0.05, 0.04)
BEFORE, AFTER = pose(-0.4, 0.1, 0.05, 0.0, 0.02), pose(0.45, -0.1, -0.05, 0.1, 0.06)


def test_true_depth_comes_back_to_itself_wherever_the_neighbour_looks() -> None:
    for world_T_cam, camera in ((BEFORE, OTHER), (AFTER, CAMERA)):
        neighbour = view(TARGET, world_T_cam, camera)
        agrees = is_consistent(wall(CAMERA, TARGET), CAMERA, neighbour, 0.05, 1e-3)
        margin = margin_px(TARGET, neighbour)
        assert 0.5 < (margin > 0).mean() < 0.99
        assert agrees[margin > 0.05].all()
        assert not agrees[margin < -0.05].any()


def test_a_highlight_that_one_frame_alone_sees_too_far_does_not_come_back() -> None:
    truth = wall(CAMERA, TARGET)
    glare = np.zeros(CAMERA.size_hw, dtype=bool)
    glare[30:40, 40:60] = True
    wrong = DepthMap.of_positive(truth.metres * np.where(glare, 1.3, 1).astype(np.float32))
    neighbours = (view(TARGET, BEFORE), view(TARGET, AFTER))
    seen = np.logical_and.reduce([margin_px(TARGET, neighbour) > 0.05 for neighbour in neighbours])
    labels = ByViews().fuse(Evidence(wrong, truth, camera=CAMERA, neighbours=neighbours))
    replaced = labels.source == LabelSource.PROJECTED
    assert np.array_equal(replaced[seen], glare[seen])
    assert glare[seen].any()
    np.testing.assert_array_equal(labels.depth.metres, truth.metres)


def test_what_the_neighbours_are_wrong_about_is_replaced_too_and_one_of_them_is_enough() -> None:
    truth, good, bad = wall(CAMERA, TARGET), view(TARGET, BEFORE), view(TARGET, AFTER)
    bad = replace(bad, depth=DepthMap.of_positive(bad.depth.metres * np.float32(1.1)))
    both_see = (margin_px(TARGET, good) > 0.05) & (margin_px(TARGET, bad) > 0.05)
    for neighbours in ((good, bad), (bad, good)):
        labels = ByViews().fuse(Evidence(truth, truth, camera=CAMERA, neighbours=neighbours))
        assert (labels.source[both_see] == LabelSource.PROJECTED).all()
    assert (ByViews().fuse(Evidence(truth, truth, camera=CAMERA, neighbours=(good,))).source[both_see] == 1).all()


@pytest.mark.parametrize(("too_far", "agrees"), [(0.0095, True), (0.0107, False), (-0.0095, True), (-0.0107, False)])
def test_one_percent_of_depth_is_the_limit(too_far: float, agrees: bool) -> None:
    """Facing a wall 2 m away and 5 cm aside, a depth that is wrong by e comes back at 2 m: off by e / (1 + e)."""
    target = DepthMap.of_positive(np.full(CAMERA.size_hw, 2 * (1 + too_far)))
    beside = Neighbour(DepthMap.of_positive(np.full(CAMERA.size_hw, 2.0)), CAMERA, pose(-0.05))
    found = is_consistent(target, CAMERA, beside, 1.0, 0.01)
    assert (found[:, 8:-8] == agrees).all()


@pytest.mark.parametrize(("most_px", "agrees"), [(0.9, False), (1.1, True)])
def test_the_way_back_in_pixels_counts_as_well(most_px: float, agrees: bool) -> None:
    """With f = 500 and 0.51 m aside a depth of 2 m that is 0.8 % too far comes back 1.01 pixels off."""
    camera = Camera(500.0, 500.0, 150.0, 10.0, (20, 300))
    target = DepthMap.of_positive(np.full(camera.size_hw, 2 * 1.008))
    beside = Neighbour(DepthMap.of_positive(np.full(camera.size_hw, 2.0)), camera, pose(-0.51))
    found = is_consistent(target, camera, beside, most_px, 0.01)
    assert (found[:, 140:] == agrees).all()
    assert not found[:, :120].any()  # 127 pixels to the left of where it was is outside


def test_what_something_hides_from_the_neighbour_does_not_come_back() -> None:
    """A card 1.5 m away, from x = 0 to 0.3 m, before a wall 3 m away; the neighbour stands 0.2 m to the right."""

    def depth_from(x: float) -> DepthMap:
        at_card = camera.rays()[..., 0] * 1.5 + x
        return DepthMap.of_positive(np.where((at_card >= 0) & (at_card <= 0.3), 1.5, 3.0))

    camera = Camera(200.0, 200.0, 79.5, 9.5, (20, 160))
    agrees = is_consistent(depth_from(0.0), camera, Neighbour(depth_from(0.2), camera, pose(-0.2)), 1.0, 0.01)
    on_wall = camera.rays()[..., 0] * 3.0
    crossing = 0.2 + (on_wall - 0.2) / 2  # where the neighbour's line of sight passes the card's depth
    is_wall = depth_from(0.0).metres == 3
    hidden = is_wall & (crossing >= 0) & (crossing <= 0.3)
    u = camera.rays()[..., 0] * 200 + 79.5
    inside = u - 200 * 0.2 / depth_from(0.0).metres >= 0
    edges = [79.5, 79.5 + 40, 79.5 - 200 * 0.2 / 3, 79.5 + 200 * 0.4 / 3]  # of the card and of its shadow
    clear = inside & np.logical_and.reduce([np.abs(u - edge) > 2 for edge in edges])
    assert hidden[clear].any() and not hidden[clear].all()
    assert np.array_equal(agrees[clear], ~hidden[clear])


def test_holes_of_either_view_do_not_come_back_and_their_content_does_not_matter() -> None:
    truth, neighbour = wall(CAMERA, TARGET), view(TARGET, TARGET, CAMERA)
    here, there = np.zeros(CAMERA.size_hw, dtype=bool), np.zeros(CAMERA.size_hw, dtype=bool)
    here[10, 20], there[30, 50] = True, True
    for content in (np.nan, np.inf, -1.0, 0.0):
        agrees = is_consistent(
            holed(truth, here, content),
            CAMERA,
            replace(neighbour, depth=holed(neighbour.depth, there, content)),
            1.0,
            0.01,
        )
        lost = np.argwhere(~agrees[2:-2, 2:-2]) + 2
        assert [10, 20] in lost.tolist() and [30, 50] in lost.tolist()
        assert all(abs(v - 30) <= 1 and abs(u - 50) <= 1 for v, u in lost.tolist() if (v, u) != (10, 20))


def test_a_wall_behind_the_neighbour_does_not_come_back() -> None:
    truth = wall(CAMERA, TARGET)
    turned = view(TARGET, TARGET, CAMERA)
    turned = replace(turned, neighbour_T_target=pose(yaw=np.pi) @ turned.neighbour_T_target)
    assert not is_consistent(truth, CAMERA, turned, 1.0, 0.01).any()


def test_cameras_and_poses_that_do_not_fit_are_refused() -> None:
    depth = wall(CAMERA, TARGET)
    with pytest.raises(
        DataError, match=r"camera of a neighbour is for \(72, 100\) pixels but its depth has \(64, 96\)"
    ):
        Neighbour(depth, OTHER, np.eye(4))
    with pytest.raises(DataError, match=r"camera of a frame is for \(72, 100\)"):
        Evidence(depth, depth, camera=OTHER)
    with pytest.raises(DataError, match="the pose of a neighbour is not rigid"):
        Neighbour(depth, CAMERA, np.diag([2.0, 1, 1, 1]))
    with pytest.raises(RequestError, match="needs the frame's camera"):
        ByViews().fuse(Evidence(depth, depth, neighbours=(view(TARGET, BEFORE),)))
