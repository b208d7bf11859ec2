"""``deglare label``: posed frames to a mesh, projected depth and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from deglare.cli import Result
from deglare.cli.terminal import bar, say
from deglare.errors import RequestError

if TYPE_CHECKING:
    from deglare.evaluation.report import Report
    from deglare.fusion.many import Job, Outcome, Recipe
    from deglare.fusion.settings import LabelSettings
    from deglare.fusion.strategies import Strategy

REPORT = "report.json"
SMALL = ("monodepth2-small", "hrdepth-small", "monovit-small")


def label(
    source: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE [SOURCE ...]")],
    out: Path,
    teachers: tuple[str, ...] = SMALL,
    base: str | None = None,
    strategy: str | None = None,
    alpha: float | None = None,
    quantile: float | None = None,
    uncertainty: Literal["auto", "ensemble", "flip", "crop"] = "auto",
    published: bool = False,
    every: int | None = None,
    voxel: float = 0.05,
    tau: float | None = None,
    mine: bool = False,
    longest_side: int = 384,
    projector: Literal["raycast", "pyrender"] = "raycast",
    workers: str = "1",
    runtime: Literal["auto", "torch", "openvino"] = "auto",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    report: bool = True,
) -> Result:
    """Label posed frames: predict depth, fuse it to a mesh, project the mesh back, and use it where depth is unsure.

    The same line again goes on where it stopped, and makes again only what other settings change. Every file in the
    run is of a known form: depth is 16-bit PNG in millimetres, 0 = none, named like the frame. Any training code that
    reads ScanNet's depth reads fused/*.png.

    Args:
        source: Sequences with poses, or folders that hold some.
        out: The run's folder; with several sequences, the folder that gets a run for each.
        teachers: Networks that are shipped, checkpoints, .onnx files, or hf:NAME.
        base: The teacher whose depth is fused to a mesh and mended by it; the first if not given.
        strategy: Which pixels take projected depth: blend (the default: the more, the less sure they are), blend-gap
            (the more, the farther they lie behind it), blend-both, blend-agreed (as far as both agree on), uncertainty
            (the paper's switch at a threshold), uncertainty-relative, difference, multiview, mask (what triplet mining
            takes for a reflection), union or intersection of mask and uncertainty, predicted or projected.
        alpha: The threshold of the strategy: metres of uncertainty, or a share of depth.
        quantile: Instead of alpha, the share of pixels that stay below the threshold: chosen without truth.
        uncertainty: How sure depth is: the spread of the teachers (ensemble), or of one against itself through crops
            (crop) or in the mirror (flip: two looks at a frame, not five). auto is ensemble, and crop for one teacher.
        published: Fuse as the paper does: truncation 1 m, every vote alike, threshold 0.4 m.
        every: Every n-th frame is fused; 3, and 10 as published.
        voxel: Size of a voxel in metres.
        tau: Share of the votes that must call a place solid; below one half the surface leans to the nearer ones. 0.35,
            and 0.5 as published.
        mine: Write the mask of triplet mining beside the uncertainty, to look at in the studio.
        longest_side: Frames with a longer side, in pixels, are made smaller.
        projector: What projects the mesh: raycast, or pyrender.
        workers: How many sequences at a time, each in a process; or ray, for the machines of a Ray cluster.
        runtime: What computes networks of ours; auto takes openvino where it is installed.
        precision: Of networks that openvino computes. fp32 agrees with torch to rounding; bf16 is quicker and moves
            depth by thousandths of itself; auto takes bf16 where the processor has it.
        device: auto, cpu or cuda.
        report: Whether to compare with true depth, where there is any.
    """
    from deglare.fusion.many import Recipe

    settings = settings_of(Choice(strategy, alpha, quantile, uncertainty, published, every, voxel, tau))
    settings = replace(settings, longest_side=longest_side, projector=projector, base=base, mine=mine)
    jobs = jobs_of(source, out)
    recipe = Recipe(teachers, settings, runtime, device_of(device), precision=precision)
    runs: dict[str, Result] = {}
    for outcome in outcomes_of(jobs, recipe, workers):
        runs[outcome.job.out.name] = told(outcome)
    labelled = [job.out for job in jobs if "fault" not in runs[job.out.name]]
    result: Result = {"ok": len(labelled) == len(jobs), "out": str(out), "runs": runs}
    if report and labelled:
        result["report"] = reported(labelled, out)
    return result


@dataclass(frozen=True)
class Choice:
    """The flags that decide how depth is fused."""

    strategy: str | None = None
    alpha: float | None = None
    quantile: float | None = None
    uncertainty: str = "auto"
    published: bool = False
    every: int | None = None
    voxel: float = 0.05
    tau: float | None = None
    scraps_m2: float = 0.0


def settings_of(choice: Choice) -> LabelSettings:
    """What the flags mean."""
    from deglare.fusion.estimators import UNCERTAINTIES
    from deglare.fusion.settings import PUBLISHED, LabelSettings

    start = PUBLISHED if choice.published else LabelSettings()
    volume = replace(start.mesh.volume, voxel_m=choice.voxel)
    chosen = {name: value for name, value in (("every", choice.every), ("tau", choice.tau)) if value is not None}
    return replace(
        start,
        uncertainty=None if choice.uncertainty == "auto" else UNCERTAINTIES[choice.uncertainty],
        mesh=replace(start.mesh, volume=volume, scraps_m2=choice.scraps_m2, **chosen),
        strategy=strategy_of(choice.strategy, choice.alpha, choice.quantile, start.strategy),
    )


def strategy_of(name: str | None, alpha: float | None, quantile: float | None, default: Strategy) -> Strategy:
    """A strategy by name, with its threshold; a threshold that it does not have is a wrong request."""
    from deglare.fusion.settings_files import threshold_of
    from deglare.fusion.strategies import STRATEGIES

    if name is not None and name not in STRATEGIES:
        raise RequestError(f"there is no strategy '{name}': choose {', '.join(STRATEGIES)}")
    if alpha is not None and quantile is not None:
        raise RequestError("--alpha is a threshold and --quantile chooses one: give one of them")
    has_threshold = alpha is not None or quantile is not None
    strategy = STRATEGIES[name or "uncertainty"] if name or has_threshold else default
    known = {field.name for field in fields(strategy)}  # type: ignore[arg-type]
    if quantile is not None:
        if "quantile" not in known:
            raise RequestError(f"the strategy {type(strategy).__name__} chooses no threshold: leave --quantile out")
        return replace(strategy, alpha_m=None, quantile=quantile)  # type: ignore[type-var]
    if alpha is not None:
        threshold = threshold_of(strategy)
        if threshold is None:
            raise RequestError(f"the strategy {type(strategy).__name__} has no threshold: leave --alpha out")
        return replace(strategy, **{threshold: alpha})  # type: ignore[type-var]
    return strategy


def jobs_of(sources: tuple[Path, ...], out: Path) -> list[Job]:
    """One run for a single sequence, a folder of runs for several."""
    from deglare.data.opening import find_sequences
    from deglare.fusion.many import Job

    if not sources:
        raise RequestError("name at least one sequence to label")
    paths = [path for source in sources for path in find_sequences(source)]
    if any(path.resolve() == out.resolve() for path in paths):
        raise RequestError(f"{out} is the sequence itself: choose another folder for --out")
    if len(paths) == 1:
        return [Job(paths[0], out)]
    names = [path.resolve().stem for path in paths]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(f"two sequences are named {twice}: rename one, or label them apart")
    return [Job(path, out / name) for path, name in zip(paths, names, strict=True)]


def outcomes_of(jobs: list[Job], recipe: Recipe, workers: str) -> Iterator[Outcome]:
    """Whoever does the work."""
    from deglare.fusion.many import label_here, label_in_processes, label_on_ray
    from deglare.fusion.threads import usable_threads
    from deglare.processes import use_one_thread

    count = worker_count(workers)
    use_one_thread()
    if count == 1:
        yield from label_here(jobs, replace(recipe, threads=usable_threads()), bar)
        return
    with bar("label", "sequence") as progress:
        if count is None:
            yield from label_on_ray(jobs, recipe, progress)
        else:
            yield from label_in_processes(jobs, recipe, min(count, len(jobs)), progress)


def worker_count(workers: str) -> int | None:
    """None for Ray."""
    if workers == "ray":
        return None
    if not workers.isdecimal() or int(workers) < 1:
        raise RequestError(f"--workers is a number of processes or ray, not '{workers}'")
    return int(workers)


def told(outcome: Outcome) -> Result:
    """Say what became of a sequence, and give it as JSON."""
    labelled = outcome.labelled
    if labelled is None:
        say(f"{outcome.job.source}: {outcome.fault}")
        return {"fault": outcome.fault}
    for name, reason in labelled.left_out.items():
        say(f"left out frame {name}: {reason}")
    shares = ", ".join(f"{100 * share:.1f} % {source}" for source, share in labelled.shares.items() if share)
    say(f"{labelled.run.root}: {labelled.frames} frames; {shares}")
    if labelled.fell_back:
        say(f"  {100 * labelled.fell_back:.1f} % stayed predicted because nothing is projected there")
    return {
        "frames": labelled.frames,
        "left_out": labelled.left_out,
        "shares": labelled.shares,
        "fell_back": labelled.fell_back,
        "mesh": str(labelled.run.mesh),
    }


def reported(folders: list[Path], out: Path) -> Result | None:
    """Compare with true depth and write report.json, where there is any."""
    from deglare.data.run_folder import RunFolder, read_run
    from deglare.evaluation.runs import report_runs

    runs = {folder.name: RunFolder(folder) for folder in folders if read_run(folder).has_depth}
    if not runs:
        say("no true depth to compare with")
        return None
    with bar("compare", "layer") as progress:
        found = report_runs(runs, progress=progress)
    path = out / REPORT
    found.write(path)
    say(found.table())
    say(f"all regions and metrics: {path}")
    return {layer: _numbers(report) for layer, report in found.layers.items()}


def _numbers(report: Report) -> dict[str, float]:
    return {f"{row.region}, {row.metric}": row.value for row in report.rows}


def device_of(name: str) -> str:
    """``cuda`` or ``cpu``; auto is CUDA where it works."""
    import torch

    works = torch.cuda.is_available()
    if name == "cuda" and not works:
        raise RequestError("CUDA does not work here: choose --device cpu, or see deglare doctor")
    return "cuda" if works and name != "cpu" else "cpu"
