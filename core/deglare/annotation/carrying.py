"""A mask drawn once, carried to every frame that sees that surface, and to none in which something hides it.

A pixel of another frame shows what was marked where its own surface point, seen from the frame in which the mask was
drawn, falls on a marked pixel and lies no deeper and no nearer than what that frame saw there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from deglare.annotation.masks import Surfaces
from deglare.annotation.pinholes import closed
from deglare.annotation.windows import Window, balls_around, windows
from deglare.errors import DataError, RequestError
from deglare.fusion.threads import in_order, usable_threads
from deglare.progress import Progress, quiet
from deglare.types import Camera, DepthMap, Rigid, inverse_rigid

DepthOf = Callable[[str], DepthMap]
"""Of the surface as a frame sees it: projected depth of a run, or measured depth."""


@dataclass(frozen=True)
class Slack:
    """How far two depths of one surface may differ."""

    metres: float = 0.05
    """A voxel of the usual mesh."""
    share: float = 0.01
    """Of the depth, as a slanted surface rises within a pixel."""

    def at(self, z_m: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """In metres."""
        return self.metres + self.share * z_m


@dataclass(frozen=True)
class CarryRule:
    """What is carried."""

    slack: Slack = Slack()
    least_pixels: int = 16
    """Fewer in a frame are not worth a look."""
    samples: int = 2048
    """Marked pixels that are looked for in every frame, to tell how much of the mask it sees."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mask, and the surface that it was drawn on."""

    surfaces: Surfaces
    depth: DepthMap
    camera: Camera
    """In pixels of both."""
    world_T_cam: Rigid

    def __post_init__(self) -> None:
        if not self.surfaces.shape == self.depth.size_hw == self.camera.size_hw:
            raise DataError(
                f"the mask is {self.surfaces.shape}, depth {self.depth.size_hw} and the camera for "
                f"{self.camera.size_hw} pixels: resize them together"
            )

    def points(self) -> Float64[np.ndarray, "n 3"]:
        """Marked surface points in world axes; where there is no depth there is none."""
        rows, columns = np.nonzero((self.surfaces > 0) & self.depth.valid)
        at_cam = _unprojected(rows, columns, self.depth.metres[rows, columns].astype(np.float64), self.camera)
        return at_cam @ self.world_T_cam[:3, :3].T + self.world_T_cam[:3, 3]


@dataclass(frozen=True, eq=False)
class Carried:
    """What a frame shows of a mask."""

    frame: str
    surfaces: Surfaces
    visible_share: float
    """How much of the marked surface the frame sees, 0 to 1."""


