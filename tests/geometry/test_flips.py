import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from deglare.geometry.flips import flip_image, flip_intrinsics, flip_pose
from deglare.geometry.projection import compose, invert, relative_pose, stack_intrinsics
from deglare.geometry.warping import warp
from deglare.types import Camera

angles = st.tuples(*[st.floats(-3, 3)] * 3)


def test_warping_flipped_views_gives_the_flipped_warp(two_views) -> None:
    source, depth, K = two_views.image("source"), two_views.depth("target"), two_views.K
    source_T_target = relative_pose(two_views.world_T_target, two_views.world_T_source)
    flipped_K = flip_intrinsics(K, two_views.size_hw[1])
    plain = warp(source, depth, source_T_target, K, K)
    mirrored = warp(flip_image(source), flip_image(depth), flip_pose(source_T_target), flipped_K, flipped_K)
    torch.testing.assert_close(mirrored.image, flip_image(plain.image), atol=1e-9, rtol=0)
    assert torch.equal(mirrored.valid, flip_image(plain.valid))


def test_forgetting_the_principal_point_or_the_pose_shows(two_views) -> None:
    source, depth, K = two_views.image("source"), two_views.depth("target"), two_views.K
    source_T_target = relative_pose(two_views.world_T_target, two_views.world_T_source)
    expected = flip_image(warp(source, depth, source_T_target, K, K).image)
    flipped_K = flip_intrinsics(K, two_views.size_hw[1])
    for a_K, a_T_b in ((K, flip_pose(source_T_target)), (flipped_K, source_T_target)):
        forgotten = warp(flip_image(source), flip_image(depth), a_T_b, a_K, a_K)
        off = (forgotten.image - expected).abs()[forgotten.valid.expand_as(expected)]
        assert off.max() > 0.02


def test_the_flipped_camera_is_the_one_of_types() -> None:
    camera = Camera(50.0, 55.0, 11.25, 8.5, (20, 32))
    ours = flip_intrinsics(stack_intrinsics([camera]), 32)
    np.testing.assert_allclose(ours[0], camera.flipped().matrix)


@given(turn=angles, move=angles, turn2=angles)
def test_flipping_respects_composition_inverse_and_itself(pose, turn, move, turn2) -> None:
    a_T_b, b_T_c = pose(turn, move), pose(turn2, turn)
    torch.testing.assert_close(flip_pose(compose(a_T_b, b_T_c)), compose(flip_pose(a_T_b), flip_pose(b_T_c)))
    torch.testing.assert_close(flip_pose(invert(a_T_b)), invert(flip_pose(a_T_b)))
    assert torch.equal(flip_pose(flip_pose(a_T_b)), a_T_b)
    assert torch.linalg.det(flip_pose(a_T_b)[0, :3, :3]) > 0.99


def test_masks_can_be_flipped() -> None:
    mask = torch.tensor([[[[True, False, False]]]])
    assert flip_image(mask).flatten().tolist() == [False, False, True]
