import json
import struct
from pathlib import Path

import numpy as np
import pytest

from deglare.errors import DataError, RequestError
from deglare.geometry import mesh_files
from deglare.geometry.mesh import Mesh
from deglare.geometry.mesh_files import read_mesh, write_mesh

FACES = np.array([[0, 1, 2], [2, 3, 4], [4, 5, 0], [0, 1, 3]], dtype=np.int32)
SUFFIXES = [".ply", ".glb", ".obj"]


def some_mesh(with_normals: bool = True, with_colours: bool = True) -> Mesh:
    rng = np.random.default_rng(3)
    normals = rng.normal(size=(6, 3))
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    colours = rng.integers(0, 256, (6, 3)).astype(np.uint8)
    vertices = (rng.normal(size=(6, 3)) * 3).astype(np.float32)
    return Mesh(vertices, FACES, normals if with_normals else None, colours if with_colours else None)


def rewritten_glb(path: Path, change) -> None:
    """Change what the first chunk of a GLB file says."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    content, rest = json.loads(data[20 : 20 + size]), data[20 + size :]
    change(content)
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(
        struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
        + struct.pack("<I", len(text))
        + b"JSON"
        + text
        + rest
    )


@pytest.fixture
def glb(tmp_path: Path) -> Path:
    write_mesh(tmp_path / "mesh.glb", some_mesh())
    return tmp_path / "mesh.glb"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("with_normals", [True, False])
@pytest.mark.parametrize("with_colours", [True, False])
def test_a_mesh_comes_back_from_its_file(tmp_path: Path, suffix: str, with_normals: bool, with_colours: bool) -> None:
    mesh = some_mesh(with_normals, with_colours)
    write_mesh(tmp_path / f"mesh{suffix}", mesh)
    back = read_mesh(tmp_path / f"mesh{suffix}")
    assert np.array_equal(back.faces, mesh.faces)
    tolerance = 1e-8 if suffix == ".obj" else 0
    for one, other in ((mesh.vertices_m, back.vertices_m), (mesh.normals, back.normals), (mesh.colours, back.colours)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_allclose(other, one, atol=tolerance, rtol=0)


def test_ply_is_exact_to_the_last_bit_also_for_large_meshes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 5000, (9000, 3)).astype(np.int32)
    mesh = Mesh(rng.normal(size=(5000, 3)).astype(np.float32) * np.float32(1e-3), faces)
    write_mesh(tmp_path / "m.ply", mesh)
    back = read_mesh(tmp_path / "m.ply")
    assert back.vertices_m.tobytes() == mesh.vertices_m.tobytes()
    assert back.faces.tobytes() == mesh.faces.tobytes()


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mesh.ply"
    write_mesh(path, some_mesh())
    before = path.read_bytes()
    monkeypatch.setattr(mesh_files, "mesh_bytes", lambda mesh, suffix: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_mesh(path, some_mesh(with_colours=False))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["mesh.ply"]


def test_parts_of_a_glb_are_moved_to_their_places_and_joined(glb: Path) -> None:
    def twice(content) -> None:
        content["nodes"] = [{"mesh": 0, "translation": [1, 2, 3]}, {"mesh": 0, "scale": [2, 1, 1]}]
        content["scenes"] = [{"nodes": [0, 1]}]

    rewritten_glb(glb, twice)
    mesh, back = some_mesh(), read_mesh(glb)
    assert len(back.faces) == 8 and back.faces.max() == 11
    moved = [
        mesh.vertices_m + np.array([1, 2, 3], dtype=np.float32),
        mesh.vertices_m * np.array([2, 1, 1], dtype=np.float32),
    ]
    both = {tuple(np.round(v, 4)) for v in np.concatenate(moved).tolist()}
    assert {tuple(np.round(v, 4)) for v in back.vertices_m.tolist()} == both
    assert back.normals is not None
    np.testing.assert_allclose(np.linalg.norm(back.normals, axis=1), 1, atol=1e-6)


def test_a_stretched_part_keeps_its_normals_upright(glb: Path) -> None:
    slope = Mesh(
        np.array([[0, 0, 0], [1, 0, 1], [0, 1, 0]], dtype=np.float32),
        np.array([[0, 1, 2]], dtype=np.int32),
        np.array([[-1, 0, 1]] * 3, dtype=np.float32) / np.sqrt(np.float32(2)),
    )
    write_mesh(glb, slope)
    rewritten_glb(glb, lambda content: content["nodes"][0].update(scale=[3, 1, 1]))
    back = read_mesh(glb)
    side = back.vertices_m[1] - back.vertices_m[0]
    assert back.normals is not None
    assert abs(back.normals[0] @ side) < 1e-6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_short_or_of_noise_is_a_data_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mesh{suffix}"
    write_mesh(path, some_mesh())
    whole = path.read_bytes()
    noise = np.random.default_rng(0).bytes(len(whole))
    damaged = [b"", whole[:3], whole[: len(whole) // 2], noise, whole[:20] + noise[20:]]
    for data in damaged if suffix != ".obj" else [b"", noise, b"f 1 2 3\n", b"v 0 0 0\nf 1 2 9\n"]:
        path.write_bytes(data)
        with pytest.raises(DataError):
            read_mesh(path)


def test_every_cut_of_a_ply_is_an_error_and_never_a_smaller_mesh(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    write_mesh(path, some_mesh())
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError):
            read_mesh(path)


def test_a_header_that_promises_billions_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    write_mesh(path, some_mesh())
    for count in (b"4000000000", b"9" * 5000):
        path.write_bytes(path.read_bytes().replace(b"element vertex 6", b"element vertex " + count))
        with pytest.raises(DataError, match="cannot hold the elements"):
            read_mesh(path)
        write_mesh(path, some_mesh())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["buffers"][0].update(uri="secret.bin"), "points to other files"),
        (lambda c: c.update(images=[{"uri": "file:///etc/passwd"}]), "points to other files"),
        (lambda c: c.update(extensionsRequired=["KHR_draco_mesh_compression"]), "without compression"),
        (lambda c: c["accessors"][1].pop("bufferView"), "not in the file"),
        (lambda c: c["accessors"][1].update(sparse={"count": 1}), "not in the file"),
        (lambda c: c.update(nodes=[{"mesh": 0}] * 1001), "1001 parts"),
        (lambda c: c["accessors"][0].update(count=3 * 10**9), "more than 10000000 faces"),
        (lambda c: c["nodes"][0].update(mesh=7), "do not fit together"),
        (lambda c: c.update(meshes="none"), "do not fit together"),
        (lambda c: c["accessors"][1].update(count=10**12), "damaged"),
        (lambda c: c["nodes"][0].update(scale=[float("nan"), 1, 1]), "damaged|not finite"),
    ],
)
def test_a_hostile_glb_is_refused(glb: Path, change, message: str) -> None:
    rewritten_glb(glb, change)
    with pytest.raises(DataError, match=message):
        read_mesh(glb)


def test_a_part_that_lies_in_itself_ends(glb: Path) -> None:
    rewritten_glb(glb, lambda content: content["nodes"][0].update(children=[0]))
    assert len(read_mesh(glb).faces) == 4


def test_files_that_are_too_large_are_refused_by_size_and_by_faces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix in SUFFIXES:
        write_mesh(tmp_path / f"mesh{suffix}", some_mesh())
    monkeypatch.setattr(mesh_files, "MAX_FACES", 3)
    for suffix in SUFFIXES:
        with pytest.raises(DataError, match="more than 3 faces"):
            read_mesh(tmp_path / f"mesh{suffix}")
    monkeypatch.setattr(mesh_files, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="more than the 0 a mesh may have"):
        read_mesh(tmp_path / "mesh.ply")


def test_an_obj_does_not_open_the_files_it_names(tmp_path: Path) -> None:
    (tmp_path / "evil.mtl").write_text("newmtl a\nmap_Kd /etc/passwd\n")
    path = tmp_path / "mesh.obj"
    path.write_text("mtllib evil.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl a\nf 1 2 3\n")
    assert len(read_mesh(path).faces) == 1


def test_names_and_contents_that_do_not_do_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"must end in \.ply, \.glb, \.obj"):
        write_mesh(tmp_path / "mesh.stl", some_mesh())
    with pytest.raises(DataError, match="nothing to write"):
        write_mesh(tmp_path / "mesh.ply", Mesh(np.zeros((3, 3), dtype=np.float32), np.empty((0, 3), dtype=np.int32)))
    with pytest.raises(DataError, match="cannot read"):
        read_mesh(tmp_path / "none.ply")
    points = tmp_path / "points.ply"
    header = "".join(f"property float {axis}\n" for axis in "xyz")
    points.write_text(f"ply\nformat ascii 1.0\nelement vertex 1\n{header}end_header\n0 0 0\n")
    with pytest.raises(DataError, match="no triangles"):
        read_mesh(points)
    damaged = tmp_path / "nan.obj"
    damaged.write_text("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(DataError, match="not finite"):
        read_mesh(damaged)