def carry(
    drawn: Drawn,
    poses: Mapping[str, Rigid],
    depth_of: DepthOf,
    rule: CarryRule | None = None,
    progress: Progress = quiet,
) -> tuple[Carried, ...]:
    """Carry a mask to some frames of the same camera; those that see too little of it are left out.

    Args:
        drawn: The mask.
        poses: ``world_T_cam`` of the frames that are asked.
        depth_of: Of each; read only for frames that may see the mask at all.
        rule: What counts as seeing it.
        progress: Told how many frames that may see it are done.
    """
    rule = rule or CarryRule()
    points = drawn.points()
    if not len(points):
        raise RequestError("nothing to carry: mark some pixels where the surface has depth")
    camera = drawn.camera
    balls = balls_around(points, _margin(drawn, rule))
    asked = [
        (name, window)
        for name, window in zip(poses, windows(balls, camera, list(poses.values())), strict=True)
        if window is not None
    ]
    samples = points[:: -(-len(points) // rule.samples)]

    def look(item: tuple[str, Window]) -> Carried:
        name, window = item
        depth = depth_of(name)
        if depth.size_hw != camera.size_hw:
            raise DataError(f"the depth of frame {name} is {depth.size_hw}, not {camera.size_hw} pixels: resize it")
        surfaces, is_known = np.zeros(camera.size_hw, dtype=np.uint8), np.zeros(camera.size_hw, dtype=bool)
        part = np.s_[window.top : window.bottom, window.left : window.right]
        surfaces[part], is_known[part] = _seen_marks(drawn, depth, poses[name], window, rule.slack)
        surfaces = closed(surfaces, depth, is_known, rule.slack.at)
        return Carried(name, surfaces, visible_share(samples, depth, camera, poses[name], rule.slack))

    return tuple(_worth_it(in_order(look, asked, usable_threads()), rule, len(asked), progress))


def visible_share(
    points_m: Float64[np.ndarray, "n 3"],
    depth: DepthMap,
    camera: Camera,
    world_T_cam: Rigid,
    slack: Slack,
    weights: Float64[np.ndarray, " n"] | None = None,
) -> float:
    """The share of some surface points that lie in an image with nothing in front of them."""
    cam_T_world = inverse_rigid(world_T_cam)
    at_cam = points_m @ cam_T_world[:3, :3].T + cam_T_world[:3, 3]
    rows, columns, inside = nearest_pixels(at_cam, camera)
    sees = inside & depth.valid[rows, columns]
    sees &= np.abs(depth.metres[rows, columns] - at_cam[:, 2]) <= slack.at(at_cam[:, 2])
    return float(np.average(sees, weights=weights))


def nearest_pixels(
    at_cam: Float64[np.ndarray, "*n 3"], camera: Camera
) -> tuple[Int64[np.ndarray, "*n"], Int64[np.ndarray, "*n"], Bool[np.ndarray, "*n"]]:
    """Rows, columns and whether they lie in the image; 0 where they do not."""
    x, y, z = (at_cam[..., axis] for axis in range(3))
    height, width = camera.size_hw
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = np.floor(x / z * camera.fx + camera.cx + 0.5)
        rows = np.floor(y / z * camera.fy + camera.cy + 0.5)
        inside = (z > 0) & (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return np.where(inside, rows, 0).astype(np.int64), np.where(inside, columns, 0).astype(np.int64), inside


def _seen_marks(
    drawn: Drawn, depth: DepthMap, world_T_cam: Rigid, window: Window, slack: Slack
) -> tuple[Surfaces, Bool[np.ndarray, "h w"]]:
    """Marks of the pixels in a window of a frame, and pixels that show a surface on which nothing was marked."""
    camera = drawn.camera
    part = np.s_[window.top : window.bottom, window.left : window.right]
    drawn_T_cam = inverse_rigid(drawn.world_T_cam) @ world_T_cam
    seen = np.zeros((window.bottom - window.top, window.right - window.left), dtype=np.uint8)
    bare = np.zeros(seen.shape, dtype=bool)
    chosen = np.flatnonzero(_may_fall_on(drawn, depth.metres[part], drawn_T_cam, window) & depth.valid[part])
    rows, columns = np.divmod(chosen, seen.shape[1])
    metres = depth.metres[part].ravel()[chosen].astype(np.float64)
    at_cam = _unprojected(rows + window.top, columns + window.left, metres, camera)
    at_drawn = (drawn_T_cam[:3, :3] @ at_cam.T + drawn_T_cam[:3, 3:]).T
    rows, columns, inside = nearest_pixels(at_drawn, camera)
    places = rows * camera.size_hw[1] + columns
    marks, z = drawn.surfaces.ravel().take(places), at_drawn[:, 2]
    same = np.abs(drawn.depth.metres.ravel().take(places) - z) <= slack.at(z)
    same &= drawn.depth.valid.ravel().take(places)
    shown = inside & same
    seen.ravel()[chosen[shown]] = marks[shown]
    bare.ravel()[chosen[shown]] = marks[shown] == 0
    return seen, bare


def _may_fall_on(
    drawn: Drawn, metres: Float32[np.ndarray, "h w"], drawn_T_cam: Rigid, window: Window
) -> Bool[np.ndarray, "h w"]:
    """Pixels whose points fall on the rectangle around the marks, and some more: roughly, and four times as fast.

    Image coordinates times z are a sum of one part that only the column knows, one that only the row knows and the
    shift, so that no array of points is made; what falls on what is a comparison without a division.
    """
    camera = drawn.camera
    image_T_cam = (camera.matrix @ drawn_T_cam[:3]).astype(np.float32)
    x = ((np.arange(window.left, window.right) - camera.cx) / camera.fx).astype(np.float32)
    y = ((np.arange(window.top, window.bottom) - camera.cy) / camera.fy).astype(np.float32)[:, None]
    u_z, v_z, z = (metres * ((row[0] * x + row[2]) + row[1] * y) + row[3] for row in image_T_cam)
    rounding = np.float32(1e-5 * (float(metres.max()) + 1) * (sum(camera.size_hw) + camera.fx + camera.fy))
    may = z > -rounding
    for values, across in ((u_z, 0), (v_z, 1)):
        marked = np.flatnonzero(drawn.surfaces.any(axis=across))
        may &= values >= z * np.float32(marked[0] - 0.6) - rounding
        may &= values <= z * np.float32(marked[-1] + 0.6) + rounding
    return may


def _margin(drawn: Drawn, rule: CarryRule) -> float:
    """How far a point that counts as marked may lie from the point at the centre of its pixel, at most.

    Along the ray by the slack; across it by half a pixel's diagonal, at the depth that the slack adds.
    """
    camera = drawn.camera
    farthest = float(drawn.depth.metres[(drawn.surfaces > 0) & drawn.depth.valid].max())
    deepest = (farthest + rule.slack.metres) / max(1 - rule.slack.share, 0.5)
    corner = max(camera.size_hw) / min(camera.fx, camera.fy) * 2
    half_pixel = 0.5 / min(camera.fx, camera.fy) * np.sqrt(2)
    slack = rule.slack.metres + rule.slack.share * deepest
    return (deepest - farthest + slack) * (1 + corner) + deepest * half_pixel


def _worth_it(found: Iterable[Carried], rule: CarryRule, total: int, progress: Progress) -> Iterable[Carried]:
    for done, one in enumerate(found, start=1):
        progress(done, total)
        if np.count_nonzero(one.surfaces) >= rule.least_pixels:
            yield one


def _unprojected(
    rows: Int64[np.ndarray, " n"], columns: Int64[np.ndarray, " n"], metres: Float64[np.ndarray, " n"], camera: Camera
) -> Float64[np.ndarray, "n 3"]:
    points = np.empty((3, len(metres)))
    np.multiply((columns - camera.cx) / camera.fx, metres, out=points[0])
    np.multiply((rows - camera.cy) / camera.fy, metres, out=points[1])
    points[2] = metres
    return points.T
