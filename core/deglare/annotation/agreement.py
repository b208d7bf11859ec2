"""Two annotators, one beside the other: how well their masks agree, where they differ, and what is settled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool

from deglare.annotation.actions import require_surface, whole_mask
from deglare.annotation.actions import tag as tag_action
from deglare.annotation.masks import SURFACE_CODES, SURFACE_NAMES, Surfaces
from deglare.annotation.patches import patches
from deglare.annotation.replaying import FrameState
from deglare.annotation.store import SETTLED, Annotations
from deglare.errors import RequestError

TOLERANCE_PX = 2.0
"""Outlines that lie so near are the same."""

ANY = "any"
"""All kinds of surfaces taken together."""

NOTHING = "none"


@dataclass(frozen=True)
class Overlap:
    """Pixels of two masks; sums over frames are sums of these."""

    both: int = 0
    only_a: int = 0
    only_b: int = 0
    outline_a: int = 0
    near_b: int = 0
    """Of the outline of a, those that lie near the outline of b."""
    outline_b: int = 0
    near_a: int = 0

    def __add__(self, other: Overlap) -> Overlap:
        return Overlap(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def iou(self) -> float | None:
        """Intersection over union; None where neither marked anything."""
        union = self.both + self.only_a + self.only_b
        return self.both / union if union else None

    @property
    def boundary_f(self) -> float | None:
        """Harmonic mean of the shares of the outlines that lie near the other; None where there is no outline."""
        if not self.outline_a + self.outline_b:
            return None
        a, b = (near / total if total else 0.0 for near, total in self._shares)
        return 2 * a * b / (a + b) if a + b else 0.0

    @property
    def _shares(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return (self.near_b, self.outline_a), (self.near_a, self.outline_b)

    def to_json(self) -> dict[str, Any]:
        """Counts and the two numbers."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {"iou": self.iou, "boundary_f": self.boundary_f}


@dataclass(frozen=True)
class Difference:
    """A patch of a frame that two annotators mark differently."""

    number: int
    """Within the frame, the largest first."""
    a: str
    """What the first says, `NOTHING` where they left it unmarked."""
    b: str
    pixels: int
    box_xyxy: tuple[int, int, int, int]
    """First and last column and row: left, top, right, bottom."""


@dataclass(frozen=True)
class FrameAgreement:
    """Of one frame."""

    frame: str
    tag_a: str | None
    tag_b: str | None
    overlaps: Mapping[str, Overlap]
    """By kind of surface, and `ANY`."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class AgreementReport:
    """Of all frames that both looked at."""

    a: str
    b: str
    tolerance_px: float
    frames: tuple[FrameAgreement, ...]

    @property
    def whole(self) -> dict[str, Overlap]:
        """Sums over frames."""
        kinds = (ANY, *SURFACE_CODES)
        return {kind: sum((one.overlaps[kind] for one in self.frames), Overlap()) for kind in kinds}

    @property
    def same_tags(self) -> tuple[int, int]:
        """Frames with the same tag, and frames that both tagged."""
        both = [one for one in self.frames if one.tag_a is not None and one.tag_b is not None]
        return sum(one.tag_a == one.tag_b for one in both), len(both)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        same, tagged = self.same_tags
        return {
            "a": self.a,
            "b": self.b,
            "tolerance_px": self.tolerance_px,
            "tags": {"same": same, "both": tagged},
            "whole": {kind: one.to_json() for kind, one in self.whole.items()},
            "frames": [_frame_json(one) for one in self.frames],
        }


def overlap(a: Bool[np.ndarray, "h w"], b: Bool[np.ndarray, "h w"], tolerance_px: float = TOLERANCE_PX) -> Overlap:
    """Compare two masks."""
    edge_a, edge_b = outline(a), outline(b)
    return Overlap(
        *(int(np.count_nonzero(one)) for one in (a & b, a & ~b, b & ~a, edge_a)),
        near_b=int(np.count_nonzero(edge_a & _near(edge_b, tolerance_px))),
        outline_b=int(np.count_nonzero(edge_b)),
        near_a=int(np.count_nonzero(edge_b & _near(edge_a, tolerance_px))),
    )


def overlaps(a: Surfaces, b: Surfaces, tolerance_px: float = TOLERANCE_PX) -> dict[str, Overlap]:
    """By kind of surface, and `ANY`."""
    found = {ANY: overlap(a > 0, b > 0, tolerance_px)}
    for name, code in SURFACE_CODES.items():
        one, other = a == code, b == code
        found[name] = overlap(one, other, tolerance_px) if one.any() or other.any() else Overlap()
    return found


def outline(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Marked pixels beside an unmarked one, by rows and columns; the border of the image is no outline."""
    inner = np.pad(mask, 1, constant_values=True)
    return mask & ~(inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:])


def differences(a: Surfaces, b: Surfaces) -> tuple[Difference, ...]:
    """Patches that differ, the largest first."""
    return tuple(
        Difference(number, _name(a, rows, columns), _name(b, rows, columns), len(rows), _box(rows, columns))
        for number, (rows, columns) in enumerate(_patches(a, b))
    )


