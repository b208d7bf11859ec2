from typing import Any

import numpy as np
import pytest
from plain_scenes import CAMERA, corner, facing, look_at, plane

from deglare.errors import DataError, RequestError
from deglare.geometry.engines import ENGINES, DepthVolume, new_volume
from deglare.geometry.mesh import Mesh
from deglare.geometry.open3d_volume import Open3dVolume
from deglare.geometry.volume_settings import PUBLISHED, VolumeSettings
from deglare.types import DepthMap

VIEWS = [look_at((1.4 + 0.1 * i, 1.9 - 0.15 * i, 1.2 + 0.05 * i)) for i in range(6)]
COLOURED = VolumeSettings(clip_m=1.0, with_colour=True)


def fused(volume: DepthVolume, noise: float = 0.0) -> Mesh:
    rng = np.random.default_rng(0)
    for view in VIEWS:
        metres = corner(view).metres * np.float32(1 + noise * rng.normal())
        volume.integrate(DepthMap.of_positive(metres), CAMERA, view)
    return volume.mesh()


def distances(from_mesh: Mesh, to_mesh: Mesh) -> np.ndarray:
    """From the vertices of one surface to the other surface."""
    open3d: Any = pytest.importorskip("open3d")
    scene = open3d.t.geometry.RaycastingScene(nthreads=1)
    corners, faces = to_mesh.vertices_m, np.ascontiguousarray(to_mesh.faces.astype(np.uint32))
    scene.add_triangles(open3d.core.Tensor(corners), open3d.core.Tensor(faces))
    return scene.compute_distance(open3d.core.Tensor(from_mesh.vertices_m), nthreads=1).numpy()


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_our_volume_at_the_published_settings_gives_the_surface_of_open3d(noise: float) -> None:
    ours, theirs = (fused(new_volume(PUBLISHED, engine), noise) for engine in ("votes", "open3d"))
    for one, other in ((ours, theirs), (theirs, ours)):
        off = distances(one, other)[one.vertices_m.max(axis=1) < 0.8]  # farther out they stop at different blocks
        assert len(off) > 800
        assert np.median(off) < 1e-5
        assert np.percentile(off, 99) < 2e-3
    assert len(ours.faces) == pytest.approx(len(theirs.faces), rel=0.05)


def test_the_centres_of_pixels_are_where_ours_are() -> None:
    normal = tuple(np.array([0.6, 0.3, 0.74]) / np.linalg.norm([0.6, 0.3, 0.74]))
    settings = VolumeSettings(voxel_m=0.02, clip_m=0.2, back_m=0.2)
    for engine in ENGINES:
        volume = new_volume(settings, engine)
        volume.integrate(plane(normal, 1.5, facing()), CAMERA, facing())
        off = volume.mesh().vertices_m @ np.array(normal) - 1.5
        assert abs(off.mean()) < 1e-3, engine  # half a pixel is 16 mm here
        assert off.std() < 0.015


def test_faces_look_to_where_the_cameras_are_in_both() -> None:
    for engine in ENGINES:
        mesh = fused(new_volume(PUBLISHED, engine))
        inside = (mesh.vertices_m[:, :2].min(axis=1) > 0.15) & (mesh.vertices_m[:, :2].max(axis=1) < 0.8)
        floor = inside & (np.abs(mesh.vertices_m[:, 2]) < 0.5 * PUBLISHED.voxel_m)
        assert floor.sum() > 100, engine
        assert mesh.normals is not None
        assert np.all(mesh.normals[floor, 2] > 0.5), engine
        assert np.mean(mesh.normals[floor, 2]) > 0.98, engine


def test_colours_come_with_the_surface() -> None:
    volume = Open3dVolume(COLOURED)
    image = np.full((*CAMERA.size_hw, 3), (200, 10, 90), dtype=np.uint8)
    volume.integrate(corner(VIEWS[0]), CAMERA, VIEWS[0], rgb=image)
    colours = volume.mesh().colours
    assert colours is not None
    assert np.abs(colours - np.array([200.0, 10, 90])).max() <= 1


def test_what_open3d_cannot_do_is_refused_with_a_way_out() -> None:
    with pytest.raises(RequestError, match="knows one truncation"):
        Open3dVolume(VolumeSettings())
    with pytest.raises(RequestError, match="takes no weights"):
        Open3dVolume().integrate(corner(VIEWS[0]), CAMERA, VIEWS[0], np.ones(CAMERA.size_hw, dtype=np.float32))
    with pytest.raises(RequestError, match="keeps the middle only"):
        Open3dVolume().mesh(tau=0.35)
    with pytest.raises(RequestError, match="choose one of votes, open3d"):
        new_volume(PUBLISHED, "tsdf")


def test_reasons_for_no_surface_are_the_same_in_both() -> None:
    for engine in ENGINES:
        volume = new_volume(PUBLISHED, engine)
        with pytest.raises(DataError, match="nothing was fused"):
            volume.mesh()
        volume.integrate(DepthMap.of_positive(np.full(CAMERA.size_hw, 2000.0)), CAMERA, facing())
        with pytest.raises(DataError, match="none of the 1 views has depth"):
            volume.mesh()
        volume.integrate(DepthMap.of_positive(np.full(CAMERA.size_hw, 2.0)), CAMERA, facing())
        with pytest.raises(DataError, match="agree on no surface"):
            volume.mesh(min_weight=1.0)
        assert (volume.views, volume.views_without_depth) == (2, 1)


def test_both_stop_at_the_limit_of_voxels() -> None:
    small = VolumeSettings(clip_m=1.0, max_voxels=600_000)
    for engine in ENGINES:
        with pytest.raises(DataError, match="more than the 600000 allowed"):
            volume = new_volume(small, engine)
            for i in range(20):
                volume.integrate(DepthMap.of_positive(np.full(CAMERA.size_hw, 2.0)), CAMERA, facing(x=20.0 * i))
