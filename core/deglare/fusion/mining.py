"""The mask that triplet mining finds in a finished run: from colours, poses and one network's depth, no network needed.

Where two views as seen from each other are as like one another as they are like what was seen, what they show lies
farther away than depth can tell: a mirrored lamp. See `deglare.losses.triplet`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from deglare.data.comparable import comparable_frames
from deglare.data.files import read_depth, read_png8, read_rgb, write_mask
from deglare.data.posed_folder import LabelFiles, PosedFolder
from deglare.data.run_folder import RunFolder
from deglare.fusion.detection import Detection, summed
from deglare.fusion.settings_files import described
from deglare.fusion.staging import Announce, Key, make_frames, silently
from deglare.fusion.threads import usable_threads
from deglare.geometry.projection import stack_intrinsics
from deglare.losses.fixed_target import Target
from deglare.losses.reprojection import Views
from deglare.losses.triplet import DETECTOR, Compared, TripletRule, compared, geometries, triplet_scale
from deglare.types import Camera, DepthMap, Rgb, Rigid, inverse_rigid

MINE, MINED = "mine", "mined"
"""The stage, and its layer."""


class Look(NamedTuple):
    """One frame as mining sees it."""

    rgb: Rgb
    depth: DepthMap
    world_T_cam: Rigid


@torch.no_grad()
def mined_mask(
    target: Look, others: Sequence[Look], camera: Camera, rule: TripletRule = DETECTOR
) -> Bool[np.ndarray, "h w"]:
    """What is mined of one frame: nothing where it has no depth, or where no other frame sees it.

    Args:
        target: The frame.
        others: One or two frames that were taken near by.
        camera: Of all of them, in pixels of their depth.
        rule: What is mined.
    """
    if not others:
        return np.zeros(target.depth.size_hw, dtype=bool)
    found = triplet_scale(compared_of(target, others, camera, rule), rule)
    return found.mined[0, 0].numpy() & target.depth.valid


@torch.no_grad()
def compared_of(target: Look, others: Sequence[Look], camera: Camera, rule: TripletRule) -> Compared:
    """The two errors of every pixel of a frame, against the other that fits best there."""
    poses = np.stack([inverse_rigid(other.world_T_cam) @ target.world_T_cam for other in others])
    views = Views(
        _image(target)[None],
        torch.stack([_image(other) for other in others])[None],
        torch.from_numpy(poses).float()[None],
        stack_intrinsics([camera]),
    )
    theirs = torch.stack([_disparity(other) for other in others])[None]
    return compared(views, Target.of(views.target), geometries(views, rule), _disparity(target)[None], theirs, rule)


@dataclass(frozen=True, eq=False)
class Mining:
    """The stage, ready to be run."""

    run: RunFolder
    camera: Camera
    poses: Mapping[str, Rigid]
    """Of all frames, in order of time."""
    base: str
    """The teacher whose depth is looked at."""
    predicted: Key
    rule: TripletRule = DETECTOR
    threads: int = field(default_factory=usable_threads)

    @property
    def key(self) -> Key:
        """What its files are made with."""
        return Key.after(MINE, {"base": self.base, "rule": described(self.rule)}, self.predicted)

    @property
    def is_current(self) -> bool:
        """Whether its files are there already."""
        return self.run.is_current(MINE, self.key.settings, self.key.inputs)

    def make(self, announce: Announce = silently) -> Key:
        """Write the mask of every frame that has none yet, and how well they find what is reflective, if that is known.

        The caller holds the run.
        """
        key = self.key

        def make(name: str) -> None:
            write_mask(self.run.layer(MINED, name), self.of(name))

        def outputs(name: str) -> tuple[Path, ...]:
            return (self.run.layer(MINED, name),)

        make_frames(self.run, key, self._names, outputs, make, threads=self.threads, announce=announce)
        if not self.run.manifest().stages[MINE].result:
            found = {name: one.to_json() for name, one in self.detected().items()}
            self.run.finish(MINE, key.settings, key.inputs, {"detected": found})
        return key

    def of(self, name: str) -> Bool[np.ndarray, "h w"]:
        """One frame's."""
        others = comparable_frames(list(self.poses.values()), self._names.index(name))
        return mined_mask(self._look(name), [self._look(self._names[one]) for one in others], self.camera, self.rule)

    def detected(self) -> dict[str, Detection]:
        """Of all frames together, by what is to be found: nothing where no frame says what is reflective."""
        return summed(self._detected(name) for name in self._names)

    def _detected(self, name: str) -> dict[str, Detection]:
        truths = reflective_of(self.run, name)
        if not truths:
            return {}
        mask = read_mask(self.run, name)
        return {what: Detection.of(mask, true) for what, true in truths.items()}

    @cached_property
    def _names(self) -> list[str]:
        return list(self.poses)

    def _look(self, name: str) -> Look:
        depth = read_depth(self.run.predicted(self.base, name))
        return Look(read_rgb(self.run.color(name)), depth, self.poses[name])


def read_mask(run: RunFolder, name: str) -> Bool[np.ndarray, "h w"]:
    """The mask of one frame, as it was written."""
    return read_png8(run.layer(MINED, name)) > 0


def reflective_of(run: RunFolder, name: str) -> dict[str, Bool[np.ndarray, "h w"]]:
    """What a mask of one frame should find, as far as that is known: all that is reflective, and highlights alone."""
    if not run.layer("regions", name).is_file():
        return {}
    labels = LabelFiles(PosedFolder(run.root), name)()
    highlight = labels.highlight
    return {"reflective": labels.reflective, **({} if highlight is None else {"highlight": highlight})}


def _image(look: Look) -> Float[Tensor, "3 h w"]:
    return torch.from_numpy(look.rgb.astype(np.float32) / 255).permute(2, 0, 1)


def _disparity(look: Look) -> Float[Tensor, "1 h w"]:
    """1/m; where there is no depth, that of a metre: what is there is not mined."""
    return torch.from_numpy(1 / np.where(look.depth.valid, look.depth.metres, np.float32(1)))[None]
