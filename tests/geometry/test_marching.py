import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.geometry.blocks import OFFSETS, SIDE
from deglare.geometry.marching import Crossings, march, triangle_table
from deglare.geometry.mesh import vertex_normals

CORNERS = np.array(list(itertools.product(range(-2, 2), repeat=3)))
PLACES = CORNERS[:, None] * SIDE + OFFSETS
MIDDLE = np.array([0.3, -0.4, 0.2])


def of(function) -> Crossings:
    return march(CORNERS, function(PLACES.astype(np.float64)).astype(np.float32))


def ball(places: np.ndarray) -> np.ndarray:
    return np.linalg.norm(places - MIDDLE, axis=-1) - 9.7


def open_edges(faces: np.ndarray) -> int:
    """Sides of triangles that no other triangle goes along in the other direction."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    one_way, other_way = sides @ [1 << 32, 1], sides @ [1, 1 << 32]
    return int(np.sum(~np.isin(one_way, other_way)))


def face_normals(found: Crossings) -> np.ndarray:
    a, b, c = (found.places[found.faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


@given(x=st.floats(-1, 1), y=st.floats(-1, 1), offset=st.floats(-5, 5))
def test_vertices_lie_on_a_plane_and_faces_look_to_its_positive_side(x: float, y: float, offset: float) -> None:
    normal = np.array([x, y, 1.0]) / np.linalg.norm([x, y, 1.0])
    found = of(lambda p: p @ normal - offset)
    off = found.places @ normal - offset
    assert np.abs(off).max() < 2e-3
    areas = face_normals(found)
    flat = np.linalg.norm(areas, axis=1) < 1e-2  # slivers turn any way where vertices keep off the ends of edges
    assert np.all((areas @ normal)[~flat] > 0)
    assert flat.mean() < 0.6


def test_a_ball_is_closed_and_round_and_seen_from_outside() -> None:
    found = of(ball)
    assert np.abs(ball(found.places)).max() < 0.03
    assert open_edges(found.faces) == 0
    assert np.all((face_normals(found) * (found.places[found.faces[:, 0]] - MIDDLE)).sum(1) > 0)
    normals = vertex_normals(found.places.astype(np.float32), found.faces)
    outwards = (found.places - MIDDLE) / np.linalg.norm(found.places - MIDDLE, axis=1, keepdims=True)
    assert (normals * outwards).sum(1).min() > 0.98


def test_noise_leaves_no_gap_but_at_the_border() -> None:
    values = np.random.default_rng(0).normal(size=PLACES.shape[:2])
    inside = np.abs(PLACES + 0.5).max(axis=-1) < 2 * SIDE - 2
    found = of(lambda places: np.where(inside, values, 1.0))
    assert len(found.faces) > 10_000
    assert open_edges(found.faces) == 0


def test_every_vertex_lies_between_the_two_voxels_it_names() -> None:
    found = of(ball)
    start, end = (PLACES.reshape(-1, 3)[which] for which in (found.starts, found.ends))
    assert np.all(np.abs(end - start).sum(1) == 1)
    np.testing.assert_allclose(start + (end - start) * found.shares[:, None], found.places, atol=1e-5)


def test_without_one_of_the_eight_voxels_there_is_no_surface() -> None:
    hole = np.linalg.norm(PLACES - np.array([0, 0, 10]), axis=-1) < 3
    found = of(lambda p: np.where(hole, np.nan, ball(p)))
    near = np.linalg.norm(found.places - (0, 0, 10), axis=1)
    assert near.min() > 3
    assert open_edges(found.faces) > 0


def test_values_of_exactly_zero_make_no_triangle_without_an_area() -> None:
    found = of(lambda p: p[..., 2])
    assert len(found.faces) > 0
    assert np.linalg.norm(face_normals(found), axis=1).min() > 1e-7
    np.testing.assert_allclose(found.places[:, 2], 0, atol=2e-3)


@pytest.mark.parametrize("value", [1.0, -1.0, np.nan])
def test_where_nothing_changes_there_is_no_face(value: float) -> None:
    assert len(of(lambda p: np.full(p.shape[:2], value)).faces) == 0


def test_no_blocks_have_no_surface() -> None:
    assert len(march(np.empty((0, 3), dtype=np.int64), np.empty((0, SIDE**3), dtype=np.float32)).faces) == 0


def test_the_table_knows_the_plain_cases() -> None:
    _, counts = triangle_table()
    assert counts[0] == counts[255] == 0
    assert all(counts[1 << corner] == 1 and counts[255 - (1 << corner)] == 1 for corner in range(8))
    assert counts[0b00001111] == counts[0b01010101] == counts[0b00110011] == 2  # half of the cube
    assert counts.max() == 5
