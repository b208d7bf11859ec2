"""What crosses between rooms: cameras, frames, sequences and depth.

Conventions, stated here and guessed nowhere else:

* depth is z-depth in metres, float32, with its own ``valid`` mask;
* camera axes are x right, y down, z forward, and ``world_T_cam`` maps camera points to the world;
* pixel centres lie on whole numbers, and a camera's numbers belong to its ``size_hw``;
* an image is RGB uint8, height x width x 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import overload

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, UInt8, UInt16

from deglare.errors import DataError

Rgb = UInt8[np.ndarray, "h w 3"]
Rigid = Float64[np.ndarray, "4 4"]

RIGID_TOLERANCE = 5e-3
"""How far R^T R may be from the identity: text files round, and 7-Scenes is off by 4e-4."""


HIGHLIGHT_SHARE = 0.5
"""A pixel is a highlight where at least this share of its light is mirrored."""


class Material(IntEnum):
    """What a surface is made of, as far as mirroring goes; the codes in ``material/*.png``."""

    MATTE = 0
    GLOSSY = 1
    MIRROR = 2
    SCREEN = 3
    GLASS = 4
    WET = 5
    LIGHT = 6


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in pixels of ``size_hw``."""

    fx: float
    fy: float
    cx: float
    cy: float
    size_hw: tuple[int, int]

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy)
        if not np.all(np.isfinite(numbers)) or self.fx <= 0 or self.fy <= 0:
            raise DataError(f"intrinsics {numbers} are not a camera: fx and fy must be positive pixels")
        if min(self.size_hw) < 1:
            raise DataError(f"an image of {self.size_hw} pixels (height, width) is empty")

    @classmethod
    def from_matrix(cls, matrix: Float[np.ndarray, "r c"], size_hw: tuple[int, int]) -> Camera:
        """Read the four numbers out of a 3x3 or 4x4 intrinsic matrix."""
        if matrix.shape not in ((3, 3), (4, 4)):
            raise DataError(f"an intrinsic matrix is 3x3 or 4x4, this one is {matrix.shape}")
        fx, fy, cx, cy = (float(matrix[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
        return cls(fx, fy, cx, cy, size_hw)

    @property
    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """The intrinsic matrix K."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], dtype=np.float64)

    def resized(self, size_hw: tuple[int, int]) -> Camera:
        """The camera of the image resized to ``size_hw``, exact to half a pixel."""
        sy, sx = size_hw[0] / self.size_hw[0], size_hw[1] / self.size_hw[1]
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return Camera(self.fx * sx, self.fy * sy, cx, cy, size_hw)

    def flipped(self) -> Camera:
        """The camera of the image mirrored left to right."""
        return replace(self, cx=self.size_hw[1] - 1 - self.cx)

    def rays(self) -> Float64[np.ndarray, "h w 3"]:
        """Directions through every pixel centre in camera axes, scaled to z = 1."""
        v, u = np.indices(self.size_hw, dtype=np.float64)
        return np.stack([(u - self.cx) / self.fx, (v - self.cy) / self.fy, np.ones_like(u)], axis=-1)

    def unproject(self, depth_m: Float[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w 3"]:
        """Camera-axes points in metres of a whole depth map."""
        return self.rays() * depth_m[..., None]

    def project(self, points_cam: Float[np.ndarray, "*n 3"]) -> Float64[np.ndarray, "*n 2"]:
        """Pixels (x, y) of camera-axes points; points at z = 0 give infinities, z < 0 mirrored ones."""
        with np.errstate(divide="ignore", invalid="ignore"):
            xy = points_cam[..., :2] / points_cam[..., 2:]
        return xy * (self.fx, self.fy) + (self.cx, self.cy)


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Z-depth in metres along the optical axis (not ray length)."""

    metres: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]

    def __post_init__(self) -> None:
        if self.metres.shape != self.valid.shape:
            raise DataError(f"depth is {self.metres.shape} but valid is {self.valid.shape}: resize both together")
        kept = self.metres[self.valid]
        if not np.all((kept > 0) & (kept < np.inf)):  # false for NaN too
            raise DataError("valid pixels need finite depth > 0 m: was the file in millimetres or disparity?")

    @classmethod
    def of_positive(cls, metres: Float[np.ndarray, "h w"]) -> DepthMap:
        """Every finite, positive pixel is valid."""
        return cls(np.asarray(metres, dtype=np.float32), np.isfinite(metres) & (metres > 0))

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.metres.shape[0], self.metres.shape[1]


@dataclass(frozen=True, eq=False)
class RelativeDepth:
    """Depth up to an unknown scale (and shift): larger is farther. Align it before fusing it."""

    values: Float32[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one teacher or student says about one frame."""

    depth: DepthMap
    made_by: str
    sigma_m: Float32[np.ndarray, "h w"] | None = None
    """Standard deviation in metres, larger is worse."""


@dataclass(frozen=True, eq=False)
class SurfaceLabels:
    """What is known about the surface at each pixel. Only the reflective mask must be there."""

    reflective: Bool[np.ndarray, "h w"]
    specular_share: Float32[np.ndarray, "h w"] | None = None
    """Share of the pixel's light that is mirrored, 0 to 1."""
    material: UInt8[np.ndarray, "h w"] | None = None
    """`Material` codes."""
    surface_id: UInt16[np.ndarray, "h w"] | None = None
    roughness: Float32[np.ndarray, "h w"] | None = None
    """GGX alpha of what mirrors, 0 in a perfect mirror; NaN where nothing mirrors or nobody knows."""

    @property
    def highlight(self) -> Bool[np.ndarray, "h w"] | None:
        """Where at least half of the light is mirrored; None where that is not known."""
        return None if self.specular_share is None else self.specular_share >= HIGHLIGHT_SHARE


@dataclass(frozen=True, eq=False)
class Frame:
    """One view: its numbers are here, its images are decoded when asked for and not kept."""

    name: str
    camera: Camera
    """In pixels of the colour image."""
    load_rgb: Callable[[], Rgb]
    world_T_cam: Rigid | None = None
    load_depth: Callable[[], DepthMap] | None = None
    load_labels: Callable[[], SurfaceLabels] | None = None
    time_s: float | None = None
    depth_camera: Camera | None = None
    """In pixels of the depth image; None means depth lies pixel on pixel on the resized colour image."""

    def __post_init__(self) -> None:
        if self.world_T_cam is not None:
            require_rigid(self.world_T_cam, f"the pose of frame {self.name}")

    def rgb(self) -> Rgb:
        """Decode the image; a size other than the camera's is a `DataError`."""
        image = self.load_rgb()
        if image.shape[:2] != self.camera.size_hw:
            raise DataError(
                f"frame {self.name} is {image.shape[1]}x{image.shape[0]} but its camera is for "
                f"{self.camera.size_hw[1]}x{self.camera.size_hw[0]}: one camera needs images of one size"
            )
        return image

    def depth(self) -> DepthMap | None:
        """Decode the measured or rendered depth, where there is one."""
        return None if self.load_depth is None else self.load_depth()

    def labels(self) -> SurfaceLabels | None:
        """Decode what is known about the surfaces, where anything is."""
        return None if self.load_labels is None else self.load_labels()


@dataclass(frozen=True, eq=False)
class Sequence:
    """Frames of one camera path, in order of time. Indexing gives a `Frame`, slicing a `Sequence`."""

    name: str
    frames: tuple[Frame, ...]
    source_format: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Why frames were left out, and how many for each reason."""
    depth_is_registered: bool = True
    """False where depth and colour come from two cameras: geometry is exact, colour has pixels of slack."""
    notes: tuple[str, ...] = ()
    """What a reader had to assume, a sentence each: a guessed camera, lenses that are not undistorted."""

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence: ...
    def __getitem__(self, index: int | slice) -> Frame | Sequence:
        if isinstance(index, slice):
            return replace(self, frames=self.frames[index])
        return self.frames[index]

    @property
    def has_poses(self) -> bool:
        """Whether every frame has a pose."""
        return bool(self.frames) and all(f.world_T_cam is not None for f in self.frames)

    @property
    def has_depth(self) -> bool:
        """Whether every frame has measured or rendered depth."""
        return bool(self.frames) and all(f.load_depth is not None for f in self.frames)


def require_rigid(matrix: Rigid, what: str) -> None:
    """Raise a `DataError` unless ``matrix`` is a rotation and a translation."""
    if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)):
        raise DataError(f"{what} is not a finite 4x4 matrix")
    rotation = matrix[:3, :3]
    off = np.abs(rotation.T @ rotation - np.eye(3)).max()
    if off > RIGID_TOLERANCE or np.linalg.det(rotation) < 0 or not np.allclose(matrix[3], (0, 0, 0, 1), atol=1e-6):
        raise DataError(f"{what} is not rigid (rotation off by {off:.2g}): is it camera-to-world, row by row?")


def nearest_rigid(matrix: Rigid) -> Rigid:
    """The closest exactly rigid matrix: removes the rounding of text files before it adds up."""
    u, _, vt = np.linalg.svd(matrix[:3, :3])
    rigid = np.eye(4)
    rigid[:3, :3] = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    rigid[:3, 3] = matrix[:3, 3]
    return rigid


def inverse_rigid(a_T_b: Rigid) -> Rigid:
    """``b_T_a``, by transposing the rotation."""
    b_T_a = np.eye(4)
    b_T_a[:3, :3] = a_T_b[:3, :3].T
    b_T_a[:3, 3] = -a_T_b[:3, :3].T @ a_T_b[:3, 3]
    return b_T_a


def rotation_degrees(a_T_b: Rigid) -> float:
    """The angle of the rotation, 0 to 180 degrees."""
    return float(np.degrees(np.arccos(np.clip((np.trace(a_T_b[:3, :3]) - 1) / 2, -1, 1))))
