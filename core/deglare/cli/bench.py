"""``deglare bench``: a whole table of the paper, on data you have; resumable."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from deglare.cli import Result
from deglare.cli.terminal import bar, say
from deglare.errors import RequestError
from deglare.progress import Progress

if TYPE_CHECKING:
    from deglare.experiments.distill3d import Experiment
    from deglare.experiments.scales import Scale
    from deglare.experiments.sources import Source
    from deglare.experiments.steps import Done


@dataclass(frozen=True)
class ScaleFlags:
    """Instead of the scale's own."""

    networks: tuple[str, ...] = ()
    """Students; the first one is taken apart in the ablation."""
    teacher_steps: int | None = None
    student_steps: int | None = None
    students: Literal["fresh", "teacher"] | None = None
    """What students begin as: fresh networks, as published, or their teachers, where there is no time for more."""
    train_rooms: int | None = None
    measured_rooms: int | None = None
    """Rooms of val, and of test."""
    weights: str | None = None
    """First weights of convolutional encoders: imagenet, or a file such as torchvision's MobileNetV2."""
    transformer_weights: str | None = None
    """First weights of MonoViT's encoder: mpvit_small.pth."""


def bench(
    name: tyro.conf.Positional[Literal["distill3d"]],
    out: Path,
    data: str = "rooms",
    scale: Literal["tiny", "small", "full"] = "small",
    flags: tyro.conf.OmitArgPrefixes[ScaleFlags] = ScaleFlags(),
    root: Path | None = None,
    seven_scenes: Path | None = None,
    seeds: tuple[int, ...] = (0,),
    teachers: Literal["shipped", "trained"] | None = None,
    arms: tuple[str, ...] = (),
    splits: tuple[str, ...] = ("val",),
    rooms: Path | None = None,
    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="PATTERN [PATTERN ...]")] = (),
    dry: bool = False,
    workers: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> Result:
    """Make a whole table: teachers, labels in several ways, students, and what each of them is worth.

    Every cell is a step in a folder of its own. The same line again goes on where it stopped, after kill -9 too; a
    changed setting makes anew what depends on it, and nothing else. Records, Markdown and a picture lie in --out.

    Choose on val. Give --splits val test once, at the end.

    Args:
        name: Which table: distill3d.
        out: The folder for everything.
        data: rooms (rendered where they are missing), scannet, 7scenes, or a folder that holds train and val.
        scale: tiny shows that it works, in minutes; small takes hours on two cores, its main arms one;
            full wants a GPU.
        flags: Instead of the scale's own.
        root: Where ScanNet or 7-Scenes lies.
        seven_scenes: Where 7-Scenes lies, to measure networks there that were trained on ScanNet: the split 7scenes.
        seeds: Of trainings.
        teachers: Those that ship (rooms only), or trained here; shipped where the scale's networks do.
        arms: Ways to teach, such as self-teaching distill3d robust; all of them if not given.
        splits: What is measured: val, test, 7scenes.
        rooms: Where rooms are rendered, or were; a folder in --out if not given.
        only: Steps to do, with all that they need: 'labels/*', 'student/*/robust/*'.
        dry: Show the plan and a guess of its time, and do nothing.
        workers: Threads, and processes that render; one for each core if not given.
        device: auto, cpu or cuda.
    """
    from deglare.experiments.distill3d import Choice, experiment_of
    from deglare.experiments.scales import scale_named

    chosen = scaled(scale_named(scale), flags)
    sources, every = sources_of(chosen, data, root, seven_scenes)
    ships = data == "rooms" and all(network.endswith("-small") for network in chosen.networks)
    choice = Choice(chosen, sources, arms, seeds, teachers or ("shipped" if ships else "trained"), splits, every)
    experiment = experiment_of(choice)
    if dry:
        return planned(experiment, out, only)
    return carried_out(experiment, out, Working(rooms or out / "rooms", device, workers), only)


@dataclass(frozen=True)
class Working:
    """The flags that change no number."""

    rooms: Path
    device: str
    workers: int | None


