"""Rays against a mesh, with Open3D's ray casting scene: no display and no GPU needed.

The scene lives on the CPU (Open3D knows no CUDA for it): beside a CUDA device rays are still cast on the CPU, and what
comes back are NumPy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int32

from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.open3d_library import load_open3d
from deglare.types import Camera, DepthMap, Rigid, require_rigid

NEAR_M = 0.4
"""Where rays start unless told otherwise: nearer than a network predicts, and often within falsely solid space."""

FAR_M = 100.0
"""Surfaces beyond this z-depth are not seen."""

MOST_BACK_FACES = 8
"""A ray that meets more back faces than this in a row meets nothing."""

NUDGE_M = 1e-4
"""How far behind a back face a ray goes on."""


@dataclass(frozen=True, eq=False)
class Hits:
    """Where rays first meet the mesh from free space."""

    lengths: Float32[np.ndarray, "n"]
    """In units of the ray's direction; inf where nothing is met."""
    triangles: Int32[np.ndarray, "n"]
    """Rows of `Mesh.faces`; -1 where nothing is met."""
    normals: Float32[np.ndarray, "n 3"]
    """The triangles' own, of length 1, against the ray; zero where nothing is met."""


@dataclass(frozen=True, eq=False)
class View:
    """What a camera sees of a mesh."""

    depth: DepthMap
    triangles: Int32[np.ndarray, "h w"]
    """Rows of `Mesh.faces`; -1 where depth is not valid."""
    normals: Float32[np.ndarray, "h w 3"]
    """The triangles' own, in world axes; zero where depth is not valid."""
    cos_incidence: Float32[np.ndarray, "h w"]
    """1 seen head-on, 0 seen edge-on or where depth is not valid."""


class RayCaster:
    """A mesh that rays are cast at. Back faces are skipped; several threads may use one.

    Open3D lets a ray exactly through a corner slip between the triangles that meet there now and then: a single pixel.

    Args:
        mesh: Copied.
        near_m: Z-depth at which the rays of a camera start.
        threads: As many as torch uses, unless given.
    """

    def __init__(self, mesh: Mesh, near_m: float = NEAR_M, threads: int | None = None) -> None:
        require_near(near_m)
        self.near_m = near_m
        self.threads = threads or _torch_threads()
        self._open3d = load_open3d("casting rays")
        self._scene = self._open3d.t.geometry.RaycastingScene(nthreads=self.threads)
        self._scene.add_triangles(self._tensor(mesh.vertices_m), self._tensor(mesh.faces.astype(np.uint32)))
        # Open3D builds the scene for the first ray: here, and not in several threads at once
        self._cast(np.zeros((1, 6), dtype=np.float32))

    def project(self, camera: Camera, world_T_cam: Rigid) -> DepthMap:
        """Z-depth in metres; not valid where no surface is hit between ``near_m`` and `FAR_M`."""
        rays = camera_rays(camera, world_T_cam, self.near_m)
        return self._depth(self._first_fronts(rays).lengths, camera.size_hw)

    def hit(self, camera: Camera, world_T_cam: Rigid) -> View:
        """As `project`, with the triangle of every pixel and how it is turned."""
        rays = camera_rays(camera, world_T_cam, self.near_m)
        found = self._first_fronts(rays)
        depth = self._depth(found.lengths, camera.size_hw)
        cosine = -_along(found.normals, rays[:, 3:]) / np.linalg.norm(rays[:, 3:], axis=1)
        return View(
            depth,
            np.where(depth.valid, found.triangles.reshape(camera.size_hw), np.int32(-1)),
            np.where(depth.valid[..., None], found.normals.reshape(*camera.size_hw, 3), np.float32(0)),
            np.where(depth.valid, cosine.reshape(camera.size_hw), np.float32(0)),
        )

    def cast(self, origins_m: Float[np.ndarray, "n 3"], directions: Float[np.ndarray, "n 3"]) -> Hits:
        """Follow rays of your own, in world axes. Directions may have any length, and nothing is too near or far."""
        return self._first_fronts(np.concatenate([origins_m, directions], axis=1, dtype=np.float32))

    def close(self) -> None:
        """Nothing to do: the scene goes with the object."""

    def __enter__(self) -> RayCaster:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _depth(self, lengths: Float32[np.ndarray, "n"], size_hw: tuple[int, int]) -> DepthMap:
        metres = lengths.reshape(size_hw) + np.float32(self.near_m)  # rays have z = 1: their length is z
        valid = metres <= FAR_M
        return DepthMap(np.where(valid, metres, np.float32(0)), valid)

    def _first_fronts(self, rays: Float32[np.ndarray, "n 6"]) -> Hits:
        """Where rays first meet a front face.

        A back face is met from within solid space, where the ray cannot have started in truth: it goes on from just
        behind that face.
        """
        found = self._cast(rays)
        at_back = np.flatnonzero(_along(found.normals, rays[:, 3:]) > 0)
        for _ in range(MOST_BACK_FACES):
            if not len(at_back):
                return found
            directions = rays[at_back, 3:]
            begun = found.lengths[at_back] + np.float32(NUDGE_M) / np.linalg.norm(directions, axis=1)
            origins = rays[at_back, :3] + begun[:, None] * directions
            again = self._cast(np.concatenate([origins, directions], axis=1))
            _put(found, at_back, Hits(begun + again.lengths, again.triangles, again.normals))
            at_back = at_back[_along(again.normals, directions) > 0]
        _put(found, at_back, Hits(np.full(len(at_back), np.inf, dtype=np.float32), *_nothing(len(at_back))))
        return found

    def _cast(self, rays: Float32[np.ndarray, "n 6"]) -> Hits:
        """The first triangles that are met, seen from whichever side."""
        found = self._scene.cast_rays(self._open3d.core.Tensor.from_numpy(rays), nthreads=self.threads)
        triangles = found["primitive_ids"].numpy().view(np.int32)  # Open3D's "nothing" is the largest number: -1
        return Hits(found["t_hit"].numpy(), triangles, found["primitive_normals"].numpy())

    def _tensor(self, values: np.ndarray) -> Any:
        return self._open3d.core.Tensor(np.ascontiguousarray(values))


