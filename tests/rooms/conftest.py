"""Rooms small enough to be lit in a second, and some that are known by formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
import torch

from deglare.rooms.furnish import furnish
from deglare.rooms.lighting import LightingSettings, bake
from deglare.rooms.mitsuba import without_patterns
from deglare.rooms.scene import MATTE, Finish, RoomScene, Surface
from deglare.rooms.shooting import ShootSettings
from deglare.rooms.tensors import SceneTensors, to_tensors
from deglare.rooms.textures import TEXTURE_SIZE
from deglare.rooms.trajectory import look_along
from deglare.types import Material, Rigid

COARSE = LightingSettings(texel_m=0.3, directions=16)

MakeRoom = Callable[..., RoomScene]
Light = Callable[..., SceneTensors]
Furnished = Callable[[int], tuple[RoomScene, SceneTensors]]
Look = Callable[..., Rigid]


@pytest.fixture(scope="session")
def make_room() -> MakeRoom:
    """An empty room of one grey, whose faces may be given; without patterns, its floor at z = 0."""

    def make(
        size_m: tuple[float, float, float] = (4.0, 5.0, 2.6),
        reflectance: float = 0.5,
        floor: Finish = MATTE,
        faces: dict[int, Surface] | None = None,
    ) -> RoomScene:
        room = RoomScene(size_m)
        room.add_texture(np.ones((TEXTURE_SIZE, TEXTURE_SIZE, 3), dtype=np.float32))
        grey = (reflectance, reflectance, reflectance)
        half = (size_m[0] / 2, size_m[1] / 2, size_m[2] / 2)
        named = {4: Surface(tint=grey, finish=floor)} | (faces or {})
        room.add_box((0, 0, size_m[2] / 2), half, Surface(tint=grey), faces=named)
        return room

    return make


@pytest.fixture(scope="session")
def add_lamp() -> Callable[..., None]:
    """Put a lamp that shines down at a place, with a radiance of ``emission`` and otherwise black."""

    def add(room: RoomScene, centre: tuple[float, float, float], half_m: float = 0.1, emission: float = 20.0) -> None:
        glowing = Surface(tint=(1.0, 1.0, 1.0), finish=Finish(Material.LIGHT), emission=emission)
        room.add_lamp(centre, (half_m, half_m, 0.01), 4, glowing)

    return add


@pytest.fixture(scope="session")
def light() -> Light:
    """Bake a room's light coarsely."""

    def bake_coarsely(room: RoomScene, settings: LightingSettings = COARSE) -> SceneTensors:
        return bake(to_tensors(room, texel_m=settings.texel_m), settings)

    return bake_coarsely


@pytest.fixture(scope="session")
def furnished(light: Light) -> Furnished:
    """The furnished room of a seed without patterns, and the same lit; each is made once."""

    @cache
    def make(seed: int) -> tuple[RoomScene, SceneTensors]:
        room = without_patterns(furnish(seed))
        return room, light(room)

    return make


@pytest.fixture(scope="session")
def look() -> Look:
    """``world_T_cam`` of a camera at a place that looks along angles in degrees; a negative pitch looks down."""

    def along(position: tuple[float, float, float], yaw: float = 0, pitch: float = -30, roll: float = 0) -> Rigid:
        return look_along(np.array(position, dtype=np.float64), *np.radians([yaw, pitch, roll]).tolist())

    return along


@pytest.fixture(scope="session")
def tiny() -> ShootSettings:
    """Three frames of 32x24, lit very coarsely."""
    return ShootSettings(frames=3, size_hw=(24, 32), lighting=LightingSettings(texel_m=0.5, directions=6))


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Set torch's threads, and put them back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
