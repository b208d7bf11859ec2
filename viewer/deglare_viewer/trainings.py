"""The trainings that a studio shows: by name, as far as they went; where they lie is known here alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from deglare.errors import DataError, DeglareError, RequestError
from deglare.training.curves import TrainingCurves, files_of, read_curves
from deglare_viewer.sessions import unique

SHIPPED = "mining reflections (ships)"
"""What the training that comes with the package is called."""


@dataclass(frozen=True)
class Followed:
    """One training as it stands on disk now."""

    name: str
    curves: TrainingCurves | None
    fault: str | None
    """Why it cannot be read, in one sentence."""


class Trainings:
    """Those of the command line in their order, and behind them the one that ships."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._folders: dict[str, Path] = {}
        for root in dict.fromkeys(folder.resolve() for folder in folders):
            self._folders[unique(root.name, self._folders)] = root
        self.own = tuple(self._folders)
        self._known: dict[str, tuple[object, TrainingCurves]] = {}
        self._folders[SHIPPED] = Path(str(files("deglare.samples") / "trainings" / "triplet"))

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._folders)

    @property
    def first(self) -> tuple[str, ...]:
        """What is shown to begin with."""
        return self.own or (SHIPPED,)

    def follow(self, name: object) -> Followed:
        """Read one."""
        folder = self._folders.get(name) if isinstance(name, str) else None
        if folder is None or not isinstance(name, str):
            raise RequestError("there is no such training here: choose one of the list")
        try:
            return Followed(name, self._current(name, folder), None)
        except DeglareError as error:
            return Followed(name, None, str(error).replace(str(folder), name))
        except OSError:
            return Followed(name, None, f"the training {name} cannot be read")

    def _current(self, name: str, folder: Path) -> TrainingCurves:
        """As it is on disk; read again only where a file has changed."""
        if not folder.is_dir():
            raise DataError(f"the training {name} is gone: its folder was moved or removed")
        stamps = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files_of(folder)]
        known = self._known.get(name)
        if known is None or known[0] != stamps:
            known = self._known[name] = (stamps, read_curves(folder))
        return known[1]
