"""``deglare video``: an indoor video without poses becomes depth, cameras, a mesh and labels."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from deglare.cli import Result
from deglare.cli.label import Choice, device_of, settings_of
from deglare.cli.terminal import bar, say
from deglare.errors import RequestError

if TYPE_CHECKING:
    from deglare.footage.pipeline import Made
    from deglare.footage.settings import VideoSettings


@dataclass(frozen=True)
class Footage:
    """Which part of the video is used, and what is known of its lens."""

    focal: float | None = None
    """Focal length in pixels of the video as a player shows it, where it is known."""
    fov: float | None = None
    """Or the field of view across the longer side of the picture, in degrees."""
    start: float = 0.0
    """Seconds to leave out at the beginning."""
    seconds: float = 120.0
    """Seconds to use after that."""
    frames: int = 240
    """At most so many frames are kept, spaced by how far the picture moves."""
    spacing: float = 0.03
    """How far the picture moves between kept frames, as a share of its longest side; 0 keeps every frame."""
    working_side: int = 640
    """Longest side in pixels at which cameras are found."""


@dataclass(frozen=True)
class Fit:
    """A few minutes of fine-tuning on the clip itself."""

    fit: bool = False
    """Fine-tune a teacher on the clip's own frames, without labels, and use it if it became better."""
    fit_teacher: str | None = None
    """Which one; the first that is a network of ours if not given."""
    fit_steps: int = 120
    """How often its weights are changed."""


def video(
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    out: Path,
    footage: tyro.conf.OmitArgPrefixes[Footage] = Footage(),
    fitting: tyro.conf.OmitArgPrefixes[Fit] = Fit(),
    teachers: tuple[str, ...] = (),
    base: str | None = None,
    strategy: str | None = None,
    every: int | None = None,
    voxel: float = 0.05,
    scraps: float = 0.1,
    longest_side: int = 384,
    runtime: Literal["auto", "torch", "openvino"] = "auto",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int | None = None,
    plan_only: bool = False,
) -> Result:
    """Make a run of an indoor video without poses: depth of every kept frame, cameras, a mesh, labels.

    The plan is said before work begins. Cameras are found from the video alone, in metres as the teachers see them, and
    judged before they are believed: where they are not, frames get depth one by one, and no mesh. The same line again
    goes on where it stopped, and makes again only what other settings change. How far it is stands in
    video/progress.json of the run, what is believed and why in video/verdict.json, and what to take away in results.

    Args:
        file: An mp4, mov, m4v, mkv, webm or avi file.
        out: The run's folder.
        footage: Which part of the video, and what is known of its lens.
        fitting: Fine-tuning on the clip.
        teachers: Networks that are shipped, checkpoints, .onnx files, or hf:NAME; if none are given, Depth Anything V2
            where it is on this machine, else the shipped networks. Nothing is downloaded unless hf:NAME asks for it.
        base: The teacher whose depth is fused to a mesh and mended by it; the first if not given.
        strategy: Which pixels take projected depth, as for deglare label.
        every: Every n-th kept frame is fused; 3 if not given.
        voxel: Size of a voxel in metres.
        scraps: Pieces of the mesh that are smaller than this, in square metres, are left out.
        longest_side: Frames of the run with a longer side, in pixels, are made smaller.
        runtime: What computes networks of ours; auto takes openvino where it is installed.
        device: auto, cpu or cuda.
        threads: How many cores work; all if not given.
        plan_only: Say the plan and stop.
    """
    from deglare.footage.pipeline import Workers, plan_video
    from deglare.footage.pipeline import video as make_run
    from deglare.processes import use_one_thread

    if threads is not None and threads < 1:
        raise RequestError(f"--threads {threads} does no work: give 1 or more")
    choice = Choice(strategy=strategy, every=every, voxel=voxel, scraps_m2=scraps)
    labels = replace(settings_of(choice), longest_side=longest_side, base=base)
    settings = settings_from(footage, fitting, labels)
    use_one_thread()
    workers = Workers(teachers, runtime, device_of(device), threads)
    if plan_only:
        plan = plan_video(file, settings, workers)
        for line in plan.lines():
            say(line)
        return {"plan": plan.to_json()}
    with terminable():
        made = make_run(file, out, settings, workers, announce=bar, say=say)
    return told(made)


def settings_from(footage: Footage, fitting: Fit, labels: Any) -> VideoSettings:
    """What the flags mean."""
    from deglare.footage.settings import FitSettings, VideoSettings

    return VideoSettings(
        focal_px=footage.focal,
        fov_deg=footage.fov,
        start_s=footage.start,
        seconds=footage.seconds,
        most_frames=footage.frames,
        spacing=footage.spacing,
        working_side=footage.working_side,
        labels=labels,
        fit=FitSettings(teacher=fitting.fit_teacher, steps=fitting.fit_steps) if fitting.fit else None,
    )


def told(made: Made) -> Result:
    """Say where everything is, and give it as JSON."""
    root = made.run.root
    say(f"{root / 'results'}: {', '.join(made.results)}")
    if made.labelled is not None:
        say(f"look at every pixel of it: deglare app {root}")
    else:
        say(f"depth of every frame lies in {root / 'predicted'}; without cameras there is no mesh and no studio")
    return {
        "out": str(root),
        "verdict": made.account.to_json(),
        "plan": made.plan.to_json(),
        "fit": None if made.fitted is None else made.fitted.to_json(),
        "alignment": None if made.aligned is None else made.aligned.to_json(),
        "shares": None if made.labelled is None else made.labelled.shares,
        "results": {name: str(root / "results" / name) for name in made.results},
        "seconds": made.seconds,
        "cpu_seconds": made.cpu_seconds,
    }


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does: everything is told, and the same line goes on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
