"""One stage of a run: files by frame, made once, taken up again where it was cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from deglare.data.run_folder import RunFolder, hash_of
from deglare.errors import DataError
from deglare.fusion.threads import in_order
from deglare.progress import Progress, quiet

Result = TypeVar("Result")
Announce = Callable[[str], AbstractContextManager[Progress]]
"""Called with the name of a stage; gives what is told how far it is."""


@contextmanager
def silently(stage: str) -> Iterator[Progress]:
    """Announce nothing."""
    yield quiet


def told_to(progress: Progress) -> Announce:
    """Announce to somebody who wants to know how far a stage is, not which it is."""

    @contextmanager
    def announce(stage: str) -> Iterator[Progress]:
        yield progress

    return announce


@dataclass(frozen=True)
class Key:
    """What a stage is made with, and everything before it: two equal keys give equal files."""

    stage: str
    settings: Mapping[str, Any]
    inputs: str

    @property
    def output(self) -> str:
        """What the stages after it take as (part of) their inputs."""
        return hash_of(self.stage, dict(self.settings), self.inputs)

    @classmethod
    def after(cls, stage: str, settings: Mapping[str, Any], *before: Key) -> Key:
        """The key of a stage that reads what others wrote."""
        return cls(stage, settings, hash_of([key.output for key in before]))


def make_frames(
    run: RunFolder,
    key: Key,
    frames: Sequence[str],
    outputs: Callable[[str], tuple[Path, ...]],
    make: Callable[[str], None],
    *,
    threads: int = 1,
    announce: Announce = silently,
) -> dict[str, str]:
    """Make the files of a stage that are not there yet; returns the frames that could not be made, and why.

    The last of a frame's ``outputs`` is the last that ``make`` writes: where it is, the frame is done.
    """
    with announce(key.stage) as progress:
        if run.is_current(key.stage, key.settings, key.inputs):
            progress(len(frames), len(frames))
            return {}
        run.begin(key.stage, key.settings, key.inputs, (path for name in frames for path in outputs(name)))
        missing = [name for name in frames if not outputs(name)[-1].is_file()]
        reasons = each_frame(lambda name: _reason(name, make), missing, threads, progress, total=len(frames))
    failed = {name: reason for name, reason in zip(missing, reasons, strict=True) if reason is not None}
    if not failed:
        run.finish(key.stage, key.settings, key.inputs)
    return failed


def each_frame(
    work: Callable[[str], Result], frames: Sequence[str], threads: int, progress: Progress, total: int | None = None
) -> list[Result]:
    """Small results of some frames, in order. The first frame goes alone: what is set up on first use is set up once.

    Args:
        work: What to do with one frame.
        frames: Their names.
        threads: How many at a time.
        progress: Told how many are done.
        total: How many there are with those that were done before; those in ``frames`` if not given.
    """
    total = len(frames) if total is None else total
    done, results = total - len(frames), []
    progress(done, total)
    for result in chain(map(work, frames[:1]), in_order(work, frames[1:], threads)):
        results.append(result)
        progress(done + len(results), total)
    return results


def _reason(name: str, make: Callable[[str], None]) -> str | None:
    """None once it is made, or why it cannot be."""
    try:
        make(name)
    except UnreadableFrameError as error:
        return str(error)
    return None


class UnreadableFrameError(DataError):
    """A frame of the source cannot be decoded: it is left out, the others go on."""
