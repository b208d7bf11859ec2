"""Projected depth: a mesh as cameras see it."""

from __future__ import annotations

from typing import Literal, Protocol, get_args, runtime_checkable

from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.rasterising import Rasteriser
from deglare.geometry.raycasting import NEAR_M, RayCaster
from deglare.types import Camera, DepthMap, Rigid

BackEnd = Literal["raycast", "pyrender"]


@runtime_checkable
class Projector(Protocol):
    """A mesh that can be seen from anywhere. Use it in a ``with`` statement, or close it.

    Only front faces between the near depth and `raycasting.FAR_M` are seen: a camera that is nearer, or sees a face
    from behind, stands in space that the mesh holds to be solid by mistake.
    """

    def project(self, camera: Camera, world_T_cam: Rigid) -> DepthMap:
        """Z-depth in metres through every pixel centre; not valid where no surface is hit."""
        ...

    def close(self) -> None:
        """Give back what it holds outside of Python. It projects no more; closing it twice does no harm."""
        ...

    def __enter__(self) -> Projector: ...

    def __exit__(self, *exception: object) -> None: ...


def open_projector(
    mesh: Mesh, back_end: str = "raycast", near_m: float = NEAR_M, threads: int | None = None
) -> Projector:
    """Make a mesh ready to be projected.

    Args:
        mesh: May be empty: then nothing is hit.
        back_end: One of `BackEnd`: "raycast" (Open3D), or "pyrender" (OpenGL without a display, as the paper did it).
            They agree to fractions of a millimetre, but for single pixels along edges.
        near_m: Nearer surfaces are not seen. Take the least depth that the networks can predict.
        threads: For ray casting: as many as torch uses, unless given. OpenGL's driver decides for itself.
    """
    if back_end == "raycast":
        return RayCaster(mesh, near_m, threads)
    if back_end == "pyrender":
        return Rasteriser(mesh, near_m)
    raise RequestError(f"'{back_end}' is none of {', '.join(get_args(BackEnd))}: choose one")