def camera_rays(camera: Camera, world_T_cam: Rigid, start_m: float = 0.0) -> Float32[np.ndarray, "n 6"]:
    """Origins and directions in world axes, row by row, through every pixel centre.

    Origins lie at z-depth ``start_m``; directions have z = 1 in camera axes, so that lengths are differences of z.
    """
    require_rigid(world_T_cam, "the pose of the camera to project into")
    turned = world_T_cam[:3, :3].T
    both = np.concatenate([start_m * turned, turned], axis=1)
    both[2, :3] += world_T_cam[:3, 3]  # every direction's z is 1, so this row adds the camera's place
    return _directions(camera) @ both.astype(np.float32)


def require_near(near_m: float) -> None:
    """A `RequestError` unless rays can start there."""
    if not 0 < near_m < FAR_M:
        raise RequestError(f"rays cannot start at {near_m} m: choose a depth between 0 and {FAR_M:.0f} m")


@lru_cache(maxsize=8)
def _directions(camera: Camera) -> Float32[np.ndarray, "n 3"]:
    directions = camera.rays().reshape(-1, 3).astype(np.float32)
    directions.setflags(write=False)
    return directions


def _along(normals: Float32[np.ndarray, "n 3"], directions: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n"]:
    """Positive where a triangle is seen from behind, zero where there is none."""
    return np.einsum("ni,ni->n", normals, directions)


def _put(hits: Hits, rows: np.ndarray, fresh: Hits) -> None:
    hits.lengths[rows], hits.triangles[rows], hits.normals[rows] = fresh.lengths, fresh.triangles, fresh.normals


def _nothing(count: int) -> tuple[Int32[np.ndarray, "n"], Float32[np.ndarray, "n 3"]]:
    return np.full(count, -1, dtype=np.int32), np.zeros((count, 3), dtype=np.float32)


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()
