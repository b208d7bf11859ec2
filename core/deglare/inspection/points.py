"""One pixel of one frame: what every layer says of it, which surface it shows, and who else sees that surface."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from deglare.data.run_folder import LabelSource
from deglare.errors import DataError, RequestError
from deglare.fusion.strategies import Strategy
from deglare.inspection.facing import normal_at
from deglare.inspection.fusing import Fused, asked, fused_of
from deglare.inspection.layers import HIGHLIGHT, NOT_REFLECTIVE, REFLECTIVE, FrameLayers, metres_of
from deglare.inspection.run import FrameId, InspectedRun
from deglare.inspection.seeing import SurfacePoint, Xyz, as_xyz, cosines, sightings
from deglare.inspection.witnesses import SeenFrom, degrees, witnesses
from deglare.types import DepthMap, Material

REGION_NAMES = {NOT_REFLECTIVE: "other", REFLECTIVE: "reflective", HIGHLIGHT: "highlight"}


@dataclass(frozen=True)
class Value:
    """What one layer says of the pixel."""

    name: str
    """``predicted``, ``projected``, ``fused`` or ``truth``."""
    teacher: str | None
    metres: float | None
    error_m: float | None
    """Above 0 is too far; None where there is no truth."""


@dataclass(frozen=True)
class Surface:
    """What the pixel shows, and who else sees that. Everything is in world axes."""

    xyz: Xyz
    normal: Xyz | None
    angle_deg: float | None
    """Between the normal and the way to the camera."""
    surface_from: str
    """The depth that placed it: projected, else fused, else predicted."""
    views: tuple[SeenFrom, ...]
    hidden_in: int
    """Frames in whose image it lies behind something."""


@dataclass(frozen=True)
class PointReport:
    """All of it."""

    frame: int
    x: int
    y: int
    values: tuple[Value, ...]
    """Of every teacher, then of the mesh, the label and the truth."""
    sigma_m: float | None
    source: str | None
    """Where the label is from; None where there is no label on disk and no strategy was asked for."""
    region: str | None
    material: str | None
    surface: Surface | None
    """None where no layer has depth."""

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, those of the surface beside the others."""
        fields = asdict(self)
        nothing = dict.fromkeys(("xyz", "normal", "angle_deg", "surface_from")) | {"views": [], "hidden_in": 0}
        return fields | (fields.pop("surface") or nothing)


def inspect_point(
    run: InspectedRun,
    frame: FrameId,
    x: int,
    y: int,
    strategy: Strategy | str | None = None,
    teacher: str | None = None,
    alpha: float | None = None,
) -> PointReport:
    """Look at one pixel.

    Args:
        run: Holds the frame.
        frame: Its name or number.
        x: Column of the pixel.
        y: Row of the pixel.
        strategy: Makes the label, or its name; None or ``labelled`` takes the one on disk.
        teacher: Whose prediction is compared between views and mended by a strategy; the base if not given.
        alpha: The threshold of a strategy that is named and has one.
    """
    name, chosen = run.frame(frame), run.teacher(teacher)
    require_pixel(run, x, y)
    layers, fused = run.layers(name, chosen), fused_of(run, name, asked(strategy, alpha), chosen)
    material, at = run.materials(name), (y, x)
    return PointReport(
        frame=run.names.index(name),
        x=x,
        y=y,
        values=_values(run, name, layers, fused, at),
        sigma_m=round(float(layers.uncertainty.sigma_m[at]), 6) if layers.uncertainty.valid[at] else None,
        source=None if fused is None else LabelSource(int(fused.source[at])).name.lower(),
        region=None if layers.regions is None else REGION_NAMES[int(layers.regions[at])],
        material=None if material is None else _material(int(material[at])),
        surface=_surface(run, name, _placing(run, layers, fused), x, y, chosen),
    )


def require_pixel(run: InspectedRun, x: int, y: int) -> None:
    """A `RequestError` where the frames have no such pixel."""
    height, width = run.camera.size_hw
    if not (0 <= x < width and 0 <= y < height):
        raise RequestError(f"pixel ({x}, {y}) lies outside of frames of {width}x{height}")


def _placing(run: InspectedRun, layers: FrameLayers, fused: Fused | None) -> dict[str, DepthMap]:
    """Depths that may place the point, the most trusted first."""
    near, far = run.projected_range.nearest_m, run.projected_range.farthest_m
    projected = layers.projected
    inside = projected.valid & (projected.metres >= np.float32(near)) & (projected.metres <= np.float32(far))
    found = {"projected": DepthMap(projected.metres, inside)}
    if fused is not None:
        found["fused"] = fused.depth
    return {**found, "predicted": layers.predicted}


def _surface(
    run: InspectedRun, name: str, placing: dict[str, DepthMap], x: int, y: int, teacher: str
) -> Surface | None:
    placed = next(((kind, depth) for kind, depth in placing.items() if depth.valid[y, x]), None)
    if placed is None:
        return None
    (kind, depth), number = placed, run.names.index(name)
    xyz = point_of(run, name, x, y, float(depth.metres[y, x]))
    point = SurfacePoint(xyz, normal_at(run, name, depth, x, y))
    seen = sightings(run, point, always=number)
    return Surface(
        xyz=as_xyz(xyz),
        normal=None if point.normal is None else as_xyz(point.normal),
        angle_deg=degrees(float(cosines(run, point, np.array([number]))[0])),
        surface_from=kind,
        views=witnesses(run, seen, teacher),
        hidden_in=seen.hidden_in,
    )


def point_of(run: InspectedRun, name: str, x: int, y: int, metres: float) -> Float64[np.ndarray, "3"]:
    """World axes of a pixel at a z-depth."""
    camera, world_T_cam = run.camera, run.poses[name]
    ray = np.array([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1.0])
    return world_T_cam[:3, :3] @ (metres * ray) + world_T_cam[:3, 3]


def _values(
    run: InspectedRun, name: str, layers: FrameLayers, fused: Fused | None, at: tuple[int, int]
) -> tuple[Value, ...]:
    truth = _metres(layers.truth, at)

    def value(layer: str, depth: DepthMap | None, teacher: str | None = None) -> Value:
        metres = _metres(depth, at)
        return Value(layer, teacher, metres, None if metres is None or truth is None else round(metres - truth, 6))

    predicted = [value("predicted", metres_of(run.predicted_mm(name, one)), one) for one in run.teachers]
    mended = [value("projected", layers.projected), value("fused", None if fused is None else fused.depth)]
    return (*predicted, *mended, Value("truth", None, truth, None))


def _metres(depth: DepthMap | None, at: tuple[int, int]) -> float | None:
    return round(float(depth.metres[at]), 6) if depth is not None and depth.valid[at] else None


def _material(code: int) -> str:
    if code > max(Material):
        raise DataError(f"material {code} is unknown: codes run from 0 to {max(Material)}")
    return Material(code).name
