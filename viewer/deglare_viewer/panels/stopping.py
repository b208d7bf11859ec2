"""Long work that a visitor started and may stop, each their own."""

from __future__ import annotations

from deglare.errors import DeglareError
from deglare.progress import Progress


class StoppedError(DeglareError):
    """The visitor wanted it so."""


class Stops:
    """Who asked for their work to be stopped. Visitors are told apart by their session."""

    def __init__(self, sentence: str) -> None:
        """Make one for one kind of work; ``sentence`` says how things stand when it was stopped."""
        self._sentence = sentence
        self._asked: set[str | None] = set()

    def stop(self, visitor: str | None) -> None:
        """End this visitor's work at its next step."""
        self._asked.add(visitor)

    def watched(self, visitor: str | None, progress: Progress) -> Progress:
        """The progress of work that begins now; it ends the work with a `StoppedError` when that is asked for."""
        self._asked.discard(visitor)

        def tell(done: int, total: int) -> None:
            if visitor in self._asked:
                self._asked.discard(visitor)
                raise StoppedError(self._sentence)
            progress(done, total)

        return tell
