import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from deglare.rooms.highlights import fresnel, lamp_share, mirror_slopes, polygon_share, tangents

places = st.floats(-2, 2)
sides = st.floats(0.05, 3)
roughnesses = st.floats(0.02, 1)
angles = st.floats(0, 2 * math.pi)


def rectangle(x: float, y: float, width: float, height: float) -> Tensor:
    """A rectangle (1 x 4 x 2) in the plane of slopes, its lowest corner at (x, y)."""
    return torch.tensor([[[x, y], [x + width, y], [x + width, y + height], [x, y + height]]], dtype=torch.float64)


def share(polygon: Tensor, roughness: float) -> float:
    return float(polygon_share(polygon, torch.tensor([roughness], dtype=torch.float64)))


def drawn_slopes(roughness: float, count: int) -> Tensor:
    """GGX slopes: the share within radius s is s^2 / (a^2 + s^2), which a uniform number is put equal to."""
    uniform = torch.rand(2, count, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    radius = roughness * (uniform[0] / (1 - uniform[0])).sqrt()
    turn = 2 * math.pi * uniform[1]
    return torch.stack([radius * turn.cos(), radius * turn.sin()], dim=1)


def is_inside(polygon: Tensor, points: Tensor) -> Tensor:
    """Whether each point is left of every edge of a convex polygon (1 x k x 2) that turns left."""
    start = polygon[0]
    edge = start.roll(-1, dims=0) - start
    away = points[:, None] - start
    return (edge[:, 0] * away[..., 1] - edge[:, 1] * away[..., 0] > 0).all(1)


@pytest.mark.parametrize("roughness", [0.05, 0.3, 1.0])
@pytest.mark.parametrize(
    "polygon",
    [
        rectangle(-0.1, -0.2, 0.5, 0.3),
        rectangle(0.2, 0.1, 0.4, 0.9),
        torch.tensor([[[-0.3, -0.1], [0.6, -0.4], [0.4, 0.5], [-0.1, 0.2]]], dtype=torch.float64),
        torch.tensor([[[0.05, 0.0], [0.3, 0.1], [0.1, 0.4]]], dtype=torch.float64),
    ],
)
def test_the_share_of_a_polygon_is_the_share_of_slopes_drawn_inside_it(polygon: Tensor, roughness: float) -> None:
    counted = float(is_inside(polygon, drawn_slopes(roughness, 400_000)).double().mean())
    assert share(polygon, roughness) == pytest.approx(counted, abs=4e-3)


@given(roughness=roughnesses)
def test_the_whole_plane_has_share_one(roughness: float) -> None:
    assert share(rectangle(-1e4, -1e4, 2e4, 2e4), roughness) == pytest.approx(1, abs=1e-3)


@given(x=places, y=places, width=sides, height=sides)
def test_a_perfect_mirror_shows_the_lamp_or_does_not(x: float, y: float, width: float, height: float) -> None:
    is_around = x < -1e-2 and y < -1e-2 and x + width > 1e-2 and y + height > 1e-2
    is_beside = x > 1e-2 or y > 1e-2 or x + width < -1e-2 or y + height < -1e-2
    if is_around or is_beside:
        assert share(rectangle(x, y, width, height), 1e-6) == pytest.approx(float(is_around), abs=1e-3)


@given(x=places, y=places, width=sides, height=sides, roughness=roughnesses, angle=angles)
def test_turning_or_reversing_a_polygon_changes_nothing(
    x: float, y: float, width: float, height: float, roughness: float, angle: float
) -> None:
    polygon = rectangle(x, y, width, height)
    cos, sin = math.cos(angle), math.sin(angle)
    turned = polygon @ torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)
    expected = pytest.approx(share(polygon, roughness), abs=1e-9)
    assert share(turned, roughness) == expected
    assert share(polygon.flip(1), roughness) == expected
    assert share(polygon.roll(1, dims=1), roughness) == expected


