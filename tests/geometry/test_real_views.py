"""The same laws on real posed RGB-D frames, where they hold up to the noise of the sensor."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deglare.data.files import read_depth, read_numbers, read_rgb
from deglare.geometry.projection import invert, relative_pose
from deglare.geometry.warping import warp, warp_depth

pytestmark = pytest.mark.shared
PAIRS = ((10, 11), (40, 41), (70, 72), (100, 102), (130, 133))


class Lounge:
    """Frames of the lounge as tensors, by their place in the sequence."""

    def __init__(self, folder: Path) -> None:
        self.images = sorted((folder / "images").glob("*.png"))
        self.depths = sorted((folder / "depth").glob("*.png"))
        self.world_T_cam = torch.tensor(read_numbers(folder / "poses.txt").reshape(-1, 4, 4))
        self.K = torch.tensor(read_numbers(folder / "K.txt", 9).reshape(1, 3, 3))

    def depth(self, index: int) -> tuple[Tensor, Tensor]:
        depth = read_depth(self.depths[index])
        return torch.tensor(depth.metres).double()[None, None], torch.tensor(depth.valid)[None, None]

    def image(self, index: int) -> Tensor:
        return torch.tensor(read_rgb(self.images[index])).permute(2, 0, 1)[None].double() / 255

    def source_T_target(self, target: int, source: int) -> Tensor:
        return relative_pose(self.world_T_cam[target][None], self.world_T_cam[source][None])


@pytest.fixture(scope="module")
def lounge(shared_data: Path) -> Lounge:
    return Lounge(shared_data / "hololens_lounge_a")


def disagreement_m(lounge: Lounge, target: int, source: int, source_T_target: Tensor) -> float:
    target_depth, target_valid = lounge.depth(target)
    found = warp_depth(*lounge.depth(source), target_depth, source_T_target, lounge.K, lounge.K)
    return float((found.sampled_m - found.computed_m).abs()[found.valid & target_valid].median())


def test_measured_depths_of_two_views_agree_to_a_centimetre_and_only_with_the_right_pose(lounge: Lounge) -> None:
    right, inverse = [], []
    for target, source in PAIRS:
        source_T_target = lounge.source_T_target(target, source)
        right.append(disagreement_m(lounge, target, source, source_T_target))
        inverse.append(disagreement_m(lounge, target, source, invert(source_T_target)))
    assert max(right) < 0.012
    assert np.median(inverse) > 5 * np.median(right)


def test_measured_depth_and_pose_explain_the_colour_of_the_other_view(lounge: Lounge) -> None:
    for target, source in PAIRS:
        depth, known = lounge.depth(target)
        wanted, other = lounge.image(target), lounge.image(source)
        image, seen = warp(other, depth, lounge.source_T_target(target, source), lounge.K, lounge.K)
        shown = (seen & known).expand_as(image)
        assert (image - wanted).abs()[shown].mean() < 0.6 * (other - wanted).abs()[shown].mean()
