import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_scenes import CAMERA, corner, facing, look_at

from deglare.errors import DataError
from deglare.geometry.blocks import OFFSETS, SIDE
from deglare.geometry.culling import TILE, FarthestTiles, blocks_in_view
from deglare.geometry.depth_view import DepthView, prepare_view
from deglare.geometry.volume_settings import VolumeSettings
from deglare.types import Camera, DepthMap, Rigid, inverse_rigid


def view_of(metres: np.ndarray, camera: Camera, world_T_cam: Rigid) -> DepthView:
    return prepare_view(DepthMap.of_positive(metres), camera, world_T_cam, VolumeSettings())


def voting_blocks(view: DepthView, voxel_m: float, back_m: float, around: int) -> set[tuple[int, ...]]:
    """By looking at every voxel within ``around`` blocks of the camera."""
    middle = np.floor(view.world_T_cam[:3, 3] / (SIDE * voxel_m)).astype(int)
    blocks = np.stack(np.meshgrid(*[np.arange(-around, around + 1)] * 3, indexing="ij"), -1).reshape(-1, 3) + middle
    places = (blocks[:, None] * SIDE + OFFSETS) * voxel_m
    cam_T_world = inverse_rigid(view.world_T_cam)
    points = places @ cam_T_world[:3, :3].T + cam_T_world[:3, 3]
    in_front = points[..., 2] > 0.01
    pixels = np.rint(view.camera.project(np.where(in_front[..., None], points, 1.0)))
    height, width = view.camera.size_hw
    inside = in_front & np.all((pixels >= 0) & (pixels < (width, height)), axis=-1)
    x, y = np.where(inside[..., None], pixels, 0).astype(int).transpose(2, 0, 1)
    votes = inside & (view.metres[y, x] - points[..., 2] > -back_m)
    return {tuple(block) for block in blocks[votes.any(axis=1)].tolist()}


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), voxel=st.sampled_from([0.11, 0.08]), back=st.floats(0.2, 0.6))
def test_no_block_with_a_vote_is_left_out(seed: int, voxel: float, back: float) -> None:
    rng = np.random.default_rng(seed)
    camera = Camera(rng.uniform(15, 40), rng.uniform(15, 40), rng.uniform(0, 20), rng.uniform(0, 14), (15, 21))
    pose = look_at(tuple(rng.uniform(-2, 2, 3)), tuple(rng.uniform(-3, 3, 3)))
    metres = np.where(rng.random((15, 21)) < 0.2, 0, rng.uniform(0.3, 1.2, (15, 21)))
    metres[:, : rng.integers(1, 20)] = 0.4
    view = view_of(metres, camera, pose)
    found = [tuple(block) for block in blocks_in_view(view, voxel, back).tolist()]
    assert len(found) == len(set(found))
    assert voting_blocks(view, voxel, back, around=int(0.5 / voxel)) <= set(found)


def test_few_blocks_without_a_vote_are_taken() -> None:
    pose = look_at((1.4, 1.7, 1.2))
    view = DepthView(corner(pose).metres, CAMERA, pose)
    found = blocks_in_view(view, 0.05, 0.5)
    assert len(found) < 1.8 * len(voting_blocks(view, 0.05, 0.5, around=7))


def test_fine_voxels_are_found_in_halves_of_coarse_boxes() -> None:
    view = view_of(np.full(CAMERA.size_hw, 3.0), CAMERA, facing())
    found = blocks_in_view(view, 0.02, 0.1)
    volume = 3.1**3 / 3 * 96 * 72 / (CAMERA.fx * CAMERA.fy)
    assert 1 < len(found) * (SIDE * 0.02) ** 3 / volume < 1.6


def test_without_depth_there_are_none() -> None:
    assert len(blocks_in_view(view_of(np.zeros(CAMERA.size_hw), CAMERA, facing()), 0.05, 1.0)) == 0


def test_a_camera_in_another_country_is_refused() -> None:
    with pytest.raises(DataError, match="too far from the origin"):
        blocks_in_view(view_of(np.full(CAMERA.size_hw, 2.0), CAMERA, facing(x=1e30)), 0.05, 1.0)


@given(seed=st.integers(0, 10**6))
def test_the_farthest_depth_of_a_window_is_not_missed_and_not_looked_for_far_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    metres = rng.uniform(1, 9, (rng.integers(1, 70), rng.integers(1, 90))).astype(np.float32)
    height, width = metres.shape
    top, bottom = np.sort(rng.integers(0, height, 2)).astype(np.int32)
    left, right = np.sort(rng.integers(0, width, 2)).astype(np.int32)
    edges = [np.array([edge]) for edge in (left, right, top, bottom)]
    found = FarthestTiles.of(metres).within(*edges)[0]
    span = TILE * 4 * (max(bottom - top, right - left) + TILE)
    rows, columns = slice(max(0, top - span), bottom + span), slice(max(0, left - span), right + span)
    assert metres[top : bottom + 1, left : right + 1].max() <= found <= metres[rows, columns].max()
