"""Cameras of a clip, against scenes whose cameras are known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from deglare.geometry.poses_bundle import Adjustment, Model, adjusted, fit_of
from deglare.geometry.poses_choosing import chosen_frames
from deglare.geometry.poses_features import Features
from deglare.geometry.poses_flow import flow_between
from deglare.geometry.poses_focal import vote_focal
from deglare.geometry.poses_lens import Lens, straightened
from deglare.geometry.poses_pairs import Pair
from deglare.geometry.poses_positions import Leg, leg_of, positions_of
from deglare.geometry.poses_rotations import averaged_rotations, rotation_matrices, rotation_vectors
from deglare.geometry.poses_tracks import Tracks, linked, placed

SIZE_HW = (360, 540)
LENS = Lens(480.0, SIZE_HW)


@dataclass(frozen=True)
class Walk:
    """Cameras that walk along a room of points and turn, everything seen by everybody."""

    cam_R_world: np.ndarray
    positions: np.ndarray
    points: np.ndarray

    @property
    def model(self) -> Model:
        moved = -np.einsum("fij,fj->fi", self.cam_R_world, self.positions)
        return Model(self.cam_R_world, moved, self.points, LENS)

    def tracks(self, noise_px: float = 0.0) -> Tracks:
        frames, points = len(self.positions), len(self.points)
        point, frame = np.repeat(np.arange(points), frames), np.tile(np.arange(frames), points)
        empty = Tracks(frame, point, np.zeros((len(frame), 2)), np.zeros(len(frame)))
        fit = fit_of(self.model, empty)
        noise = np.random.default_rng(1).normal(0, noise_px, fit.off_px.shape)
        return Tracks(frame, point, fit.off_px + noise, np.log(fit.in_camera[:, 2]))

    def features(self) -> list[Features]:
        tracks, frames = self.tracks(), len(self.positions)
        xy = tracks.xy.reshape(len(self.points), frames, 2)
        return [Features(xy[:, f], np.zeros((len(self.points), 128), dtype=np.float32)) for f in range(frames)]

    def pair(self, first: int, second: int) -> Pair:
        rotation = self.cam_R_world[second] @ self.cam_R_world[first].T
        towards = self.cam_R_world[second] @ (self.positions[first] - self.positions[second])
        rows = np.arange(len(self.points))
        return Pair(first, second, np.stack([rows, rows], axis=1), rotation, towards / np.linalg.norm(towards))


def walk(frames: int = 10, points: int = 60) -> Walk:
    rng = np.random.default_rng(0)
    turns = np.linspace(0, 0.3, frames)[:, None] * np.array([0.1, 1.0, 0.05])
    where = np.stack(
        [np.linspace(0, 0.9, frames), 0.05 * np.sin(np.arange(frames)), np.linspace(0, 0.2, frames)], axis=1
    )
    cloud = rng.uniform((-1, -1, 2.5), (2, 1, 5), (points, 3))
    return Walk(rotation_matrices(turns), where - where[0], cloud)


PAIRS = [(first, first + step) for step in (1, 2, 3) for first in range(10 - step)]


def test_adjustment_finds_cameras_points_and_focal_length_again() -> None:
    truth = walk()
    tracks, rng = truth.tracks(), np.random.default_rng(2)
    start = Model(
        rotation_matrices(rng.normal(0, 0.01, (10, 3))) @ truth.cam_R_world,
        truth.model.cam_t_world + rng.normal(0, 0.03, (10, 3)),
        truth.points + rng.normal(0, 0.1, truth.points.shape),
        replace(LENS, focal_px=520.0),
    )
    found = adjusted(start, tracks, Adjustment(believed_px=5, rounds=60))
    assert np.median(fit_of(found, tracks).distance_px) < 0.01
    assert found.lens.focal_px == pytest.approx(480, rel=0.01)
    steps = np.linalg.norm(np.diff(found.positions, axis=0), axis=1)
    assert steps == pytest.approx(np.linalg.norm(np.diff(truth.positions, axis=0), axis=1), rel=0.03)


def test_sightings_that_are_plainly_wrong_do_not_move_the_cameras() -> None:
    truth = walk()
    tracks = truth.tracks(noise_px=0.2)
    wrong = np.random.default_rng(3).random(len(tracks)) < 0.1
    spoilt = replace(tracks, xy=np.where(wrong[:, None], tracks.xy + 60, tracks.xy))
    found = adjusted(
        truth.model, spoilt, Adjustment(believed_px=1, rounds=30, is_focal_free=False, is_radial_free=False)
    )
    assert np.abs(found.positions - truth.positions).max() < 0.03


def test_predicted_depth_alone_sets_the_scale() -> None:
    truth = walk()
    tracks = truth.tracks()
    shrunk = replace(truth.model, cam_t_world=truth.model.cam_t_world * 0.7, points=truth.points * 0.7)
    found = adjusted(shrunk, tracks, Adjustment(believed_px=2, rounds=60, is_focal_free=False, is_radial_free=False))
    assert np.linalg.norm(found.positions[-1] - found.positions[0]) == pytest.approx(
        np.linalg.norm(truth.positions[-1]), rel=0.02
    )


def test_a_frame_without_predicted_depth_is_no_obstacle() -> None:
    truth = walk()
    tracks = truth.tracks()
    unknown = replace(tracks, log_depth=np.where(tracks.frame % 2 == 0, np.nan, tracks.log_depth))
    found = adjusted(truth.model, unknown, Adjustment(believed_px=2, rounds=5))
    assert np.all(np.isfinite(found.positions))
    assert np.abs(found.positions - truth.positions).max() < 1e-3


def test_rotations_are_averaged_and_a_liar_is_not_heard() -> None:
    truth = walk()
    pairs = [truth.pair(*ends) for ends in PAIRS]
    liar = replace(pairs[3], second_R_first=rotation_matrices(np.array([[0.0, 0.6, 0.0]]))[0])
    found = averaged_rotations([*pairs[:3], liar, *pairs[4:]], 10)
    expected = truth.cam_R_world @ truth.cam_R_world[0].T
    off = rotation_vectors(found @ expected.transpose(0, 2, 1))
    assert np.degrees(np.linalg.norm(off, axis=1)).max() < 0.5


def test_a_step_has_the_length_that_predicted_depth_gives_it() -> None:
    truth = walk()
    tracks = truth.tracks()
    log_depths = list(tracks.log_depth.reshape(len(truth.points), 10).T)
    leg = leg_of(truth.pair(2, 5), truth.features(), log_depths, truth.cam_R_world, LENS)
    assert leg is not None
    assert leg.step_m == pytest.approx(truth.positions[5] - truth.positions[2], abs=1e-6)


def test_a_return_that_contradicts_the_path_is_not_believed() -> None:
    truth = walk(frames=40)
    legs = [
        Leg(i, i + step, truth.positions[i + step] - truth.positions[i], 1.0)
        for step in (1, 2)
        for i in range(40 - step)
    ]
    aliases = [Leg(i, i + 25, np.array([2.0, 0.0, 0.0]), 1.0, is_along=False) for i in range(15)]
    assert np.abs(positions_of([*legs, *aliases], 40) - truth.positions).max() < 1e-3


def test_rays_meet_where_the_points_are() -> None:
    truth = walk()
    assert placed(truth.tracks(), truth.cam_R_world, truth.positions, LENS) == pytest.approx(truth.points, abs=1e-5)


def test_a_track_that_sees_two_places_in_one_frame_is_left_out() -> None:
    truth = walk(points=20)
    pairs = [truth.pair(*ends) for ends in PAIRS]
    depths = [np.zeros(20) for _ in range(10)]
    assert linked(pairs, truth.features(), depths).points == 20
    crossed = np.array([[0, 1]])  # point 0 of the first frame taken for point 1 of the second
    lie = replace(pairs[0], matches=np.concatenate([pairs[0].matches, crossed]))
    assert linked([lie, *pairs[1:]], truth.features(), depths).points == 18


def test_fundamental_matrices_vote_for_the_focal_length() -> None:
    truth = walk()
    inverse = np.linalg.inv(LENS.camera.matrix)
    matrices = []
    for ends in PAIRS:
        pair = truth.pair(*ends)
        x, y, z = pair.towards
        essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ pair.second_R_first
        matrices.append(inverse.T @ essential @ inverse)
    vote = vote_focal(np.array(matrices), SIZE_HW)
    assert vote.is_clear
    assert vote.focal_px == pytest.approx(480, rel=0.02)
    assert not vote_focal(np.zeros((0, 3, 3)), SIZE_HW).is_clear


def test_a_bent_picture_is_straightened_and_a_straight_one_left_alone() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (*SIZE_HW, 3)).astype(np.uint8)
    assert straightened(rgb, LENS) is rgb
    bent = Lens(480.0, SIZE_HW, radial=-0.1)
    xy = np.array([[30.0, 40.0], [500.0, 300.0]])
    rays = bent.directions(xy)[:, :2]
    again = rays * (1 - 0.1 * np.sum(rays**2, axis=1, keepdims=True)) * 480 + bent.centre_xy
    assert again == pytest.approx(xy, abs=1e-6)
    assert straightened(rgb, bent).shape == rgb.shape


def test_the_way_of_a_picture_is_measured() -> None:
    from scipy.ndimage import gaussian_filter, shift

    grey = gaussian_filter(np.random.default_rng(0).random((180, 320)), 2).astype(np.float32)
    grey = (grey - grey.min()) / np.ptp(grey)
    moved = shift(grey, (3.0, 5.5), order=3, mode="nearest").astype(np.float32)
    assert flow_between(grey, moved).shift == pytest.approx(np.hypot(3, 5.5) / 320, rel=0.03)
    assert np.isnan(flow_between(grey * 0, grey).shift)


def test_frames_are_kept_by_the_way_of_the_picture_and_the_sharpest_of_them() -> None:
    ways = np.arange(100) * 0.01
    sharpness = [1.0 + (number % 3 == 0) for number in range(100)]
    chosen = chosen_frames(ways, sharpness, 1000)
    assert all(number % 3 == 0 for number in chosen.kept)
    assert set(np.diff(chosen.kept)) <= {2, 3, 4}
    assert len(chosen_frames(ways, sharpness, 12).kept) <= 12
    assert chosen_frames(ways, sharpness, 100, 0.0).kept == tuple(range(100))
    assert 30 < len(chosen_frames(ways, sharpness, 50, 0.0).kept) <= 50
