"""An experiment's records as sheets that fit on a page: one a table and split, the numbers that decide across."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from deglare.data.files import read_json
from deglare.errors import DataError
from deglare.experiments.records import Record
from deglare.experiments.results import FORMAT
from deglare.experiments.sources import ALL, NO_REFLECTION, REFLECTION
from deglare.experiments.tables import TABLE_TITLES


class Head(NamedTuple):
    """One column: where its number is looked up."""

    title: str
    hint: str
    subset: str
    region: str
    metric: str


HEADS = (
    Head("Abs Rel", "all pixels of all frames", ALL, "all", "abs_rel"),
    Head("Sq Rel", "all pixels of all frames (m)", ALL, "all", "sq_rel"),
    Head("Reflection", "Sq Rel of all pixels, on frames of the Reflection subset (m)", REFLECTION, "all", "sq_rel"),
    Head("NoReflection", "the same, on frames without reflections (m)", NO_REFLECTION, "all", "sq_rel"),
    Head("highlights", "Sq Rel of highlight pixels (m)", ALL, "highlight", "sq_rel"),
    Head("bias there", "how far highlight pixels are off, + is too far (m)", ALL, "highlight", "bias"),
)


@dataclass(frozen=True)
class Line:
    """What one way to train came to; None where it was not measured."""

    network: str
    title: str
    cells: tuple[Record | None, ...]
    """In the order of `HEADS`."""


@dataclass(frozen=True)
class Recorded:
    """An experiment that was carried out."""

    facts: Mapping[str, str]
    claims: Sequence[Mapping[str, Any]]
    records: tuple[Record, ...]

    def sheets(self) -> dict[str, list[Line]]:
        """By title, in the order of the tables."""
        places = dict.fromkeys((record.table, record.split) for record in self.records)
        order = list(TABLE_TITLES)
        return {
            f"{TABLE_TITLES[table]}, {split}": self._lines(table, split)
            for table, split in sorted(places, key=lambda place: order.index(place[0]))
        }

    def _lines(self, table: str, split: str) -> list[Line]:
        own = {(r.network, r.title, r.subset, r.region, r.metric): r for r in self.records if in_sheet(r, table, split)}
        ways = dict.fromkeys((network, title) for network, title, *_ in own)
        return [
            Line(network, title, tuple(own.get((network, title, h.subset, h.region, h.metric)) for h in HEADS))
            for network, title in ways
        ]


def in_sheet(record: Record, table: str, split: str) -> bool:
    """Whether a record is of a table and a split, and in one of the columns."""
    spot = (record.subset, record.region, record.metric)
    is_shown = record.roughness is None and any(spot == (h.subset, h.region, h.metric) for h in HEADS)
    return is_shown and (record.table, record.split) == (table, split)


def shown(records: Iterable[Record]) -> list[Record]:
    """Those that a sheet has a place for."""
    return [record for record in records if in_sheet(record, record.table, record.split)]


def read_recorded(path: Path) -> Recorded:
    """The JSON that ``deglare bench`` wrote; anything else is a `DataError`."""
    value = read_json(path)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise DataError(f"{path} is no experiment of deglare bench: give its distill3d-SCALE.json")
    try:
        records = tuple(Record(**record) for record in value["records"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} is of another version of deglare ({error}): make it again") from error
    return Recorded(value.get("facts", {}), value.get("claims", []), records)


def shipped_experiment() -> Recorded | None:
    """The experiment whose numbers come with the package."""
    path = Path(str(files("deglare.samples"))) / "distill3d-small.json"
    return read_recorded(path) if path.is_file() else None
