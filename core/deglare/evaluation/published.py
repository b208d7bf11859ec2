"""The paper's tables, to stand beside one's own: 3D Distillation, main paper, as printed there.

They were measured on ScanNet and 7-Scenes by networks trained on ScanNet. A number of yours is comparable where the
frames, the protocol and the training data are the same; everywhere else only the shape of a table is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from deglare.errors import RequestError


@dataclass(frozen=True)
class PublishedRow:
    """One line."""

    network: str
    training: str
    """How it was trained, or on which labels."""
    values: Mapping[str, float]
    """By metric, named as in `METRICS`."""


@dataclass(frozen=True)
class PublishedTable:
    """One table."""

    id: str
    name: str
    protocol: str
    """The name of the one of `PROTOCOLS` that measures alike."""
    count: int | None
    """How many images or scenes; None where the paper does not say."""
    counted: str | None
    rows: tuple[PublishedRow, ...]

    @property
    def title(self) -> str:
        """With the count."""
        return self.name if self.count is None else f"{self.name} ({self.count} {self.counted})"


@dataclass(frozen=True)
class Published:
    """All of them, and where they are from."""

    source: str
    metrics: tuple[str, ...]
    tables: tuple[PublishedTable, ...]

    def table(self, id: str) -> PublishedTable:
        """One by its id."""
        for table in self.tables:
            if table.id == id:
                return table
        raise RequestError(
            f"the paper has no table '{id[:60]}': there are {', '.join(table.id for table in self.tables)}"
        )

    def comparable(self, protocol: str) -> tuple[PublishedTable, ...]:
        """Those that were measured by a protocol of this name; frames and training data are for the reader to check."""
        return tuple(table for table in self.tables if table.protocol == protocol)


@cache
def published() -> Published:
    """The tables of the file that ships with the package."""
    value = json.loads((files("deglare.evaluation") / "published.json").read_text("utf-8"))
    metrics = tuple(value["metrics"])
    tables = tuple(_table(one, metrics) for one in value["tables"])
    return Published(value["source"], metrics, tables)


def _table(value: dict, metrics: tuple[str, ...]) -> PublishedTable:
    rows = tuple(
        PublishedRow(row["network"], row["training"], dict(zip(metrics, row["values"], strict=True)))
        for row in value["rows"]
    )
    return PublishedTable(value["id"], value["name"], value["protocol"], value["count"], value["counted"], rows)
