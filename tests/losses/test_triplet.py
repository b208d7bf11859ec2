"""What is mined, what pulls at it, and that it pulls from the mirrored lamp towards the floor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mirrored_lamp import CAMERA, POLISHED, specular_share, views
from torch import Tensor

from deglare.errors import RequestError
from deglare.geometry.warping import sample
from deglare.losses.fixed_target import Target
from deglare.losses.photometric import photometric_error
from deglare.losses.reprojection import Views, reprojection_loss
from deglare.losses.triplet import (
    Compared,
    TripletRule,
    compared,
    delta_of,
    geometries,
    quantile,
    triplet_scale,
    triplet_scales,
)

NOTHING = TripletRule("fixed", -10.0)
EVERYTHING = TripletRule("fixed", 10.0)


class Floor:
    """A polished floor that mirrors a lamp, and depth of it anywhere between the floor and the lamp's image."""

    def __init__(self) -> None:
        frames, self.seen = views(POLISHED)
        images = [torch.from_numpy(frame.load_rgb()).permute(2, 0, 1).float() / 255 for frame in frames]
        poses = [torch.tensor(frame.world_T_cam) for frame in frames]
        source_T_target = torch.stack([torch.linalg.inv(poses[source]) @ poses[1] for source in (0, 2)])[None].float()
        K = torch.tensor([[CAMERA.fx, 0, CAMERA.cx], [0, CAMERA.fy, CAMERA.cy], [0, 0, 1]])[None]
        self.views = Views(images[1][None], torch.stack([images[0], images[2]])[None], source_T_target, K)
        self.highlight = torch.from_numpy(specular_share(self.seen[1]) > 0.5)[None, None]

    def disparity(self, number: int, towards_lamp: float) -> Tensor:
        surface, lamp = self.seen[number].depth_m, self.seen[number].virtual_m
        mirrors = torch.from_numpy(specular_share(self.seen[number]) > 0.5)[None] & (lamp > 0)
        depth = torch.where(mirrors, (1 - towards_lamp) * surface + towards_lamp * lamp, surface)
        return 1 / depth[:, None].float()

    def compared(self, towards_lamp: float, rule: TripletRule = NOTHING) -> Compared:
        sources = torch.stack([self.disparity(number, towards_lamp) for number in (0, 2)], dim=1)
        target = Target.of(self.views.target)
        return compared(
            self.views, target, geometries(self.views, rule), self.disparity(1, towards_lamp), sources, rule
        )


@pytest.fixture(scope="module")
def floor() -> Floor:
    return Floor()


def test_matching_prefers_the_lamp_and_the_triplet_term_the_floor(floor: Floor) -> None:
    on_floor, at_lamp = floor.compared(0.0), floor.compared(1.0)
    here = floor.highlight
    assert at_lamp.positive[here].mean() < 0.1 * on_floor.positive[here].mean()
    pushed_on_floor = (on_floor.positive - on_floor.negative)[here].mean()
    pushed_at_lamp = (at_lamp.positive - at_lamp.negative)[here].mean()
    assert pushed_on_floor < pushed_at_lamp - 0.1


def test_with_nothing_mined_it_is_the_photometric_loss(floor: Floor) -> None:
    ours, theirs = floor.disparity(1, 0.3), torch.stack([floor.disparity(n, 0.3) for n in (0, 2)], dim=1)
    (scale,) = triplet_scales(floor.views, [ours], [theirs], NOTHING)
    expected = reprojection_loss(floor.views, [ours], automask=False, smoothness_weight=0.0)
    torch.testing.assert_close(scale.loss, expected.photometric)
    assert not scale.mined.any()


def noise(seed: int, frames: int = 3) -> Tensor:
    return torch.rand(frames, 3, 40, 48, generator=torch.Generator().manual_seed(seed))


def noisy_views(pose: Tensor | None = None) -> Views:
    images = noise(0)
    away = torch.eye(4).repeat(1, 2, 1, 1)
    away[:, 0, 0, 3], away[:, 1, 0, 3] = 0.05, -0.05
    K = torch.tensor([[40.0, 0, 23.5], [0, 40, 19.5], [0, 0, 1]])[None]
    return Views(images[:1], images[None, 1:], away if pose is None else pose, K)


def test_the_source_pulls_on_mined_pixels_and_on_no_others() -> None:
    scene = noisy_views()
    ours = torch.full((1, 1, 40, 48), 0.5)
    theirs = torch.full((1, 2, 1, 40, 48), 0.5, requires_grad=True)
    (none,) = triplet_scales(scene, [ours.requires_grad_()], [theirs], NOTHING)
    none.loss.backward()
    assert theirs.grad is None or not theirs.grad.any()
    (every,) = triplet_scales(scene, [ours], [theirs], EVERYTHING)
    every.loss.backward()
    assert theirs.grad is not None and theirs.grad.any()
    (held,) = triplet_scales(
        scene, [ours], [theirs.detach().requires_grad_()], TripletRule("fixed", 10.0, detach_negative=True)
    )
    theirs.grad = None
    held.loss.backward()
    assert theirs.grad is None


