import torch
from hypothesis import given
from hypothesis import strategies as st

from deglare.geometry import planes
from deglare.geometry.flips import flip_intrinsics
from deglare.geometry.projection import invert, project, relative_pose, transform
from deglare.geometry.warping import warp

numbers = st.floats(-3, 3)
triples = st.tuples(numbers, numbers, numbers)
offsets = numbers.map(lambda d: torch.tensor([d], dtype=torch.float64))
normals = triples.filter(lambda n: sum(x * x for x in n) > 0.01).map(
    lambda n: torch.nn.functional.normalize(torch.tensor([n], dtype=torch.float64))
)
POINTS = torch.randn(1, 40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@given(normal=normals, offset=offsets)
def test_a_mirror_image_is_as_far_behind_the_plane_and_mirrors_back(normal, offset) -> None:
    mirrored = planes.mirror_points(POINTS, normal, offset)
    above = (POINTS * normal[:, None]).sum(2) - offset
    torch.testing.assert_close((mirrored * normal[:, None]).sum(2) - offset, -above, atol=1e-10, rtol=0)
    torch.testing.assert_close(planes.mirror_points(mirrored, normal, offset), POINTS, atol=1e-10, rtol=0)
    sideways = torch.linalg.cross(mirrored - POINTS, normal[:, None].expand_as(POINTS))
    assert sideways.abs().max() < 1e-10


@given(normal=normals, offset=offsets, turn=triples, move=triples)
def test_the_mirrored_camera_is_rigid_and_sees_the_mirrored_world_flipped(pose, normal, offset, turn, move) -> None:
    width = 64
    K = torch.tensor([[[50.0, 0, 28.3], [0, 52, 21], [0, 0, 1]]], dtype=torch.float64)
    world_T_cam = pose(turn, move)
    world_T_twin = planes.mirror_camera(world_T_cam, normal, offset)
    turned = world_T_twin[0, :3, :3]
    torch.testing.assert_close(turned.T @ turned, torch.eye(3, dtype=torch.float64), atol=1e-10, rtol=0)
    assert torch.linalg.det(turned) > 0.99

    mirrored = planes.mirror_points(POINTS, normal, offset)
    seen, z = project(transform(POINTS.transpose(1, 2)[..., None], invert(world_T_cam)), K)
    twin_K = flip_intrinsics(K, width)
    twin_seen, twin_z = project(transform(mirrored.transpose(1, 2)[..., None], invert(world_T_twin)), twin_K)
    torch.testing.assert_close(twin_z, z, atol=1e-9, rtol=0)
    in_front = z[0, 0, :, 0] > 0.1
    torch.testing.assert_close(twin_seen[0, 0, in_front], width - 1 - seen[0, 0, in_front])
    torch.testing.assert_close(twin_seen[0, 1, in_front], seen[0, 1, in_front])


def test_a_lamp_in_the_floor_below_the_camera_is_as_deep_as_both_heights() -> None:
    looking_down = torch.tensor([[[1.0, 0, 0, 0.4], [0, 0, 1, -1.5], [0, -1, 0, 0.2], [0, 0, 0, 1]]])
    looking_down = looking_down.double()
    floor_normal, floor = torch.tensor([[0.0, 1, 0]]).double(), torch.zeros(1).double()  # y points down, floor at 0
    lamp = torch.tensor([[[0.4, -2.6, 0.2]]]).double()
    depth = planes.virtual_depth(lamp, looking_down, floor_normal, floor)
    torch.testing.assert_close(depth, torch.tensor([[1.5 + 2.6]]).double())


@given(lamp_above=st.floats(0.1, 3), camera_above=st.floats(0.1, 3), apart=st.floats(0.1, 5))
def test_the_way_over_the_mirror_is_as_long_as_the_way_to_the_mirror_image(lamp_above, camera_above, apart) -> None:
    normal, offset = torch.tensor([[0.0, 1, 0]]).double(), torch.tensor([0.5]).double()
    camera = torch.tensor([0, 0.5 - camera_above, 0]).double()
    lamp = torch.tensor([0, 0.5 - lamp_above, apart]).double()
    image = planes.mirror_points(lamp[None, None], normal, offset)[0, 0]
    share = camera_above / (camera_above + lamp_above)  # equal angles
    glint = torch.tensor([0, 0.5, apart * share]).double()
    over_mirror = torch.linalg.norm(glint - camera) + torch.linalg.norm(lamp - glint)
    torch.testing.assert_close(torch.linalg.norm(image - camera), over_mirror)


@given(normal=normals, offset=offsets, turn=triples, move=triples)
def test_a_plane_holds_the_same_points_in_other_axes(pose, normal, offset, turn, move) -> None:
    a_T_b = pose(turn, move)
    on_plane = POINTS - ((POINTS * normal[:, None]).sum(2, keepdim=True) - offset[:, None, None]) * normal[:, None]
    moved = transform(on_plane.transpose(1, 2)[..., None], a_T_b)[..., 0].transpose(1, 2)
    normal_a, offset_a = planes.transform_plane(normal, offset, a_T_b)
    torch.testing.assert_close((moved * normal_a[:, None]).sum(2), offset_a.expand(1, 40), atol=1e-9, rtol=0)


def test_two_views_of_a_mirror_match_at_the_virtual_depth_and_not_at_the_mirror(pose, two_views) -> None:
    """The failure itself: the photometric loss prefers the mirrored wall behind the mirror."""
    mirror = torch.nn.functional.normalize(torch.tensor([[0.05, 0.02, 1.0]])).double(), torch.tensor([1.0]).double()
    views = (two_views.world_T_target, two_views.world_T_source)
    behind = two_views.plane  # what the mirror shows is a textured plane behind it
    source_T_target = relative_pose(*views)
    normal_cam, offset = planes.transform_plane(*mirror, invert(views[0]))
    at_the_mirror = planes.plane_depth(normal_cam, offset, two_views.K, two_views.size_hw)
    seen = [behind.image(view, two_views.K, two_views.size_hw) for view in views]

    def loss(depth: torch.Tensor) -> float:
        image, valid = warp(seen[1], depth, source_T_target, two_views.K, two_views.K)
        return float((image - seen[0]).abs()[valid.expand_as(image)].mean())

    assert (two_views.depth("target") > at_the_mirror).all()
    assert loss(two_views.depth("target")) < loss(at_the_mirror) / 20
