from pathlib import Path

import numpy as np
import pytest
from annotating import dot
from known_meshes import box, quad, together
from plain_scenes import CAMERA, facing, look_at

from deglare.annotation import (
    Action,
    Annotations,
    CarryRule,
    Drawn,
    KnownFrames,
    carry,
    carry_faces,
    faces_under,
    stroke,
)
from deglare.annotation.carrying import Slack, nearest_pixels
from deglare.annotation.windows import balls_around, windows
from deglare.annotation.working import propose_carried
from deglare.errors import DataError, RequestError
from deglare.geometry.raycasting import RayCaster
from deglare.types import DepthMap, Rigid, inverse_rigid

WALL_M = 3.0
"""The plane z = 3 that cameras look at."""
NEAR_M, LEFT_M, RIGHT_M = 1.5, 0.1, 0.5
"""A board in front of it, at z = 1.5 between two x, for all y."""
RULE = CarryRule(least_pixels=1)


def world_rays(pose: Rigid) -> tuple[np.ndarray, np.ndarray]:
    return pose[:3, 3], CAMERA.rays() @ pose[:3, :3].T


def scene(pose: Rigid) -> DepthMap:
    """Depth by formula: the board where a ray meets it, else the wall."""
    eye, rays = world_rays(pose)
    z = rays[..., 2]
    board, wall = (NEAR_M - eye[2]) / z, (WALL_M - eye[2]) / z
    x = eye[0] + board * rays[..., 0]
    return DepthMap.of_positive(np.where((x >= LEFT_M) & (x <= RIGHT_M) & (board > 0), board, wall))


def expected(pose: Rigid, drawn: Drawn) -> np.ndarray:
    """Marks by formula: a pixel sees the wall, at a place that the first camera shows in a marked pixel."""
    eye, rays = world_rays(pose)
    places = eye + scene(pose).metres[..., None].astype(np.float64) * rays
    sees_wall = np.abs(places[..., 2] - WALL_M) < 1e-4
    at_cam = (places - drawn.world_T_cam[:3, 3]) @ drawn.world_T_cam[:3, :3]
    rows, columns, inside = nearest_pixels(at_cam, CAMERA)
    return np.where(inside & sees_wall, drawn.surfaces[rows, columns], 0).astype(np.uint8)


@pytest.fixture
def drawn() -> Drawn:
    """A disc of two kinds of surface, drawn in a camera that looks straight at the wall."""
    v, u = np.indices(CAMERA.size_hw)
    pose = facing()
    on_wall = scene(pose).metres > 2
    disc = (np.hypot(u - 40, v - 36) < 22) & on_wall
    return Drawn(np.where(disc, np.where(v < 36, 1, 4), 0).astype(np.uint8), scene(pose), CAMERA, pose)


def turned(degrees: float, **place: float) -> Rigid:
    """Turned to the right."""
    pose, angle = facing(**place), np.radians(degrees)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    return pose


POSES = {
    "beside": facing(x=0.3),
    "other side": facing(x=-0.4, y=0.1),
    "nearer": facing(z=0.7),
    "turned": turned(25, x=-0.8, z=0.2),
    "steep": turned(-50, x=1.2, z=0.5),
    "away": turned(180),
}


@pytest.mark.parametrize("name", [name for name in POSES if name != "away"])
def test_exactly_the_pixels_that_see_the_marked_wall_are_marked(drawn: Drawn, name: str) -> None:
    (one,) = carry(drawn, {name: POSES[name]}, lambda name: scene(POSES[name]), RULE)
    marks = expected(POSES[name], drawn)
    assert np.count_nonzero(marks) > 100 and np.array_equal(one.surfaces, marks)


def test_the_board_in_front_is_never_marked_and_hides_part_of_the_mask(drawn: Drawn) -> None:
    (one,) = carry(drawn, {"beside": POSES["beside"]}, lambda _: scene(POSES["beside"]), RULE)
    board = scene(POSES["beside"]).metres < 2
    assert board.any() and not one.surfaces[board].any()
    assert 0.3 < one.visible_share < 0.95
    every = CarryRule(least_pixels=1, samples=100_000)
    (exact,) = carry(drawn, {"beside": POSES["beside"]}, lambda _: scene(POSES["beside"]), every)
    at_cam = drawn.points() - (0.3, 0, 0)
    rows, columns, inside = nearest_pixels(at_cam, CAMERA)
    assert exact.visible_share == np.mean(inside & ~board[rows, columns])


