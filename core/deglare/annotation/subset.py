"""A subset that can be published: frames with their tags and masks, and one hash of all that it says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool

from deglare.annotation.actions import TAGS
from deglare.annotation.masks import Surfaces, to_json
from deglare.annotation.rle import encoded
from deglare.annotation.store import SETTLED, Annotations
from deglare.data.run_folder import require_plain
from deglare.errors import LabelError, RequestError


@dataclass(frozen=True, eq=False)
class SubsetFrame:
    """One frame of a subset."""

    scene: str
    frame: str
    tag: str | None = None
    """One of `TAGS`."""
    surfaces: Surfaces | None = None
    """None where nobody drew: the frame has no mask, which is not an empty one."""
    excluded: Bool[np.ndarray, "h w"] | None = None
    """Pixels whose truth is not to be scored."""

    def __post_init__(self) -> None:
        require_plain(self.scene, "scene")
        require_plain(self.frame, "frame")
        if self.tag is not None and self.tag not in TAGS:
            raise LabelError(f"frame {self.name} has the unknown tag '{self.tag[:40]}': choose {', '.join(TAGS)}")
        if self.surfaces is not None and self.excluded is not None and self.surfaces.shape != self.excluded.shape:
            raise LabelError(f"the masks of frame {self.name} are {self.surfaces.shape} and {self.excluded.shape}")

    @property
    def name(self) -> str:
        """Scene and frame."""
        return f"{self.scene}/{self.frame}"

    @property
    def size_hw(self) -> tuple[int, int] | None:
        """Of the masks; None where there are none."""
        mask = self.surfaces if self.surfaces is not None else self.excluded
        return None if mask is None else (mask.shape[0], mask.shape[1])


@dataclass(frozen=True, eq=False)
class Subset:
    """Frames by scene and name, each once."""

    frames: tuple[SubsetFrame, ...]

    def __post_init__(self) -> None:
        names = [frame.name for frame in self.frames]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise LabelError(f"the subset names frame {twice} twice: keep one")

    @cached_property
    def sha256(self) -> str:
        """Of everything the subset says, whatever the order of its frames and the form it was read from."""
        said = sorted(_said(frame) for frame in self.frames)
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def tagged(self, tag: str) -> Subset:
        """The frames with one tag, and nothing but the tag: what a list of frames says."""
        return Subset(tuple(SubsetFrame(one.scene, one.frame, tag) for one in self.frames if one.tag == tag))


def subset_hash(subset: Subset) -> str:
    """The hash that metrics print beside their numbers."""
    return subset.sha256


def subset_of(annotations: Annotations, scene: str, annotator: str | None = None) -> Subset:
    """What is annotated of one scene.

    Args:
        annotations: Of the scene.
        scene: Its name in lists.
        annotator: Whose; if not given, what was settled, or else what the only annotator says.
    """
    people = [one for one in annotations.annotators() if one != SETTLED]
    if annotator is None and len(people) > 1 and not annotations.looked_at(SETTLED):
        raise RequestError(f"{', '.join(people)} annotated {scene}: name one of them, or settle their differences")
    if annotator is not None and annotator not in (*people, SETTLED):
        raise RequestError(f"nobody named '{annotator[:40]}' annotated {scene}: {', '.join(people) or 'nobody'} did")
    if annotator is None:
        annotator = SETTLED if annotations.looked_at(SETTLED) else next(iter(people), None)
    if annotator is None:
        return Subset(())
    states = ((name, annotations.state(annotator, name)) for name in annotations.frames.names)
    found = [
        SubsetFrame(
            scene,
            name,
            state.tag,
            state.surfaces if state.surfaces.any() or state.by_hand.any() else None,
            state.excluded if state.excluded.any() else None,
        )
        for name, state in states
        if state.is_marked
    ]
    return Subset(tuple(found))


def _said(frame: SubsetFrame) -> str:
    """What one frame says, as text that is the same on every machine."""
    excluded = None if frame.excluded is None else encoded(frame.excluded)
    surfaces = None if frame.surfaces is None else to_json(frame.surfaces)["surfaces"]
    size = None if frame.size_hw is None else list(frame.size_hw)
    return json.dumps([frame.scene, frame.frame, frame.tag, size, surfaces, excluded], sort_keys=True)
