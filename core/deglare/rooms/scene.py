"""What a room is made of: boxes, balls, their surfaces, and the lamps among them. Metres, z up.

Solid 0 is the room itself, seen from inside. Faces of a box are numbered -x, +x, -y, +y, -z, +z in its own axes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32

from deglare.types import Material

FACE_AXES = (0, 0, 1, 1, 2, 2)
"""The axis that each face of a box is perpendicular to."""
FACE_U, FACE_V = (1, 0, 0), (2, 2, 1)
"""The axes that span a face, by the axis it is perpendicular to."""

Vec3 = tuple[float, float, float]


@dataclass(frozen=True)
class Finish:
    """How a surface mirrors. ``f0`` is the mirrored share at normal incidence, ``roughness`` the GGX alpha."""

    material: Material = Material.MATTE
    f0: float = 0.0
    roughness: float = 0.5

    @property
    def is_reflective(self) -> bool:
        """Whether any light is mirrored."""
        return self.f0 > 0


MATTE = Finish()
PERFECT_MIRROR = Finish(Material.MIRROR, f0=0.92, roughness=0.0)


@dataclass(frozen=True)
class Surface:
    """One face: texture times tint, repeated every ``tile_m`` metres; ``emission`` is radiance."""

    texture: int = 0
    tint: Vec3 = (0.7, 0.7, 0.7)
    tile_m: float = 1.0
    finish: Finish = MATTE
    emission: float = 0.0


@dataclass(frozen=True)
class Box:
    """A box turned by ``yaw`` about the vertical."""

    centre: Vec3
    half: Vec3
    yaw: float
    faces: tuple[Surface, Surface, Surface, Surface, Surface, Surface]


@dataclass(frozen=True)
class Ball:
    """A sphere with one surface."""

    centre: Vec3
    radius: float
    surface: Surface


@dataclass(frozen=True)
class Lamp:
    """A glowing rectangle: corners in order around it, and the side it shines to."""

    corners: Float32[np.ndarray, "4 3"]
    normal: Float32[np.ndarray, "3"]
    radiance: Float32[np.ndarray, "3"]

    @property
    def area(self) -> float:
        """Square metres."""
        side_a, side_b = self.corners[1] - self.corners[0], self.corners[3] - self.corners[0]
        return float(np.linalg.norm(side_a) * np.linalg.norm(side_b))


@dataclass
class RoomScene:
    """A furnished room. ``boxes[0]`` is the shell."""

    size_m: Vec3
    boxes: list[Box] = field(default_factory=list)
    balls: list[Ball] = field(default_factory=list)
    textures: list[Float32[np.ndarray, "s s 3"]] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    """What the manifest tells about the room: floor, lamps, ..."""

    @property
    def surfaces(self) -> list[Surface]:
        """All surfaces by surface id: six for each box, then one for each ball."""
        return [face for box in self.boxes for face in box.faces] + [ball.surface for ball in self.balls]

    def add_texture(self, texture: Float32[np.ndarray, "s s 3"]) -> int:
        """Keep a texture and return its number."""
        self.textures.append(texture)
        return len(self.textures) - 1

    def add_box(
        self, centre: Vec3, half: Vec3, surface: Surface, yaw: float = 0.0, faces: dict[int, Surface] | None = None
    ) -> None:
        """Add a box with one surface all over, except for the ``faces`` given by number."""
        named = faces or {}
        six = tuple(named.get(face, surface) for face in range(6))
        self.boxes.append(Box(_vec3(centre), _vec3(half), float(yaw), six))  # type: ignore[arg-type]

    def add_ball(self, centre: Vec3, radius: float, surface: Surface) -> None:
        """Add a ball."""
        self.balls.append(Ball(_vec3(centre), float(radius), surface))

    def add_lamp(self, centre: Vec3, half: Vec3, shines_to: int, surface: Surface) -> None:
        """Add a thin glowing box whose face number ``shines_to`` is a lamp; the rest of it is dark."""
        dark = replace(surface, emission=0.0)
        self.add_box(centre, half, dark, faces={shines_to: surface})
        axis, sign = FACE_AXES[shines_to], 1.0 if shines_to % 2 else -1.0
        normal = np.zeros(3, dtype=np.float32)
        normal[axis] = sign
        corners = np.tile(np.asarray(centre, dtype=np.float32), (4, 1))
        corners[:, axis] += sign * half[axis]
        corners[:, FACE_U[axis]] += np.float32(half[FACE_U[axis]]) * np.array([-1, 1, 1, -1], dtype=np.float32)
        corners[:, FACE_V[axis]] += np.float32(half[FACE_V[axis]]) * np.array([-1, -1, 1, 1], dtype=np.float32)
        glow = self.textures[surface.texture].mean((0, 1)) * np.asarray(surface.tint) * surface.emission
        self.lamps.append(Lamp(corners, normal, glow.astype(np.float32)))


def _vec3(values: Vec3) -> Vec3:
    x, y, z = (float(v) for v in values)
    return x, y, z
