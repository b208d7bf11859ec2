"""One question for each heavy library, asked in a process of its own: ``python -m deglare.doctor.probes NAME``.

A probe makes the library do a small piece of real work and yields what it found; each answer is written at once, so
that a crash later takes nothing back.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

Answer = tuple[str, str, str]
"""Name, status (ok, missing or broken) and detail."""


def torch() -> Iterator[Answer]:
    """A product on the CPU, then one on the GPU."""
    import torch

    side = torch.arange(64.0)
    expected = float((side**2).sum())
    yield "torch", _status(float(side @ side) == expected), f"{torch.__version__}, {torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        yield "CUDA", "missing", "no usable GPU; everything runs on the CPU"
        return
    on_gpu = float(side.cuda() @ side.cuda())
    yield "CUDA", _status(on_gpu == expected), f"{torch.version.cuda} on {torch.cuda.get_device_name()}"


def open3d() -> Iterator[Answer]:
    """One ray onto one triangle two metres away, without a display."""
    if (library := _library("open3d")) is None:
        yield "open3d ray casting", "missing", "not installed"
        return
    import numpy as np

    scene = library.t.geometry.RaycastingScene()
    corners = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2]], dtype=np.float32)
    scene.add_triangles(corners, np.array([[0, 1, 2]], dtype=np.uint32))
    distance = scene.cast_rays(np.array([[0, 0, 0, 0, 0, 1]], dtype=np.float32))["t_hit"].numpy()[0]
    works = abs(float(distance) - 2) < 1e-4  # the last bit depends on the processor
    yield "open3d ray casting", _status(works), f"{library.__version__}, a ray of 2 m measures {distance:.3f} m"


def pyrender_egl() -> Iterator[Answer]:
    """Whether it draws without a display through EGL."""
    yield from _pyrender("pyrender EGL", "egl")


def pyrender_osmesa() -> Iterator[Answer]:
    """Whether it draws without a display through OSMesa, which PyOpenGL speaks since 3.1.10."""
    yield from _pyrender("pyrender OSMesa", "osmesa")


def mitsuba() -> Iterator[Answer]:
    """One ray onto a sphere, without a compiler."""
    yield from _mitsuba("mitsuba scalar", "scalar_rgb")


def mitsuba_llvm() -> Iterator[Answer]:
    """The same ray, compiled by LLVM; some versions of LLVM crash on new processors."""
    yield from _mitsuba("mitsuba llvm", "llvm_ad_rgb")


def av() -> Iterator[Answer]:
    """Whether ffmpeg's libraries load."""
    if (library := _library("av")) is None:
        yield "av", "missing", "not installed"
        return
    yield "av", _status("h264" in library.codecs_available), f"{library.__version__}"


def onnxruntime() -> Iterator[Answer]:
    """Whether it loads, and where it can compute."""
    if (library := _library("onnxruntime")) is None:
        yield "onnxruntime", "missing", "not installed"
        return
    providers = library.get_available_providers()
    yield "onnxruntime", _status(bool(providers)), f"{library.__version__}, {', '.join(providers)}"


def openvino() -> Iterator[Answer]:
    """Whether it loads and sees the CPU; its usage statistics stay off."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    if (library := _library("openvino")) is None:
        yield "openvino", "missing", "not installed"
        return
    devices = library.Core().available_devices
    yield "openvino", _status("CPU" in devices), f"{_version('openvino')}, {', '.join(devices)}"


def _pyrender(name: str, platform: str) -> Iterator[Answer]:
    """The depth of one triangle two metres away, drawn on one platform whichever the user has set."""
    os.environ["PYOPENGL_PLATFORM"] = platform
    if (library := _library("pyrender")) is None:
        yield name, "missing", "not installed"
        return
    import numpy as np

    triangle = library.Primitive([[-1, -1, -2], [1, -1, -2], [0, 1, -2]], indices=[[0, 1, 2]])
    scene = library.Scene()
    scene.add(library.Mesh([triangle]))
    scene.add(library.IntrinsicsCamera(16, 16, 8, 8), pose=np.eye(4))
    renderer = library.OffscreenRenderer(16, 16)
    depth = renderer.render(scene, flags=library.RenderFlags.DEPTH_ONLY)[8, 8]
    driver = importlib.import_module("OpenGL.GL").glGetString(0x1F01).decode(errors="replace")  # GL_RENDERER
    renderer.delete()
    works = abs(float(depth) - 2) < 0.01
    yield name, _status(works), f"{_version('pyrender')} on {driver}, a triangle at 2 m is drawn at {depth:.3f} m"


def _mitsuba(name: str, variant: str) -> Iterator[Answer]:
    if (library := _library("mitsuba")) is None:
        yield name, "missing", "not installed"
        return
    library.set_variant(variant)
    scene = library.load_dict({"type": "scene", "ball": {"type": "sphere", "center": [0, 0, 3], "radius": 1}})
    ray = library.Ray3f(library.Point3f(0, 0, 0), library.Vector3f(0, 0, 1))
    hit = scene.ray_intersect(ray).t
    distance = float(hit if isinstance(hit, float) else hit[0])
    yield name, _status(abs(distance - 2) < 1e-4), f"{library.__version__}, a ray of 2 m measures {distance:.3f} m"


def _library(name: str) -> Any:
    """The module, or None where it is not installed; one that is installed and fails to import raises."""
    if importlib.util.find_spec(name) is None:
        return None
    return importlib.import_module(name)


def _version(name: str) -> str:
    return metadata.version(name)


def _status(works: bool) -> str:
    return "ok" if works else "broken"


PROBES: dict[str, Callable[[], Iterator[Answer]]] = {
    probe.__name__: probe
    for probe in (torch, open3d, pyrender_egl, pyrender_osmesa, mitsuba, mitsuba_llvm, av, onnxruntime, openvino)
}


def main(name: str) -> None:
    """Write one JSON line for every answer."""
    for title, status, detail in PROBES[name]():
        sys.stdout.write("\n" + json.dumps({"name": title, "status": status, "detail": detail}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
