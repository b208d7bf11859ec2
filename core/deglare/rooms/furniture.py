"""What stands in a room and hangs on its walls."""

from __future__ import annotations

import math
from collections.abc import Callable

from deglare.rooms.builder import Builder, Wall, grey, turned_about
from deglare.rooms.scene import PERFECT_MIRROR, Surface


def tables(make: Builder) -> None:
    """One to three tables with things on them."""
    for _ in range(make.rng.integers(1, 4)):
        table(make)


def table(make: Builder) -> None:
    """A table with legs, things on it and chairs around it."""
    width, depth, _ = make.room.size_m
    half_x, half_y, top = make.between(0.45, 0.95), make.between(0.35, 0.6), make.between(0.42, 0.76)
    radius = max(half_x, half_y)
    spot = make.free_spot(width / 2 - radius - 0.1, depth / 2 - radius - 0.1, radius)
    if spot is None:
        return
    x, y = spot
    yaw = float(make.rng.choice([0, math.pi / 2, make.between(0, math.pi)]))
    kind = str(make.rng.choice(["wood", "wood", "plain", "concrete"]))
    tint = make.brown() if kind == "wood" else make.colour(0.1, 0.75, 0.2)
    make.room.add_box((x, y, top), (half_x, half_y, 0.02), make.surface(kind, tint, 0.9, make.gloss()), yaw)
    leg = make.surface("plain", make.colour(0.1, 0.6))
    on_table = turned_about(x, y, yaw)
    for a in (-1, 1):
        for b in (-1, 1):
            px, py = on_table(a * (half_x - 0.06), b * (half_y - 0.06))
            make.room.add_box((px, py, top / 2 - 0.01), (0.028, 0.028, top / 2 - 0.01), leg, yaw)
    for _ in range(make.rng.integers(2, 6)):
        px, py = on_table(make.between(-0.8, 0.8) * half_x, make.between(-0.8, 0.8) * half_y)
        tabletop_thing(make, px, py, top + 0.02, yaw)
    for _ in range(make.rng.integers(0, 4)):
        chair(make, x, y, radius)


def tabletop_thing(make: Builder, x: float, y: float, z: float, yaw: float) -> None:
    """One thing that lies or stands on a table."""
    kind = int(make.rng.integers(5))
    if kind == 0:  # a pile or a parcel
        half = (make.between(0.05, 0.14), make.between(0.05, 0.14), make.between(0.01, 0.09))
        make.room.add_box(
            (x, y, z + half[2]), half, make.surface("picture", grey(0.9), 0.3, fresh=True), make.between(0, 3)
        )
    elif kind == 1:  # a bowl or a ball
        radius = make.between(0.04, 0.1)
        make.room.add_ball(
            (x, y, z + radius), radius, make.surface("fabric", make.colour(0.2, 0.8, 1.2), 0.3, make.gloss(0.4))
        )
    elif kind == 2:  # a monitor
        half_w, turn = make.between(0.2, 0.32), yaw + make.between(-0.3, 0.3)
        black = make.surface("plain", grey(0.06))
        glass = make.surface("plain", (0.02, 0.02, 0.025), 1.0, make.screen())
        make.room.add_box((x, y, z + 0.29), (half_w, 0.018, 0.17), black, turn, faces={2: glass})
        make.room.add_box((x, y, z + 0.06), (0.03, 0.03, 0.06), black, turn)
        make.room.add_box((x, y, z + 0.006), (0.12, 0.08, 0.006), black, turn)
    elif kind == 3:  # a laptop
        shell, glass = make.surface("plain", grey(0.3)), make.surface("plain", grey(0.02), 1.0, make.screen())
        turn = yaw + make.between(-0.4, 0.4)
        make.room.add_box((x, y, z + 0.008), (0.16, 0.11, 0.008), shell, turn)
        px, py = turned_about(x, y, turn)(0, 0.11)
        make.room.add_box((px, py, z + 0.11), (0.16, 0.006, 0.1), shell, turn, faces={2: glass})
    else:  # a cup and a sheet of paper
        make.room.add_box(
            (x, y, z + 0.045), (0.035, 0.035, 0.045), make.surface("plain", make.colour(0.3, 0.9, 0.8)), 0.4
        )
        sheet = make.surface("picture", grey(0.9), 0.3)
        make.room.add_box((x + 0.14, y, z + 0.002), (0.105, 0.148, 0.002), sheet, make.between(0, 3))