def carried_out(experiment: Experiment, out: Path, working: Working, only: tuple[str, ...]) -> Result:
    """Do the steps; whatever is finished in the end, or when the user stops it, is written to tables."""
    from deglare.cli.train import interruptible
    from deglare.experiments.running import all_finished, carry_out, held
    from deglare.experiments.steps import StoppedError, Tools
    from deglare.fusion.threads import usable_threads
    from deglare.training.loop import device_named

    if working.workers is not None and working.workers < 1:
        raise RequestError(f"{working.workers} workers do nothing: give at least one, or leave --workers away")
    threads = working.workers or usable_threads()
    with held(out), interruptible() as stop:
        tools = Tools(working.rooms, device_named(working.device), threads, _bar, say, stop)
        try:
            carry_out(experiment.plan, out, tools, only)
        except StoppedError as stopped:
            written(experiment, all_finished(out, experiment.plan), out)
            raise KeyboardInterrupt from stopped
        return written(experiment, all_finished(out, experiment.plan), out)


def planned(experiment: Experiment, out: Path, only: tuple[str, ...]) -> Result:
    """Show every step with a guess of its time on one core, and which are done."""
    from deglare.experiments.running import finished

    steps = experiment.plan.chosen(only)
    left_s, rows = 0.0, list[dict[str, object]]()
    for step in steps:
        is_done = finished(out, experiment.plan, step) is not None
        left_s += 0 if is_done else step.work.seconds
        rows.append({"step": step.id, "key": experiment.plan.key(step.id), "done": is_done})
        say(f"{'done' if is_done else told_time(step.work.seconds):>8}  {step.id}")
    left = sum(not row["done"] for row in rows)
    say(f"{left} of {len(rows)} steps to do: about {told_time(left_s)} on one idle core")
    return {"steps": rows, "left": left, "seconds": round(left_s)}


def written(experiment: Experiment, done: Mapping[str, Done], out: Path) -> Result:
    """Write the tables, and say what the claims came to."""
    from deglare.experiments.results import findings_of, write_findings

    command = shlex.join(["deglare", *sys.argv[1:]])
    found = findings_of(experiment, done, command)
    paths = write_findings(experiment, found, out)
    for claim in found.claims:
        say(f"({claim.id}) {claim.split}: {claim.verdict}: {claim.text}")
    say(f"{len(done)} of {len(experiment.plan)} steps are done; look at {paths[1]}")
    return {
        "done": len(done),
        "steps": len(experiment.plan),
        "claims": {f"{claim.id}, {claim.split}": claim.verdict for claim in found.claims},
        "files": [str(path) for path in paths],
    }


def scaled(scale: Scale, flags: ScaleFlags) -> Scale:
    """The scale with what the user changed."""
    train, measured = flags.train_rooms, flags.measured_rooms
    counts = [count for count in (train, measured, flags.teacher_steps, flags.student_steps) if count is not None]
    if any(count < 1 for count in counts):
        raise RequestError("numbers of rooms and steps are at least one")
    return replace(
        scale,
        networks=flags.networks or scale.networks,
        teacher_steps=flags.teacher_steps or scale.teacher_steps,
        student_steps=flags.student_steps or scale.student_steps,
        students=flags.students or scale.students,
        train=replace(scale.train, rooms=train or scale.train.rooms),
        val=replace(scale.val, rooms=measured or scale.val.rooms),
        test=replace(scale.test, rooms=measured or scale.test.rooms),
        weights=flags.weights or scale.weights,
        transformer_weights=flags.transformer_weights or scale.transformer_weights,
    )


def sources_of(
    scale: Scale, data: str, root: Path | None, seven_scenes: Path | None
) -> tuple[dict[str, Source], dict[str, int]]:
    """What is trained and measured on, by split, and every how many frames."""
    from deglare.experiments.distill3d import ROOMS, SCANNET, SEVEN_SCENES, real_sources, rooms_sources

    if data == ROOMS:
        if root is not None or seven_scenes is not None:
            raise RequestError("rooms are rendered: leave --root and --seven-scenes away")
        return rooms_sources(scale)
    if data in (SCANNET, SEVEN_SCENES):
        if root is None:
            raise RequestError(f"--data {data} needs --root: the folder where it lies")
        return real_sources(data, root, seven_scenes)
    if not Path(data).is_dir():
        raise RequestError(f"there is no data '{data}': give rooms, scannet, 7scenes, or a folder with train and val")
    return real_sources("folder", Path(data), seven_scenes)


def told_time(seconds: float) -> str:
    """Roughly."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _bar(stage: str) -> AbstractContextManager[Progress]:
    return bar(stage, {"train": "step", "label": "scene", "fuse": "scene", "open": "scene"}.get(stage, "frame"))
