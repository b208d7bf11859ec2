"""What a training wrote about itself, by step: to be drawn while it goes on, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deglare.data.files import read_json
from deglare.errors import DataError
from deglare.training.journal import CONFIG, LOSSES, NETWORK_FILE, VALIDATION, read_journal

MOST_POINTS = 300
"""Of one curve; neighbours are averaged where there are more."""

LARGEST = 1e30
"""What is beyond that is no measurement."""

NO_CURVES = ("step", "samples_per_s")


@dataclass(frozen=True)
class Curve:
    """One quantity over steps."""

    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class TrainingCurves:
    """What was trained, how far it is, and how it went."""

    network: str
    method: str
    planned: int
    """Steps when it is over."""
    trained: tuple[Curve, ...]
    """Losses and their parts: means over the steps since the point before."""
    validated: tuple[Curve, ...]
    """Metrics on held-out frames."""
    is_finished: bool
    """Whether nothing more is to come."""

    @property
    def step(self) -> int:
        """The last one of which something is known."""
        return last_step(self.trained, self.validated)


def looks_like_training(path: Path) -> bool:
    """A folder with settings and losses."""
    return (path / CONFIG).is_file() and (path / LOSSES).is_file()


def files_of(folder: Path) -> list[Path]:
    """The files of a training that its curves are made of, those that are there."""
    return [path for name in (CONFIG, LOSSES, VALIDATION, NETWORK_FILE) if (path := folder / name).is_file()]


def read_curves(folder: Path) -> TrainingCurves:
    """The curves as far as they were written."""
    config = read_json(folder / CONFIG)
    try:
        settings, method = config["settings"], config["method"]  # type: ignore[index,call-overload]
        named = str(settings["network"]), str(method["name"]), int(settings["steps"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{folder / CONFIG} does not say what was trained: name a folder of deglare train") from error
    trained, validated = (curves_of(read_journal(folder / name)) for name in (LOSSES, VALIDATION))
    is_finished = (folder / NETWORK_FILE).is_file() or last_step(trained, validated) >= named[2]
    return TrainingCurves(*named, trained, validated, is_finished)


def last_step(*curves: Sequence[Curve]) -> int:
    """The largest step of all of them, 0 where there is none."""
    return int(max((curve.steps[-1] for some in curves for curve in some), default=0))


def curves_of(lines: Sequence[Mapping[str, Any]], most: int = MOST_POINTS) -> tuple[Curve, ...]:
    """Every quantity of a journal, in the order in which they come; what is no finite number is left out."""
    names = dict.fromkeys(name for line in lines for name in line if name not in NO_CURVES)
    points = {name: [(line["step"], line[name]) for line in lines if is_number(line.get(name))] for name in names}
    return tuple(_thinned(name, found, most) for name, found in points.items() if found)


def is_number(value: object) -> bool:
    """Whether it can be drawn."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= LARGEST  # false for NaN too


def _thinned(name: str, points: Sequence[tuple[float, float]], most: int) -> Curve:
    """Means over equal parts; the last step stays what it is."""
    parts = [points[len(points) * i // most : len(points) * (i + 1) // most] for i in range(most)]
    kept = [part for part in parts if part] if len(points) > most else [[point] for point in points]
    return Curve(name, tuple(part[-1][0] for part in kept), tuple(sum(y for _, y in part) / len(part) for part in kept))
