"""One picture of an evaluation: error by region with intervals, and where the worst frames are wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deglare.data.files import write_atomically
from deglare.evaluation.meter import WorstFrame
from deglare.evaluation.metrics import UNITS
from deglare.evaluation.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4


def write_picture(path: Path, report: Report, worst: list[WorstFrame], metric: str = "abs_rel") -> None:
    """Write `picture` as PNG."""
    buffer = io.BytesIO()
    picture(report, worst, metric).savefig(buffer, format="png", dpi=130)
    write_atomically(path, lambda out: out.write(buffer.getvalue()))


def picture(report: Report, worst: list[WorstFrame], metric: str = "abs_rel") -> Figure:
    """Bars by region above, signed error maps of the worst frames below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = sorted(worst, reverse=True)[:COLUMNS]
    figure = Figure(figsize=(12, 7.5 if shown else 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    top, *below = figure.subfigures(2 if shown else 1, 1, height_ratios=[1.3, 1] if shown else [1], squeeze=False)[:, 0]
    _draw_bars(top.subplots(), report, metric)
    if shown:
        maps = below[0].subplots(1, len(shown), squeeze=False)[0]
        _draw_maps(list(maps), shown)
    return figure


def _draw_bars(axes: Axes, report: Report, metric: str) -> None:
    """One bar a region, whiskers for its interval."""
    rows = [row for row in report.rows if row.metric == metric]
    values = np.array([row.value for row in rows])
    ends = np.array(
        [(row.low, row.high) if row.low is not None else (row.value, row.value) for row in rows], dtype=float
    )
    whiskers = np.clip(np.abs(ends.T - values), 0, None)
    colours = ["#37474f" if row.region == "all" else "#5b8fb9" for row in rows]
    axes.bar(range(len(rows)), values, color=colours, yerr=whiskers, ecolor="#222222", capsize=3)
    axes.set_xticks(range(len(rows)), [row.region for row in rows], rotation=30, ha="right", fontsize=9)
    unit = UNITS.get(metric)
    axes.set_ylabel(f"{metric} [{unit}]" if unit else metric)
    scenes = ", ".join(report.scenes[:3]) + (" ..." if len(report.scenes) > 3 else "")
    under = f"protocol {report.protocol.name}, alignment {report.protocol.alignment}"
    axes.set_title(f"{report.frames} frames of {scenes}; {under}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.axhline(0, color="#222222", linewidth=0.8)


def _draw_maps(axes: list[Axes], worst: list[WorstFrame]) -> None:
    """Signed error in metres, one symmetric range for all maps, grey where nothing is compared."""
    reach = max(float(np.nanpercentile(np.abs(frame.error_m), 98)) for frame in worst)
    image = None
    for each, frame in zip(axes, worst, strict=True):
        each.set_facecolor("#9e9e9e")
        image = each.imshow(frame.error_m, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
        each.set_title(f"{frame.name}\nabs_rel {frame.abs_rel:.3f}", fontsize=8)
        each.set_xticks([])
        each.set_yticks([])
    if image is not None:
        axes[0].figure.colorbar(image, ax=axes, label="error [m]: red too far, blue too near", shrink=0.9)