def chair(make: Builder, x: float, y: float, radius: float) -> None:
    """A chair beside a table, where there is room."""
    angle = make.between(0, 2 * math.pi)
    px, py = x + math.cos(angle) * (radius + 0.35), y + math.sin(angle) * (radius + 0.35)
    width, depth, _ = make.room.size_m
    if abs(px) > width / 2 - 0.4 or abs(py) > depth / 2 - 0.4:
        return
    cover = make.surface("fabric", make.colour(0.1, 0.6, 1.0), 0.4)
    at = turned_about(px, py, angle)
    make.room.add_box((px, py, 0.45), (0.21, 0.21, 0.025), cover, angle)
    make.room.add_box((*at(0.2, 0), 0.72), (0.02, 0.2, 0.22), cover, angle)
    leg = make.surface("plain", grey(0.12))
    for a in (-0.18, 0.18):
        for b in (-0.18, 0.18):
            make.room.add_box((*at(a, b), 0.21), (0.016, 0.016, 0.21), leg, angle)
    make.taken.append((px, py, 0.25))


def wall_furniture(make: Builder) -> None:
    """Furniture along the walls."""
    kinds: list[Callable[[Builder, Wall, float, float], None]] = [cupboard, bookshelf, sofa, sideboard]
    for _ in range(make.rng.integers(4, 8)):
        wall, half_w = make.any_wall(), make.between(0.35, 0.75)
        along = make.between(-0.5, 0.5) * (wall.length - 2 * half_w - 0.2)
        x, y, _ = wall.place(along, 0, 0.25)
        if make.is_free(x, y, half_w):
            make.taken.append((x, y, half_w * 0.9))
            kinds[int(make.rng.integers(len(kinds)))](make, wall, along, half_w)


def cupboard(make: Builder, wall: Wall, along: float, half_w: float) -> None:
    """A body with doors, gaps between them, and handles."""
    half_d, half_h = make.between(0.2, 0.3), make.between(0.45, 1.05)
    doors(make, wall, along, half_w, half_d, half_h, int(make.rng.integers(2, 4)))


def sideboard(make: Builder, wall: Wall, along: float, half_w: float) -> None:
    """A low body with doors, and a television on top of some."""
    half_w, half_d, half_h = half_w + 0.15, make.between(0.18, 0.24), make.between(0.22, 0.32)
    doors(make, wall, along, half_w, half_d, half_h, 3)
    if make.chance(0.6):
        black, glass = (
            make.surface("plain", grey(0.05)),
            make.surface("plain", (0.02, 0.02, 0.024), 1.0, make.screen()),
        )
        size = min(0.6, half_w - 0.05)
        centre = wall.place(along, 2 * half_h + 0.05 + size * 0.56, half_d)
        make.room.add_box(centre, wall.half(size, size * 0.56, 0.02), black, faces={wall.inner_face: glass})
        make.room.add_box(wall.place(along, 2 * half_h + 0.03, half_d), wall.half(0.15, 0.03, 0.06), black)


def doors(make: Builder, wall: Wall, along: float, half_w: float, half_d: float, half_h: float, count: int) -> None:
    """A body with doors, gaps between them, and handles."""
    tint = make.brown() if make.chance(0.5) else make.colour(0.25, 0.8, 0.6)
    body = make.surface("wood" if make.chance(0.6) else "plain", tint, 0.8)
    front = make.surface("wood" if make.chance(0.5) else "plain", tint, 0.8, make.gloss(0.75))
    metal = make.surface("plain", grey(0.3))
    make.room.add_box(wall.place(along, half_h, half_d), wall.half(half_w, half_h, half_d), body)
    for number in range(count):
        middle = along + (2 * (number + 0.5) / count - 1) * half_w
        centre = wall.place(middle, half_h, 2 * half_d + 0.008)
        make.room.add_box(centre, wall.half(half_w / count - 0.004, half_h - 0.01, 0.008), front)
        handle = wall.place(middle + half_w / count - 0.06, half_h, 2 * half_d + 0.03)
        make.room.add_box(handle, wall.half(0.008, 0.06, 0.01), metal)


def bookshelf(make: Builder, wall: Wall, along: float, half_w: float) -> None:
    """Books between two boards."""
    half_h = make.between(0.5, 1.0)
    wood, books = make.surface("wood", make.brown(), 0.8), make.surface("books", grey(0.8), 0.8, fresh=True)
    make.room.add_box(
        wall.place(along, half_h, 0.14), wall.half(half_w, half_h, 0.14), wood, faces={wall.inner_face: books}
    )
    for a in (-1, 1):
        centre = wall.place(along + a * (half_w + 0.01), half_h, 0.16)
        make.room.add_box(centre, wall.half(0.012, half_h + 0.01, 0.16), wood)


