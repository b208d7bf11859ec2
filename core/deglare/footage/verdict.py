"""What is said about a clip in the end, to people and to programs: ``video/verdict.json``.

::

    {"outcome": "whole" | "part" | "none", "headline": "...", "reasons": [...], "advice": [...], "notes": [...],
     "frames": 214, "registered": 214, "believed": ["000000", ...], "spacing": 0.03, "measures": {...},
     "focal": {"px": 812.4, "px_run": 487.4, "fov_deg": 61.0, "radial": -0.01, "origin": "estimated"},
     "scale": {"spread": 0.08, "error": 0.01, "teachers": [...]}}

``outcome`` says how much of the clip got cameras that are believed. ``px`` is in pixels of the video, ``px_run`` in
those of the run. ``focal`` and ``scale`` are null where nothing is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from deglare.footage.cameras import Cameras
from deglare.footage.frames import Kept
from deglare.footage.lens import FocalStart, field_of_view_deg
from deglare.footage.plan import Plan

Outcome = Literal["whole", "part", "none"]

UNSURE_SCALE = 0.2
"""Frames whose scales scatter by more than this share say little about metres."""


@dataclass(frozen=True)
class FocalFound:
    """The lens."""

    px: float
    """In pixels of the video as a player shows it."""
    px_run: float
    fov_deg: float
    """Across the longer side."""
    radial: float
    origin: str
    """given, metadata, estimated, or assumed (that of an ordinary phone, then adjusted)."""


@dataclass(frozen=True)
class ScaleFound:
    """Metres."""

    spread: float
    """Scale of one frame against the median of all, median distance as a share."""
    error: float
    """Standard error as a share, if frames were independent and the networks right on average."""
    teachers: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """The content of ``verdict.json``."""

    outcome: Outcome
    headline: str
    reasons: tuple[str, ...]
    advice: tuple[str, ...]
    notes: tuple[str, ...]
    frames: int
    registered: int
    believed: tuple[str, ...]
    spacing: float
    measures: dict[str, float]
    focal: FocalFound | None
    scale: ScaleFound | None

    def to_json(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    def lines(self) -> list[str]:
        """What a person reads."""
        said = [self.headline]
        said += [f"  why: {reason}" for reason in self.reasons]
        said += [f"  next time: {advice}" for advice in self.advice]
        if self.focal is not None:
            said.append(
                f"focal length {self.focal.px:.0f} pixels of the video ({self.focal.origin}), {self.focal.fov_deg:.0f} "
                "degrees across the longer side"
            )
        if self.scale is not None:
            said.append(
                f"scale from {', '.join(self.scale.teachers)}: single frames scatter by {100 * self.scale.spread:.0f} %"
            )
        return [*said, *self.notes]


def account_of(cameras: Cameras, kept: Kept, plan: Plan, focal: FocalStart, teachers: Sequence[str]) -> Account:
    """Put together what is believed, and why."""
    verdict, believed = cameras.verdict, cameras.believed(kept)
    outcome: Outcome = "none" if not believed else "whole" if verdict.is_whole else "part"
    has_scale = bool(believed) and cameras.lens is not None
    return Account(
        outcome=outcome,
        headline=headline(outcome, len(believed), kept),
        reasons=verdict.reasons,
        advice=verdict.advice,
        notes=tuple(notes_on(cameras, kept, plan, is_believed=has_scale)),
        frames=len(kept.names),
        registered=verdict.registered,
        believed=believed,
        spacing=kept.spacing,
        measures=dict(verdict.measures),
        focal=focal_found(cameras, kept, plan, focal) if has_scale else None,
        scale=ScaleFound(cameras.scale_spread, cameras.scale_error, tuple(teachers)) if has_scale else None,
    )


def headline(outcome: Outcome, believed: int, kept: Kept) -> str:
    """One sentence."""
    count = len(kept.names)
    if outcome == "whole":
        return f"cameras are believed for all {count} frames"
    if outcome == "part":
        return (
            f"cameras are believed for {believed} of {count} frames, the longest part that holds; the others get depth "
            "frame by frame, without a mesh"
        )
    return f"no cameras are believed: all {count} frames get depth frame by frame, without a mesh"


def notes_on(cameras: Cameras, kept: Kept, plan: Plan, is_believed: bool) -> list[str]:
    """What is worth knowing besides."""
    notes = list(plan.notes)
    if kept.note is not None:
        notes.append(kept.note)
    if kept.is_cut:
        notes.append(
            f"the camera moves further than {len(kept.names)} frames reach: what comes after {kept.times_s[-1]:.1f} s "
            "is left out (--frames keeps more, --start begins later)"
        )
    if is_believed and cameras.scale_spread > UNSURE_SCALE:
        notes.append(
            f"the scale is unsure: the frames' own scales scatter by {100 * cameras.scale_spread:.0f} %, so lengths "
            "may be off by as much"
        )
    return notes


def focal_found(cameras: Cameras, kept: Kept, plan: Plan, focal: FocalStart) -> FocalFound | None:
    """The lens in pixels of the video and of the run."""
    lens = cameras.lens
    if lens is None:
        return None
    longest = max(lens.size_hw)
    return FocalFound(
        px=lens.focal_px * max(plan.facts.size_hw) / longest,
        px_run=lens.focal_px * max(kept.run_hw) / longest,
        fov_deg=field_of_view_deg(lens.focal_px, lens.size_hw),
        radial=lens.radial,
        origin=focal.origin or ("estimated" if cameras.is_focal_clear else "assumed"),
    )
