"""The numbers of a run as tables: one row a region, and one row a frame, sorted by whatever somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from deglare.errors import RequestError
from deglare.evaluation.report import Report, Row

PREDICTED, PROJECTED, FUSED = "predicted", "projected", "fused"
METRICS = ("abs_rel", "sq_rel", "bias")
FRAME_METRICS = ("abs_rel", "bias")
FRAME_REGIONS = ("all", "reflective", "highlight")
SIGMA, MOVED = "sigma_m", "moved_m"

WITHOUT_TRUTH = (
    "this run has no true depth, so nothing here is an error: sigma_m is how far the teachers lie apart (median), "
    "moved_m how far labels lie from the prediction (mean)"
)


@dataclass(frozen=True, eq=False)
class FrameRow:
    """One frame. Numbers that there are none of are None."""

    frame: int
    """Its place in the run."""
    name: str
    values: Mapping[str, float | None]
    """By column, see `Breakdown.columns`."""

    def to_json(self) -> dict[str, Any]:
        """What is said of predicted depth stands first, and every layer's beside it."""
        layers = {
            layer: {metric: {r: self._error(layer, metric, r) for r in FRAME_REGIONS} for metric in FRAME_METRICS}
            for layer in dict.fromkeys(column.split("/")[0] for column in self.values if "/" in column)
        }
        first = layers.get(PREDICTED, {metric: dict.fromkeys(FRAME_REGIONS) for metric in FRAME_METRICS})
        unsure = {column: self.values.get(column) for column in (SIGMA, MOVED)}
        return {"frame": self.frame, "name": self.name, **first, **unsure, "layers": layers}

    def _error(self, layer: str, metric: str, region: str) -> float | None:
        return self.values.get(column_of(layer, metric, region))


@dataclass(frozen=True, eq=False)
class RegionRow:
    """One region of one table."""

    by: str
    """What tells the regions of the table apart: one of `RegionRule.kinds`."""
    name: str
    pixels: int
    """Of the truth, all frames together."""
    layers: Mapping[str, Mapping[str, Row]]
    """Numbers by layer and metric, with their intervals; a layer without depth in the region is left out."""

    def to_json(self) -> dict[str, Any]:
        """Value, low and high of every metric, null where there is no interval, and the pixels that have depth."""
        layers = {
            layer: {
                **{metric: [row.value, row.low, row.high] for metric, row in rows.items()},
                "pixels": rows["abs_rel"].pixels,
            }
            for layer, rows in self.layers.items()
        }
        return {"name": self.name, "pixels": self.pixels, "layers": layers}


@dataclass(frozen=True, eq=False)
class Breakdown:
    """All of it. Without truth there are frames only."""

    reports: Mapping[str, Report]
    """By layer: everything that was measured."""
    frames: tuple[FrameRow, ...]
    """In order of time."""
    notes: tuple[str, ...]
    """What a reader must know, in sentences."""

    @property
    def columns(self) -> tuple[str, ...]:
        """By which frames can be sorted: ``sigma_m``, ``moved_m``, and ``layer/metric/region``."""
        return tuple(self.frames[0].values)

    @property
    def card(self) -> str:
        """The protocol, and what the intervals are over; a sentence where there is no truth."""
        if not self.reports:
            return WITHOUT_TRUTH
        first = next(iter(self.reports.values()))
        return f"{first.protocol.card()}\n{'resampled':<11}{first.notes[0]}"

    def worst_first(self, column: str) -> tuple[FrameRow, ...]:
        """Frames by one column, largest first, of a bias the farthest from 0; what has no number comes last."""
        if column not in self.columns:
            raise RequestError(f"frames have no column '{column[:60]}': they have {', '.join(self.columns)}")

        def badness(row: FrameRow) -> float:
            value = row.values[column]
            return -np.inf if value is None else abs(value)

        return tuple(sorted(self.frames, key=badness, reverse=True))

    def rows(self) -> list[RegionRow]:
        """Every region that has a number in any layer, table after table."""
        if not self.reports:
            return []
        numbers = {layer: {(row.region, row.metric): row for row in r.rows} for layer, r in self.reports.items()}
        kinds = next(iter(self.reports.values())).protocol.regions.kinds
        found = [_region_row(by, name, numbers) for by, names in kinds.items() for name in names]
        return [row for row in found if row.layers]

    def to_json(self) -> dict[str, Any]:
        """Tables, frames, and what must be said beside them; no number is NaN."""
        tables: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows():
            tables.setdefault(row.by, []).append(row.to_json())
        return {
            "tables": [{"by": by, "rows": rows} for by, rows in tables.items()],
            "frames": [row.to_json() for row in self.frames],
            "columns": list(self.columns),
            "protocol": self.card,
            "notes": list(self.notes),
        }


def column_of(layer: str, metric: str, region: str) -> str:
    """The name of a column of frames."""
    return f"{layer}/{metric}/{region}"


def _region_row(by: str, name: str, numbers: Mapping[str, Mapping[tuple[str, str], Row]]) -> RegionRow:
    layers = {
        layer: {metric: found[name, metric] for metric in METRICS}
        for layer, found in numbers.items()
        if (name, "abs_rel") in found
    }
    coverage = [found[name, "coverage"].pixels for found in numbers.values() if (name, "coverage") in found]
    return RegionRow(by, name, max(coverage, default=0), layers)