@given(x=places, y=places, width=sides, height=sides, cut=st.floats(0.1, 0.9), roughness=roughnesses)
def test_two_adjacent_rectangles_add_up(
    x: float, y: float, width: float, height: float, cut: float, roughness: float
) -> None:
    left = share(rectangle(x, y, width * cut, height), roughness)
    right = share(rectangle(x + width * cut, y, width * (1 - cut), height), roughness)
    assert left + right == pytest.approx(share(rectangle(x, y, width, height), roughness), abs=1e-9)


def test_the_facet_of_a_slope_mirrors_the_corner_to_the_eye() -> None:
    generator = torch.Generator().manual_seed(2)
    normals = torch.tensor([0.0, 0, 1]).expand(50, 3)
    onward = torch.nn.functional.normalize(torch.rand(50, 3, generator=generator) + 0.2, dim=1)
    aside = torch.rand(4, 3, generator=generator) - 0.5
    for number, ray in enumerate(onward):
        expected = torch.nn.functional.normalize(ray + 0.01 * aside, dim=1)
        slopes, above = mirror_slopes(torch.zeros(1, 3), ray[None], normals[:1], 3 * expected)
        across = torch.nn.functional.normalize(torch.linalg.cross(normals[0], ray), dim=0)
        back = torch.linalg.cross(across, normals[0])  # in the plane of incidence, along the surface
        facet = torch.nn.functional.normalize(normals[0] + slopes[0] @ torch.stack([back, across]), dim=1)
        to_eye = 2 * ray[2] * normals[0] - ray
        mirrored = 2 * (facet @ to_eye)[:, None] * facet - to_eye
        torch.testing.assert_close(mirrored, expected, atol=4e-4, rtol=0, msg=f"ray {number}")  # 0.01 squared
        assert bool(above.all())


def test_a_lamp_below_the_surface_is_not_mirrored() -> None:
    corners = torch.tensor([[-1.0, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1]])
    up = torch.tensor([[0.0, 0, 1]])
    shown = lamp_share(torch.zeros(1, 3), up, up, torch.tensor([0.3]), corners)
    above = lamp_share(torch.zeros(1, 3), up, up, torch.tensor([0.3]), corners * torch.tensor([1.0, 1, -1]))
    assert float(shown) == 0
    assert float(above) > 0.3


def test_tangents_complete_every_normal_to_an_orthonormal_frame() -> None:
    normals = torch.nn.functional.normalize(torch.randn(200, 3, generator=torch.Generator().manual_seed(3)), dim=1)
    normals = torch.cat([normals, torch.eye(3), -torch.eye(3)])
    frame = torch.stack([*tangents(normals), normals], dim=1)
    torch.testing.assert_close(frame @ frame.transpose(1, 2), torch.eye(3).expand(206, 3, 3), atol=1e-5, rtol=0)


@given(f0=st.floats(0.01, 1))
def test_fresnel_is_f0_straight_on_and_one_at_grazing(f0: float) -> None:
    shares = fresnel(torch.tensor([1.0, 0.0]), torch.tensor([f0, f0]))
    assert float(shares[0]) == pytest.approx(f0, abs=1e-4)
    assert float(shares[1]) == pytest.approx(1, abs=1e-4)


def test_glass_of_index_one_and_a_half_mirrors_the_textbook_share_at_sixty_degrees() -> None:
    assert float(fresnel(torch.tensor([0.5]), torch.tensor([0.04]))) == pytest.approx(0.0892, abs=1e-4)


@pytest.mark.parametrize("f0", [0.04, 0.2, 0.5, 0.92])
def test_mirrors_mirror_more_the_more_they_are_slanted(f0: float) -> None:
    cosine = torch.linspace(1, 0, 200)
    shares = fresnel(cosine, torch.full_like(cosine, f0))
    assert bool((shares.diff() >= -1e-6).all())
    assert bool(((shares >= 0) & (shares <= 1 + 1e-6)).all())


def test_matte_surfaces_mirror_nothing_even_at_grazing() -> None:
    assert float(fresnel(torch.tensor([0.0]), torch.tensor([0.0]))) == 0
