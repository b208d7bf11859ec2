"""Build a room from a seed: shell, lamps, windows, furniture and clutter, some of it glossy, some of it mirrors."""

from __future__ import annotations

import numpy as np

from deglare.rooms import furniture, shell
from deglare.rooms.builder import Builder, RoomStyle
from deglare.rooms.scene import RoomScene

STEPS = (
    shell.shell,
    shell.ceiling_lamps,
    shell.windows,
    shell.door,
    shell.wall_lamps,
    furniture.tables,
    furniture.wall_furniture,
    furniture.wall_things,
    furniture.rug,
    furniture.clutter,
)
"""In this order: what comes first takes its place first."""


def furnish(seed: int, style: RoomStyle | None = None) -> RoomScene:
    """The room of a seed; the same seed gives the same room."""
    builder = Builder(np.random.default_rng(seed), style or RoomStyle())
    for step in STEPS:
        step(builder)
    return builder.room