def test_no_gradient_comes_out_of_the_hinge_where_it_is_slack() -> None:
    """A pixel with a gap above the margin is not mined, and one below it always has a positive term."""
    found = made(positive=[0.1, 0.1, 0.1, 0.1], negative=[0.05, 0.1, 0.2, 0.5])
    scale = triplet_scale(found, TripletRule("fixed", 0.1))
    assert scale.mined.flatten().tolist() == [True, True, True, False]
    expected = np.mean([0.1 - 0.05 + 0.1, 0.1, 0.0, 0.1])
    assert float(scale.loss) == pytest.approx(expected)


def test_mined_pixels_need_not_fit_where_that_is_asked_for() -> None:
    found = made(positive=[0.3, 0.2], negative=[0.1, 0.5])
    positive = found.positive.requires_grad_()
    triplet_scale(found, TripletRule("fixed", 0.0, positive_on_mask=False)).loss.backward()
    assert positive.grad is not None and positive.grad.flatten().tolist() == [0.0, 0.5]


def test_what_stands_still_is_left_alone_unless_it_is_mined() -> None:
    found = made(positive=[0.3, 0.3], negative=[0.1, 0.9])
    still = torch.full((1, 2, 1, 2), 0.01)
    assert float(triplet_scale(found, TripletRule("fixed", 0.0), still).loss) == pytest.approx((0.2 + 0.01) / 2)


def test_only_pixels_that_both_views_see_are_mined(floor: Floor) -> None:
    scale = triplet_scale(floor.compared(0.0), EVERYTHING)
    assert torch.equal(scale.mined, floor.compared(0.0).seen)
    assert 0 < int((~scale.mined).sum()) < scale.mined.numel()


def made(positive: list[float], negative: list[float]) -> Compared:
    """One row of pixels that everybody sees."""
    rows = [torch.tensor(values)[None, None, None] for values in (positive, negative)]
    everywhere = torch.ones_like(rows[0], dtype=torch.bool)
    return Compared(rows[0], rows[1], everywhere, everywhere)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (TripletRule(), 0.1),
        (TripletRule("fixed", -0.3), -0.3),
        (TripletRule("quantile", 1.0), 0.4),
        (TripletRule("q1q3"), 0.2 - 0.1),
        (TripletRule("iqr"), 0.1 - 1.5 * 0.2),
    ],
)
def test_margins_follow_their_rule(rule: TripletRule, expected: float) -> None:
    found = made(positive=[0.1, 0.1, 0.1, 0.1], negative=[0.2, 0.3, 0.4, 0.5])
    assert float(delta_of(found, rule)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rule", [TripletRule(), TripletRule("quantile", 0.5), TripletRule("q1q3"), TripletRule("iqr")])
def test_an_image_that_nobody_else_sees_has_no_margin(rule: TripletRule) -> None:
    found = made([0.1], [0.2])._replace(seen=torch.zeros(1, 1, 1, 1, dtype=torch.bool))
    assert float(delta_of(found, rule)) == 0
    assert not triplet_scale(found, rule).mined.any()


def test_a_quantile_is_one_of_the_values() -> None:
    values = torch.rand(1001, generator=torch.Generator().manual_seed(1))
    ordered = values.sort().values
    assert quantile(values, 0.0) == ordered[0] and quantile(values, 1.0) == ordered[-1]
    assert quantile(values, 0.25) == ordered[250]


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="from 0 to 1"):
        TripletRule("quantile", 5.0)


def test_a_camera_that_only_turned_shows_no_difference_once_it_is_turned_back() -> None:
    """Both syntheses are then the same picture, up to interpolation; without that they lie pixels apart."""
    angle = 0.12
    turn = torch.eye(4)
    turn[0, 0] = turn[2, 2] = np.cos(angle)
    turn[0, 2], turn[2, 0] = np.sin(angle), -np.sin(angle)
    scene = noisy_views(turn[None, None].expand(1, 2, 4, 4))
    smooth = torch.nn.functional.avg_pool2d(scene.target, 9, stride=1, padding=4)
    same = scene._replace(target=smooth, sources=sample(smooth, _back(scene, turn))[:, None].expand(-1, 2, -1, -1, -1))
    ours, theirs = torch.full((1, 1, 40, 48), 0.5), torch.full((1, 2, 1, 40, 48), 0.5)
    errors = {}
    for derotate in (False, True):
        rule = TripletRule(derotate=derotate)
        found = compared(same, Target.of(smooth), geometries(same, rule), ours, theirs, rule)
        errors[derotate] = float(found.negative[found.seen].mean())
    assert errors[True] < 0.1 * errors[False]
    assert float(photometric_error(smooth, smooth).max()) == 0


def _back(scene: Views, turn: Tensor) -> Tensor:
    """Where the pixels of a turned camera lie in the picture of one that is not."""
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(48.0), indexing="ij")
    pixels = torch.stack([columns, rows, torch.ones_like(rows)]).flatten(1)
    K = scene.K[0]
    there = K @ turn[:3, :3].T @ torch.linalg.inv(K) @ pixels
    return (there[:2] / there[2:]).unflatten(1, (40, 48))[None]
