"""Scraps of a surface: pieces of known area, kept or left out by it."""

from dataclasses import replace

import numpy as np
import pytest
from known_meshes import ball, box, together

from deglare.geometry.mesh import Mesh
from deglare.geometry.pieces import areas_m2, pieces_of, without_scraps

ROOM = box((0, 0, 0), (4, 3, 2.5))
ROOM_M2 = 2 * (4 * 3 + 4 * 2.5 + 3 * 2.5)
CUBE = box((1, 1, 1), (1.1, 1.1, 1.1))
CUBE_M2 = 6 * 0.1**2
CRUMBS = [box((x, 0.5, 0.5), (x + 0.02, 0.52, 0.52)) for x in (0.5, 1.0, 1.5)]
SCENE = together(CRUMBS[0], ROOM, CRUMBS[1], CUBE, CRUMBS[2])


def coloured(mesh: Mesh) -> Mesh:
    """With a normal and a colour that say which vertex it is."""
    number = np.arange(len(mesh.vertices_m))
    normals = np.stack([np.cos(number), np.sin(number), np.zeros(len(number))], axis=1).astype(np.float32)
    return replace(mesh, normals=normals, colours=np.stack([number, number + 1, number + 2], axis=1).astype(np.uint8))


@pytest.mark.parametrize(
    "least_m2, left, expected_m2",
    [(0.0, 5, None), (1e-3, 5, None), (0.01, 2, ROOM_M2 + CUBE_M2), (0.059, 2, ROOM_M2 + CUBE_M2), (0.061, 1, ROOM_M2)],
)
def test_pieces_below_the_area_go_and_others_stay_as_they_are(
    least_m2: float, left: int, expected_m2: float | None
) -> None:
    found = without_scraps(SCENE, least_m2)
    expected_m2 = expected_m2 or ROOM_M2 + CUBE_M2 + 3 * 6 * 0.02**2
    assert len(np.unique(pieces_of(found))) == left
    assert areas_m2(found).sum() == pytest.approx(expected_m2, rel=1e-5)
    assert len(found.vertices_m) == 8 * left


def test_corners_normals_and_colours_stay_with_their_faces() -> None:
    scene = coloured(SCENE)
    found = without_scraps(scene, 0.061)
    kept = slice(12, 24)  # the room's faces
    assert scene.normals is not None and scene.colours is not None and found.normals is not None
    assert found.colours is not None
    assert np.array_equal(found.vertices_m[found.faces], scene.vertices_m[scene.faces[kept]])
    assert np.array_equal(found.normals[found.faces], scene.normals[scene.faces[kept]])
    assert np.array_equal(found.colours[found.faces], scene.colours[scene.faces[kept]])


def test_the_largest_piece_stays_however_small_it_is() -> None:
    found = without_scraps(together(CRUMBS[0], CUBE), 5.0)
    assert areas_m2(found).sum() == pytest.approx(CUBE_M2, rel=1e-5)


def test_the_area_of_a_ball_is_that_of_the_formula() -> None:
    assert areas_m2(ball((0.0, 0.0, 3.0), 0.5)).sum() == pytest.approx(np.pi, rel=1e-3)


def test_a_mesh_without_faces_has_no_pieces() -> None:
    nothing = Mesh(np.zeros((3, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.int32))
    assert without_scraps(nothing, 1.0) is nothing


def test_no_area_leaves_the_mesh_alone() -> None:
    assert without_scraps(SCENE, 0.0) is SCENE
