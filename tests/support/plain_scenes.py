"""Cameras, and things whose depth is known by formula."""

import numpy as np

from deglare.types import Camera, DepthMap, Rigid

CAMERA = Camera(80.0, 78.0, 47.3, 35.8, (72, 96))


def look_at(eye: tuple[float, float, float], target: tuple[float, float, float] = (0, 0, 0)) -> Rigid:
    """world_T_cam of a camera at ``eye`` that looks at ``target``; the world's z is up."""
    forward = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = eye
    return pose


def facing(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Rigid:
    """A camera that looks along the world's z."""
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def plane(normal: tuple[float, float, float], offset_m: float, world_T_cam: Rigid, camera: Camera = CAMERA) -> DepthMap:
    """Depth of the plane of points p with normal . p = offset."""
    rays = camera.rays() @ world_T_cam[:3, :3].T
    with np.errstate(divide="ignore"):
        metres = (offset_m - np.dot(normal, world_T_cam[:3, 3])) / (rays @ np.array(normal))
    return DepthMap.of_positive(np.where(np.isfinite(metres), metres, 0))


def corner(world_T_cam: Rigid, camera: Camera = CAMERA) -> DepthMap:
    """Depth of the three planes x = 0, y = 0 and z = 0, seen from where all are positive."""
    planes = [plane(normal, 0.0, world_T_cam, camera) for normal in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    metres = np.min([np.where(p.valid, p.metres, np.inf) for p in planes], axis=0)
    return DepthMap.of_positive(np.where(np.isfinite(metres), metres, 0))


def sphere(radius_m: float, world_T_cam: Rigid, camera: Camera = CAMERA) -> DepthMap:
    """Depth of a sphere around the origin, not valid beside it."""
    rays = camera.rays() @ world_T_cam[:3, :3].T
    eye = world_T_cam[:3, 3]
    a, b, c = (rays * rays).sum(-1), rays @ eye, eye @ eye - radius_m**2
    inside = b * b - a * c
    metres = (-b - np.sqrt(np.maximum(inside, 0))) / a
    return DepthMap.of_positive(np.where(inside > 0, metres, 0))
