"""The result of an evaluation: rows of numbers, never without their protocol."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deglare.data.files import read_json, write_json, write_text
from deglare.errors import DataError, RequestError
from deglare.evaluation.protocol import Protocol
from deglare.evaluation.regions import RegionRule

FORMAT = "deglare-report-1"


@dataclass(frozen=True)
class Row:
    """One metric in one region."""

    region: str
    metric: str
    value: float
    low: float | None
    """Ends of the 95 % interval; None where there are too few scenes for one."""
    high: float | None
    frames: int
    pixels: int
    """Compared pixels of the region, all frames together."""
    scenes: int


@dataclass(frozen=True)
class Report:
    """Numbers by region with the protocol they were measured under."""

    protocol: Protocol
    rows: tuple[Row, ...]
    scenes: tuple[str, ...]
    frames: int
    notes: tuple[str, ...] = ()
    """What was left out, clamped or thin, in sentences."""
    worst: tuple[tuple[str, float], ...] = ()
    """Frames (scene/frame) with the largest abs_rel."""
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Mean sparsification curves over all pixels, where an uncertainty was given."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that have numbers, in the order of the table."""
        return tuple(dict.fromkeys(row.region for row in self.rows))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that have numbers, in the order of the table."""
        return tuple(dict.fromkeys(row.metric for row in self.rows))

    def row(self, region: str, metric: str) -> Row:
        """One row; asking for one that is not there is a `RequestError` that names those that are."""
        for row in self.rows:
            if (row.region, row.metric) == (region, metric):
                return row
        raise RequestError(
            f"the report has no {metric} of '{region}'; regions: {', '.join(self.regions)}; "
            f"metrics: {', '.join(self.metrics)}"
        )

    def value(self, region: str, metric: str) -> float:
        """One number."""
        return self.row(region, metric).value

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return {"format": FORMAT, **asdict(self), "card": self.protocol.card()}

    @classmethod
    def from_json(cls, value: object) -> Report:
        """The report that `to_json` wrote; anything else is a `DataError`."""
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise DataError(f"this is not a report: it should say format {FORMAT}")
        try:
            return cls(
                protocol=_protocol(value["protocol"]),
                rows=tuple(Row(**row) for row in value["rows"]),
                scenes=tuple(value["scenes"]),
                frames=int(value["frames"]),
                notes=tuple(value["notes"]),
                worst=tuple((str(name), float(error)) for name, error in value["worst"]),
                curves={name: tuple(curve) for name, curve in value["curves"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"this report is damaged: {error}; evaluate again") from error

    def to_csv(self) -> str:
        """One line a row; the protocol is not in it, so keep the JSON beside it."""
        out = io.StringIO()
        writer = csv.DictWriter(out, list(Row.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        return out.getvalue()

    def to_markdown(self) -> str:
        """The table with intervals, the notes and the protocol card."""
        parts = [self.table(), *(f"- {note}" for note in self.notes), f"```\n{self.protocol.card()}\n```"]
        return (
            "\n\n".join([parts[0], "\n".join(parts[1:-1]), parts[-1]] if self.notes else [parts[0], parts[-1]]) + "\n"
        )

    def table(self, with_intervals: tuple[str, ...] | None = None, metrics: tuple[str, ...] | None = None) -> str:
        """Regions down, metrics across, as Markdown whose columns line up.

        Args:
            with_intervals: metrics that show their interval; None is all of them.
            metrics: the metrics to show; None is all of them.
        """
        shown = self.metrics if with_intervals is None else with_intervals
        columns = self.metrics if metrics is None else metrics
        by_key = {(row.region, row.metric): row for row in self.rows}
        lines = [["region", *columns, "frames", "pixels", "scenes"]]
        for region in self.regions:
            rows = [by_key.get((region, metric)) for metric in columns]
            counts = next(row for row in rows if row is not None)
            cells = ["" if row is None else _cell(row, row.metric in shown) for row in rows]
            lines.append([region, *cells, f"{counts.frames}", f"{counts.pixels}", f"{counts.scenes}"])
        return aligned_table(lines)

    def summary(self) -> str:
        """The table as it fits a terminal: the metrics most looked at, the first with its interval."""
        most_read = tuple(
            metric for metric in ("abs_rel", "sq_rel", "rmse", "delta1", "bias") if metric in self.metrics
        )
        return self.table(with_intervals=("abs_rel",), metrics=most_read)

    def write(self, path: Path) -> None:
        """Write JSON, CSV or Markdown, as the name says."""
        suffix = path.suffix.lower()
        if suffix == ".json":
            write_json(path, self.to_json())
        elif suffix in WRITERS:
            write_text(path, WRITERS[suffix](self))
        else:
            raise RequestError(f"a report is written as .json, .csv or .md, not as '{path.name}'")

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read the JSON form."""
        return cls.from_json(read_json(path))


WRITERS = {".csv": Report.to_csv, ".md": Report.to_markdown}


def _protocol(value: dict[str, Any]) -> Protocol:
    """JSON has lists where the protocol has tuples."""
    rule = dict(value["regions"])
    rule["depth_edges_m"] = tuple(rule["depth_edges_m"])
    for edges in ("roughness_edges", "angle_edges_deg"):
        rule[edges] = tuple(rule.get(edges, ()))  # older reports were cut by neither
    size = value["size_hw"]
    return Protocol(**{**value, "regions": RegionRule(**rule), "size_hw": None if size is None else (size[0], size[1])})


def _cell(row: Row, with_interval: bool) -> str:
    if not with_interval or row.low is None or row.high is None:
        return f"{row.value:.4f}"
    return f"{row.value:.4f} [{row.low:.4f}, {row.high:.4f}]"


def aligned_table(lines: list[list[str]], left: int = 1) -> str:
    """A Markdown table, padded so that it also reads as plain text; all but the first ``left`` columns to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if column < left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    padded = (
        [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        for cells in (lines[0], rule, *lines[1:])
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)
