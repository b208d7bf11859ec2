"""The same room for Mitsuba 3, a path tracer that knows nothing of ours: the reference for light and geometry.

Patterns are replaced by their mean colour on both sides (`without_patterns`), since only light and shape are compared.
Mitsuba is a development dependency; nothing else imports this file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from deglare.errors import RequestError
from deglare.rooms.scene import FACE_AXES, FACE_U, FACE_V, Box, RoomScene, Surface
from deglare.types import Camera, Material, Rigid


@dataclass(frozen=True, eq=False)
class ReferenceView:
    """What Mitsuba sees."""

    radiance: Float32[np.ndarray, "h w 3"]
    """Linear."""
    depth_m: Float64[np.ndarray, "h w"]
    """Through the pixel centres."""


def reference_view(room: RoomScene, camera: Camera, world_T_cam: Rigid, samples: int) -> ReferenceView:
    """Both at once, so that a process of its own can do it: Mitsuba with an LLVM that it dislikes dies aloud."""
    scene = mitsuba_scene(room, camera, world_T_cam, samples)
    return ReferenceView(path_traced(scene, samples), depth_through(scene, camera, world_T_cam))


def without_patterns(room: RoomScene) -> RoomScene:
    """The room with every texture replaced by its mean."""
    flat = [np.broadcast_to(t.mean((0, 1)), t.shape).astype(np.float32) for t in room.textures]
    return replace(room, textures=flat)


def load_mitsuba() -> Any:
    """Import Mitsuba with a variant that works on many rays at once, or say why not."""
    try:
        import mitsuba
    except ImportError as error:
        raise RequestError("Mitsuba is not installed: pip install mitsuba") from error
    try:
        mitsuba.set_variant("llvm_ad_rgb")
        _ = mitsuba.Float(0) + 1
    except Exception as error:
        raise RequestError(f"Mitsuba finds no LLVM ({error}): install libllvm, or set DRJIT_LIBLLVM_PATH") from error
    return mitsuba


def mitsuba_scene(room: RoomScene, camera: Camera, world_T_cam: Rigid, samples: int, bounces: int = 8) -> Any:
    """A loaded Mitsuba scene of a room without patterns."""
    mitsuba = load_mitsuba()
    parts: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": bounces},
        "sensor": _sensor(mitsuba, camera, world_T_cam, samples),
    }
    for number, box in enumerate(room.boxes):
        for face, surface in enumerate(box.faces):
            to_world = mitsuba.ScalarTransform4f(_rectangle(box, face, inwards=number == 0))
            parts[f"box_{number}_{face}"] = {
                "type": "rectangle",
                "to_world": to_world,
                **_looks(room, surface),
            }
    for number, ball in enumerate(room.balls):
        parts[f"ball_{number}"] = {
            "type": "sphere",
            "center": list(ball.centre),
            "radius": ball.radius,
            **_looks(room, ball.surface),
        }
    return mitsuba.load_dict(parts)


def path_traced(scene: Any, samples: int, seed: int = 0) -> Float32[np.ndarray, "h w 3"]:
    """Linear radiance."""
    return np.array(load_mitsuba().render(scene, spp=samples, seed=seed))[..., :3]


def depth_through(scene: Any, camera: Camera, world_T_cam: Rigid) -> Float64[np.ndarray, "h w"]:
    """Z-depth in metres through the pixel centres, by Mitsuba's own intersection."""
    mitsuba = load_mitsuba()
    rays = camera.rays().reshape(-1, 3)
    length = np.linalg.norm(rays, axis=1)
    towards = (rays / length[:, None]) @ world_T_cam[:3, :3].T
    origin = np.broadcast_to(world_T_cam[:3, 3], towards.shape)
    ray = mitsuba.Ray3f(mitsuba.Point3f(*_columns(origin)), mitsuba.Vector3f(*_columns(towards)))
    metres = np.array(scene.ray_intersect_preliminary(ray).t)
    return (metres / length).reshape(camera.size_hw)


def _columns(vectors: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(vectors[:, i], dtype=np.float32) for i in range(3)]


def _sensor(mitsuba: Any, camera: Camera, world_T_cam: Rigid, samples: int) -> dict[str, Any]:
    height, width = camera.size_hw
    mitsuba_T_opencv = np.diag([-1.0, -1.0, 1.0, 1.0])  # Mitsuba's cameras have x left and y up
    return {
        "type": "perspective",
        "fov": float(np.degrees(2 * np.arctan(width / (2 * camera.fx)))),
        "fov_axis": "x",
        "near_clip": 1e-3,
        "to_world": mitsuba.ScalarTransform4f(world_T_cam @ mitsuba_T_opencv),
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "rfilter": {"type": "box"},
            "pixel_format": "rgb",
        },
        "sampler": {"type": "independent", "sample_count": samples},
    }


def _rectangle(box: Box, face: int, inwards: bool) -> Float64[np.ndarray, "4 4"]:
    """Maps the square from -1 to 1 (normal +z) onto a face of a box."""
    axis, sign = FACE_AXES[face], 1.0 if face % 2 else -1.0
    half = np.array(box.half)
    local = np.eye(4)
    local[:3, :3] = 0
    local[FACE_U[axis], 0], local[FACE_V[axis], 1] = half[FACE_U[axis]], half[FACE_V[axis]]
    normal = np.cross(local[:3, 0], local[:3, 1])
    outward = -sign if inwards else sign
    if normal[axis] * outward < 0:
        local[:3, 0] *= -1
    local[axis, 2] = outward
    local[axis, 3] = sign * half[axis]
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(box.yaw), -np.sin(box.yaw)], [np.sin(box.yaw), np.cos(box.yaw)]]
    turn[:3, 3] = box.centre
    return turn @ local


def _looks(room: RoomScene, surface: Surface) -> dict[str, Any]:
    colour = room.textures[surface.texture].mean((0, 1)) * np.array(surface.tint)
    looks: dict[str, Any] = {"bsdf": _material(surface, colour)}
    if surface.emission > 0:
        looks["emitter"] = {"type": "area", "radiance": {"type": "rgb", "value": (colour * surface.emission).tolist()}}
    return looks


def _material(surface: Surface, colour: Float64[np.ndarray, "3"]) -> dict[str, Any]:
    finish = surface.finish
    if finish.material == Material.MIRROR:
        return {"type": "conductor", "material": "none", "specular_reflectance": _rgb(np.full(3, finish.f0))}
    colour = np.clip(colour, 0, 0.98)
    if not finish.is_reflective:
        return {"type": "diffuse", "reflectance": _rgb(colour)}
    root = np.sqrt(finish.f0)
    index = float((1 + root) / (1 - root))
    return {
        "type": "roughplastic",
        "distribution": "ggx",
        "alpha": max(finish.roughness, 1e-3),
        "int_ior": index,
        "ext_ior": 1.0,
        "diffuse_reflectance": _rgb(colour),
    }


def _rgb(values: Float64[np.ndarray, "3"]) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(v) for v in values]}
