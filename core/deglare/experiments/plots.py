"""The records as one picture: Sq Rel of every way to teach, on subsets and on highlights by roughness."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deglare.data.files import write_atomically
from deglare.experiments.records import Record
from deglare.experiments.sources import ALL, NO_REFLECTION, REFLECTION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY, BLUE, DARK = "#9aa5ab", "#5b8fb9", "#37474f"
Panel = tuple[str, Mapping[str, Record]]


def write_plot(path: Path, records: Sequence[Record], network: str, split: str) -> None:
    """Write PNG: a panel for each subset and each bin of roughness, a bar for each way to teach one network."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = panels_of(records, network, split)
    titles = list(dict.fromkeys(title for _, found in panels for title in found))
    figure = Figure(figsize=(3.2 + 2.6 * len(panels), 1.6 + 0.34 * len(titles)), layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (heading, found) in zip(all_axes, panels, strict=True):
        _draw(axes, heading, found, titles)
    figure.suptitle(f"{network}, {split}: Sq Rel [m], smaller is better; whiskers are 95 % intervals", fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(path, lambda out: out.write(buffer.getvalue()))


def panels_of(records: Sequence[Record], network: str, split: str) -> list[Panel]:
    """What each panel shows, by title of the line."""
    own = [r for r in records if (r.network, r.split, r.metric) == (network, split, "sq_rel")]
    panels: list[Panel] = []
    for subset, heading in ((ALL, "all"), (REFLECTION, "Reflection"), (NO_REFLECTION, "NoReflection")):
        panels.append((heading, {r.title: r for r in own if r.region == "all" and r.subset == subset}))
    highlights = [r for r in own if r.region == "highlight"]
    for roughness in dict.fromkeys(r.roughness for r in highlights):
        heading = "highlights" if roughness is None else f"highlights,\nroughness {roughness}"
        panels.append((heading, {r.title: r for r in highlights if r.roughness == roughness}))
    return [panel for panel in panels if panel[1]]


def _draw(axes: Axes, heading: str, found: Mapping[str, Record], titles: Sequence[str]) -> None:
    """Bars from the top down, in the order of the titles."""
    places = [titles.index(title) for title in found]
    values = np.array([record.mean for record in found.values()])
    ends = np.array(
        [(r.mean if r.low is None else r.low, r.mean if r.high is None else r.high) for r in found.values()]
    )
    whiskers = np.clip(np.abs(ends.T - values), 0, None)
    colours = [_colour(record) for record in found.values()]
    axes.barh(places, values, color=colours, xerr=whiskers, ecolor="#222222", capsize=2)
    axes.set_yticks(range(len(titles)), titles, fontsize=8)
    axes.set_ylim(len(titles) - 0.4, -0.6)
    axes.set_title(heading, fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _colour(record: Record) -> str:
    return {"main": DARK, "ablation": GREY}.get(record.table, BLUE)
