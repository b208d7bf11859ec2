import numpy as np
from plain_scenes import CAMERA, facing

from deglare.annotation import Apart, queue
from deglare.annotation.queue import LARGEST_GAP, disagreement, from_uncertainty
from deglare.types import DepthMap, Rigid

SIZE = CAMERA.size_hw


def turned(degrees: float) -> Rigid:
    pose, angle = facing(), np.radians(degrees)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    return pose


def test_disagreement_is_the_mean_gap_as_a_share_of_projected_depth() -> None:
    projected = DepthMap.of_positive(np.full(SIZE, 2.0))
    v, u = np.indices(SIZE)
    predicted = DepthMap.of_positive(np.where(u < 24, 3.0, 2.0))
    assert disagreement(predicted, projected) == 0.5 * 24 / 96
    hole = DepthMap(predicted.metres, u < 24)
    assert disagreement(hole, projected) == 0.5
    assert disagreement(DepthMap.of_positive(np.full(SIZE, 60.0)), projected) == LARGEST_GAP
    assert disagreement(DepthMap(predicted.metres, v < 0), projected) == 0.0


def test_the_queue_runs_from_the_largest_disagreement_and_leaves_near_views_out() -> None:
    poses = {"a": facing(), "a again": facing(x=0.1), "turned": turned(40), "far": facing(x=2.0), "dull": facing(x=9.0)}
    scores = {"a": 0.4, "a again": 0.5, "turned": 0.3, "far": 0.6, "dull": 0.01}
    found = queue(scores, poses)
    assert [one.frame for one in found] == ["far", "a again", "turned", "dull"] and found[0].score == 0.6
    assert [one.frame for one in queue(scores, poses, most=2)] == ["far", "a again"]
    assert [one.frame for one in queue(scores, poses, apart=Apart(metres=3.0, degrees=90.0))] == ["far", "dull"]


def test_frames_that_were_looked_at_and_those_that_show_the_same_do_not_come_back() -> None:
    poses = {"a": facing(), "a again": facing(x=0.1), "far": facing(x=2.0)}
    scores = dict.fromkeys(poses, 0.5)
    assert [one.frame for one in queue(scores, poses, looked_at=["a again"])] == ["far"]
    assert queue(scores, poses, looked_at=poses) == ()


def test_masks_to_start_from_have_no_specks_and_no_pinholes() -> None:
    v, u = np.indices((60, 80))
    disc = np.hypot(v - 30, u - 40) < 15
    sigma = np.where(disc, 0.5, 0.05).astype(np.float32)
    sigma[30, 40] = 0.0
    sigma[3, 3] = 2.0
    sigma[50:, :10] = np.nan
    found = from_uncertainty(sigma, 0.3, "screen")
    assert found[30, 40] == 3 and found[3, 3] == 0 and not found[50:, :10].any()
    assert np.mean((found == 3) == disc) > 0.99
    assert not from_uncertainty(sigma, 0.3, least_pixels=5000).any()
    assert from_uncertainty(np.ones((60, 80), dtype=np.float32), 0.3).all()
