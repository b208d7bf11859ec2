"""A contact sheet: frames with their depth in one colour range, the camera path from above, and its steps."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from deglare.data.convention import steps_and_turns
from deglare.data.files import write_atomically
from deglare.data.folders import spread
from deglare.data.triples import TripleRule
from deglare.errors import RequestError
from deglare.pictures import DEPTH_MAP
from deglare.types import DepthMap, Frame, Sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLUMNS = 5
CELL_INCHES = 2.6
PATH_INCHES = 3.8
ARROWS = 30
NO_DEPTH_COLOUR = "0.82"


def write_contact_sheet(path: Path, sequence: Sequence, caption: str = "") -> None:
    """Draw frames, depth and path as far as there are any, and write them as PNG."""
    if path.suffix.lower() != ".png":
        raise RequestError(f"{path} should end in .png: the picture is written as PNG")
    buffer = io.BytesIO()
    contact_sheet(sequence, caption).savefig(buffer, format="png", dpi=100)
    write_atomically(path, lambda out: out.write(buffer.getvalue()))


def contact_sheet(sequence: Sequence, caption: str = "") -> Figure:
    """The picture as a matplotlib figure."""
    from matplotlib.figure import Figure

    frames = spread(sequence.frames, COLUMNS)
    depths = [frame.depth() for frame in frames]
    rows = 2 if any(depth is not None for depth in depths) else 1
    height, width = frames[0].camera.size_hw
    images_inches = rows * CELL_INCHES * height / width + 0.4
    inches = [images_inches, PATH_INCHES] if _posed(sequence) else [images_inches]
    figure = Figure(figsize=(CELL_INCHES * COLUMNS + 0.8, sum(inches) + 0.5), layout="constrained")
    figure.suptitle(caption or sequence.name, fontsize=11)
    parts = figure.subfigures(len(inches), 1, height_ratios=inches, squeeze=False)[:, 0]
    _draw_images(parts[0], frames, depths, rows)
    if len(parts) > 1:
        from_above, along = parts[1].subplots(1, 2, width_ratios=(1, 1.3))
        _draw_path(from_above, _posed(sequence))
        _draw_steps(along, _posed(sequence))
    return figure


def _posed(sequence: Sequence) -> list[Frame]:
    """The frames that have poses, none where that is only one."""
    frames = [frame for frame in sequence if frame.world_T_cam is not None]
    return frames if len(frames) > 1 else []


def _draw_images(figure: SubFigure, frames: list[Frame], depths: list[DepthMap | None], rows: int) -> None:
    axes = figure.subplots(rows, COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, frame in zip(axes[0], frames, strict=False):
        axis.imshow(frame.rgb())
        axis.set_title(frame.name, fontsize=9)
    measured = [(axis, depth) for axis, depth in zip(axes[-1], depths, strict=False) if depth is not None]
    if measured:
        _draw_depths(figure, measured)


def _draw_depths(figure: SubFigure, measured: list[tuple[Axes, DepthMap]]) -> None:
    import matplotlib

    values = np.concatenate([depth.metres[depth.valid] for _, depth in measured])
    near, far = np.percentile(values, (1, 99)) if values.size else (0.0, 1.0)
    colours = matplotlib.colormaps[DEPTH_MAP].with_extremes(bad=NO_DEPTH_COLOUR)
    shown = [
        axis.imshow(
            np.ma.masked_where(~depth.valid, depth.metres), cmap=colours, vmin=near, vmax=far, interpolation="nearest"
        )
        for axis, depth in measured
    ]
    figure.colorbar(shown[0], ax=[axis for axis, _ in measured], label="depth (m), grey: none", pad=0.01, aspect=12)


def _draw_path(axis: Axes, frames: list[Frame]) -> None:
    """Camera centres and directions, seen against the mean of the cameras' up."""
    poses = np.stack([frame.world_T_cam for frame in frames if frame.world_T_cam is not None])
    across, away = _ground_axes(poses)
    centres = poses[:, :3, 3] @ np.stack([across, away], axis=1)
    centres = centres - centres[0]
    axis.plot(*centres.T, color="0.7", linewidth=1, zorder=1)
    shown = axis.scatter(*centres.T, c=np.arange(len(frames)), cmap="viridis", s=9, zorder=2)
    chosen = spread(range(len(frames)), ARROWS)
    looks = poses[chosen, :3, 2] @ np.stack([across, away], axis=1)
    axis.quiver(*centres[chosen].T, *looks.T, angles="xy", color="0.25", width=0.004, scale=14, headwidth=4, zorder=3)
    axis.plot(*centres[0], marker="o", markersize=8, markerfacecolor="none", color="black", zorder=4)
    axis.set_aspect("equal", adjustable="datalim")
    axis.margins(0.12)
    axis.set(title="camera path from above (circle: start)", xlabel="m", ylabel="m")
    axis.title.set_fontsize(10)
    axis.grid(alpha=0.3)
    axis.figure.colorbar(shown, ax=axis, label="frame", pad=0.02)


def _ground_axes(poses: Float64[np.ndarray, "n 4 4"]) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    """Two directions that span the ground: to the right of the first camera, and away from it."""
    up = -poses[:, :3, 1].mean(axis=0)
    up = up / max(float(np.linalg.norm(up)), 1e-9)
    across = poses[0, :3, 0] - up * (poses[0, :3, 0] @ up)
    across = across / max(float(np.linalg.norm(across)), 1e-9)
    return across, np.cross(up, across)


def _draw_steps(axis: Axes, frames: list[Frame]) -> None:
    """Distance and turn from each frame to the next, with the distances that make a training triple."""
    rule, (steps, turns) = TripleRule(), steps_and_turns(frames)
    axis.axhspan(rule.nearest_m * 100, rule.farthest_m * 100, color="tab:green", alpha=0.15, linewidth=0)
    axis.plot(steps * 100, color="tab:blue", linewidth=1)
    axis.set(title="from frame to frame (green: steps that make a triple)", xlabel="frame")
    axis.title.set_fontsize(10)
    axis.set_ylabel("step (cm)", color="tab:blue")
    axis.set_ylim(bottom=0)
    axis.set_xlim(0, max(len(steps) - 1, 1))
    second = axis.twinx()
    second.plot(turns, color="tab:orange", linewidth=1, alpha=0.8)
    second.set_ylabel("turn (degrees)", color="tab:orange")
    second.set_ylim(bottom=0)
