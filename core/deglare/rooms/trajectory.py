"""A hand-held walk through a room: smooth, above the furniture, mostly looking across the room and down."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from deglare.rooms.scene import RoomScene

NEAR_GOAL_M = 0.65
"""A goal this near is reached: the walk cannot turn tightly enough to come nearer, it would circle."""

Vector = Float64[np.ndarray, "3"]


@dataclass(frozen=True)
class WalkSettings:
    """How the camera is carried."""

    step_m: float = 0.07
    most_turn_deg: float = 2.6
    """Largest rotation between neighbouring frames."""
    height_m: tuple[float, float] = (1.35, 1.85)
    look_down_deg: float = 32
    """The pitch that the walk returns to: much flatter, and lamps are rarely mirrored."""


def look_along(position: Vector, yaw: float, pitch: float, roll: float = 0.0) -> Float64[np.ndarray, "4 4"]:
    """``world_T_cam`` of a camera that looks along yaw and pitch (up is positive), in radians."""
    forward = np.array([math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch)])
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    world_T_cam = np.eye(4)
    world_T_cam[:3, 0] = math.cos(roll) * right + math.sin(roll) * down
    world_T_cam[:3, 1] = -math.sin(roll) * right + math.cos(roll) * down
    world_T_cam[:3, 2] = forward
    world_T_cam[:3, 3] = position
    return world_T_cam


def walk(
    room: RoomScene, rng: np.random.Generator, frames: int, settings: WalkSettings | None = None
) -> Float64[np.ndarray, "n 4 4"]:
    """``world_T_cam`` for every frame."""
    walker = _Walker(room, rng, settings or WalkSettings())
    return np.stack([walker.next_pose() for _ in range(frames)])


class _Walker:
    """Where the camera is, where it is going, and how fast it turns."""

    def __init__(self, room: RoomScene, rng: np.random.Generator, settings: WalkSettings) -> None:
        width, depth, height = room.size_m
        low_z, high_z = settings.height_m
        self.rng, self.settings = rng, settings
        self.low = np.array([0.45 - width / 2, 0.45 - depth / 2, low_z])
        self.high = np.array([width / 2 - 0.45, depth / 2 - 0.45, min(high_z, height - 0.5)])
        self.obstacles = _tall_things(room)
        self.position = self._anywhere_free()
        self.goal = self._anywhere()
        self.heading = rng.uniform(0, 2 * math.pi)
        self.yaw = math.atan2(-self.position[1], -self.position[0]) + 0.3 * rng.normal()
        self.pitch = math.radians(-settings.look_down_deg + rng.uniform(-8, 10))
        self.roll = 0.0
        self.climb = 0.0
        self.turning = np.zeros(3)

    def next_pose(self) -> Float64[np.ndarray, "4 4"]:
        """The pose now; then move on."""
        pose = look_along(self.position, self.yaw, self.pitch, self.roll)
        self._step()
        self._turn()
        return pose

    def _anywhere(self) -> Vector:
        return self.rng.uniform(self.low, self.high)

    def _anywhere_free(self) -> Vector:
        position = self._anywhere()
        while self._is_blocked(position):
            position = self._anywhere()
        return position

    def _is_blocked(self, position: Vector) -> bool:
        x, y, radius, top = self.obstacles.T
        return bool(np.any((np.hypot(x - position[0], y - position[1]) < radius) & (position[2] < top)))

    def _step(self) -> None:
        length = self.settings.step_m * self.rng.uniform(0.8, 1.2)
        if np.hypot(*(self.goal - self.position)[:2]) < NEAR_GOAL_M or self.rng.random() < 0.02:
            self.goal = self._anywhere()
        wanted = math.atan2(*(self.goal - self.position)[1::-1])
        self.heading += float(np.clip(_wrapped(wanted - self.heading), -0.22, 0.22))
        self.climb = 0.8 * self.climb + 0.2 * 0.03 * self.rng.normal()
        for turn in (0.0, *self.rng.permutation([0.7, -0.7, 1.4, -1.4, 2.4, -2.4])):
            ahead = self._ahead(self.heading + turn, length)
            if not self._is_blocked(ahead) and np.linalg.norm(ahead - self.position) > 0.9 * length:
                break
        else:
            turn = math.pi
            ahead = self._ahead(self.heading + turn, length)
        if turn:  # something is in the way: go round it instead of coming back at once
            self.heading += turn
            self.goal = self._ahead(self.heading, 1.5)
        self.position = ahead

    def _ahead(self, heading: float, length: float) -> Vector:
        move = np.array([math.cos(heading) * length, math.sin(heading) * length, self.climb])
        return np.clip(self.position + move, self.low, self.high)

    def _turn(self) -> None:
        to_middle = _wrapped(math.atan2(-self.position[1], -self.position[0]) - self.yaw)
        back_down = -math.radians(self.settings.look_down_deg) - self.pitch
        pull = np.array([3.2 * np.clip(to_middle, -1, 1), 3 * back_down, -8 * self.roll])
        self.turning = 0.8 * self.turning + 0.2 * (self.rng.normal(size=3) * (1.6, 1.2, 0.6) + pull)
        speed = float(np.linalg.norm(self.turning))
        yaw, pitch, roll = np.radians(self.turning * min(1, self.settings.most_turn_deg / max(speed, 1e-9)))
        self.yaw += yaw
        self.pitch = float(np.clip(self.pitch + pitch, math.radians(-58), math.radians(-5)))
        self.roll += roll


def _tall_things(room: RoomScene) -> Float64[np.ndarray, "n 4"]:
    """Boxes that reach the height of a carried camera: x, y, radius to keep, top with room to spare."""
    rows = [
        (box.centre[0], box.centre[1], max(box.half[0], box.half[1]) + 0.15, box.centre[2] + box.half[2] + 0.25)
        for box in room.boxes[1:]
        if box.centre[2] + box.half[2] > 0.9 and box.centre[2] - box.half[2] < 1.9 and max(box.half[:2]) < 1.2
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _wrapped(angle: float) -> float:
    """The same angle between -pi and pi."""
    return (angle + math.pi) % (2 * math.pi) - math.pi
