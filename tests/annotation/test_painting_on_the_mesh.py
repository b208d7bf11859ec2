from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from annotating import NAMES, dot, frames
from known_meshes import box, quad, together
from plain_scenes import CAMERA, look_at

from deglare.annotation import MESH, Annotations, CarryRule, KnownFrames, KnownMesh, carry_faces, stroke
from deglare.annotation.actions import faces
from deglare.annotation.working import propose_carried
from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import RayCaster

FLOOR = quad(np.array([[-2, -2, 0], [2, -2, 0], [2, 2, 0], [-2, 2, 0]]))
ROOM = together(FLOOR, box((-0.3, -0.3, 0.2), (0.3, 0.3, 0.6)))
POSES = {"east": look_at((2.5, 0.2, 1.5)), "north": look_at((0.1, 2.5, 1.2)), "below": look_at((0.0, 0.1, -2.0))}


def known(mesh: Mesh = ROOM) -> KnownFrames:
    found = frames()
    found.mesh = lambda: KnownMesh.of(mesh)
    return found


def some(*numbers: int) -> np.ndarray:
    chosen = np.zeros(len(ROOM.faces), dtype=bool)
    chosen[list(numbers)] = True
    return chosen


def test_strokes_on_the_mesh_are_kept_undone_in_order_with_those_on_frames_and_redone(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Annotations(path, known()) as one:
        one.do("ann", MESH, faces(some(0, 1, 5), "glossy"))
        one.do("ann", NAMES[1], stroke(dot(5, 5)))
        state = one.do("ann", MESH, faces(some(1), None))
        assert state.surfaces.tolist() == [[1, 0, 0, 0, 0, 1, *[0] * 8]] and state.can_undo
        assert one.state("bob", MESH).surfaces.sum() == 0
    with Annotations(path, known()) as again:
        assert [again.undo("ann") for _ in range(4)] == [MESH, NAMES[1], MESH, None]
        assert [again.redo("ann") for _ in range(2)] == [MESH, NAMES[1]]
        assert again.state("ann", MESH).surfaces.sum() == 3
        assert again.looked_at() == {NAMES[1]} and again.tags("ann") == {} and again.annotators() == ("ann",)


def test_marks_of_another_mesh_wait_until_theirs_is_back(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Annotations(path, known()) as one:
        one.do("ann", MESH, faces(some(3), "wet"))
    with Annotations(path, known(FLOOR)) as other:
        assert other.state("ann", MESH).surfaces.shape == (1, 2) and not other.state("ann", MESH).surfaces.any()
        assert sum(other.lost().values()) == 1 and other.undo("ann") is None
        with pytest.raises(RequestError, match="another mesh"):
            other.do("ann", MESH, faces(some(3), "wet"))
    with Annotations(path, frames()) as without:
        assert without.lost() == {} and without.undo("ann") is None
        with pytest.raises(RequestError, match="no frame"):
            without.state("ann", MESH)
    with Annotations(path, known()) as back:
        assert back.state("ann", MESH).surfaces[0, 3] == 5


def test_what_is_sent_for_the_mesh_is_checked_and_belongs_to_the_mesh_alone(tmp_path: Path) -> None:
    sent = {"kind": "faces", **faces(some(2, 3), "glass").body}
    assert stroke(sent) == faces(some(2, 3), "glass")
    wrong = [
        {"count": -1},
        {"count": True},
        {"count": 10**12},
        {"count": 13},
        {"runs": "!"},
        {"runs": 3},
        {"surface": 4},
        {"surface": "wood"},
    ]
    for change in wrong:
        with pytest.raises(RequestError):
            stroke({**sent, **change})
    with Annotations(tmp_path / "a.sqlite", known()) as one:
        with pytest.raises(RequestError, match="triangles"):
            one.do("ann", NAMES[0], stroke(sent))
        with pytest.raises(RequestError, match="triangles"):
            one.do("ann", MESH, stroke(dot(1, 1)))
        with pytest.raises(RequestError, match="triangles"):
            one.tag("ann", MESH, "waste")
        assert one.annotators() == ()


def test_what_is_painted_on_the_mesh_is_proposed_where_it_is_seen_and_nowhere_else(tmp_path: Path) -> None:
    names = KnownFrames(dict.fromkeys(POSES, CAMERA.size_hw), lambda name: name, lambda: KnownMesh.of(ROOM))
    caster = RayCaster(ROOM, threads=1)
    with Annotations(tmp_path / "a.sqlite", names) as one:
        one.do("ann", MESH, faces(some(0, 1), "wet"))
        marks = one.state("ann", MESH).surfaces[0]
        carried = carry_faces(ROOM, marks, CAMERA, POSES, caster, CarryRule(least_pixels=1))
        assert {each.frame for each in propose_carried(one, "ann", "the mesh", carried)} == {"east", "north"}
        for name in ("east", "north"):
            (offered,) = one.state("ann", name).proposals
            triangles = caster.hit(CAMERA, POSES[name]).triangles
            assert np.array_equal(offered.surfaces, np.where((triangles == 0) | (triangles == 1), 5, 0))
        assert one.undo("ann") == MESH and one.waiting("ann") == ("east", "north")