def settled(a: Surfaces, b: Surfaces, choices: Mapping[int, str], rest: str | None = None) -> Surfaces:
    """What both say, and what was chosen where they differ.

    Args:
        a: The first mask.
        b: The second.
        choices: By `Difference.number`: ``a``, ``b``, `NOTHING` or a kind of surface.
        rest: For differences without a choice; if not given, every one needs its own.
    """
    found = _patches(a, b)
    chosen = [choices.get(number, rest) for number in range(len(found))]
    undecided = [number for number, choice in enumerate(chosen) if choice is None]
    if undecided or not set(choices) <= set(range(len(found))):
        raise RequestError(f"{len(undecided)} of {len(found)} differences are undecided: choose for each of them")
    mask = a.copy()
    for (rows, columns), choice in zip(found, chosen, strict=True):
        if choice == "b":
            mask[rows, columns] = b[rows, columns]
        elif choice != "a":
            mask[rows, columns] = 0 if choice == NOTHING else SURFACE_CODES[require_surface(choice or "")]
    return mask


def compare(annotations: Annotations, a: str, b: str, tolerance_px: float = TOLERANCE_PX) -> AgreementReport:
    """Compare two annotators on the frames that both looked at."""
    common = annotations.looked_at(a) & annotations.looked_at(b)
    frames = [frame for frame in annotations.frames.names if frame in common]
    found = []
    for frame in frames:
        one, other = annotations.state(a, frame), annotations.state(b, frame)
        marks = one.surfaces, other.surfaces
        found.append(FrameAgreement(frame, one.tag, other.tag, overlaps(*marks, tolerance_px), differences(*marks)))
    return AgreementReport(a, b, tolerance_px, tuple(found))


def settle(
    annotations: Annotations,
    frame: str,
    a: str,
    b: str,
    choices: Mapping[int, str],
    tag: str | None = None,
    rest: str | None = None,
) -> FrameState:
    """Keep what two annotators agree on, under `SETTLED`.

    Args:
        annotations: Of the sequence.
        frame: That is settled.
        a: The first annotator.
        b: The second.
        choices: As `settled` takes them.
        tag: What the frame is; needed where their tags differ.
        rest: As `settled` takes it.
    """
    one, other = annotations.state(a, frame), annotations.state(b, frame)
    if tag is None and one.tag != other.tag:
        raise RequestError(f"{a} says frame {frame} is {one.tag}, {b} says {other.tag}: choose a tag")
    mask, kept = settled(one.surfaces, other.surfaces, choices, rest), tag or one.tag
    actions = [] if kept is None else [(frame, tag_action(kept))]
    annotations.do_all(SETTLED, [*actions, (frame, whole_mask(mask))])
    return annotations.state(SETTLED, frame)


def second_pass(annotations: Annotations, first: str, second: str) -> tuple[str, ...]:
    """Frames that one looked at and another has not, in an order that tells nothing: the second pass is blind."""
    frames = annotations.looked_at(first) - annotations.looked_at(second)
    return tuple(sorted(frames, key=lambda frame: hashlib.sha256(frame.encode()).hexdigest()))


def _near(edge: Bool[np.ndarray, "h w"], tolerance_px: float) -> Bool[np.ndarray, "h w"]:
    from scipy import ndimage

    if not edge.any():
        return edge
    pixels: Any = ndimage.distance_transform_edt(~edge)
    return pixels <= tolerance_px


def _patches(a: Surfaces, b: Surfaces) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of the patches that differ in one way, the largest first, then from the top left."""
    if a.shape != b.shape:
        raise RequestError(f"masks of {a.shape} and {b.shape} pixels cannot be compared")
    found = [pixels for kind in np.unique(_ways(a, b)) if kind for pixels in patches(_ways(a, b) == kind)]
    return sorted(found, key=lambda pixels: (-len(pixels[0]), int(pixels[0][0]), int(pixels[1][0])))


def _ways(a: Surfaces, b: Surfaces) -> np.ndarray:
    """One number for each pair of different codes, 0 where both are the same."""
    return np.where(a != b, a.astype(np.int64) * 256 + b, 0)


def _box(rows: np.ndarray, columns: np.ndarray) -> tuple[int, int, int, int]:
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def _name(surfaces: Surfaces, rows: np.ndarray, columns: np.ndarray) -> str:
    """What all pixels of a patch are."""
    return SURFACE_NAMES.get(int(surfaces[rows[0], columns[0]]), NOTHING)


def _frame_json(one: FrameAgreement) -> dict[str, Any]:
    return {
        "frame": one.frame,
        "tag_a": one.tag_a,
        "tag_b": one.tag_b,
        "surfaces": {kind: found.to_json() for kind, found in one.overlaps.items()},
        "differences": [{**vars(found), "box_xyxy": list(found.box_xyxy)} for found in one.differences],
    }
