"""The published engine, as the reference: an ordinary TSDF in Open3D's grid of voxel blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from deglare.errors import RequestError
from deglare.geometry.blocks import require_room
from deglare.geometry.depth_view import DepthView, prepare_view, require_companions
from deglare.geometry.mesh import Mesh, vertex_normals
from deglare.geometry.open3d_library import load_open3d
from deglare.geometry.surface import require_surface
from deglare.geometry.volume_settings import PUBLISHED, VolumeSettings
from deglare.types import Camera, DepthMap, Rgb, Rigid, inverse_rigid

SIDE = 16
"""Voxels along a block, as in Open3D's own examples."""

FIRST_BLOCKS = 1000

PIXEL_CENTRE = 0.5
"""Open3D cuts the decimals of pixel coordinates off: its pixel centres are half a pixel from ours."""

NO_VERTICES = "Tensor has shape {0}"
"""Part of what Open3D says where there is no surface."""


class Open3dVolume:
    """The same small interface as `Volume`. One truncation, every vote of weight 1, and the middle of the votes.

    A view votes only for blocks that its surface comes near to, as in the published system; `Volume` lets it vote for
    all that it sees through too.
    """

    def __init__(self, settings: VolumeSettings = PUBLISHED, device: torch.device | str = "cpu") -> None:
        if settings.clip_m != settings.back_m:
            raise RequestError(
                f"Open3D knows one truncation, so clip_m {settings.clip_m:g} and back_m {settings.back_m:g} must be "
                "equal: take the published settings, or the engine 'votes'"
            )
        self.settings = settings
        self._open3d = load_open3d("this engine")
        self._device = self._named(torch.device(device))
        self._grid = self._new_grid()
        self.views = 0
        self.views_without_depth = 0

    def integrate(
        self,
        depth: DepthMap,
        camera: Camera,
        world_T_cam: Rigid,
        weights: Float32[np.ndarray, "h w"] | None = None,
        rgb: Rgb | None = None,
    ) -> None:
        """Average one view in. Weights are a `RequestError`."""
        if weights is not None:
            raise RequestError("Open3D's volume takes no weights: leave them out, or take the other engine")
        view = prepare_view(depth, camera, world_T_cam, self.settings)
        require_companions(depth, weights, rgb, self.settings)
        self.views += 1
        if np.isneginf(view.metres).all():
            self.views_without_depth += 1
            return
        self._average_in(view, rgb if self.settings.with_colour else None)

    def mesh(self, tau: float = 0.5, min_weight: float = 0.0) -> Mesh:
        """The fused surface, where all voxels around were seen by more than ``min_weight`` views."""
        if tau != 0.5:
            raise RequestError(
                f"tau is {tau:g}, but Open3D keeps the middle only: leave it 0.5, or take the other engine"
            )
        found = None if self.views == self.views_without_depth else self._extract(min_weight)
        mesh = _empty_mesh() if found is None else _as_mesh(found, self.settings.with_colour)
        return require_surface(mesh, self.views, self.views_without_depth, self.settings)

    def _named(self, device: torch.device) -> Any:
        """The same device by the name that Open3D has for it."""
        if device.type == "cuda" and not self._open3d.core.cuda.is_available():
            raise RequestError("this Open3D cannot use CUDA: take the CPU, or the engine 'votes'")
        return self._open3d.core.Device(f"{device.type.upper()}:{device.index or 0}")

    def _new_grid(self) -> Any:
        names, channels = ("tsdf", "weight", "color"), (1, 1, 3)
        kinds = 3 if self.settings.with_colour else 2
        return self._open3d.t.geometry.VoxelBlockGrid(
            attr_names=names[:kinds],
            attr_dtypes=(self._open3d.core.float32,) * kinds,
            attr_channels=[(n,) for n in channels[:kinds]],
            voxel_size=self.settings.voxel_m,
            block_resolution=SIDE,
            block_count=FIRST_BLOCKS,
            device=self._device,
        )

    def _average_in(self, view: DepthView, rgb: Rgb | None) -> None:
        depth = self._image(np.maximum(view.metres, 0)[..., None])
        camera = view.camera.matrix
        camera[:2, 2] += PIXEL_CENTRE
        where = tuple(self._open3d.core.Tensor(m) for m in (camera, inverse_rigid(view.world_T_cam)))
        limits = (1.0, self.settings.max_depth_m, self.settings.clip_m / self.settings.voxel_m)
        blocks = self._grid.compute_unique_block_coordinates(depth, *where, *limits)
        if rgb is None:
            self._grid.integrate(blocks, depth, *where, *limits)
        else:
            self._grid.integrate(blocks, depth, self._image(rgb / np.float32(255)), *where, *limits)
        require_room(self._grid.hashmap().size() * SIDE**3, self.settings.max_voxels)

    def _image(self, pixels: Float32[np.ndarray, "h w c"]) -> Any:
        tensor = self._open3d.core.Tensor(np.ascontiguousarray(pixels))
        return self._open3d.t.geometry.Image(tensor).to(self._device)

    def _extract(self, min_weight: float) -> Any | None:
        """Open3D's mesh; None where it finds no surface, which it takes for an error."""
        try:
            return self._grid.extract_triangle_mesh(weight_threshold=min_weight).cpu()
        except RuntimeError as error:
            if NO_VERTICES in str(error):
                return None
            raise


def _as_mesh(found: Any, with_colour: bool) -> Mesh:
    vertices, faces = found.vertex.positions.numpy(), found.triangle.indices.numpy()
    colours = np.rint(found.vertex.colors.numpy() * 255).astype(np.uint8) if with_colour else None
    return Mesh(vertices, faces, vertex_normals(vertices, faces), colours)


def _empty_mesh() -> Mesh:
    return Mesh(np.empty((0, 3), dtype=np.float32), np.empty((0, 3), dtype=np.int32))
