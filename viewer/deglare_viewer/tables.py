"""Tables as the page shows them: JSON for ``static/page_table.js``, numbers with as many digits as one reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

Cell: TypeAlias = "str | float | tuple[float, str] | None"
"""A name; a number; a number with what is said when a hand rests on it; or nothing."""


@dataclass(frozen=True)
class Column:
    """How a column is headed, and how its numbers are written."""

    title: str
    hint: str = ""
    digits: int = 3
    signed: bool = False


def table_json(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, by: int | None = None, leads: bool = False
) -> str:
    """A table.

    Args:
        columns: From the left.
        rows: From the top; one cell for each column.
        by: The column by which rows are sorted at first, the largest number on top; as they come if not given.
        leads: Whether a row leads to the frame that its first cell names.
    """
    heads = [asdict(column) for column in columns]
    return json.dumps({"columns": heads, "rows": rows, "by": by, "down": True, "leads": leads}, allow_nan=False)


EMPTY = {"columns": [], "rows": []}
"""Before there is one."""