def test_a_mask_carried_to_its_own_frame_is_itself(drawn: Drawn) -> None:
    (one,) = carry(drawn, {"same": drawn.world_T_cam}, lambda _: drawn.depth, RULE)
    assert np.array_equal(one.surfaces, drawn.surfaces) and one.visible_share == 1


def test_frames_that_cannot_see_it_are_not_even_read(drawn: Drawn) -> None:
    def read(name: str) -> DepthMap:
        raise AssertionError(name)

    assert carry(drawn, {"away": POSES["away"], "far": facing(x=30.0)}, read) == ()


def test_frames_that_see_too_little_are_left_out(drawn: Drawn) -> None:
    rule = CarryRule(least_pixels=CAMERA.size_hw[0] * CAMERA.size_hw[1])
    assert carry(drawn, POSES, lambda name: scene(POSES[name]), rule) == ()


def test_pixels_without_depth_carry_nothing_and_get_nothing(drawn: Drawn) -> None:
    v, _ = np.indices(CAMERA.size_hw)
    holed = Drawn(drawn.surfaces, DepthMap(drawn.depth.metres, v < 36), CAMERA, drawn.world_T_cam)
    (one,) = carry(holed, {"same": drawn.world_T_cam}, lambda _: DepthMap(drawn.depth.metres, v > 20), RULE)
    assert one.surfaces[21:36].any() and not one.surfaces[:21].any() and not one.surfaces[36:].any()
    nothing = Drawn(drawn.surfaces, DepthMap(drawn.depth.metres, v < 0), CAMERA, drawn.world_T_cam)
    with pytest.raises(RequestError, match="nothing to carry"):
        carry(nothing, POSES, lambda name: scene(POSES[name]))


def test_sizes_that_do_not_go_together_are_refused(drawn: Drawn) -> None:
    with pytest.raises(DataError, match="resize"):
        Drawn(drawn.surfaces[1:], drawn.depth, CAMERA, drawn.world_T_cam)
    small = DepthMap.of_positive(np.ones((4, 5)))
    with pytest.raises(DataError, match="resize"):
        carry(drawn, {"beside": POSES["beside"]}, lambda _: small)


def test_no_window_leaves_out_a_pixel_that_is_marked() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        points = rng.uniform(-1, 1, (40, 3)) * rng.uniform(0.05, 2) + rng.uniform(-2, 2, 3)
        eye = rng.uniform(-3, 3, 3)
        pose = look_at((eye[0], eye[1], eye[2]), tuple(rng.uniform(-1, 1, 3)))
        (window,) = windows(balls_around(points, 0.05), CAMERA, [pose])
        cam_T_world = inverse_rigid(pose)
        shifted = points + rng.uniform(-0.028, 0.028, points.shape)
        at_cam = shifted @ cam_T_world[:3, :3].T + cam_T_world[:3, 3]
        rows, columns, inside = nearest_pixels(at_cam, CAMERA)
        rows, columns = rows[inside], columns[inside]
        if window is None:
            assert not inside.any()
            continue
        assert np.all((rows >= window.top) & (rows < window.bottom))
        assert np.all((columns >= window.left) & (columns < window.right))


