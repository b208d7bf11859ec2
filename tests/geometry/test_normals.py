import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from deglare.geometry.normals import cos_incidence, normals_from_depth
from deglare.geometry.planes import plane_depth
from deglare.geometry.projection import rays

SIZE = (16, 21)
K = torch.tensor([[[25.0, 0, 9.3], [0, 24, 7.1], [0, 0, 1]]], dtype=torch.float64)


def unit(*xyz: float) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor([xyz], dtype=torch.float64))


def plane(normal: torch.Tensor, offset_m: float) -> torch.Tensor:
    return plane_depth(normal, torch.tensor([offset_m], dtype=torch.float64), K, SIZE)


def everywhere(depth: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(depth, dtype=torch.bool)


@given(x=st.floats(-1.5, 1.5), y=st.floats(-1.5, 1.5), offset=st.floats(0.3, 9))
def test_a_slanted_plane_has_its_own_normal_in_every_pixel_and_it_faces_the_camera(x, y, offset) -> None:
    normal = unit(x, y, 1.0)
    depth = plane(normal, offset)
    assume(bool(((rays(K, SIZE) * normal[:, :, None, None]).sum(1) > 0.05).all()))
    found, valid = normals_from_depth(depth, everywhere(depth), K)
    assert valid.all()
    torch.testing.assert_close(found, -normal[:, :, None, None].expand_as(found), atol=1e-7, rtol=0)
    assert ((found * rays(K, SIZE)).sum(1) < 0).all()


def test_where_one_plane_hides_another_both_keep_their_normals_up_to_the_edge() -> None:
    near, far = unit(0.4, 0.1, 1), unit(-0.3, 0.2, 1)
    is_near = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    is_near[..., 4:11, 6:15] = True
    depth = torch.where(is_near, plane(near, 1.0), plane(far, 4.0))
    found, valid = normals_from_depth(depth, everywhere(depth), K)
    expected = torch.where(is_near, -near[:, :, None, None], -far[:, :, None, None])
    assert valid.all()
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_holes_have_no_normal_and_leave_their_neighbours_right() -> None:
    normal = unit(0.2, 0.3, 1)
    depth = plane(normal, 2.0)
    valid = everywhere(depth)
    valid[..., 5, 5:8] = False
    valid[..., 9, [3, 5]] = False  # the pixel between has no neighbour along x
    found, known = normals_from_depth(depth.masked_fill(~valid, torch.nan), valid, K)
    missing = (~known).nonzero()[:, 2:].tolist()
    assert missing == [[5, 5], [5, 6], [5, 7], [9, 3], [9, 4], [9, 5]]
    assert torch.all(found[(~known).expand_as(found)] == 0)
    expected = -normal[:, :, None, None].expand_as(found)
    torch.testing.assert_close(found[known.expand_as(found)], expected[known.expand_as(found)], atol=1e-9, rtol=0)


def test_a_line_of_pixels_has_no_normals() -> None:
    depth = torch.full((1, 1, 1, 9), 2.0)
    assert not normals_from_depth(depth, everywhere(depth), K.float()).valid.any()


def test_the_cosine_of_incidence_is_the_angle_between_ray_and_wall() -> None:
    depth = plane(unit(0, 0, 1), 3.0)
    cosine = cos_incidence(normals_from_depth(depth, everywhere(depth), K).unit, K)
    torch.testing.assert_close(cosine, 1 / torch.linalg.norm(rays(K, SIZE), dim=1, keepdim=True), atol=1e-9, rtol=0)


def test_without_a_normal_the_cosine_is_zero() -> None:
    assert torch.all(cos_incidence(torch.zeros(1, 3, *SIZE, dtype=torch.float64), K) == 0)


def test_gradients_reach_the_depth_and_stay_finite_beside_holes() -> None:
    depth = (
        2 + torch.rand(1, 1, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ).requires_grad_()
    valid = everywhere(depth)
    valid[..., 5, 5:8] = False
    found, _ = normals_from_depth(depth, valid, K)
    (found * torch.tensor([0.3, 0.5, 0.8])[:, None, None]).sum().backward()
    assert depth.grad is not None and depth.grad.isfinite().all()
    assert depth.grad.abs().max() > 0
