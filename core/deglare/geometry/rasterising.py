"""A mesh drawn with OpenGL by pyrender, without a display: through EGL, else through OSMesa.

PyOpenGL reads ``PYOPENGL_PLATFORM`` once, when it is first imported. Where the user has not set it, it is set here, for
the process and those it starts, to the first platform that works.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from typing import Any

import numpy as np

from deglare.errors import RequestError
from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import FAR_M, NEAR_M, require_near
from deglare.types import Camera, DepthMap, Rigid, require_rigid

PLATFORM = "PYOPENGL_PLATFORM"

PLATFORMS = {
    "egl": "Debian's libegl1, libgl1 and libgl1-mesa-dri",
    "osmesa": "Debian's libosmesa6, with PyOpenGL 3.1.10 or newer (pip install --no-deps 'PyOpenGL>=3.1.10')",
}
"""In the order in which they are tried, and what each needs."""

PATIENCE_S = 180.0
"""A platform that has not answered by then does not work; it takes three seconds, on a busy machine a minute."""

MOST_VERTICES = 1 << 24
"""pyrender keeps the numbers of vertices in float32, which holds no more than these apart."""

WORLD_AXES = np.diag([1.0, -1.0, -1.0, 1.0])
"""An OpenGL camera looks along -z, and its y points up."""

HALF_PIXEL = 0.5
"""OpenGL counts from the corner of the first pixel, we count from its centre."""


class Rasteriser:
    """A mesh that is drawn. Use it in the thread that made it, and close it.

    Args:
        mesh: Copied.
        near_m: Z-depth of the nearest surface that is drawn.
    """

    def __init__(self, mesh: Mesh, near_m: float = NEAR_M) -> None:
        require_near(near_m)
        if len(mesh.vertices_m) > MOST_VERTICES:
            raise RequestError(f"pyrender draws at most {MOST_VERTICES} vertices: use the back end 'raycast'")
        self.near_m = near_m
        self._renderer = _CONTEXT.enter()
        self._pyrender = importlib.import_module("pyrender")
        self._scene = self._pyrender.Scene()
        self._drawn = {} if mesh.is_empty else {self._scene.add(self._as_drawn(mesh)): 1}
        self._eye: Any = None
        self._is_open = True

    def project(self, camera: Camera, world_T_cam: Rigid) -> DepthMap:
        """Z-depth in metres; not valid where no surface is drawn between ``near_m`` and `FAR_M`."""
        if not self._is_open:
            raise RequestError("this projector was closed: make another one of the mesh")
        require_rigid(world_T_cam, "the pose of the camera to project into")
        self._look(camera, world_T_cam)
        self._renderer.viewport_height, self._renderer.viewport_width = camera.size_hw
        metres = self._renderer.render(self._scene, flags=self._flags, seg_node_map=self._drawn)
        return DepthMap(np.ascontiguousarray(metres), metres > 0)

    def close(self) -> None:
        """Give back what the GPU holds, once no other projector of this process draws."""
        if self._is_open:
            self._is_open = False
            _CONTEXT.leave()

    def __enter__(self) -> Rasteriser:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def _flags(self) -> int:
        """Depth only, and one sample a pixel, in its middle.

        That is how pyrender draws masks (``SEG``). Otherwise it draws four samples and keeps the depth of the first,
        which lies elsewhere in the pixel: millimetres to centimetres off, and half as fast.
        """
        return self._pyrender.RenderFlags.DEPTH_ONLY | self._pyrender.RenderFlags.SEG

    def _as_drawn(self, mesh: Mesh) -> Any:
        """The triangles with one side: back faces are skipped."""
        one_sided = self._pyrender.MetallicRoughnessMaterial(doubleSided=False)
        triangles = self._pyrender.Primitive(mesh.vertices_m.copy(), indices=mesh.faces, material=one_sided)
        return self._pyrender.Mesh([triangles])

    def _look(self, camera: Camera, world_T_cam: Rigid) -> None:
        """Put the camera into the scene, in place of the last one."""
        if self._eye is not None:
            self._scene.remove_node(self._eye)
        cx, cy = camera.cx + HALF_PIXEL, camera.cy + HALF_PIXEL
        lens = self._pyrender.IntrinsicsCamera(camera.fx, camera.fy, cx, cy, znear=self.near_m, zfar=FAR_M)
        self._eye = self._scene.add(lens, pose=world_T_cam @ WORLD_AXES)


class _SharedContext:
    """One renderer for all projectors of a process.

    Closing a pyrender renderer ends EGL's display, and with it every other renderer of the process.
    """

    def __init__(self) -> None:
        self._renderer: Any = None
        self._users = 0

    def enter(self) -> Any:
        """The renderer, started for the first user."""
        if self._renderer is None:
            choose_platform()
            self._renderer = self._started()
        self._users += 1
        return self._renderer

    def leave(self) -> None:
        """The last user shuts it down."""
        self._users -= 1
        if not self._users:
            self._renderer.delete()
            self._renderer = None

    @staticmethod
    def _started() -> Any:
        try:
            return _start()
        except Exception as error:  # PyOpenGL and drivers raise what they like
            platform = os.environ[PLATFORM]
            raise RequestError(
                f"pyrender does not start with {PLATFORM}={platform} ({_in_one_line(error)}): install "
                f"{PLATFORMS[platform]}; or use the back end 'raycast'"
            ) from error


_CONTEXT = _SharedContext()


def _platform_in_use() -> str:
    """What OpenGL was imported with, by the name that the variable has for it."""
    kind = type(getattr(sys.modules["OpenGL.platform"], "PLATFORM", None)).__name__
    found = next((name for name in PLATFORMS if kind.lower() == f"{name}platform"), None)
    if found is None:
        raise RequestError(f"OpenGL was imported before its platform was chosen: set {PLATFORM}=egl and start again")
    return found


def choose_platform() -> None:
    """Set ``PYOPENGL_PLATFORM``, where it is not set, to a platform that works; a `RequestError` where none does."""
    if importlib.util.find_spec("pyrender") is None:
        raise RequestError("drawing a mesh needs pyrender: pip install pyrender, or use the back end 'raycast'")
    if chosen := os.environ.get(PLATFORM):
        if chosen not in PLATFORMS:
            raise RequestError(
                f"pyrender knows no {PLATFORM}={chosen}: set it to one of {', '.join(PLATFORMS)}, or unset it"
            )
        return
    if "OpenGL.platform" in sys.modules:
        os.environ[PLATFORM] = _platform_in_use()
        return
    reasons = {}
    for platform in PLATFORMS:
        reason = _failure(platform)
        if reason is None:
            os.environ[PLATFORM] = platform
            return
        reasons[platform] = reason
    told = " and ".join(f"{platform} ({reason})" for platform, reason in reasons.items())
    wanted = ", or ".join(PLATFORMS.values())
    raise RequestError(f"OpenGL works here through neither {told}: install {wanted}; or use the back end 'raycast'")


def why_not() -> str | None:
    """Why pyrender does not start in this process, on the platform that is set; None where it does."""
    try:
        _start().delete()
    except Exception as error:  # PyOpenGL and drivers raise what they like, and any of it is an answer
        return _in_one_line(error)
    return None


def _failure(platform: str) -> str | None:
    """The same for any platform, asked in a process of its own: a driver may crash it."""
    code = "import sys; from deglare.geometry.rasterising import why_not; sys.exit(why_not())"
    command, environment = [sys.executable, "-P", "-c", code], os.environ | {PLATFORM: platform}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"no answer in {PATIENCE_S:.0f} s"
    if done.returncode < 0:
        return f"crashed with signal {-done.returncode}"
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else None


def _start() -> Any:
    """A small renderer; its size is set before every use."""
    return importlib.import_module("pyrender").OffscreenRenderer(1, 1)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