def sofa(make: Builder, wall: Wall, along: float, half_w: float) -> None:
    """A sofa with a cushion."""
    cover = make.surface("fabric", make.colour(0.15, 0.6, 1.0), 0.5)
    half_w = half_w + 0.25
    make.room.add_box(wall.place(along, 0.22, 0.42), wall.half(half_w, 0.22, 0.38), cover)
    make.room.add_box(wall.place(along, 0.42, 0.12), wall.half(half_w, 0.4, 0.1), cover)
    for a in (-1, 1):
        make.room.add_box(wall.place(along + a * half_w, 0.3, 0.42), wall.half(0.09, 0.3, 0.38), cover)
    cushion = make.surface("picture", make.colour(0.5, 0.9, 0.8), 0.5, fresh=True)
    make.room.add_box(wall.place(along - half_w * 0.5, 0.56, 0.3), wall.half(0.2, 0.16, 0.06), cushion)


def wall_things(make: Builder) -> None:
    """Pictures, sometimes a mirror or a television."""
    for _ in range(make.rng.integers(3, 8)):
        wall, half_w, half_h = make.any_wall(), make.between(0.2, 0.5), make.between(0.2, 0.4)
        along = make.between(-0.5, 0.5) * (wall.length - 2 * half_w)
        picture(make, wall, along, make.between(1.35, 1.7), half_w, half_h)
    if make.chance(make.style.mirrors):
        wall, half_w, half_h = make.any_wall(), make.between(0.3, 0.55), make.between(0.4, 0.8)
        along = make.between(-0.5, 0.5) * (wall.length - 2 * half_w)
        mirror(make, wall, along, max(1.25, half_h + 0.1), half_w, half_h)
    if make.chance(0.35):
        wall = make.any_wall()
        along = make.between(-0.5, 0.5) * (wall.length - 1.4)
        black, glass = (
            make.surface("plain", grey(0.05)),
            make.surface("plain", (0.02, 0.02, 0.024), 1.0, make.screen()),
        )
        centre = wall.place(along, make.between(1.2, 1.5), 0.04)
        make.room.add_box(centre, wall.half(0.58, 0.33, 0.03), black, faces={wall.inner_face: glass})


def picture(make: Builder, wall: Wall, along: float, height: float, half_w: float, half_h: float) -> None:
    """A framed picture, some behind glass."""
    frame = make.surface("plain", make.colour(0.05, 0.5))
    image = make.surface("picture", grey(0.9), 2 * max(half_w, half_h), make.gloss(0.35), fresh=True)
    make.room.add_box(wall.place(along, height, 0.01), wall.half(half_w + 0.03, half_h + 0.03, 0.01), frame)
    make.room.add_box(wall.place(along, height, 0.014), wall.half(half_w, half_h, 0.014), image)


def mirror(make: Builder, wall: Wall, along: float, height: float, half_w: float, half_h: float) -> None:
    """A perfect mirror in a frame."""
    frame = make.surface("wood", make.brown())
    glass = Surface(make.texture("plain"), grey(0.03), 1.0, PERFECT_MIRROR)
    make.room.add_box(wall.place(along, height, 0.012), wall.half(half_w + 0.04, half_h + 0.04, 0.012), frame)
    make.room.add_box(
        wall.place(along, height, 0.018), wall.half(half_w, half_h, 0.018), frame, faces={wall.inner_face: glass}
    )
    make.room.facts |= {"has_mirror": True}


def rug(make: Builder) -> None:
    """Sometimes a rug."""
    if make.chance(0.35):
        width, depth, _ = make.room.size_m
        centre = (make.between(-0.2, 0.2) * width, make.between(-0.2, 0.2) * depth, 0.006)
        surface = make.surface(str(make.rng.choice(["carpet", "fabric"])), make.colour(0.15, 0.6, 1.0), 0.8)
        make.room.add_box(centre, (make.between(0.5, 0.9), make.between(0.4, 0.7), 0.006), surface)


def clutter(make: Builder) -> None:
    """Parcels and baskets on the floor."""
    width, depth, _ = make.room.size_m
    for _ in range(make.rng.integers(1, 5)):
        half = (make.between(0.08, 0.25), make.between(0.08, 0.25), make.between(0.08, 0.25))
        spot = make.free_spot(width / 2 - 0.3, depth / 2 - 0.3, 0.25)
        if spot is not None:
            kind = str(make.rng.choice(["picture", "plain", "fabric", "wood"]))
            tint = make.brown() if kind in ("plain", "wood") else make.colour(0.4, 0.85, 0.8)
            surface = make.surface(kind, tint, 0.5, fresh=True)
            make.room.add_box((*spot, half[2]), half, surface, make.between(0, 3))
