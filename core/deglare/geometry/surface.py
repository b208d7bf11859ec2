"""The surface of fused depth as a mesh."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

from deglare.errors import DataError
from deglare.geometry.marching import Crossings, march
from deglare.geometry.mesh import Mesh, vertex_normals
from deglare.geometry.volume_settings import VolumeSettings


def extract_surface(
    corners: Int64[np.ndarray, "n 3"],
    distance: Float32[np.ndarray, "n v"],
    colour: Float32[np.ndarray, "n 3 v"] | None,
    voxel_m: float,
) -> Mesh:
    """Where ``distance`` is zero. A mesh without faces where it never is.

    Args:
        corners: The blocks, as `deglare.geometry.blocks` lays them out.
        distance: Positive in free space, in any unit; NaN where not known.
        colour: 0 to 255.
    """
    crossings = march(corners, distance)
    vertices = (crossings.places * voxel_m).astype(np.float32)
    normals = vertex_normals(vertices, crossings.faces)
    return Mesh(vertices, crossings.faces, normals, None if colour is None else _colours(colour, crossings))


def require_surface(mesh: Mesh, views: int, views_without_depth: int, settings: VolumeSettings) -> Mesh:
    """The mesh, or a `DataError` that says why it is empty."""
    if not mesh.is_empty:
        return mesh
    if views == 0:
        raise DataError("nothing was fused: integrate the depth of some views before asking for the mesh")
    if views_without_depth == views:
        raise DataError(
            f"none of the {views} views has depth between {settings.min_depth_m:g} and {settings.max_depth_m:g} m: is "
            "it in metres, and marked valid?"
        )
    raise DataError(
        f"{views} views agree on no surface: are their depths to one scale, their poses camera-to-world, and is "
        "min_weight not more than they weigh together?"
    )


def _colours(colour: Float32[np.ndarray, "n 3 v"], crossings: Crossings) -> np.ndarray:
    """Between those of the two voxels that a vertex lies between."""
    channels = [np.ascontiguousarray(colour[:, i]).ravel() for i in range(3)]
    starts = np.stack([channel[crossings.starts] for channel in channels], axis=1)
    ends = np.stack([channel[crossings.ends] for channel in channels], axis=1)
    mixed = starts + (ends - starts) * crossings.shares[:, None]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