def test_marks_on_the_mesh_go_to_every_frame_that_sees_those_triangles() -> None:
    floor = quad(np.array([[-2, -2, 0], [2, -2, 0], [2, 2, 0], [-2, 2, 0]]))
    mesh = together(floor, box((-0.3, -0.3, 0.2), (0.3, 0.3, 0.6)))
    marks = np.zeros(len(mesh.faces), dtype=np.uint8)
    marks[:2] = 5
    poses = {"east": look_at((2.5, 0.2, 1.5)), "north": look_at((0.1, 2.5, 1.2)), "below": look_at((0.0, 0.1, -2.0))}
    caster = RayCaster(mesh, threads=1)
    found = {one.frame: one for one in carry_faces(mesh, marks, CAMERA, poses, rule=RULE)}
    assert set(found) == {"east", "north"}
    for name, one in found.items():
        triangles = caster.hit(CAMERA, poses[name]).triangles
        assert np.array_equal(one.surfaces, np.where((triangles == 0) | (triangles == 1), 5, 0))
    again = faces_under(mesh, found["east"].surfaces, CAMERA, poses["east"])
    assert np.array_equal(again, marks)
    with pytest.raises(RequestError, match="some triangles"):
        carry_faces(mesh, marks * 0, CAMERA, poses)


def test_what_a_hand_decided_is_never_carried_over(drawn: Drawn, tmp_path: Path) -> None:
    names = {name: CAMERA.size_hw for name in POSES}
    with Annotations(tmp_path / "a.sqlite", KnownFrames(names, lambda name: name)) as one:

        def carried() -> tuple[str, ...]:
            found = carry(drawn, POSES, lambda name: scene(POSES[name]), RULE)
            return tuple(each.frame for each in propose_carried(one, "ann", "first", found))

        assert set(carried()) == set(POSES) - {"away"}
        assert set(one.waiting("ann")) == set(POSES) - {"away"}
        taken = one.accept("ann", "beside", one.state("ann", "beside").proposals[0].seq)
        assert np.array_equal(taken.surfaces, expected(POSES["beside"], drawn)) and not taken.by_hand.any()
        one.do("ann", "beside", stroke({"kind": "erase", "points": [[40, 30]], "radius": 9}))
        mended = one.do("ann", "beside", stroke(dot(90, 5, "screen"))).surfaces
        one.reject("ann", "nearer", one.state("ann", "nearer").proposals[0].seq)
        corrected = expected(POSES["steep"], drawn)
        corrected[:, :40] = 0
        corrected[60:, 70:] = 2
        proposal = one.state("ann", "steep").proposals[0].seq
        one.correct("ann", "steep", proposal, corrected)
        assert set(carried()) == {"other side", "turned"}
        for name, mask in {"beside": mended, "nearer": mended * 0, "steep": corrected}.items():
            assert np.array_equal(one.state("ann", name).surfaces, mask) and not one.state("ann", name).proposals
        with pytest.raises(RequestError, match="decided on"):
            one.accept("ann", "steep", proposal)
        assert one.undo("ann", "steep") == "steep" and one.state("ann", "steep").proposals


def test_a_newer_proposal_of_one_origin_takes_the_place_of_the_older(tmp_path: Path) -> None:
    size = (10, 12)
    with Annotations(tmp_path / "a.sqlite", KnownFrames({"f": size}, lambda name: name)) as one:
        first, second = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.uint8)
        first[:5], second[5:] = 1, 3
        one.propose("ann", "frame 1", {"f": first}, {"f": 0.5})
        one.propose("ann", "uncertainty", {"f": first})
        one.propose("ann", "frame 1", {"f": second}, {"f": 0.25})
        assert {(p.origin, p.visible_share) for p in one.state("ann", "f").proposals} == {
            ("uncertainty", None),
            ("frame 1", 0.25),
        }
        assert one.looked_at() == frozenset() and one.undo("ann") is None


def test_a_hand_that_comes_before_the_decision_wins_too(tmp_path: Path) -> None:
    size = (10, 12)
    offered = np.full(size, 3, dtype=np.uint8)
    with Annotations(tmp_path / "a.sqlite", KnownFrames({"f": size}, lambda name: name)) as one:
        one.propose("ann", "frame 1", {"f": offered})
        one.do("ann", "f", stroke({"kind": "erase", "points": [[2, 2]], "radius": 1}))
        drawn = one.do("ann", "f", stroke(dot(8, 5, "wet", 1)))
        (left,) = drawn.proposals
        assert np.array_equal(left.surfaces, np.where(drawn.by_hand, 0, 3)) and drawn.by_hand.sum() == 10
        taken = one.accept("ann", "f", left.seq)
        assert np.array_equal(taken.surfaces, np.where(drawn.by_hand, drawn.surfaces, 3)) and not taken.proposals
        one.undo("ann")
        covered = one.do("ann", "f", stroke(dot(5, 5, "glass", 30)))
        assert not covered.proposals and one.waiting("ann") == ()


