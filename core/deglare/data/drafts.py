"""From what a reader found to a `Sequence`: the same judgement of poses and gaps for every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deglare.data.files import read_depth, read_numbers, read_rgb
from deglare.errors import DataError
from deglare.types import Camera, DepthMap, Frame, Rgb, Rigid, Sequence, SurfaceLabels, nearest_rigid, require_rigid

FARTHEST_POSE_M = 1e6
NO_POSE = "no pose"
LOST_TRACKING = "pose not finite (lost tracking)"


@dataclass(frozen=True)
class ColourFile:
    """Decodes one colour image when called; unlike a closure it can be pickled."""

    path: Path

    def __call__(self) -> Rgb:
        """Decode."""
        return read_rgb(self.path)


@dataclass(frozen=True)
class DepthFile:
    """Decodes one 16-bit depth image when called; ``unit_m`` is the length of one step."""

    path: Path
    unit_m: float = 0.001

    def __call__(self) -> DepthMap:
        """Decode."""
        return read_depth(self.path, self.unit_m)


@dataclass(frozen=True, eq=False)
class Draft:
    """One frame as a reader found it, before its pose is judged."""

    name: str
    load_rgb: Callable[[], Rgb]
    stated_pose: Rigid | None = None
    """Camera-to-world as the file has it: perhaps rounded, perhaps not finite. None where there is none."""
    pose_source: str = "its pose"
    load_depth: Callable[[], DepthMap] | None = None
    load_labels: Callable[[], SurfaceLabels] | None = None
    time_s: float | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """What all frames of a sequence share."""

    name: str
    source_format: str
    camera: Camera
    depth_camera: Camera | None = None
    depth_is_registered: bool = True
    has_poses: bool = True
    """Whether the format gives poses: then a frame without one is left out and counted."""


def assemble(
    source: Source, drafts: Iterable[Draft], dropped: Mapping[str, int] | None = None, notes: tuple[str, ...] = ()
) -> Sequence:
    """Judge every pose, leave out the frames that have none and count them by reason."""
    reasons, frames = Counter(dropped or {}), list[Frame]()
    for draft in drafts:
        world_T_cam = None
        if source.has_poses:
            world_T_cam = judged_pose(draft.stated_pose, draft.pose_source)
            if world_T_cam is None:
                reasons[NO_POSE if draft.stated_pose is None else LOST_TRACKING] += 1
                continue
        frames.append(_frame(draft, source, world_T_cam))
    if not frames:
        raise DataError(f"{source.name} has no frame that can be used: {_listed(reasons) or 'it holds no image'}")
    return Sequence(
        name=source.name,
        frames=tuple(frames),
        source_format=source.source_format,
        dropped=dict(reasons),
        depth_is_registered=source.depth_is_registered,
        notes=(*notes, *_about_gaps(frames)),
    )


def judged_pose(stated: Rigid | None, what: str) -> Rigid | None:
    """The nearest exactly rigid pose; None where it is missing or not finite, a `DataError` where it is not rigid."""
    if stated is None or not np.all(np.isfinite(stated)):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        require_rigid(stated, what)
    if np.abs(stated[:3, 3]).max() > FARTHEST_POSE_M:
        raise DataError(f"{what} lies {np.abs(stated[:3, 3]).max():.2g} m from the origin: is the file damaged?")
    return nearest_rigid(stated)


def read_pose(path: Path) -> Rigid | None:
    """Read a 4x4 pose from its own text file, None where there is no such file."""
    if not path.is_file():
        return None
    return read_numbers(path, count=16).reshape(4, 4)


def _frame(draft: Draft, source: Source, world_T_cam: Rigid | None) -> Frame:
    return Frame(
        name=draft.name,
        camera=source.camera,
        load_rgb=draft.load_rgb,
        world_T_cam=world_T_cam,
        load_depth=draft.load_depth,
        load_labels=draft.load_labels,
        time_s=draft.time_s,
        depth_camera=source.depth_camera if draft.load_depth is not None else None,
    )


def _about_gaps(frames: list[Frame]) -> tuple[str, ...]:
    """A sentence for each layer that some frames have and others lack."""
    depths = sum(f.load_depth is not None for f in frames)
    labels = sum(f.load_labels is not None for f in frames)
    counts = (("depth", depths), ("a reflective mask", labels))
    return tuple(f"{n} of {len(frames)} frames have {what}" for what, n in counts if 0 < n < len(frames))


def _listed(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())
