"""A plan: steps that need one another, each known by a hash of everything that decides its result.

A step's key is over its own settings and the keys of what it needs. So a changed setting makes that step and those
after it anew, and no other; what was made before stays, and is found again if the setting is changed back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from deglare import __version__
from deglare.data.run_folder import hash_of
from deglare.errors import RequestError
from deglare.fusion.staging import Announce, silently
from deglare.fusion.threads import usable_threads

Result = Mapping[str, Any]
"""What a step found out, JSON-able; files lie in its folder."""

KEY_LENGTH = 12


class StoppedError(Exception):
    """The user asked to stop; what is finished stays finished."""


@dataclass(frozen=True)
class Done:
    """A finished step."""

    place: Path
    result: Result


@dataclass(frozen=True)
class Tools:
    """What steps work with; none of it changes a number."""

    rooms: Path
    """Where rooms are rendered, or were."""
    device: str = "cpu"
    threads: int = field(default_factory=usable_threads)
    announce: Announce = silently
    """Called with the name of what is under way, for progress bars."""
    tell: Callable[[str], None] = lambda text: None
    stop: Callable[[], bool] = lambda: False

    def require_going(self) -> None:
        """Raise a `StoppedError` where the user has asked to stop."""
        if self.stop():
            raise StoppedError


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch for a while, where frames or rooms are worked on side by side; trainings want them all."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@runtime_checkable
class Work(Protocol):
    """What a step does."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that decides the result, but for what other steps give; JSON-able."""
        ...

    @property
    def seconds(self) -> float:
        """A rough guess for one core."""
        ...

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        """Do it, or go on with it, in the folder ``place``; ``needs`` in the order of `Step.needs`."""
        ...


@dataclass(frozen=True)
class Step:
    """One of a plan."""

    id: str
    """Such as student/monodepth2-small/robust-3/seed-0."""
    work: Work
    needs: tuple[str, ...] = ()


class Plan:
    """Steps in an order in which what is needed comes first."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self._keys: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, id: str, work: Work, *needs: str) -> str:
        """One more step, after those that it needs; adding it again as it is changes nothing."""
        step = Step(id, work, needs)
        if any(need not in self.steps for need in needs) or self.steps.setdefault(id, step) != step:
            raise AssertionError(f"{id} is there already, or comes before something that it needs: {needs}")
        return id

    def key(self, id: str) -> str:
        """The hash of a step and of all before it."""
        if id not in self._keys:
            step = self.steps[id]
            facts = (__version__, type(step.work).__name__, dict(step.work.settings))
            self._keys[id] = hash_of(*facts, [self.key(need) for need in step.needs])[:KEY_LENGTH]
        return self._keys[id]

    def chosen(self, only: Iterable[str] = ()) -> list[Step]:
        """Steps whose id matches one of some patterns (``labels/*``), and all that they need; without any, all."""
        patterns = list(only)
        matched = [id for id in self.steps if not patterns or any(fnmatchcase(id, one) for one in patterns)]
        if not matched:
            kinds = sorted({id.split("/")[0] for id in self.steps})
            raise RequestError(f"no step matches {', '.join(patterns)}: they begin with {'/, '.join(kinds)}/")
        wanted: set[str] = set()
        waiting = list(matched)
        while waiting:
            id = waiting.pop()
            if id not in wanted:
                wanted.add(id)
                waiting += self.steps[id].needs
        return [step for id, step in self.steps.items() if id in wanted]
