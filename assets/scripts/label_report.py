"""Tables and pictures of what ``label_table.py`` measured.

    python assets/scripts/label_report.py TABLE.json [TABLE.json ...] OUT.md

Files of the same rooms are one table; each other set of rooms is another. Pictures lie beside OUT.md and are of the
first: OUT.png has bars, OUT_sweep.png the published threshold moved from 0 to 1 m.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from deglare.data.files import read_json, write_atomically, write_text
from deglare.evaluation.report import aligned_table

REGIONS = ("reflective", "non-reflective", "highlight", "all")
ROUGHNESS = tuple(f"highlight on gloss, roughness {bin_}" for bin_ in ("< 0.01", "0.01-0.03", ">= 0.03"))
TITLES = {"abs_rel": "Abs Rel", "sq_rel": "Sq Rel (m)", "bias": "Bias (m)"}
BARS = 12
Record = dict[str, Any]
Table = dict[str, Any]


def rows_of(table: Table) -> list[tuple[str, str, str]]:
    """Labels, surface and base, in the order in which they were measured."""
    return list(dict.fromkeys((r["labels"], r["surface"], r["base"]) for r in table["records"]))


def find(table: Table, row: tuple[str, str, str], region: str, metric: str) -> Record | None:
    """One record; None where the region has no pixels."""
    for record in table["records"]:
        if (record["labels"], record["surface"], record["base"]) == row:
            if (record["region"], record["metric"]) == (region, metric):
                return record
    return None


def number(record: Record | None) -> str:
    """A value with its interval."""
    if record is None:
        return ""
    if record["low"] is None:
        return f"{record['value']:.4f}"
    return f"{record['value']:.4f} [{record['low']:.3f}, {record['high']:.3f}]"


def change(record: Record | None) -> str:
    """What is left of the base's prediction: its change, with the interval of that."""
    if record is None or record["change_low"] is None:
        return ""
    return f"{record['change']:+.4f} [{record['change_low']:+.3f}, {record['change_high']:+.3f}]"


def shown(table: Table, metric: str, regions: Sequence[str], cell: Callable[[Record | None], str]) -> str:
    """One metric: rows down, regions across."""
    lines = [["labels", "surface", *regions]]
    for row in rows_of(table):
        name = f"predicted, {row[2]}" if row[0] == "predicted" else row[0]
        lines.append([name, row[1], *(cell(find(table, row, region, metric)) for region in regions)])
    return aligned_table(lines, left=2)


def bars(table: Table) -> Figure:
    """Abs Rel on reflective and on other pixels; the surfaces' projected depth and the labels made of the published."""
    rows = [row for row in rows_of(table) if row[1] in ("", *main_surfaces(table))]
    figure = Figure(figsize=(13, 0.28 * len(rows) + 1.2), layout="constrained")
    for axes, region in zip(
        np.ravel(figure.subplots(1, 3, sharey=True)), ("reflective", "non-reflective", "all"), strict=True
    ):
        found = [find(table, row, region, "abs_rel") for row in rows]
        values = [np.nan if one is None else one["value"] for one in found]
        ends = [(np.nan, np.nan) if one is None or one["low"] is None else (one["low"], one["high"]) for one in found]
        whiskers = np.abs(np.array(ends).T - values)
        colours = [
            "#9e9e9e" if row[0] == "predicted" else "#5b8fb9" if row[0] == "projected" else "#37474f" for row in rows
        ]
        axes.barh(range(len(rows)), values, xerr=whiskers, color=colours, ecolor="#999999", capsize=2)
        axes.invert_yaxis()
        axes.set_title(f"Abs Rel, {region}", fontsize=10)
        axes.set_yticks(
            range(len(rows)),
            [" · ".join(filter(None, (row[2] if not row[1] else "", row[0], row[1]))) for row in rows],
            fontsize=7,
        )
        axes.grid(axis="x", alpha=0.3)
    return figure  # fmt: skip


def main_surfaces(table: Table) -> list[str]:
    """Those on which strategies were tried."""
    return list(dict.fromkeys(row[1] for row in rows_of(table) if row[0] not in ("predicted", "projected")))


def sweep_figure(table: Table) -> Figure:
    """Error and share of projected pixels over the threshold, by region; a line for each surface."""
    figure = Figure(figsize=(13, 6.2), layout="constrained")
    grid = figure.subplots(2, len(REGIONS), sharex=True)
    for column, region in enumerate(REGIONS):
        for sweep in table["sweeps"]:
            curves = sweep["regions"][region]
            for axes, kind in zip(grid[:, column], ("abs_rel", "replaced"), strict=True):
                axes.plot(sweep["alphas_m"], curves[kind], label=sweep["surface"])
                axes.axvline(0.4, color="#999999", linewidth=0.8, linestyle=":")
                axes.grid(alpha=0.3)
        grid[0, column].set_title(region, fontsize=10)
        grid[1, column].set_xlabel("threshold of uncertainty (m)")
    grid[0, 0].set_ylabel("Abs Rel of the labels")
    grid[1, 0].set_ylabel("share that is projected")
    grid[0, -1].legend(fontsize=7)
    return figure


def save(path: Path, figure: Figure) -> None:
    """As PNG, whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    write_atomically(path, lambda out: out.write(buffer.getvalue()))


def tables_of(table: Table) -> list[str]:
    """Everything that was measured on some rooms with some base."""
    parts = []
    for metric, title in TITLES.items():
        parts += [f"**{title}**, with 95 % intervals over rooms:", shown(table, metric, REGIONS, number)]
    parts += [
        "**Change of Abs Rel against the prediction that the labels start from**, paired by room:",
        shown(table, "abs_rel", REGIONS, change),
        "**Highlights on gloss by roughness**, Sq Rel (m):",
        shown(table, "sq_rel", ROUGHNESS, number),
        f"```\n{table['card']}\n```",
    ]
    return parts


def merged(sources: Sequence[Path]) -> dict[str, Table]:
    """Tables by the name of their first file. What was measured twice is taken from the later file."""
    found: dict[str, Table] = {}
    for path in sources:
        table: Table = dict(read_json(path))  # type: ignore[call-overload]
        for other in found.values():
            if other["scenes"] == table["scenes"]:
                fresh = {record_key(record) for record in table["records"]}
                kept = [record for record in other["records"] if record_key(record) not in fresh]
                other["records"] = sorted([*kept, *table["records"]], key=lambda r: r["labels"] != "predicted")
                other["sweeps"] += table["sweeps"]
                other["card"] += "\n" + table["card"].splitlines()[-1]
                break
        else:
            found[path.stem] = table
    return found


def record_key(record: Record) -> tuple[str, ...]:
    """What a record is of."""
    return tuple(record[part] for part in ("labels", "surface", "base", "region", "metric"))


def main() -> None:
    """Write the tables and both pictures."""
    *sources, out = map(Path, sys.argv[1:])
    by_name = merged(sources)
    tables = list(by_name.values())
    save(out.with_suffix(".png"), bars(tables[0]))
    save(out.with_name(out.stem + "_sweep.png"), sweep_figure(tables[0]))
    parts = []
    for name, table in by_name.items():
        parts += [f"## {name}: {len(table['scenes'])} rooms", *tables_of(table)]
    write_text(out, "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
