"""A reconstruction is judged by what it shows, not by its reprojection error: here every one of them has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deglare.geometry.poses_bundle import Model, fit_of
from deglare.geometry.poses_judging import Verdict, judged
from deglare.geometry.poses_lens import Lens
from deglare.geometry.poses_parallax import parallax_px
from deglare.geometry.poses_rotations import rotation_matrices
from deglare.geometry.poses_scale import agreement_of
from deglare.geometry.poses_solving import Solved
from deglare.geometry.poses_tracks import Tracks

FRAMES, POINTS = 30, 80
LENS = Lens(480.0, (360, 540))


def solved(step_m: float = 0.08, focal_px: float = 480.0) -> Solved:
    """A camera that walks past points and turns a little; everybody sees everything, and networks are right."""
    rng = np.random.default_rng(0)
    turns = np.linspace(0, 0.2, FRAMES)[:, None] * np.array([0.0, 1.0, 0.0])
    positions = np.arange(FRAMES)[:, None] * np.array([step_m, 0.0, step_m / 8])
    rotations = rotation_matrices(turns)
    points = rng.uniform((-1, -1, 3), (3, 1, 5), (POINTS, 3))
    model = Model(rotations, -np.einsum("fij,fj->fi", rotations, positions), points, replace(LENS, focal_px=focal_px))
    point, frame = np.repeat(np.arange(POINTS), FRAMES), np.tile(np.arange(FRAMES), POINTS)
    fit = fit_of(model, Tracks(frame, point, np.zeros((len(frame), 2)), np.zeros(len(frame))))
    tracks = Tracks(frame, point, fit.off_px, np.log(fit.in_camera[:, 2]))
    return Solved(tuple(range(FRAMES)), model, tracks, is_focal_clear=True)


def verdict(found: Solved, off: np.ndarray | None = None) -> Verdict:
    """``off`` is the logarithm by which networks are wrong in each frame."""
    if off is not None:
        tracks = found.tracks
        found = replace(found, tracks=replace(tracks, log_depth=tracks.log_depth + off[tracks.frame]))
    return judged(found, FRAMES, agreement_of(found))


def test_a_sound_walk_is_believed_as_a_whole() -> None:
    found = verdict(solved())
    assert found.is_whole and not found.reasons and not found.advice


def test_a_frame_at_odds_with_networks_that_are_right_elsewhere_is_not_believed() -> None:
    off = np.zeros(FRAMES)
    off[12] = 0.9
    found = verdict(solved(), off)
    assert 12 not in found.believed and len(found.believed) == FRAMES - 1
    assert "at odds with the networks" in found.reasons[0]


def test_networks_that_are_at_a_loss_everywhere_accuse_no_camera() -> None:
    off = 0.8 * np.sin(np.arange(FRAMES) / 3)
    assert verdict(solved(), off).is_whole


def test_a_jump_parts_the_path_and_the_longer_part_is_kept() -> None:
    found = solved()
    moved = found.model.cam_t_world.copy()
    moved[20:] += np.array([4.0, 0, 0])
    told = verdict(replace(found, model=replace(found.model, cam_t_world=moved)))
    assert told.believed == tuple(range(20)) and any("parts" in reason for reason in told.reasons)


def test_parts_that_share_no_points_are_told_apart() -> None:
    found = solved()
    early = found.tracks.point < POINTS // 2
    tracks, left = found.tracks.only(early == (found.tracks.frame < 18))
    told = verdict(replace(found, tracks=tracks, model=replace(found.model, points=found.model.points[left])))
    assert told.believed == tuple(range(18))
    assert any("falls into 2 parts" in reason for reason in told.reasons)


def test_a_camera_that_hardly_moves_is_told_to_walk() -> None:
    told = verdict(solved(step_m=0.0005))
    assert not told.believed and "hardly moved" in told.reasons[0] and "walk" in told.advice[0]


def test_parallax_is_what_is_left_once_turning_is_undone() -> None:
    assert parallax_px(solved(step_m=0.0).tracks, LENS, FRAMES) < 0.01
    far, near = (parallax_px(solved(step_m=step).tracks, LENS, FRAMES) for step in (0.08, 0.02))
    assert far > 3 * near > 3


def test_a_path_that_is_read_out_of_noise_is_not_believed() -> None:
    found = solved(step_m=0.003)
    noisy = found.tracks.xy + np.random.default_rng(2).normal(0, 0.8, found.tracks.xy.shape)
    told = verdict(replace(found, tracks=replace(found.tracks, xy=noisy)))
    assert not told.believed and "only turned" in told.reasons[0]


def test_an_absurd_focal_length_is_not_believed() -> None:
    told = verdict(solved(focal_px=2000.0))
    assert not told.believed and "focal length" in told.reasons[0] and "--focal" in told.advice[0]


def test_depth_that_has_nothing_to_do_with_predictions_is_not_believed() -> None:
    found = solved()
    noise = np.random.default_rng(1).normal(0, 1.5, len(found.tracks))
    told = verdict(replace(found, tracks=replace(found.tracks, log_depth=found.tracks.log_depth + noise)))
    assert not told.believed and any("nothing in common" in reason for reason in told.reasons)


def test_nothing_found_is_nothing_believed_and_says_what_to_film() -> None:
    told = judged(None, FRAMES, None)
    assert not told.believed and told.reasons and len(told.advice) == 2
