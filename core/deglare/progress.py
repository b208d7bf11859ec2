"""How a long loop tells its caller how far it is: ``progress(done, total)``."""

from collections.abc import Callable

Progress = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Ignore progress: the default for everything that is called from Python."""
