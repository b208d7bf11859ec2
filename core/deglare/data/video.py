"""Video files: opened by a process of their own, with limits, because an upload can be anything.

What is decoded counts, not what a header claims: frames, pixels, processor seconds, memory and time are limited there,
and only a few containers are opened at all (`deglare.data.video_container`). The child answers in JSON and writes JPEG
files, which are read like any other image from outside.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast

from deglare.data.video_container import container_of
from deglare.data.video_facts import VideoFacts, VideoRequest
from deglare.errors import DataError
from deglare.progress import Progress, quiet

CHILD = "deglare.data.video_child"
WHOLE = 0.8
"""A video whose last frame comes before this share of the stated duration is cut short."""

MAX_BYTES = 4 << 30
MAX_LINE = 1 << 24
"""An answer of the child: the times of all its frames fit many times over."""


@dataclass(frozen=True)
class VideoLimits:
    """What one video may cost to open, whatever it claims to be."""

    wall_s: float = 1800.0
    cpu_s: int = 1800
    memory_mb: int = 4096
    max_decoded: int = 200_000
    """Frames that are decoded, kept or not."""
    max_pixels: int = 36_000_000
    """Of one frame: 8K and a little more."""
    max_bytes: int = MAX_BYTES
    """Of the file."""


@dataclass(frozen=True)
class DecodedVideo:
    """Frames on disk, in order of time."""

    files: tuple[Path, ...]
    times_s: tuple[float, ...]
    note: str | None = None
    """What cut the decoding short, where something did."""


def probe_video(path: Path, limits: VideoLimits | None = None) -> VideoFacts:
    """What a video is, from its header and its first frame; a `DataError` in one sentence where it is none."""
    limits = limits or VideoLimits()
    quick = replace(limits, wall_s=min(limits.wall_s, 60.0), cpu_s=min(limits.cpu_s, 60))
    request = _request(path, quick)
    found: dict[str, Any] = {}
    for answer in _answers(request, quick):
        found.update(answer)
    return _facts(found["facts"])


def decode_video(
    path: Path, out: Path, wanted: VideoRequest, limits: VideoLimits | None = None, progress: Progress = quiet
) -> DecodedVideo:
    """Write the wanted frames of a video as ``out/000000.jpg`` and so on, upright and 8 bits.

    Args:
        path: The video.
        out: A folder that is there and empty.
        wanted: Which frames, how many and how large; its path, container and limits are filled in here.
        limits: What decoding may cost.
        progress: Told how many frames are written.
    """
    limits = limits or VideoLimits()
    request = replace(_request(path, limits, wanted), out=str(out.resolve()))
    found: dict[str, Any] = {}
    for answer in _answers(request, limits):
        if "progress" in answer:
            progress(int(answer["progress"][0]), int(answer["progress"][1]))
        found.update(answer)
    times_s = tuple(float(time_s) for time_s in found["decoded"]["times_s"])
    require_times(path, times_s)
    progress(len(times_s), len(times_s))
    files = tuple(out / f"{number:06d}.jpg" for number in range(len(times_s)))
    return DecodedVideo(files, times_s, _note(path, times_s, wanted, _facts(found["facts"]), found["decoded"]["fault"]))


def _note(
    path: Path, times_s: tuple[float, ...], wanted: VideoRequest, facts: VideoFacts, fault: str | None
) -> str | None:
    """A sentence where the video ends before it said it would."""
    end_s = facts.duration_s if wanted.end_s is None else min(wanted.end_s, facts.duration_s)
    ends_early = len(times_s) < wanted.max_frames and times_s[-1] < WHOLE * end_s - wanted.step_s
    if fault is None and not ends_early:
        return None
    said = f" of {facts.duration_s:.1f} s" if facts.duration_s else ""
    return f"{path.name} is cut short or damaged: it can be decoded up to {times_s[-1]:.1f} s{said}"


def require_times(path: Path, times_s: tuple[float, ...]) -> None:
    """Frames must follow each other in time."""
    if not times_s:
        raise DataError(f"{path} holds no frame that can be decoded: it is cut short or damaged")
    if any(later <= earlier for earlier, later in pairwise(times_s)):
        raise DataError(f"the frames of {path} do not follow each other in time: convert it once, at a fixed rate")


def _request(path: Path, limits: VideoLimits, wanted: VideoRequest | None = None) -> VideoRequest:
    """The request with what is known here; the file is looked at before any library sees it."""
    container = container_of(path)
    if path.stat().st_size > limits.max_bytes:
        raise DataError(f"{path} has {path.stat().st_size} bytes, more than {limits.max_bytes} bytes: cut it")
    return replace(
        wanted or VideoRequest("", ""),
        path=str(path.resolve()),
        container=container,
        max_decoded=limits.max_decoded,
        max_pixels=limits.max_pixels,
        cpu_s=limits.cpu_s,
        memory_mb=limits.memory_mb,
    )


def _facts(answer: dict[str, Any]) -> VideoFacts:
    height, width = answer["size_hw"]
    return VideoFacts(**{**answer, "size_hw": (int(height), int(width))})


def _answers(request: VideoRequest, limits: VideoLimits) -> Iterator[dict[str, Any]]:
    """What the child says, line by line; its faults, its death and its silence become one sentence."""
    said_all = False
    with _child(request, limits.wall_s) as (child, out_of_time):
        while line := cast(IO[str], child.stdout).readline(MAX_LINE):
            answer = json.loads(line)
            if "fault" in answer:
                raise DataError(answer["fault"].replace(request.path, Path(request.path).name))
            said_all = said_all or ("facts" if request.out is None else "decoded") in answer
            yield answer
    if not said_all:
        raise DataError(_why_dead(request, limits, out_of_time.is_set(), child.returncode))


@contextmanager
def _child(request: VideoRequest, wall_s: float) -> Iterator[tuple[subprocess.Popen[str], threading.Event]]:
    """The process, ended in any case: by itself, by the clock, or because nobody listens any more."""
    child = subprocess.Popen(  # noqa: S603 (our own module, and no shell)
        [sys.executable, "-P", "-m", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    out_of_time = threading.Event()

    def stop() -> None:
        out_of_time.set()
        child.kill()

    clock = threading.Timer(wall_s, stop)
    clock.daemon = True
    clock.start()
    try:
        _ask(child, request)
        yield child, out_of_time
    finally:
        clock.cancel()
        if child.poll() is None and sys.exc_info()[0] is not None:
            child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what a dead child was not told
                    pipe.close()


def _ask(child: subprocess.Popen[str], request: VideoRequest) -> None:
    """Write the request; a child that is dead already is noticed when it says nothing."""
    pipe = cast(IO[str], child.stdin)
    try:
        pipe.write(json.dumps(asdict(request)) + "\n")
        pipe.flush()
    except BrokenPipeError:
        return


def _why_dead(request: VideoRequest, limits: VideoLimits, out_of_time: bool, status: int) -> str:
    name = Path(request.path).name
    if out_of_time:
        return f"{name} took longer than {limits.wall_s:g} s to decode: cut it, or make it smaller first"
    if status in (-24, -9):  # SIGXCPU, SIGKILL
        return f"{name} needs more than {limits.cpu_s} s of processor time or more memory than there is: cut it"
    return f"{name} makes the decoder fail (status {status}): it is damaged, or made to do harm"
