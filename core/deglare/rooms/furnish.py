"""Build a room from a seed: shell, lamps, windows, furniture and clutter, some of it glossy, some of it mirrors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from deglare.rooms.scene import MATTE, PERFECT_MIRROR, Finish, RoomScene, Surface, Vec3
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


def furnish(seed: int, style: RoomStyle | None = None) -> RoomScene:
    """The room of a seed; the same seed gives the same room."""
    builder = _Builder(np.random.default_rng(seed), style or RoomStyle())
    builder.shell()
    builder.ceiling_lamps()
    builder.windows()
    builder.door()
    builder.wall_lamps()
    builder.tables()
    builder.wall_furniture()
    builder.wall_things()
    builder.rug()
    builder.clutter()
    return builder.room


@dataclass(frozen=True)
class _Wall:
    """A wall by its axis and side; things on it are placed by how far along, how high, how far off."""

    axis: int
    side: int
    distance: float  # from the middle of the room
    length: float

    def place(self, along: float, height: float, off: float) -> Vec3:
        centre = [0.0, 0.0, height]
        centre[self.axis], centre[1 - self.axis] = self.side * (self.distance - off), along
        return centre[0], centre[1], centre[2]

    def half(self, along: float, height: float, thick: float) -> Vec3:
        size = [0.0, 0.0, height]
        size[self.axis], size[1 - self.axis] = thick, along
        return size[0], size[1], size[2]

    @property
    def inner_face(self) -> int:
        """The face of a box on this wall that looks into the room."""
        return self.axis * 2 + (0 if self.side > 0 else 1)


@dataclass
class _Builder:
    rng: np.random.Generator
    style: RoomStyle
    room: RoomScene = field(default_factory=lambda: RoomScene((0.0, 0.0, 0.0)))
    taken: list[tuple[float, float, float]] = field(default_factory=list)
    """Floor space in use: x, y, radius."""
    shared: dict[str, int] = field(default_factory=dict)

    # --- choices ------------------------------------------------------------------------------------------------

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def colour(self, low: float = 0.25, high: float = 0.8, spread: float = 0.35) -> Vec3:
        tone = self.between(low, high) * (1 + spread * (self.rng.random(3) - 0.5))
        return _rgb(np.clip(tone, 0.03, 0.92))

    def brown(self) -> Vec3:
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

    def walls(self) -> list[_Wall]:
        width, depth, _ = self.room.size_m
        return [_Wall(0, side, width / 2, depth) for side in (-1, 1)] + [
            _Wall(1, side, depth / 2, width) for side in (-1, 1)
        ]

    def any_wall(self) -> _Wall:
        return self.walls()[int(self.rng.integers(4))]

    def is_free(self, x: float, y: float, radius: float) -> bool:
        return all(math.hypot(x - a, y - b) > radius + r for a, b, r in self.taken)

    # --- the shell ----------------------------------------------------------------------------------------------

    def shell(self) -> None:
        width, depth, height = self.between(4.2, 7.5), self.between(3.8, 6.0), self.between(2.4, 2.8)
        self.room.size_m = (width, depth, height)
        kind = str(self.rng.choice(["carpet", "parquet", "tile", "concrete"], p=[0.12, 0.3, 0.32, 0.26]))
        finish = MATTE if kind == "carpet" else self.gloss()
        tint = {
            "carpet": self.colour(0.15, 0.45, 0.7),
            "parquet": self.brown(),
            "tile": self.colour(0.3, 0.7, 0.2),
            "concrete": self.colour(0.25, 0.45, 0.1),
        }[kind]
        wall = self.surface(
            str(self.rng.choice(["plaster", "plaster", "plaster", "brick"])), self.colour(0.5, 0.85, 0.2), 1.2
        )
        floor = self.surface(kind, tint, self.between(0.9, 1.4), finish)
        ceiling = self.surface("plaster", (0.8, 0.8, 0.8), 1.5, fresh=True)
        shell_faces = {face: wall for face in range(4)} | {4: floor, 5: ceiling}
        self.room.add_box((0, 0, height / 2), (width / 2, depth / 2, height / 2), wall, faces=shell_faces)
        self.room.facts |= {"floor": kind, "floor_is_glossy": finish.is_reflective}
        skirting = self.surface("plain", self.colour(0.5, 0.85, 0.1))
        for side in self.walls():
            self.room.add_box(side.place(0, 0.04, 0.008), side.half(side.length / 2, 0.04, 0.008), skirting)

    def ceiling_lamps(self) -> None:
        width, depth, height = self.room.size_m
        kind = str(self.rng.choice(["panel", "tube", "spots", "wide"]))
        columns, rows, half_x, half_y, glow = {
            "panel": (self.rng.integers(1, 4), self.rng.integers(1, 3), 0.3, 0.3, 1.0),
            "tube": (self.rng.integers(1, 3), self.rng.integers(1, 4), 0.6, 0.08, 1.0),
            "spots": (self.rng.integers(2, 4), 2, 0.09, 0.09, 3.0),
            "wide": (1, 1, 0.55, 0.4, 1.0),
        }[kind]
        warm = (1.0, self.between(0.85, 1), self.between(0.7, 1))
        light = self.light(warm, glow * self.between(14, 28))
        for column in range(int(columns)):
            for row in range(int(rows)):
                x, y = ((column + 0.5) / columns - 0.5) * width, ((row + 0.5) / rows - 0.5) * depth
                self.room.add_lamp((x, y, height - 0.02), (half_x, half_y, 0.018), 4, light)
        self.room.facts |= {"ceiling_lamps": kind}

    def light(self, tint: Vec3, emission: float) -> Surface:
        """A glowing surface."""
        return Surface(self.texture("plain"), tint, 1.0, Finish(Material.LIGHT), emission)

    def windows(self) -> None:
        """Frames with 2x2 bright panes, some with curtains."""
        for index in self.rng.permutation(4)[: self.rng.integers(1, 4)]:
            wall = self.walls()[int(index)]
            half_w, half_h, middle = self.between(0.5, 1.0), self.between(0.45, 0.65), self.between(1.35, 1.55)
            along = self.between(-0.5, 0.5) * (wall.length - 2 * half_w - 0.6)
            daylight = self.light((0.85, 0.93, 1.0), self.between(2.5, 9))
            frame = self.surface("plain", (0.85, 0.85, 0.85))
            self.room.add_box(wall.place(along, middle, 0.012), wall.half(half_w + 0.06, half_h + 0.06, 0.012), frame)
            for a in (-1, 1):
                for b in (-1, 1):
                    centre = wall.place(along + a * half_w / 2, middle + b * half_h / 2, 0.016)
                    self.room.add_lamp(
                        centre, wall.half(half_w / 2 - 0.025, half_h / 2 - 0.025, 0.016), wall.inner_face, daylight
                    )
            sill = wall.place(along, middle - half_h - 0.07, 0.08)
            self.room.add_box(sill, wall.half(half_w + 0.1, 0.015, 0.08), frame)
            if self.chance(0.5):
                curtain = self.surface("fabric", self.colour(0.3, 0.7, 0.8), 0.4)
                for a in (-1, 1):
                    centre = wall.place(along + a * (half_w + 0.2), middle - 0.1, 0.05)
                    self.room.add_box(centre, wall.half(0.16, half_h + 0.35, 0.05), curtain)

    def door(self) -> None:
        wall = self.any_wall()
        along = self.between(-0.5, 0.5) * (wall.length - 1.4)
        self.room.add_box(
            wall.place(along, 1.03, 0.02), wall.half(0.5, 1.03, 0.02), self.surface("plain", self.colour(0.5, 0.8, 0.1))
        )
        leaf = self.surface("wood", self.brown() if self.chance(0.6) else (0.8, 0.8, 0.78), 0.9, self.gloss(0.4))
        self.room.add_box(wall.place(along, 1.0, 0.03), wall.half(0.44, 1.0, 0.03), leaf)
        handle = Surface(self.texture("plain"), (0.25, 0.25, 0.25), 1.0, Finish(Material.GLOSSY, 0.15, 0.05))
        self.room.add_box(wall.place(along + 0.36, 1.02, 0.09), wall.half(0.06, 0.012, 0.012), handle)

    def wall_lamps(self) -> None:
        for _ in range(self.rng.integers(0, 3)):
            wall = self.any_wall()
            centre = wall.place(self.between(-0.5, 0.5) * (wall.length - 0.6), self.between(1.4, 1.9), 0.03)
            half = wall.half(self.between(0.06, 0.15), self.between(0.08, 0.22), 0.025)
            self.room.add_lamp(centre, half, wall.inner_face, self.light((1.0, 0.9, 0.75), self.between(8, 25)))

    # --- furniture ----------------------------------------------------------------------------------------------

    def tables(self) -> None:
        for _ in range(self.rng.integers(1, 4)):
            self.table()

    def table(self) -> None:
        width, depth, _ = self.room.size_m
        half_x, half_y, top = self.between(0.45, 0.95), self.between(0.35, 0.6), self.between(0.42, 0.76)
        radius = max(half_x, half_y)
        spot = self.free_spot(width / 2 - radius - 0.1, depth / 2 - radius - 0.1, radius)
        if spot is None:
            return
        x, y = spot
        yaw = float(self.rng.choice([0, math.pi / 2, self.between(0, math.pi)]))
        kind = str(self.rng.choice(["wood", "wood", "plain", "concrete"]))
        tint = self.brown() if kind == "wood" else self.colour(0.1, 0.75, 0.2)
        self.room.add_box((x, y, top), (half_x, half_y, 0.02), self.surface(kind, tint, 0.9, self.gloss()), yaw)
        leg = self.surface("plain", self.colour(0.1, 0.6))
        on_table = _turned_about(x, y, yaw)
        for a in (-1, 1):
            for b in (-1, 1):
                px, py = on_table(a * (half_x - 0.06), b * (half_y - 0.06))
                self.room.add_box((px, py, top / 2 - 0.01), (0.028, 0.028, top / 2 - 0.01), leg, yaw)
        for _ in range(self.rng.integers(2, 6)):
            px, py = on_table(self.between(-0.8, 0.8) * half_x, self.between(-0.8, 0.8) * half_y)
            self.tabletop_thing(px, py, top + 0.02, yaw)
        for _ in range(self.rng.integers(0, 4)):
            self.chair(x, y, radius)

    def free_spot(self, reach_x: float, reach_y: float, radius: float) -> tuple[float, float] | None:
        """A free place on the floor, which is then taken."""
        for _ in range(30):
            x, y = self.between(-reach_x, reach_x), self.between(-reach_y, reach_y)
            if self.is_free(x, y, radius):
                self.taken.append((x, y, radius))
                return x, y
        return None

    def tabletop_thing(self, x: float, y: float, z: float, yaw: float) -> None:
        kind = int(self.rng.integers(5))
        if kind == 0:  # a pile or a parcel
            half = (self.between(0.05, 0.14), self.between(0.05, 0.14), self.between(0.01, 0.09))
            self.room.add_box(
                (x, y, z + half[2]), half, self.surface("picture", grey(0.9), 0.3, fresh=True), self.between(0, 3)
            )
        elif kind == 1:  # a bowl or a ball
            radius = self.between(0.04, 0.1)
            self.room.add_ball(
                (x, y, z + radius), radius, self.surface("fabric", self.colour(0.2, 0.8, 1.2), 0.3, self.gloss(0.4))
            )
        elif kind == 2:  # a monitor
            half_w, turn = self.between(0.2, 0.32), yaw + self.between(-0.3, 0.3)
            black = self.surface("plain", grey(0.06))
            glass = self.surface("plain", (0.02, 0.02, 0.025), 1.0, self.screen())
            self.room.add_box((x, y, z + 0.29), (half_w, 0.018, 0.17), black, turn, faces={2: glass})
            self.room.add_box((x, y, z + 0.06), (0.03, 0.03, 0.06), black, turn)
            self.room.add_box((x, y, z + 0.006), (0.12, 0.08, 0.006), black, turn)
        elif kind == 3:  # a laptop
            shell, glass = self.surface("plain", grey(0.3)), self.surface("plain", grey(0.02), 1.0, self.screen())
            turn = yaw + self.between(-0.4, 0.4)
            self.room.add_box((x, y, z + 0.008), (0.16, 0.11, 0.008), shell, turn)
            px, py = _turned_about(x, y, turn)(0, 0.11)
            self.room.add_box((px, py, z + 0.11), (0.16, 0.006, 0.1), shell, turn, faces={2: glass})
        else:  # a cup and a sheet of paper
            self.room.add_box(
                (x, y, z + 0.045), (0.035, 0.035, 0.045), self.surface("plain", self.colour(0.3, 0.9, 0.8)), 0.4
            )
            sheet = self.surface("picture", grey(0.9), 0.3)
            self.room.add_box((x + 0.14, y, z + 0.002), (0.105, 0.148, 0.002), sheet, self.between(0, 3))

    def chair(self, x: float, y: float, radius: float) -> None:
        angle = self.between(0, 2 * math.pi)
        px, py = x + math.cos(angle) * (radius + 0.35), y + math.sin(angle) * (radius + 0.35)
        width, depth, _ = self.room.size_m
        if abs(px) > width / 2 - 0.4 or abs(py) > depth / 2 - 0.4:
            return
        cover = self.surface("fabric", self.colour(0.1, 0.6, 1.0), 0.4)
        at = _turned_about(px, py, angle)
        self.room.add_box((px, py, 0.45), (0.21, 0.21, 0.025), cover, angle)
        self.room.add_box((*at(0.2, 0), 0.72), (0.02, 0.2, 0.22), cover, angle)
        leg = self.surface("plain", grey(0.12))
        for a in (-0.18, 0.18):
            for b in (-0.18, 0.18):
                self.room.add_box((*at(a, b), 0.21), (0.016, 0.016, 0.21), leg, angle)
        self.taken.append((px, py, 0.25))

    def wall_furniture(self) -> None:
        kinds: list[Callable[[_Wall, float, float], None]] = [self.cupboard, self.bookshelf, self.sofa, self.sideboard]
        for _ in range(self.rng.integers(4, 8)):
            wall, half_w = self.any_wall(), self.between(0.35, 0.75)
            along = self.between(-0.5, 0.5) * (wall.length - 2 * half_w - 0.2)
            x, y, _ = wall.place(along, 0, 0.25)
            if self.is_free(x, y, half_w):
                self.taken.append((x, y, half_w * 0.9))
                kinds[int(self.rng.integers(len(kinds)))](wall, along, half_w)

    def cupboard(self, wall: _Wall, along: float, half_w: float) -> None:
        """A body with doors, gaps between them, and handles."""
        half_d, half_h = self.between(0.2, 0.3), self.between(0.45, 1.05)
        self.doors(wall, along, half_w, half_d, half_h, int(self.rng.integers(2, 4)))

    def sideboard(self, wall: _Wall, along: float, half_w: float) -> None:
        """A low body with doors, and a television on top of some."""
        half_w, half_d, half_h = half_w + 0.15, self.between(0.18, 0.24), self.between(0.22, 0.32)
        self.doors(wall, along, half_w, half_d, half_h, 3)
        if self.chance(0.6):
            black, glass = (
                self.surface("plain", grey(0.05)),
                self.surface("plain", (0.02, 0.02, 0.024), 1.0, self.screen()),
            )
            size = min(0.6, half_w - 0.05)
            centre = wall.place(along, 2 * half_h + 0.05 + size * 0.56, half_d)
            self.room.add_box(centre, wall.half(size, size * 0.56, 0.02), black, faces={wall.inner_face: glass})
            self.room.add_box(wall.place(along, 2 * half_h + 0.03, half_d), wall.half(0.15, 0.03, 0.06), black)

    def doors(self, wall: _Wall, along: float, half_w: float, half_d: float, half_h: float, count: int) -> None:
        tint = self.brown() if self.chance(0.5) else self.colour(0.25, 0.8, 0.6)
        body = self.surface("wood" if self.chance(0.6) else "plain", tint, 0.8)
        front = self.surface("wood" if self.chance(0.5) else "plain", tint, 0.8, self.gloss(0.75))
        metal = self.surface("plain", grey(0.3))
        self.room.add_box(wall.place(along, half_h, half_d), wall.half(half_w, half_h, half_d), body)
        for number in range(count):
            middle = along + (2 * (number + 0.5) / count - 1) * half_w
            centre = wall.place(middle, half_h, 2 * half_d + 0.008)
            self.room.add_box(centre, wall.half(half_w / count - 0.004, half_h - 0.01, 0.008), front)
            handle = wall.place(middle + half_w / count - 0.06, half_h, 2 * half_d + 0.03)
            self.room.add_box(handle, wall.half(0.008, 0.06, 0.01), metal)

    def bookshelf(self, wall: _Wall, along: float, half_w: float) -> None:
        half_h = self.between(0.5, 1.0)
        wood, books = self.surface("wood", self.brown(), 0.8), self.surface("books", grey(0.8), 0.8, fresh=True)
        self.room.add_box(
            wall.place(along, half_h, 0.14), wall.half(half_w, half_h, 0.14), wood, faces={wall.inner_face: books}
        )
        for a in (-1, 1):
            centre = wall.place(along + a * (half_w + 0.01), half_h, 0.16)
            self.room.add_box(centre, wall.half(0.012, half_h + 0.01, 0.16), wood)

    def sofa(self, wall: _Wall, along: float, half_w: float) -> None:
        cover = self.surface("fabric", self.colour(0.15, 0.6, 1.0), 0.5)
        half_w = half_w + 0.25
        self.room.add_box(wall.place(along, 0.22, 0.42), wall.half(half_w, 0.22, 0.38), cover)
        self.room.add_box(wall.place(along, 0.42, 0.12), wall.half(half_w, 0.4, 0.1), cover)
        for a in (-1, 1):
            self.room.add_box(wall.place(along + a * half_w, 0.3, 0.42), wall.half(0.09, 0.3, 0.38), cover)
        cushion = self.surface("picture", self.colour(0.5, 0.9, 0.8), 0.5, fresh=True)
        self.room.add_box(wall.place(along - half_w * 0.5, 0.56, 0.3), wall.half(0.2, 0.16, 0.06), cushion)

    def wall_things(self) -> None:
        for _ in range(self.rng.integers(3, 8)):
            wall, half_w, half_h = self.any_wall(), self.between(0.2, 0.5), self.between(0.2, 0.4)
            along = self.between(-0.5, 0.5) * (wall.length - 2 * half_w)
            self.picture(wall, along, self.between(1.35, 1.7), half_w, half_h)
        if self.chance(self.style.mirrors):
            wall, half_w, half_h = self.any_wall(), self.between(0.3, 0.55), self.between(0.4, 0.8)
            along = self.between(-0.5, 0.5) * (wall.length - 2 * half_w)
            self.mirror(wall, along, max(1.25, half_h + 0.1), half_w, half_h)
        if self.chance(0.35):
            wall = self.any_wall()
            along = self.between(-0.5, 0.5) * (wall.length - 1.4)
            black, glass = (
                self.surface("plain", grey(0.05)),
                self.surface("plain", (0.02, 0.02, 0.024), 1.0, self.screen()),
            )
            centre = wall.place(along, self.between(1.2, 1.5), 0.04)
            self.room.add_box(centre, wall.half(0.58, 0.33, 0.03), black, faces={wall.inner_face: glass})

    def picture(self, wall: _Wall, along: float, height: float, half_w: float, half_h: float) -> None:
        frame = self.surface("plain", self.colour(0.05, 0.5))
        image = self.surface("picture", grey(0.9), 2 * max(half_w, half_h), self.gloss(0.35), fresh=True)
        self.room.add_box(wall.place(along, height, 0.01), wall.half(half_w + 0.03, half_h + 0.03, 0.01), frame)
        self.room.add_box(wall.place(along, height, 0.014), wall.half(half_w, half_h, 0.014), image)

    def mirror(self, wall: _Wall, along: float, height: float, half_w: float, half_h: float) -> None:
        frame = self.surface("wood", self.brown())
        glass = Surface(self.texture("plain"), grey(0.03), 1.0, PERFECT_MIRROR)
        self.room.add_box(wall.place(along, height, 0.012), wall.half(half_w + 0.04, half_h + 0.04, 0.012), frame)
        self.room.add_box(
            wall.place(along, height, 0.018), wall.half(half_w, half_h, 0.018), frame, faces={wall.inner_face: glass}
        )
        self.room.facts |= {"has_mirror": True}

    def rug(self) -> None:
        if self.chance(0.35):
            width, depth, _ = self.room.size_m
            centre = (self.between(-0.2, 0.2) * width, self.between(-0.2, 0.2) * depth, 0.006)
            surface = self.surface(str(self.rng.choice(["carpet", "fabric"])), self.colour(0.15, 0.6, 1.0), 0.8)
            self.room.add_box(centre, (self.between(0.5, 0.9), self.between(0.4, 0.7), 0.006), surface)

    def clutter(self) -> None:
        width, depth, _ = self.room.size_m
        for _ in range(self.rng.integers(1, 5)):
            half = (self.between(0.08, 0.25), self.between(0.08, 0.25), self.between(0.08, 0.25))
            spot = self.free_spot(width / 2 - 0.3, depth / 2 - 0.3, 0.25)
            if spot is not None:
                kind = str(self.rng.choice(["picture", "plain", "fabric", "wood"]))
                tint = self.brown() if kind in ("plain", "wood") else self.colour(0.4, 0.85, 0.8)
                surface = self.surface(kind, tint, 0.5, fresh=True)
                self.room.add_box((*spot, half[2]), half, surface, self.between(0, 3))


def _turned_about(x: float, y: float, yaw: float) -> Callable[[float, float], tuple[float, float]]:
    """Places around (x, y) in axes turned by yaw."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    return lambda u, v: (x + u * cos - v * sin, y + u * sin + v * cos)


def grey(value: float) -> Vec3:
    """A colourless tint."""
    return value, value, value


def _rgb(values: np.ndarray) -> Vec3:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
