"""Plots, in one place: the same layer has the same colour in each. They take the JSON of `deglare.inspection`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from deglare_viewer.theme import GROUND, INK, LAYER_COLOURS, LINE, QUIET, SANS

if TYPE_CHECKING:
    from plotly.graph_objects import Bar, Figure

AXES = {"abs_rel": "Abs Rel", "sq_rel": "Sq Rel (m)", "bias": "bias (m), + is too far"}
"""Metrics of a breakdown as an axis names them."""

HEIGHT_PX = 320
LINE_LENGTH = 11
"""Characters."""

HOVER = "%{x}: %{y:.4f}%{customdata[0]}<br>%{customdata[1]:,} pixels<extra>%{fullData.name}</extra>"


def error_bars(table: Mapping[str, Any], metric: str) -> Figure:
    """One group of bars for each row of a breakdown's table, one bar a layer, with intervals where there are any."""
    from plotly.graph_objects import Figure

    rows = table["rows"]
    layers = [layer for layer in LAYER_COLOURS if any(layer in row["layers"] for row in rows)]
    figure = Figure([_bars(rows, layer, metric) for layer in layers])
    figure.update_layout(barmode="group", **_looks())
    figure.update_xaxes(type="category", color=QUIET, tickfont={"color": INK, "size": 11}, tickangle=0)
    figure.update_yaxes(title_text=AXES[metric], color=QUIET, gridcolor=LINE, zerolinecolor=QUIET)
    return figure


def _bars(rows: Sequence[Mapping[str, Any]], layer: str, metric: str) -> Bar:
    from plotly.graph_objects import Bar

    found = [row["layers"].get(layer, {}).get(metric) or (None, None, None) for row in rows]
    reach = [
        (0, 0) if low is None or high is None else (value - low, high - value)  # type: ignore[operator]
        for value, low, high in found
    ]
    return Bar(
        name=layer,
        x=[wrapped(row["name"]) for row in rows],
        y=[value for value, _, _ in found],
        error_y={
            "array": [above for _, above in reach],
            "arrayminus": [below for below, _ in reach],
            "visible": any(reach_ != (0, 0) for reach_ in reach),
            "color": INK,
            "thickness": 1.2,
            "width": 3,
        },
        marker_color=LAYER_COLOURS[layer],
        customdata=[[_interval(one), row["pixels"]] for one, row in zip(found, rows, strict=True)],
        hovertemplate=HOVER,
    )


def wrapped(name: str) -> str:
    """A name as it stands below a group of bars: in short lines."""
    return "<br>".join(wrap(name, LINE_LENGTH))


def _interval(found: Sequence[float | None]) -> str:
    """As the hover shows it."""
    _, low, high = found
    return "" if low is None or high is None else f" [{low:.4f}, {high:.4f}]"


def _looks() -> dict[str, Any]:
    return {
        "height": HEIGHT_PX,
        "margin": {"l": 56, "r": 8, "t": 8, "b": 56},
        "paper_bgcolor": GROUND,
        "plot_bgcolor": GROUND,
        "font": {"family": ", ".join(SANS), "size": 12, "color": INK},
        "legend": {"orientation": "h", "y": 1.12, "x": 0},
        "hoverlabel": {"bgcolor": GROUND, "bordercolor": LINE, "font_color": INK},
        "bargap": 0.25,
    }
