"""The state of a room while it is furnished: what was chosen, what is shared, which floor is taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from deglare.rooms.scene import MATTE, Finish, RoomScene, Surface, Vec3
from deglare.rooms.textures import make_texture
from deglare.types import Material

SHADE_REUSE = 0.7
"""Chance that a second plain surface of a kind shares the first one's texture."""


@dataclass(frozen=True)
class RoomStyle:
    """What kind of rooms are built."""

    glossy: float = 0.8
    """Chance that a surface which may be glossy is."""
    f0: tuple[float, float] = (0.05, 0.08)
    """Mirrored share at normal incidence of glossy surfaces."""
    roughness: tuple[float, float] = (0.004, 0.03)
    """Log-uniform range of the GGX alpha of glossy surfaces ..."""
    satin: float = 0.15
    """... a share of which ..."""
    satin_roughness: tuple[float, float] = (0.03, 0.1)
    """... is rougher."""
    contrast: float = 0.45
    """Texture contrast kept on glossy surfaces: polish goes with plain patterns."""
    mirrors: float = 0.35
    """Chance that a room has a wall mirror."""


@dataclass(frozen=True)
class Wall:
    """A wall by its axis and side; things on it are placed by how far along, how high, how far off."""

    axis: int
    side: int
    distance: float  # from the middle of the room
    length: float

    def place(self, along: float, height: float, off: float) -> Vec3:
        """The middle of a thing on this wall: how far along, how high, how far off it."""
        centre: list[float] = [0.0, 0.0, height]
        centre[self.axis], centre[1 - self.axis] = self.side * (self.distance - off), along
        return centre[0], centre[1], centre[2]

    def half(self, along: float, height: float, thick: float) -> Vec3:
        """The half sizes of a box on this wall."""
        size: list[float] = [0.0, 0.0, height]
        size[self.axis], size[1 - self.axis] = thick, along
        return size[0], size[1], size[2]

    @property
    def inner_face(self) -> int:
        """The face of a box on this wall that looks into the room."""
        return self.axis * 2 + (0 if self.side > 0 else 1)


@dataclass
class Builder:
    """A room in the making; ``room`` is what has been made."""

    rng: np.random.Generator
    style: RoomStyle
    room: RoomScene = field(default_factory=lambda: RoomScene((0.0, 0.0, 0.0)))
    taken: list[tuple[float, float, float]] = field(default_factory=list)
    """Floor space in use: x, y, radius."""
    shared: dict[str, int] = field(default_factory=dict)

    def between(self, low: float, high: float) -> float:
        """A number, evenly spread."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < share)

    def colour(self, low: float = 0.25, high: float = 0.8, spread: float = 0.35) -> Vec3:
        """A tint between grey and coloured."""
        tone = self.between(low, high) * (1 + spread * (self.rng.random(3) - 0.5))
        return _rgb(np.clip(tone, 0.03, 0.92))

    def brown(self) -> Vec3:
        """A tint of wood."""
        dark = self.between(0.5, 1.25)
        return _rgb(np.array([0.46, 0.29, 0.17]) * dark * (1 + 0.2 * (self.rng.random(3) - 0.5)))

    def texture(self, kind: str, fresh: bool = False) -> int:
        """A texture of a kind, often one that the room has already."""
        if fresh or kind not in self.shared or not self.chance(SHADE_REUSE):
            self.shared[kind] = self.room.add_texture(make_texture(self.rng, kind))
        return self.shared[kind]

    def gloss(self, share: float = 1.0) -> Finish:
        """A glossy finish, or a matte one."""
        if not self.chance(self.style.glossy * share):
            return MATTE
        low, high = self.style.satin_roughness if self.chance(self.style.satin) else self.style.roughness
        roughness = math.exp(self.between(math.log(low), math.log(high)))
        return Finish(Material.GLOSSY, self.between(*self.style.f0), roughness)

    def screen(self) -> Finish:
        """Glass in front of a dark panel."""
        return Finish(Material.SCREEN, self.between(0.045, 0.06), self.between(0.001, 0.008))

    def surface(
        self, kind: str, tint: Vec3, tile_m: float = 1.0, finish: Finish = MATTE, fresh: bool = False
    ) -> Surface:
        """A surface whose texture loses contrast where it is polished."""
        number = self.texture(kind, fresh)
        if finish.is_reflective and max(tint) > 0.05:
            pattern = self.room.textures[number]
            mean = pattern.mean((0, 1))
            number = self.room.add_texture((mean + (pattern - mean) * self.style.contrast).astype(np.float32))
        return Surface(number, tint, tile_m, finish)

    def walls(self) -> list[Wall]:
        """The four walls."""
        width, depth, _ = self.room.size_m
        return [Wall(0, side, width / 2, depth) for side in (-1, 1)] + [
            Wall(1, side, depth / 2, width) for side in (-1, 1)
        ]

    def any_wall(self) -> Wall:
        """One of them."""
        return self.walls()[int(self.rng.integers(4))]

    def is_free(self, x: float, y: float, radius: float) -> bool:
        """Whether nothing stands there yet."""
        return all(math.hypot(x - a, y - b) > radius + r for a, b, r in self.taken)

    def light(self, tint: Vec3, emission: float) -> Surface:
        """A glowing surface."""
        return Surface(self.texture("plain"), tint, 1.0, Finish(Material.LIGHT), emission)

    def free_spot(self, reach_x: float, reach_y: float, radius: float) -> tuple[float, float] | None:
        """A free place on the floor, which is then taken."""
        for _ in range(30):
            x, y = self.between(-reach_x, reach_x), self.between(-reach_y, reach_y)
            if self.is_free(x, y, radius):
                self.taken.append((x, y, radius))
                return x, y
        return None


def turned_about(x: float, y: float, yaw: float) -> Callable[[float, float], tuple[float, float]]:
    """Places around (x, y) in axes turned by yaw."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    return lambda u, v: (x + u * cos - v * sin, y + u * sin + v * cos)


def grey(value: float) -> Vec3:
    """A colourless tint."""
    return value, value, value


def _rgb(values: np.ndarray) -> Vec3:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
