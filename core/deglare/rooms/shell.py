"""The room itself: floor, walls and ceiling, lamps, windows and a door."""

from __future__ import annotations

from deglare.rooms.builder import Builder
from deglare.rooms.scene import MATTE, Finish, Surface
from deglare.types import Material


def shell(make: Builder) -> None:
    """Size, floor, walls, ceiling and skirting boards."""
    width, depth, height = make.between(4.2, 7.5), make.between(3.8, 6.0), make.between(2.4, 2.8)
    make.room.size_m = (width, depth, height)
    kind = str(make.rng.choice(["carpet", "parquet", "tile", "concrete"], p=[0.12, 0.3, 0.32, 0.26]))
    finish = MATTE if kind == "carpet" else make.gloss()
    tint = {
        "carpet": make.colour(0.15, 0.45, 0.7),
        "parquet": make.brown(),
        "tile": make.colour(0.3, 0.7, 0.2),
        "concrete": make.colour(0.25, 0.45, 0.1),
    }[kind]
    wall = make.surface(
        str(make.rng.choice(["plaster", "plaster", "plaster", "brick"])), make.colour(0.5, 0.85, 0.2), 1.2
    )
    floor = make.surface(kind, tint, make.between(0.9, 1.4), finish)
    ceiling = make.surface("plaster", (0.8, 0.8, 0.8), 1.5, fresh=True)
    shell_faces = {face: wall for face in range(4)} | {4: floor, 5: ceiling}
    make.room.add_box((0, 0, height / 2), (width / 2, depth / 2, height / 2), wall, faces=shell_faces)
    make.room.facts |= {"floor": kind, "floor_is_glossy": finish.is_reflective}
    skirting = make.surface("plain", make.colour(0.5, 0.85, 0.1))
    for side in make.walls():
        make.room.add_box(side.place(0, 0.04, 0.008), side.half(side.length / 2, 0.04, 0.008), skirting)


def ceiling_lamps(make: Builder) -> None:
    """Panels, tubes, spots or one wide lamp."""
    width, depth, height = make.room.size_m
    kind = str(make.rng.choice(["panel", "tube", "spots", "wide"]))
    columns, rows, half_x, half_y, glow = {
        "panel": (make.rng.integers(1, 4), make.rng.integers(1, 3), 0.3, 0.3, 1.0),
        "tube": (make.rng.integers(1, 3), make.rng.integers(1, 4), 0.6, 0.08, 1.0),
        "spots": (make.rng.integers(2, 4), 2, 0.09, 0.09, 3.0),
        "wide": (1, 1, 0.55, 0.4, 1.0),
    }[kind]
    warm = (1.0, make.between(0.85, 1), make.between(0.7, 1))
    light = make.light(warm, glow * make.between(14, 28))
    for column in range(int(columns)):
        for row in range(int(rows)):
            x, y = ((column + 0.5) / columns - 0.5) * width, ((row + 0.5) / rows - 0.5) * depth
            make.room.add_lamp((x, y, height - 0.02), (half_x, half_y, 0.018), 4, light)
    make.room.facts |= {"ceiling_lamps": kind}


def windows(make: Builder) -> None:
    """Frames with 2x2 bright panes, some with curtains."""
    for index in make.rng.permutation(4)[: make.rng.integers(1, 4)]:
        wall = make.walls()[int(index)]
        half_w, half_h, middle = make.between(0.5, 1.0), make.between(0.45, 0.65), make.between(1.35, 1.55)
        along = make.between(-0.5, 0.5) * (wall.length - 2 * half_w - 0.6)
        daylight = make.light((0.85, 0.93, 1.0), make.between(2.5, 9))
        frame = make.surface("plain", (0.85, 0.85, 0.85))
        make.room.add_box(wall.place(along, middle, 0.012), wall.half(half_w + 0.06, half_h + 0.06, 0.012), frame)
        for a in (-1, 1):
            for b in (-1, 1):
                centre = wall.place(along + a * half_w / 2, middle + b * half_h / 2, 0.016)
                make.room.add_lamp(
                    centre, wall.half(half_w / 2 - 0.025, half_h / 2 - 0.025, 0.016), wall.inner_face, daylight
                )
        sill = wall.place(along, middle - half_h - 0.07, 0.08)
        make.room.add_box(sill, wall.half(half_w + 0.1, 0.015, 0.08), frame)
        if make.chance(0.5):
            curtain = make.surface("fabric", make.colour(0.3, 0.7, 0.8), 0.4)
            for a in (-1, 1):
                centre = wall.place(along + a * (half_w + 0.2), middle - 0.1, 0.05)
                make.room.add_box(centre, wall.half(0.16, half_h + 0.35, 0.05), curtain)


def door(make: Builder) -> None:
    """A door with a frame and a handle."""
    wall = make.any_wall()
    along = make.between(-0.5, 0.5) * (wall.length - 1.4)
    make.room.add_box(
        wall.place(along, 1.03, 0.02), wall.half(0.5, 1.03, 0.02), make.surface("plain", make.colour(0.5, 0.8, 0.1))
    )
    leaf = make.surface("wood", make.brown() if make.chance(0.6) else (0.8, 0.8, 0.78), 0.9, make.gloss(0.4))
    make.room.add_box(wall.place(along, 1.0, 0.03), wall.half(0.44, 1.0, 0.03), leaf)
    handle = Surface(make.texture("plain"), (0.25, 0.25, 0.25), 1.0, Finish(Material.GLOSSY, 0.15, 0.05))
    make.room.add_box(wall.place(along + 0.36, 1.02, 0.09), wall.half(0.06, 0.012, 0.012), handle)


def wall_lamps(make: Builder) -> None:
    """Up to two lamps on walls."""
    for _ in range(make.rng.integers(0, 3)):
        wall = make.any_wall()
        centre = wall.place(make.between(-0.5, 0.5) * (wall.length - 0.6), make.between(1.4, 1.9), 0.03)
        half = wall.half(make.between(0.06, 0.15), make.between(0.08, 0.22), 0.025)
        make.room.add_lamp(centre, half, wall.inner_face, make.light((1.0, 0.9, 0.75), make.between(8, 25)))
