"""A view of a run: what somebody looks at, as an address that opens it again, in the app and in a notebook alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import parse_qsl, urlencode

from deglare.data.run_folder import PLAIN_NAME
from deglare.errors import RequestError
from deglare.fusion.strategies import STRATEGIES
from deglare.inspection.fusing import AS_LABELLED

ALL_PANES = "all"
PANES = ("rgb", "predicted", "projected", "fused", "uncertainty", "reflective", "source", "error", "mined")

MAX_QUERY = 4096
"""Characters of an address that are looked at."""

LIMITS: dict[str, tuple[float, float]] = {
    "x": (0, 65535),
    "y": (0, 65535),
    "alpha": (0, 65.535),
    "zoom": (0.01, 1000),
    "cx": (-1, 2),
    "cy": (-1, 2),
}
"""The least and the most of each number; an image of any size is looked at from a little outside too."""

WHOLE = ("x", "y")
NAMES = ("run", "frame", "teacher", "compare")
"""Fields that name something, by the rules of file names."""


@dataclass(frozen=True)
class View:
    """One flat record. What is None is left to whoever shows it; a wrong value is a `RequestError`."""

    run: str
    """The id under which the run was opened."""
    frame: str | None = None
    x: int | None = None
    """The pinned pixel, in pixels of the frame; y is there where x is."""
    y: int | None = None
    alpha: float | None = None
    """Threshold in the unit of the strategy: metres, or a share."""
    strategy: str = AS_LABELLED
    """One of `STRATEGIES`, or the labels on disk."""
    teacher: str | None = None
    panes: str = ALL_PANES
    """One of `PANES` alone, or all of them."""
    zoom: float = 1.0
    """1 shows the whole frame."""
    cx: float = 0.5
    """What is in the middle, as shares of the frame's width and height."""
    cy: float = 0.5
    compare: str | None = None
    """The id of a second run beside it."""

    def __post_init__(self) -> None:
        for field in NAMES:
            name = getattr(self, field)
            if name is not None and not PLAIN_NAME.fullmatch(name):
                raise _wrong(field, name, "letters, digits and . _ - + only, up to 120 of them")
        for field, (least, most) in LIMITS.items():
            number = getattr(self, field)
            if number is not None and not least <= number <= most:  # false for NaN too
                raise _wrong(field, number, f"a number from {least:g} to {most:g}")
        if (self.x is None) != (self.y is None):
            raise RequestError("a view needs both x and y of its pinned pixel, or neither: give both")
        if self.strategy != AS_LABELLED and self.strategy not in STRATEGIES:
            raise _wrong("strategy", self.strategy, f"'{AS_LABELLED}' or one of {', '.join(STRATEGIES)}")
        if self.panes != ALL_PANES and self.panes not in PANES:
            raise _wrong("panes", self.panes, f"'{ALL_PANES}' or one of {', '.join(PANES)}")

    def to_json(self) -> dict[str, Any]:
        """Every field, None where nothing is said."""
        return asdict(self)

    def to_query(self) -> str:
        """As the end of an address; what is as in any view is left out."""
        said = {key: value for key, value in asdict(self).items() if key == "run" or value != DEFAULTS[key]}
        return urlencode(said)

    @classmethod
    def from_json(cls, value: object) -> View:
        """Read what `to_json` gives; what is left out is as in any view, unknown fields are a `RequestError`."""
        if not isinstance(value, Mapping):
            raise RequestError(f"a view is a record of fields, not {type(value).__name__}: keep it anew")
        if unknown := [key for key in value if key not in FIELDS]:
            raise RequestError(f"a view has no field '{str(unknown[0])[:40]}': it has {', '.join(FIELDS)}")
        return cls._of(value)

    @classmethod
    def from_query(cls, query: str, run: str | None = None) -> View:
        """Read the end of an address, with or without its question mark; fields that are not ours are ignored.

        Args:
            query: As a browser has it.
            run: The run where the address names none.
        """
        if len(query) > MAX_QUERY:
            raise RequestError(f"the address has {len(query)} characters, more than the {MAX_QUERY} a view may have")
        said = {key: text for key, text in parse_qsl(query.removeprefix("?")) if key in FIELDS}
        return cls._of({"run": run} | {key: _parsed(key, text) for key, text in said.items()})

    @classmethod
    def _of(cls, value: Mapping[str, Any]) -> View:
        said: dict[str, Any] = {key: _checked(key, one) for key, one in value.items() if one is not None}
        if "run" not in said:
            raise RequestError("a view needs a run: name it as run=ID")
        return cls(**said)


FIELDS = tuple(field.name for field in fields(View))
DEFAULTS = {field.name: field.default for field in fields(View)}


def _parsed(field: str, text: str) -> object:
    """The number that a text is, where the field wants one."""
    if field not in LIMITS:
        return text
    try:
        return float(text)
    except ValueError as error:
        raise _wrong(field, text, "a number") from error


def _checked(field: str, value: object) -> str | float | int:
    """A value of the type that the field has."""
    if field not in LIMITS:
        if not isinstance(value, str):
            raise _wrong(field, value, "a text")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(field, value, "a finite number")
    if field not in WHOLE:
        return float(value)
    if value != int(value):
        raise _wrong(field, value, "a whole number")
    return int(value)


def _wrong(field: str, value: object, needed: str) -> RequestError:
    return RequestError(f"the {field} of this view is '{str(value)[:60]}', but it should be {needed}")
