"""Monodepth2's loss against the same written the obvious way, and against scenes whose depth is known by formula."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from deglare.errors import DataError
from deglare.geometry.flips import flip_image, flip_intrinsics, flip_pose
from deglare.geometry.projection import relative_pose
from deglare.geometry.warping import correspondences, warp
from deglare.losses.fixed_target import Target, error_to
from deglare.losses.photometric import photometric_error
from deglare.losses.reprojection import Views, identity_errors, minimum, reprojection_loss, tie_break_noise
from deglare.losses.view_synthesis import epipolar, places_at
from deglare.losses.windows import mean3, spread3

SIZE_HW = (32, 64)


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def smooth(*shape: int, seed: int = 0) -> Tensor:
    """Random images without pixel noise, in [0, 1]."""
    coarse = torch.rand(*shape[:-2], shape[-2] // 4, shape[-1] // 4, generator=seeded(seed), dtype=torch.float64)
    flat = coarse.flatten(0, -4) if coarse.ndim > 4 else coarse
    return functional.interpolate(flat, size=shape[-2:], mode="bicubic").clamp(0, 1).view(shape)


def pose(x: float, y: float, z: float, turn: float = 0.0) -> Tensor:
    matrix = torch.eye(4, dtype=torch.float64)
    cos, sin = torch.cos(torch.tensor(turn)), torch.sin(torch.tensor(turn))
    matrix[0, 0], matrix[0, 2], matrix[2, 0], matrix[2, 2] = cos, sin, -sin, cos
    matrix[:3, 3] = torch.tensor([x, y, z])
    return matrix


@pytest.fixture
def views() -> Views:
    """Two samples with two sources each; the principal point is off the centre."""
    K = torch.tensor([[60.0, 0, 29.3], [0, 58, 16.8], [0, 0, 1]], dtype=torch.float64).expand(2, 3, 3)
    poses = torch.stack([pose(0.07, 0.01, -0.03, 0.02), pose(-0.06, 0.02, 0.05, -0.03)]).expand(2, 2, 4, 4)
    return Views(smooth(2, 3, *SIZE_HW), smooth(2, 2, 3, *SIZE_HW, seed=1), poses, K)


@pytest.fixture
def disparities() -> list[Tensor]:
    sizes = [(SIZE_HW[0] >> k, SIZE_HW[1] >> k) for k in range(4)]
    return [
        (0.3 + torch.rand(2, 1, *size, generator=seeded(k), dtype=torch.float64)).requires_grad_()
        for k, size in enumerate(sizes)
    ]


def obvious(
    views: Views, disparities: list[Tensor], noise: Tensor | None, automask: bool = True, ignore_unseen: bool = False
) -> Tensor:
    """Scale by scale, source by source, pixel errors in full."""
    total = torch.zeros((), dtype=torch.float64)
    for k, disparity in enumerate(disparities):
        full = functional.interpolate(disparity, size=SIZE_HW, mode="bilinear", align_corners=False)
        candidates, is_seen = [], torch.zeros_like(full, dtype=torch.bool)
        for s in range(2):
            source = views.sources[:, s]
            if automask:
                still = photometric_error(views.target, source)
                candidates.append(still if noise is None else still + noise[s])
            warped = warp(source, 1 / full, views.source_T_target[:, s], views.K, views.K)
            error = photometric_error(views.target, warped.image)
            candidates.append(torch.where(warped.valid, error, 99.0) if ignore_unseen else error)
            is_seen |= warped.valid
        least = torch.cat(candidates, dim=1).amin(1, keepdim=True)
        total = total + (least[is_seen].mean() if ignore_unseen else least.mean())
        image = functional.avg_pool2d(views.target, 2**k)
        normal = disparity / (disparity.mean((2, 3), keepdim=True) + 1e-7)
        along_x = (normal[..., 1:] - normal[..., :-1]).abs()
        along_y = (normal[..., 1:, :] - normal[..., :-1, :]).abs()
        edge_x = (image[..., 1:] - image[..., :-1]).abs().mean(1, keepdim=True)
        edge_y = (image[..., 1:, :] - image[..., :-1, :]).abs().mean(1, keepdim=True)
        smoothness = (along_x * torch.exp(-edge_x)).mean() + (along_y * torch.exp(-edge_y)).mean()
        total = total + 1e-3 / 2**k * smoothness
    return total / 4


@pytest.mark.parametrize("automask", [True, False])
@pytest.mark.parametrize("ignore_unseen", [True, False])
def test_loss_and_gradient_are_those_of_the_obvious_recipe(
    views: Views, disparities: list[Tensor], automask: bool, ignore_unseen: bool
) -> None:
    noise = tie_break_noise(2, SIZE_HW, seeded())
    ours = reprojection_loss(views, disparities, noise=noise, automask=automask, ignore_unseen=ignore_unseen).total
    theirs = obvious(views, disparities, noise, automask, ignore_unseen)
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
    ours_by, theirs_by = torch.autograd.grad(ours, disparities), torch.autograd.grad(theirs, disparities)
    for mine, obvious_one in zip(ours_by, theirs_by, strict=True):
        assert float(mine.abs().max()) > 0
        torch.testing.assert_close(mine, obvious_one, atol=1e-10, rtol=1e-6)


def test_in_float32_the_values_agree_to_a_millionth(views: Views, disparities: list[Tensor]) -> None:
    single = Views(*(tensor.float() for tensor in views))
    ours = reprojection_loss(single, [d.detach().float() for d in disparities]).total
    torch.testing.assert_close(ours.double(), obvious(views, disparities, None).detach(), atol=1e-6, rtol=0)


def test_the_gradient_reaches_poses_that_are_learned(views: Views, disparities: list[Tensor]) -> None:
    poses = views.source_T_target.clone().requires_grad_()
    moved = views._replace(source_T_target=poses)
    (ours,) = torch.autograd.grad(reprojection_loss(moved, disparities).total, poses)
    (theirs,) = torch.autograd.grad(obvious(moved, disparities, None), poses)
    assert float(theirs.abs().max()) > 0
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-6)


def test_the_error_to_a_fixed_target_has_the_right_values_and_gradient() -> None:
    target = torch.rand(5, 3, 9, 11, generator=seeded(1), dtype=torch.float64)
    image = torch.rand(5, 3, 9, 11, generator=seeded(2), dtype=torch.float64).requires_grad_()
    torch.testing.assert_close(error_to(Target.of(target), image), photometric_error(target, image))
    weights = torch.rand(5, 1, 9, 11, generator=seeded(3), dtype=torch.float64)
    (ours,) = torch.autograd.grad((error_to(Target.of(target), image) * weights).sum(), image)
    (theirs,) = torch.autograd.grad((photometric_error(target, image) * weights).sum(), image)
    torch.testing.assert_close(ours, theirs)
    assert torch.autograd.gradcheck(lambda y: error_to(Target.of(target[:1]), y), image[:1].detach().requires_grad_())


def test_window_means_mirror_the_border_and_their_adjoint_is_one() -> None:
    image = torch.rand(2, 3, 6, 7, generator=seeded(4), dtype=torch.float64)
    expected = functional.avg_pool2d(functional.pad(image, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    torch.testing.assert_close(mean3(image), expected)
    other = torch.rand(2, 3, 6, 7, generator=seeded(5), dtype=torch.float64)
    torch.testing.assert_close((mean3(image) * other).sum(), (image * spread3(other)).sum())


def test_places_by_inverse_depth_are_those_of_the_warp(views: Views) -> None:
    depth = 1 / (0.2 + torch.rand(2, 1, *SIZE_HW, generator=seeded(6), dtype=torch.float64))
    xy, z = correspondences(depth, views.source_T_target[:, 0], views.K, views.K)
    ours_xy, ours_z = places_at(epipolar(views.source_T_target[:, 0], views.K, views.K, SIZE_HW), 1 / depth)
    torch.testing.assert_close(ours_xy, xy)
    torch.testing.assert_close(ours_z, z)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["pose", "disparity"])
def test_numbers_that_are_not_finite_give_a_loss_that_is_not(
    views: Views, disparities: list[Tensor], bad: float, where: str
) -> None:
    if where == "pose":
        views = views._replace(source_T_target=views.source_T_target * bad)
    else:
        disparities[2] = disparities[2] * bad
    assert bool(reprojection_loss(views, disparities).total.isnan())


def test_a_still_camera_is_masked_out_and_gives_no_gradient(views: Views, disparities: list[Tensor]) -> None:
    still = views._replace(sources=views.target[:, None].expand(-1, 2, -1, -1, -1))
    found = reprojection_loss(still, disparities, smoothness_weight=0)
    assert not found.moving.any()
    assert all(float(grad.abs().max()) == 0 for grad in torch.autograd.grad(found.total, disparities))
    assert reprojection_loss(still, disparities, automask=False).moving.all()


def test_the_minimum_takes_the_better_source_and_leaves_out_what_none_sees() -> None:
    errors = torch.tensor([[[[0.1, 0.5, 0.9]], [[0.4, 0.2, 0.8]]]])
    assert float(minimum(errors).loss) == pytest.approx((0.1 + 0.2 + 0.8) / 3)
    valid = torch.tensor([[[[False, True, False]], [[True, True, False]]]])
    seen = minimum(errors, valid=valid)
    assert float(seen.loss) == pytest.approx((0.4 + 0.2) / 2)
    assert seen.moving.flatten().tolist() == [True, True, False]
    nothing = minimum(errors, valid=torch.zeros_like(valid))
    assert float(nothing.loss) == 0.0


def test_noise_breaks_ties_a_little_and_repeats_itself(views: Views) -> None:
    noise = tie_break_noise(2, SIZE_HW, seeded(7))
    assert torch.equal(noise, tie_break_noise(2, SIZE_HW, seeded(7)))
    assert 0.5e-5 < float(noise.std()) < 2e-5
    target = Target.of(views.target)
    off = identity_errors(target, views.sources, noise) - identity_errors(target, views.sources)
    torch.testing.assert_close(off, noise.double().expand_as(off), atol=1e-12, rtol=0)
    with pytest.raises(DataError, match="at least one source"):
        tie_break_noise(0, SIZE_HW, seeded())


def flipped(views: Views) -> Views:
    return Views(
        flip_image(views.target),
        views.sources.flip(-1),
        flip_pose(views.source_T_target.flatten(0, 1)).view_as(views.source_T_target),
        flip_intrinsics(views.K, SIZE_HW[1]),
    )


def test_a_flipped_batch_has_the_same_loss(views: Views, disparities: list[Tensor]) -> None:
    mirrored = reprojection_loss(flipped(views), [flip_image(d) for d in disparities]).total
    torch.testing.assert_close(mirrored, reprojection_loss(views, disparities).total, atol=1e-9, rtol=0)


@pytest.mark.parametrize("forgotten", ["K", "source_T_target"])
def test_forgetting_to_flip_the_principal_point_or_the_poses_changes_the_loss(
    views: Views, disparities: list[Tensor], forgotten: str
) -> None:
    wrong = flipped(views)._replace(**{forgotten: getattr(views, forgotten)})
    mirrored = [flip_image(d) for d in disparities]
    loss = reprojection_loss(wrong, mirrored, automask=False).total
    right = reprojection_loss(views, disparities, automask=False).total
    assert abs(float((loss - right).detach())) > 1e-4, "a right flip is off by less than 1e-9"


def test_fitting_the_disparity_of_one_triple_finds_the_plane() -> None:
    """A slanted textured wall 2 m away: the loss alone must lead to its depth, which is known by formula."""
    K = torch.tensor([[[60.0, 0, 30.3], [0, 60, 15.8], [0, 0, 1]]], dtype=torch.float64)
    normal, offset = torch.tensor([0.25, -0.15, 1.0], dtype=torch.float64), 2.0
    poses = [pose(0, 0, 0), pose(-0.09, 0.02, 0.02), pose(0.08, -0.03, -0.02, 0.01)]

    def seen_from(world_T_cam: Tensor) -> tuple[Tensor, Tensor]:
        v, u = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in SIZE_HW), indexing="ij")
        rays = torch.stack([(u - K[0, 0, 2]) / 60, (v - K[0, 1, 2]) / 60, torch.ones_like(u)], dim=-1)
        turned = rays @ world_T_cam[:3, :3].T
        depth = (offset - normal @ world_T_cam[:3, 3]) / (turned @ normal)
        x, y, _ = (world_T_cam[:3, 3] + depth[..., None] * turned).unbind(-1)
        waves = [torch.sin(9 * x + 4 * y), torch.cos(7 * y - 5 * x), torch.sin(6 * x) * torch.cos(8 * y)]
        return 0.5 + 0.3 * torch.stack(waves)[None], depth[None, None]

    (target, truth), before, after = (seen_from(one) for one in poses)
    source_T_target = torch.stack([relative_pose(poses[0][None], one[None])[0] for one in poses[1:]])[None]
    views = Views(target, torch.stack([before[0], after[0]], dim=1), source_T_target, K)
    weights = torch.tensor([1 / 3.0, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    v, u = torch.meshgrid(*(torch.linspace(-1, 1, n, dtype=torch.float64) for n in SIZE_HW), indexing="ij")
    optimiser = torch.optim.Adam([weights], lr=0.01)

    def disparity() -> Tensor:
        return (weights[0] + weights[1] * u + weights[2] * v)[None, None].clamp(min=0.05)

    for _ in range(150):
        optimiser.zero_grad()
        reprojection_loss(views, [disparity()], smoothness_weight=0, automask=False).total.backward()
        optimiser.step()
    off = ((1 / disparity().detach() - truth).abs() / truth)[..., 4:-4, 8:-8]
    assert float(off.median()) < 0.01
