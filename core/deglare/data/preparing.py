"""Training triples of many sequences at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deglare.data.opening import find_sequences, open_sequence
from deglare.data.triples import TripleRule, Triples, find_triples, require_poses, triple_lines
from deglare.errors import DataError, RequestError
from deglare.progress import Progress, quiet
from deglare.types import Sequence


@dataclass
class Prepared:
    """Triples by frame name, and what fell out on the way."""

    lines: list[dict[str, str]] = field(default_factory=list)
    scenes: dict[str, Path] = field(default_factory=dict)
    targets: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    """Targets without a triple by reason."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Frames that could not be used by reason."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Sequences that could not be used, each with why."""

    def add(self, path: Path, sequence: Sequence, triples: Triples) -> None:
        """Take in one sequence; two of one name are a `RequestError`."""
        if sequence.name in self.scenes:
            raise RequestError(
                f"{self.scenes[sequence.name]} and {path} are both named {sequence.name}: "
                "rename one, only their names tell scenes apart"
            )
        self.scenes[sequence.name] = path
        self.lines += triple_lines(sequence, triples)
        self.targets += triples.targets
        self.lost.update(triples.lost)
        self.dropped.update(sequence.dropped)


def prepare_triples(
    sources: Iterable[str | Path], rule: TripleRule | None = None, format: str = "auto", progress: Progress = quiet
) -> Prepared:
    """Find the triples of every sequence; a folder that holds sequences stands for all of them.

    One sequence that cannot be used is a `DataError`; among several it is left out and reported.
    """
    paths = [path for source in sources for path in find_sequences(source)]
    if not paths:
        raise RequestError("name at least one sequence with poses")
    prepared = Prepared()
    for done, path in enumerate(paths, start=1):
        try:
            sequence = open_sequence(path, format)
            poses = require_poses(sequence)
        except DataError as error:
            if len(paths) == 1:
                raise
            prepared.unreadable[str(path)] = str(error)
        else:
            prepared.add(path, sequence, find_triples(poses, rule))
        progress(done, len(paths))
    return prepared