def test_all_proposals_of_one_origin_are_taken_at_once_and_taken_back_one_by_one(tmp_path: Path) -> None:
    sizes: dict[str, tuple[int, int]] = {"f": (10, 12), "g": (10, 12), "h": (10, 12)}
    mask = np.full((10, 12), 3, dtype=np.uint8)
    with Annotations(tmp_path / "a.sqlite", KnownFrames(sizes, lambda name: name)) as one:
        one.propose("ann", "frame 1", dict.fromkeys(sizes, mask))
        one.propose("ann", "uncertainty", {"g": mask - 2})
        assert one.accept_all("ann", "frame 1", ["g", "h"]) == ("g", "h") and one.waiting("ann") == ("f", "g")
        assert one.accept_all("ann", "frame 1") == ("f",) and one.accept_all("ann", "frame 1") == ()
        assert one.undo("ann") == "f" and one.waiting("ann") == ("f", "g")


def test_slack_grows_with_depth() -> None:
    assert Slack(0.05, 0.01).at(np.array([1.0, 5.0])).tolist() == pytest.approx([0.06, 0.1])


def test_a_stroke_over_a_proposal_takes_it_in_one_step_and_wins_for_good(tmp_path: Path) -> None:
    size = (10, 12)
    offered = np.full(size, 3, dtype=np.uint8)
    with Annotations(tmp_path / "a.sqlite", KnownFrames({"f": size}, lambda name: name)) as one:
        one.propose("ann", "frame 1", {"f": offered})
        proposal = one.state("ann", "f").proposals[0].seq
        erase = stroke({"kind": "erase", "points": [[2, 2]], "radius": 1})
        mended = one.mend("ann", "f", proposal, erase)
        assert np.array_equal(mended.surfaces, np.where(mended.by_hand, 0, 3)) and mended.by_hand.sum() == 5
        assert not mended.proposals and one.undo("ann") == "f"
        back = one.state("ann", "f")
        assert not back.surfaces.any() and not back.by_hand.any() and back.proposals[0].seq == proposal
        one.redo("ann")
        one.propose("ann", "frame 1", {"f": offered - 2})
        (left,) = one.state("ann", "f").proposals
        assert np.array_equal(left.surfaces, np.where(mended.by_hand, 0, 1))
        with pytest.raises(RequestError, match="decided on"):
            one.mend("ann", "f", proposal, erase)
        with pytest.raises(RequestError, match="brush"):
            one.mend("ann", "f", left.seq, Action("tag", {"tag": "waste"}))


def test_carried_again_after_a_part_was_erased_nothing_stale_waits(drawn: Drawn, tmp_path: Path) -> None:
    names = {name: CAMERA.size_hw for name in POSES}
    with Annotations(tmp_path / "a.sqlite", KnownFrames(names, lambda name: name)) as one:
        whole = carry(drawn, POSES, lambda name: scene(POSES[name]), RULE)
        propose_carried(one, "ann", "first", whole)
        one.propose("ann", "uncertainty", {"steep": expected(POSES["steep"], drawn)})
        gone = {"nearer", "steep"}
        marked = one.accept("ann", "turned", one.state("ann", "turned").proposals[0].seq).surfaces
        again = propose_carried(one, "ann", "first", [each for each in whole if each.frame not in gone])
        assert {each.frame for each in again} == set(POSES) - {"away", "turned"} - gone
        assert set(one.waiting("ann")) == {"beside", "other side", "steep"}
        assert [each.origin for each in one.state("ann", "steep").proposals] == ["uncertainty"]
        assert np.array_equal(one.state("ann", "turned").surfaces, marked)
        assert {each.frame for each in propose_carried(one, "ann", "first", whole)} >= gone
        assert gone < set(one.waiting("ann")), "what is seen again is offered again"
