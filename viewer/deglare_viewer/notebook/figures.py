"""Figures of a run for notebooks, with matplotlib alone. The same layer has the same colour as in the studio.

Figures are returned, not shown: the last line of a cell shows one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from deglare.errors import RequestError
from deglare.fusion.showing import ERROR_LIMIT_M, SIGMA_LIMIT_M
from deglare.inspection.run import FrameId, InspectedRun
from deglare.pictures import AMOUNT_MAP, DEPTH_MAP, ERROR_MAP
from deglare.progress import Progress, quiet
from deglare_viewer.plots import AXES
from deglare_viewer.theme import LAYER_COLOURS, REFLECTIVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Run = InspectedRun | Path | str

PICTURES = ("rgb", "predicted", "projected", "fused", "reflective", "uncertainty", "source", "error")
REGION_COLOURS = {"all": "#5c94ec", "reflective": REFLECTIVE, "highlight": "#8a2be2"}
WIDTH_IN, PICTURE_IN = 14.0, 2.7
LINE_LENGTH = 15
"""Characters of a name below bars."""

CURVES = {"abs_rel": "Abs Rel of fused depth", "replaced": "share of pixels that take projected depth"}


def frame_figure(run: Run, frame: FrameId, teacher: str | None = None) -> Figure:
    """One frame in every layer that the run has; all depth in one range of colours, the run's."""
    from deglare.inspection.painting import Painter

    opened = _opened(run)
    name, painter = opened.frame(frame), Painter.of(opened, teacher)
    layers = [layer for layer in PICTURES if _has(opened, layer)]
    columns = min(4, len(layers))
    rows = -(-len(layers) // columns)
    figure, grid = _figure(rows, columns, rows * PICTURE_IN + 0.7)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, layer in zip(grid.flat, layers, strict=False):
        axes.imshow(painter.paint(name, layer))
        axes.set_title(_titled(layer, name), fontsize=10)
    _colour_bars(figure, grid, painter.shown.near_m, painter.shown.far_m, has_error="error" in layers)
    return figure


def breakdown_figure(
    run: Run,
    by: Sequence[str] = ("region", "material", "distance", "angle"),
    metric: str = "abs_rel",
    progress: Progress = quiet,
) -> Figure:
    """The error of each layer, broken down; whiskers are intervals over frames. It compares every frame with the truth.

    Args:
        run: It needs true depth.
        by: Some of region, material, distance, angle; what the run cannot tell is left out.
        metric: abs_rel, sq_rel or bias.
        progress: Told how many frames are compared.
    """
    from deglare.inspection.breakdown import break_down

    if metric not in AXES:
        raise RequestError(f"there is no metric '{metric[:40]}' here: choose {', '.join(AXES)}")
    opened = _opened(run)
    if not opened.has_truth:
        raise RequestError(f"{opened.name} has no true depth to compare with: look at frames and curves instead")
    found = break_down(opened, progress=progress).to_json()
    tables = [table for table in found["tables"] if table["by"] in by and table["rows"]]
    if not tables:
        raise RequestError(
            f"{opened.name} cannot be broken down by {', '.join(by)}: region and distance are always there"
        )
    figure, places = _stacked([len(table["rows"]) for table in tables])
    for axes, table in zip(places, tables, strict=True):
        _bars(axes, table, metric)
    places[0].legend(frameon=False, fontsize=9, ncols=len(LAYER_COLOURS))
    return figure


def curves_figure(run: Run, teacher: str | None = None, progress: Progress = quiet) -> Figure:
    """What fusing by uncertainty does at every threshold: the error where truth is known, and how much it replaces."""
    from deglare.inspection.curves import alpha_curves

    opened = _opened(run)
    found = alpha_curves(opened, teacher, progress)
    shown = [name for name in CURVES if any(curves[name] is not None for curves in found["regions"].values())]
    figure, grid = _figure(1, len(shown), 3.6)
    for axes, name in zip(grid.flat, shown, strict=True):
        for region, curves in found["regions"].items():
            if curves[name] is not None:
                axes.plot(found["alphas_m"], curves[name], color=REGION_COLOURS[region], label=region)
        axes.set(xlabel="threshold in metres", ylabel=CURVES[name])
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    grid.flat[0].legend(frameon=False)
    return figure


def _opened(run: Run) -> InspectedRun:
    return run if isinstance(run, InspectedRun) else InspectedRun.open(run)


def _has(run: InspectedRun, layer: str) -> bool:
    known = {"fused": run.has_fused, "source": run.has_fused, "reflective": run.has_regions}
    return known.get(layer, True) and (layer != "error" or (run.has_truth and run.has_fused))


def _titled(layer: str, name: str) -> str:
    says = {
        "rgb": f"frame {name}",
        "reflective": "reflective pixels",
        "source": "source: orange predicted, blue projected, grey blended",
        "error": "error of fused depth",
    }
    return says.get(layer, layer)


def _figure(rows: int, columns: int, height_in: float) -> tuple[Figure, Any]:
    """An open figure would be shown twice in a notebook: this one is closed already."""
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(rows, columns, figsize=(WIDTH_IN, height_in), layout="constrained", squeeze=False)
    pyplot.close(figure)
    return figure, grid


def _stacked(rows: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """The first plot, which has most to say, over the others; the number of rows of each makes its width."""
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(WIDTH_IN, 3.0 if len(rows) == 1 else 6.0), layout="constrained")
    pyplot.close(figure)
    if len(rows) == 1:
        return figure, [figure.add_subplot()]
    above, below = figure.subfigures(2, 1, squeeze=False).flat
    others = below.subplots(1, len(rows) - 1, squeeze=False, width_ratios=[count + 1 for count in rows[1:]])
    return figure, [above.add_subplot(), *others.flat]


def _colour_bars(figure: Figure, grid: Any, near_m: float, far_m: float, *, has_error: bool) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bars = [("depth in metres", DEPTH_MAP, near_m, far_m), ("uncertainty in metres", AMOUNT_MAP, 0.0, SIGMA_LIMIT_M)]
    if has_error:
        bars.append(("error in metres, + is too far", ERROR_MAP, -ERROR_LIMIT_M, ERROR_LIMIT_M))
    for (says, colours, low, high), column in zip(bars, grid.T, strict=False):
        scale = ScalarMappable(Normalize(low, high), colours)
        bar = figure.colorbar(scale, ax=list(column), location="bottom", shrink=0.9, aspect=40, pad=0.02)
        bar.set_label(says, fontsize=9)
        bar.ax.tick_params(labelsize=8)


def _bars(axes: Axes, table: Mapping[str, Any], metric: str) -> None:
    rows = table["rows"]
    layers = [layer for layer in LAYER_COLOURS if any(layer in row["layers"] for row in rows)]
    places, width = np.arange(len(rows)), 0.8 / max(1, len(layers))
    for number, layer in enumerate(layers):
        found = [row["layers"].get(layer, {}).get(metric) or (np.nan, None, None) for row in rows]
        reach = [
            (0.0, 0.0) if low is None or high is None else (value - low, high - value) for value, low, high in found
        ]
        axes.bar(
            places + (number - (len(layers) - 1) / 2) * width,
            [value for value, _, _ in found],
            width,
            color=LAYER_COLOURS[layer],
            label=layer,
            yerr=np.maximum(np.array(reach).T, 0),
            error_kw={"linewidth": 1, "ecolor": "#444444"},
        )
    axes.set_xticks(places, ["\n".join(wrap(row["name"], LINE_LENGTH)) for row in rows], fontsize=8)
    axes.set_title(f"by {table['by']}", fontsize=10)
    axes.set_ylabel(AXES[metric])
    axes.spines[["top", "right"]].set_visible(False)
