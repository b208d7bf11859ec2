"""Training triples by the rule of 3D Distillation: a target, one frame before it and one after, 5 to 10 cm away."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from deglare.data.files import write_text
from deglare.errors import DataError, RequestError
from deglare.types import Rigid, Sequence


@dataclass(frozen=True)
class TripleRule:
    """Which frames make a training triple; the defaults are the paper's."""

    every: int = 10
    """Every n-th frame is a target."""
    nearest_m: float = 0.05
    """The camera must have moved at least this far, in metres."""
    farthest_m: float = 0.10
    """The camera must not have moved further than this, in metres."""
    most_turn_deg: float = 3.0
    """The camera must not have turned by more than this, in degrees."""
    reach: int = 60
    """How many frames to look back, and ahead."""

    def __post_init__(self) -> None:
        if self.every < 1 or self.reach < 1:
            raise RequestError(f"every={self.every} and reach={self.reach} must both be at least one frame")
        if not (0 <= self.nearest_m < self.farthest_m and self.most_turn_deg > 0):
            raise RequestError(
                f"steps of {self.nearest_m} to {self.farthest_m} m with up to {self.most_turn_deg} degrees are no range"
            )


class Lost(StrEnum):
    """Why a target has no frame on one side."""

    NO_POSE = "no pose"
    ENDS = "the sequence begins or ends before the camera has moved far enough"
    STILL = "the camera hardly moves"
    TOO_LONG = "the camera moves too far from one frame to the next"
    TURNS = "the camera turns too much"


@dataclass(frozen=True)
class Triples:
    """Frame numbers of targets with their frame before and after, and why other targets have none."""

    targets: int
    """How many frames were asked for."""
    found: tuple[tuple[int, int, int], ...]
    """(previous, target, next)."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """How many targets fell out for each reason; with the triples found they make up all targets."""

    def __len__(self) -> int:
        return len(self.found)

    @property
    def main_reason(self) -> str:
        """The reason for which most targets fell out; empty where none did."""
        return max(self.lost, key=lambda reason: self.lost[reason], default="")


def find_triples(world_T_cams: list[Rigid | None], rule: TripleRule | None = None) -> Triples:
    """The first frame on each side of every n-th frame that keeps the rule."""
    rule, poses = rule or TripleRule(), _stacked(world_T_cams)
    targets = range(0, len(world_T_cams), rule.every)
    found, lost = list[tuple[int, int, int]](), Counter[str]()
    for target in targets:
        previous, following = _sides(poses, target, rule)
        if isinstance(previous, Lost) or isinstance(following, Lost):
            lost[_worse(previous, following).value] += 1
        else:
            found.append((previous, target, following))
    return Triples(len(targets), tuple(found), dict(lost))


def neighbours_of(world_T_cams: list[Rigid | None], target: int, rule: TripleRule | None = None) -> tuple[int, ...]:
    """The frames on either side of one frame that keep the rule, the one before first: none, one or two."""
    sides = _sides(_stacked(world_T_cams), target, rule or TripleRule())
    return tuple(side for side in sides if not isinstance(side, Lost))


def triple_lines(sequence: Sequence, triples: Triples) -> list[dict[str, str]]:
    """One JSON-able record a triple, by frame name."""
    names = [frame.name for frame in sequence]
    return [
        {"scene": sequence.name, "target": names[target], "previous": names[previous], "next": names[following]}
        for previous, target, following in triples.found
    ]


def write_triples(path: Path, lines: Iterable[Mapping[str, str]]) -> None:
    """Write JSON lines, whole or not at all."""
    write_text(path, "".join(json.dumps(line) + "\n" for line in lines))


def require_poses(sequence: Sequence) -> list[Rigid | None]:
    """The poses of a sequence; a `DataError` where it has none."""
    poses = [frame.world_T_cam for frame in sequence]
    if all(pose is None for pose in poses):
        raise DataError(f"{sequence.name} has no poses, triples need them: add poses.txt, or make them from the video")
    return poses


def _stacked(world_T_cams: list[Rigid | None]) -> Float64[np.ndarray, "n 4 4"]:
    """Not finite where there is no pose."""
    return np.stack([np.full((4, 4), np.nan) if pose is None else pose for pose in world_T_cams] or [np.eye(4)])


def _sides(poses: Float64[np.ndarray, "n 4 4"], target: int, rule: TripleRule) -> tuple[int | Lost, int | Lost]:
    """The frame before a target and the one after, or why there is none."""
    before = np.arange(target - 1, max(-1, target - 1 - rule.reach), -1)
    after = np.arange(target + 1, min(len(poses), target + 1 + rule.reach))
    return _first(poses, target, before, rule), _first(poses, target, after, rule)


def _first(poses: Float64[np.ndarray, "n 4 4"], target: int, window: np.ndarray, rule: TripleRule) -> int | Lost:
    """The first frame of ``window``, nearest in time first, that keeps the rule, or why there is none."""
    if not np.all(np.isfinite(poses[target])):
        return Lost.NO_POSE
    window = window[np.isfinite(poses[window]).all(axis=(1, 2))]
    moved_m = np.linalg.norm(poses[window, :3, 3] - poses[target, :3, 3], axis=1)
    trace = np.einsum("nij,ij->n", poses[window, :3, :3], poses[target, :3, :3])
    turned_deg = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    near_enough = (moved_m >= rule.nearest_m) & (moved_m <= rule.farthest_m)
    fits = near_enough & (turned_deg <= rule.most_turn_deg)
    if fits.any():
        return int(window[np.argmax(fits)])
    if near_enough.any():
        return Lost.TURNS
    if (moved_m > rule.farthest_m).any():
        return Lost.TOO_LONG
    return Lost.ENDS if len(window) < rule.reach else Lost.STILL


def _worse(*sides: int | Lost) -> Lost:
    """The reason to report for a target; the ends of a sequence come last, nothing can be done about them."""
    reasons = [side for side in sides if isinstance(side, Lost)]
    return next((reason for reason in reasons if reason is not Lost.ENDS), reasons[0])
