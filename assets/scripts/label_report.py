"""Tables and pictures of what ``label_table.py`` measured.

    python assets/scripts/label_report.py TABLE.json [TABLE.json ...] OUT

Files of the same rooms are one table of OUT_full.md; each other set of rooms is another. Pictures are of the first:
OUT.png has bars, OUT_sweep.png the published threshold moved from 0 to 1 m.
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
BINS = ("< 0.01", "0.01-0.03", ">= 0.03")
SURFACES = (
    "published, every 10",
    "robust, every 10",
    "robust tau 0.35, every 3",
    "robust certainty of three tau 0.35, every 3",
    "robust certainty of crops tau 0.35, every 3",
    "robust certainty of flips tau 0.35, every 3",
)
DRAWN = ("projected", "uncertainty 0.4 m", "difference", "multiview", "blend", "blend-gap")
"""Of which there are bars."""
COLOURS = {"predicted": "#9e9e9e", "projected": "#5b8fb9"}
DEFAULTS, DEFAULT_COLOUR = (("blend", SURFACES[3]), ("blend", SURFACES[4])), "#2e7d32"
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
    """A value; empty where the region has no pixels."""
    return "" if record is None else f"{record['value']:.3f}"


def ranged(record: Record | None) -> str:
    """A value with its interval."""
    if record is None or record["low"] is None:
        return number(record)
    return f"{record['value']:.3f} [{record['low']:.2f}, {record['high']:.2f}]"


Column = tuple[str, str, str, Callable[[Record | None], str]]
"""Head, region, metric, and how it is written."""


def shown(table: Table, rows: Sequence[tuple[str, str, str]], columns: Sequence[Column]) -> str:
    """Rows down, columns across."""
    lines = [["labels", "surface", *(head for head, *_ in columns)]]
    for row in rows:
        name = f"predicted, {row[2]}" if row[0] == "predicted" else row[0]
        cells = (cell(find(table, row, region, metric)) for _, region, metric, cell in columns)
        lines.append([name, row[1], *cells])
    return aligned_table(lines, left=2)


def drawn(table: Table) -> list[tuple[str, str, str]]:
    """The rows of which there are bars."""
    return [row for row in rows_of(table) if not row[1] or (row[0] in DRAWN and row[1] in SURFACES)]


def bars(table: Table) -> Figure:
    """Sq Rel by region: networks grey, projected depth blue, labels dark, those of the defaults green."""
    rows = drawn(table)
    figure = Figure(figsize=(13, 0.24 * len(rows) + 1), layout="constrained")
    names = [" · ".join(filter(None, ("" if row[1] else row[2], row[0], row[1]))) for row in rows]
    for axes, region in zip(np.ravel(figure.subplots(1, len(REGIONS), sharey=True)), REGIONS, strict=True):
        found = [find(table, row, region, "sq_rel") for row in rows]
        ends = [(np.nan,) * 3 if one is None else (one["value"], one["low"], one["high"]) for one in found]
        values, low, high = np.array(ends, dtype=float).T
        whiskers = np.clip([values - low, high - values], 0, None)
        colours = [DEFAULT_COLOUR if row[:2] in DEFAULTS else COLOURS.get(row[0], "#37474f") for row in rows]
        axes.barh(range(len(rows)), values, xerr=whiskers, color=colours, ecolor="#999999", capsize=2)
        axes.set_title(f"{region}: Sq Rel (m)", fontsize=9)
        axes.set_yticks(range(len(rows)), names, fontsize=7)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="x", labelsize=7)
        axes.grid(axis="x", alpha=0.3)
    return figure


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
    """Every row by region, and the rows that are drawn by the roughness of what shines."""
    columns: list[Column] = [(region, region, "sq_rel", ranged) for region in REGIONS]
    columns += [(f"Abs Rel, {region}", region, "abs_rel", number) for region in REGIONS]
    columns += [(f"bias, {region}", region, "bias", number) for region in REGIONS[:2]]
    by_roughness: list[Column] = [(one, f"highlight on gloss, roughness {one}", "sq_rel", ranged) for one in BINS]
    return [
        "Sq Rel (m) with 95 % intervals over rooms; Abs Rel; bias (m):",
        shown(table, rows_of(table), columns),
        "Highlights on gloss by its roughness, Sq Rel (m):",
        shown(table, drawn(table), by_roughness),
        f"```\n{table['card']}\n```",
    ]


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
    save(out.with_name(f"{out.name}.png"), bars(tables[0]))
    save(out.with_name(f"{out.name}_sweep.png"), sweep_figure(tables[0]))
    parts = []
    for name, table in by_name.items():
        parts += [f"## {name}: {len(table['scenes'])} rooms", *tables_of(table)]
    write_text(out.with_name(f"{out.name}_full.md"), "\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
