import numpy as np
import pytest
import torch

from deglare.rooms.lighting import LightingSettings, points_at
from deglare.rooms.scene import Surface
from deglare.rooms.surfaces import baked_light, place_of, texture_colour
from deglare.rooms.tensors import to_tensors
from deglare.rooms.textures import TEXTURE_SIZE

FLOOR, CEILING = 4, 5
LAMP_HEIGHT_M = 2.5


def test_a_place_leads_to_a_point_and_back(furnished) -> None:
    _, scene = furnished(3)
    solids = scene.solids
    assert len(solids.ball_radius) > 0
    surface = torch.arange(solids.boxes * 6 + len(solids.ball_radius)).repeat_interleave(20)
    unit_uv = 0.02 + 0.96 * torch.rand(len(surface), 2, generator=torch.Generator().manual_seed(0))
    points, normals = points_at(solids, surface, unit_uv)
    solid = torch.where(surface < solids.boxes * 6, surface // 6, surface - solids.boxes * 5)
    place = place_of(solids, points, solid)
    # Thin boxes have faces closer together than float32 resolves only at their very edges.
    same = place.surface == surface
    assert same.double().mean() > 0.995
    torch.testing.assert_close(place.unit_uv[same], unit_uv[same], atol=2e-3, rtol=0)
    torch.testing.assert_close(place.normal[same], normals[same], atol=1e-4, rtol=0)
    again, _ = points_at(solids, place.surface, place.unit_uv)
    torch.testing.assert_close(again, points, atol=1e-4, rtol=0)


def test_normals_look_into_the_room_and_out_of_what_stands_in_it(furnished) -> None:
    _, scene = furnished(3)
    solids = scene.solids
    surface = torch.arange(solids.boxes * 6)
    points, normals = points_at(solids, surface, torch.full((len(surface), 2), 0.5))
    outward = ((points - solids.centre[surface // 6]) * normals).sum(1)
    assert bool((outward[:6] < 0).all())
    assert bool((outward[6:] > 0).all())


def test_distances_on_a_surface_are_metres(furnished) -> None:
    _, scene = furnished(3)
    solids = scene.solids
    surface = torch.arange(solids.boxes * 6).repeat_interleave(2)
    ends = torch.tensor([[0.25, 0.25], [0.75, 0.75]]).repeat(solids.boxes * 6, 1)
    points, _ = points_at(solids, surface, ends)
    places = place_of(solids, points, surface // 6).metres_uv.reshape(-1, 2, 2)
    walked = (points.reshape(-1, 2, 3)[:, 0] - points.reshape(-1, 2, 3)[:, 1]).norm(dim=1)
    torch.testing.assert_close((places[:, 0] - places[:, 1]).norm(dim=1), walked, atol=1e-4, rtol=0)


def corner_factor(width: float, depth: float, height: float) -> float:
    """View factor from a point to a parallel rectangle with one corner straight above it (a textbook formula)."""
    a, b = width / height, depth / height
    across, along = np.sqrt(1 + a * a), np.sqrt(1 + b * b)
    return float((a / across * np.arctan(b / across) + b / along * np.arctan(a / along)) / (2 * np.pi))


def lamp_factor(x: float, y: float, half: float, height: float) -> float:
    """The same for a square lamp around the origin, seen from (x, y) below: four corners with signs."""
    total = 0.0
    for side_x in (-1, 1):
        for side_y in (-1, 1):
            width, depth = side_x * half - x, side_y * half - y
            sign = side_x * side_y * np.sign(width) * np.sign(depth)
            total += sign * corner_factor(abs(width), abs(depth), height)
    return total


@pytest.fixture(scope="module")
def black_room(make_room, add_lamp, light):
    """A large black room with one lamp: only direct light falls on its floor."""

    def make(half_m: float, table: bool = False):
        room = make_room((6.0, 6.0, 2.6), reflectance=0.0)
        add_lamp(room, (0, 0, LAMP_HEIGHT_M + 0.01), half_m, 10.0)
        if table:
            room.add_box((0, 0, 0.7), (0.9, 0.9, 0.02), Surface(tint=(0.0, 0.0, 0.0)))
        return light(room, LightingSettings(texel_m=0.1, directions=4))

    return make


def floor_light(scene, places: np.ndarray) -> np.ndarray:
    """Baked irradiance / pi of the floor at (x, y)."""
    unit_uv = torch.tensor(places / 6 + 0.5, dtype=torch.float32)
    surface = torch.full((len(places),), FLOOR)
    return baked_light(scene.lightmaps, surface, unit_uv)[:, 0].numpy()


@pytest.mark.parametrize("half_m", [0.05, 0.3, 0.6])
def test_a_lamp_lights_the_floor_as_the_view_factor_says(black_room, half_m: float) -> None:
    places = np.array([(0, 0), (0.5, 0), (1.0, 0.7), (-1.5, 1.2), (2.0, -2.0)])
    expected = [10 * lamp_factor(x, y, half_m, LAMP_HEIGHT_M) for x, y in places]
    np.testing.assert_allclose(floor_light(black_room(half_m), places), expected, rtol=0.02)


def test_far_from_a_small_lamp_light_falls_with_the_square_of_the_distance(black_room) -> None:
    places = np.array([(0.0, 0), (1.3, 0), (0, 2.4)])
    distance = np.hypot(LAMP_HEIGHT_M, np.linalg.norm(places, axis=1))
    cosine = LAMP_HEIGHT_M / distance
    expected = 10 * 0.1**2 * cosine**2 / distance**2 / np.pi
    np.testing.assert_allclose(floor_light(black_room(0.05), places), expected, rtol=0.02)


def test_no_light_falls_below_an_opaque_table(black_room) -> None:
    places = np.array([(0.0, 0), (0.5, -0.4), (-0.7, 0.7), (2.2, 0)])
    lit = floor_light(black_room(0.1, table=True), places)
    assert lit[:3].max() == 0
    assert lit[3] == pytest.approx(10 * lamp_factor(2.2, 0, 0.1, LAMP_HEIGHT_M), rel=0.02)


@pytest.mark.parametrize("reflectance", [0.0, 0.3, 0.7])
def test_light_between_walls_adds_up_to_the_geometric_series(make_room, add_lamp, light, reflectance: float) -> None:
    room = make_room((3.0, 3.0, 3.0), reflectance)
    add_lamp(room, (0, 0, 1.5), 0.05, 10.0)
    maps = light(room, LightingSettings(texel_m=0.15, directions=64)).lightmaps
    fallen = 0.0
    for face in range(6):
        texels = maps.texels[int(maps.first[face]) : int(maps.first[face + 1]), 0]
        fallen += 9.0 * float(texels.double().mean())
    # The lamp sends pi L A; a closed room in which each wall returns r of it receives pi L A / (1 - r). Maps hold 1/pi.
    assert fallen == pytest.approx(10 * 0.1**2 / (1 - reflectance), rel=0.05)


def test_texture_colour_is_the_mean_over_a_large_footprint_and_the_texel_in_a_small_one(make_room) -> None:
    room = make_room(faces={FLOOR: Surface(texture=1, tint=(0.5, 1.0, 0.25), tile_m=2.0)})
    checks = np.indices((TEXTURE_SIZE, TEXTURE_SIZE)).sum(0)[..., None] % 2 * np.ones(3)
    room.add_texture(checks.astype(np.float32))
    scene = to_tensors(room, texel_m=0.5)
    texel_m = 2.0 / TEXTURE_SIZE
    places = (torch.tensor([[0, 0], [1, 0], [1, 1], [-1, 0]]) + 0.5) * texel_m
    floor = torch.full((4,), FLOOR)
    tint = torch.tensor([0.5, 1.0, 0.25])
    near = texture_colour(scene, floor, places, torch.full((4,), 0.1 * texel_m))
    torch.testing.assert_close(near, torch.tensor([0.0, 1, 0, 1])[:, None] * tint, atol=1e-3, rtol=0)
    far = texture_colour(scene, floor, places, torch.full((4,), 1.0))
    torch.testing.assert_close(far, (0.5 * tint).expand(4, 3), atol=1e-4, rtol=0)


def test_textures_repeat_every_tile(furnished) -> None:
    _, scene = furnished(3)
    surface = torch.arange(60)
    places = torch.rand(60, 2, generator=torch.Generator().manual_seed(1))
    footprint = torch.full((60,), 0.02)
    once = texture_colour(scene, surface, places, footprint)
    further = texture_colour(scene, surface, places + 3 * scene.tile_m[surface][:, None], footprint)
    torch.testing.assert_close(further, once, atol=1e-3, rtol=0)
