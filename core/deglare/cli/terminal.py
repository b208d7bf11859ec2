"""What the terminal shows while a verb works; all of it goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deglare.progress import Progress


def say(text: str) -> None:
    """One message for the person at the terminal."""
    print(text, file=sys.stderr)


@contextmanager
def bar(stage: str, unit: str = "frame") -> Iterator[Progress]:
    """A progress bar for one stage: ``with bar("render") as progress: render(..., progress=progress)``."""
    from tqdm import tqdm

    with tqdm(desc=stage, unit=unit, file=sys.stderr, dynamic_ncols=True) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress
