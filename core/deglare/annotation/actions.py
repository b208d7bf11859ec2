"""What an annotator does, as it is kept: each action is a row whose body is JSON that is checked before it is written.

===========  =========================================================================  ==============================
kind         body                                                                       does
===========  =========================================================================  ==============================
``tag``      ``{"tag": "reflective"}``                                                  says what the frame is
``paint``    ``{"points": [[x, y], ...], "radius": r, "surface": "glossy"}``            a brush along a line
``polygon``  ``{"points": [[x, y], ...], "surface": "glossy"}``; null erases            fills an outline
``erase``    ``{"points": [[x, y], ...], "radius": r}``                                 a rubber along a line
``faces``    ``{"count": n, "runs": "packed runs", "surface": "glossy"}``; null erases  marks triangles of the mesh
``mask``     as `deglare.annotation.masks.to_json`                                      the whole mask, by hand
``exclude``  ``{"size_hw": [h, w], "runs": "packed runs"}``                             truth that is not to be scored
``propose``  a mask, with ``"origin"`` and ``"visible_share"``                          a mask waits; empty, none does
``accept``   ``{}``, its target is the proposal                                         takes it where no hand was
``correct``  a mask, its target is the proposal                                         takes it as mended by hand
``mend``     a stroke with its ``"kind"``, its target is the proposal                   takes it, and draws over it
``reject``   ``{}``, its target is the proposal                                         leaves it, for good
``undo``     ``{}``, its target is an action                                            takes that back
``redo``     ``{}``, its target is an action                                            does it again
===========  =========================================================================  ==============================

Points and radii are pixels of the image, rounded to sixteenths (`deglare.annotation.rasters`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool

from deglare.annotation.masks import SURFACE_CODES, Surfaces, from_json, to_json
from deglare.annotation.rasters import STEPS, Points
from deglare.annotation.rle import decoded, encoded
from deglare.data.files import MAX_PIXELS
from deglare.errors import LabelError, RequestError

Tag = Literal["reflective", "not-reflective", "unsure", "waste"]
TAGS: tuple[Tag, ...] = ("reflective", "not-reflective", "unsure", "waste")

FACES = "faces"
PROPOSE, ACCEPT, CORRECT, MEND, REJECT = "propose", "accept", "correct", "mend", "reject"
UNDO, REDO = "undo", "redo"
DECISIONS = (ACCEPT, CORRECT, MEND, REJECT)

STROKES = ("paint", "erase", "polygon")

MAX_POINTS = 20_000
FARTHEST_PX = 100_000
WIDEST_PX = 2_000


@dataclass(frozen=True)
class Action:
    """One thing done to one frame."""

    kind: str
    body: dict[str, Any] = field(default_factory=dict)
    target: int | None = None
    """Number of the action that this one is about."""


def tag(value: str) -> Action:
    """Say what a frame is, one of `TAGS`."""
    if value not in TAGS:
        raise RequestError(f"there is no tag '{value[:40]}': choose {', '.join(TAGS)}")
    return Action("tag", {"tag": value})


def paint(points: list[Any], radius: float, surface: str) -> Action:
    """A round brush along a line, in pixels."""
    return Action(
        "paint", {"points": _points(points, 1), "radius": _radius(radius), "surface": require_surface(surface)}
    )


def erase(points: list[Any], radius: float) -> Action:
    """A round rubber along a line, in pixels."""
    return Action("erase", {"points": _points(points, 1), "radius": _radius(radius)})


def polygon(points: list[Any], surface: str | None) -> Action:
    """A filled outline, in pixels; without a surface it erases."""
    named = None if surface is None else require_surface(surface)
    return Action("polygon", {"points": _points(points, 3), "surface": named})


def whole_mask(surfaces: Surfaces) -> Action:
    """The whole mask as it should be, every pixel of it decided by hand."""
    return Action("mask", to_json(surfaces))


def faces(chosen: Bool[np.ndarray, " f"], surface: str | None) -> Action:
    """Some triangles of the mesh, of all that it has; without a surface it erases."""
    named = None if surface is None else require_surface(surface)
    return Action(FACES, {"count": len(chosen), "runs": encoded(chosen[None]), "surface": named})


def exclusion(pixels: Bool[np.ndarray, "h w"]) -> Action:
    """Pixels whose truth is not to be scored, in place of those before."""
    return Action("exclude", {"size_hw": list(pixels.shape), "runs": encoded(pixels)})


def stroke(value: object) -> Action:
    """A stroke from a page: ``{"kind": "paint", ...}`` with a body as above; anything else is a `RequestError`."""
    fields = value if isinstance(value, dict) else {}
    kind, points, radius, surface = (fields.get(key) for key in ("kind", "points", "radius", "surface"))
    if kind == FACES:
        return _faces(fields.get("count"), fields.get("runs"), surface)
    if not isinstance(points, list) or not (surface is None or isinstance(surface, str)):
        raise RequestError("a stroke needs a list of points: send it again")
    if kind == "polygon":
        return polygon(points, surface)
    if kind not in ("paint", "erase") or isinstance(radius, bool) or not isinstance(radius, int | float):
        raise RequestError("a stroke is paint or erase, with a radius in pixels, or polygon")
    return erase(points, float(radius)) if kind == "erase" else paint(points, float(radius), surface or "")


def mending(drawn: Action, proposal: int) -> Action:
    """Take a proposal as a stroke over it mends it."""
    if drawn.kind not in STROKES:
        raise RequestError("a proposal is mended with the brush, the rubber or a polygon")
    return Action(MEND, {"kind": drawn.kind, **drawn.body}, proposal)


def stroke_in(action: Action) -> Action:
    """The stroke that mends a proposal."""
    return Action(action.body["kind"], {key: value for key, value in action.body.items() if key != "kind"})


def points_of(action: Action) -> Points:
    """The points of a stroke in sixteenths of a pixel."""
    return np.rint(np.array(action.body["points"], dtype=np.float64) * STEPS).astype(np.int64)


def radius_of(action: Action) -> int:
    """The radius of a brush or rubber in sixteenths of a pixel."""
    return round(action.body["radius"] * STEPS)


def faces_of(action: Action) -> Bool[np.ndarray, "1 f"]:
    """The triangles that a stroke on the mesh is about."""
    return decoded(action.body["runs"], (1, action.body["count"]))


def surface_of(action: Action) -> int:
    """The code that a stroke leaves behind: 0 where it erases."""
    return SURFACE_CODES.get(action.body.get("surface") or "", 0)


def mask_in(action: Action) -> Surfaces:
    """The mask that an action holds."""
    return from_json(action.body)


def require_surface(surface: str) -> str:
    """The name itself, if it is one of the surfaces that mirror."""
    if surface not in SURFACE_CODES:
        raise RequestError(f"there is no surface '{surface[:40]}': choose {', '.join(SURFACE_CODES)}")
    return surface


def _faces(count: object, runs: object, surface: object) -> Action:
    if type(count) is not int or not 0 < count <= MAX_PIXELS or not isinstance(runs, str):
        raise RequestError("a stroke on the mesh needs the count of its triangles, and which of them it is about")
    if not (surface is None or isinstance(surface, str)):
        raise RequestError("a stroke on the mesh needs the name of a surface, or none to erase")
    try:
        return faces(decoded(runs, (1, count))[0], surface)
    except LabelError as error:
        raise RequestError("the triangles of a stroke are no runs: draw it again") from error


def _radius(radius: float) -> float:
    if not math.isfinite(radius) or not 0 < radius <= WIDEST_PX:
        raise RequestError(f"a brush has a radius above 0 and up to {WIDEST_PX} pixels, not {radius:g}")
    return max(1, round(radius * STEPS)) / STEPS


def _points(points: list[Any], least: int) -> list[list[float]]:
    """Pairs of numbers in steps of a sixteenth; what is no such pair is a `RequestError`."""
    if not least <= len(points) <= MAX_POINTS:
        raise RequestError(f"a stroke has {least} to {MAX_POINTS} points, not {len(points)}")
    try:
        pairs = np.array(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RequestError("the points of a stroke are pairs of numbers, x and y in pixels") from error
    if pairs.shape != (len(points), 2) or not np.all(np.abs(pairs) <= FARTHEST_PX):  # false for NaN too
        raise RequestError("the points of a stroke are pairs of numbers, x and y in pixels")
    return (np.rint(pairs * STEPS) / STEPS).tolist()
