"""Many sequences: one after the other here, in processes of this machine, or on the machines of a Ray cluster.

Whoever does the work, a run is written by `label`, so that the labels are the same, a second start skips what is done,
and what was cut off goes on. A sequence whose data is at fault fails at once; one whose worker died is tried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from deglare.data.opening import open_sequence
from deglare.errors import DeglareError, RequestError
from deglare.fusion.labelling import Labelled, label
from deglare.fusion.settings import LabelSettings
from deglare.fusion.staging import Announce, silently
from deglare.networks.teachers import Precision, Runtime, Teacher, load_model
from deglare.processes import start_worker, use_one_thread
from deglare.progress import Progress, quiet

TRIES = 3
"""How often a sequence is begun before its worker's death is believed to be its own fault."""


@dataclass(frozen=True)
class Job:
    """One sequence, and the folder of its run."""

    source: Path
    out: Path


@dataclass(frozen=True)
class Recipe:
    """All that a worker needs to know: teachers by name, so that each process loads its own."""

    teachers: tuple[str, ...]
    settings: LabelSettings
    runtime: Runtime = "auto"
    device: str = "cpu"
    threads: int = 1
    """Frames at a time in each worker."""
    precision: Precision = "auto"
    """Of networks that are compiled."""


@dataclass(frozen=True)
class Outcome:
    """What became of one sequence."""

    job: Job
    labelled: Labelled | None
    fault: str | None = None
    """Why there are no labels, in one sentence."""


def label_here(jobs: Sequence[Job], recipe: Recipe, announce: Announce = silently) -> Iterator[Outcome]:
    """One after the other in this process."""
    return (do(job, recipe, announce) for job in jobs)


def do(job: Job, recipe: Recipe, announce: Announce = silently) -> Outcome:
    """One sequence; what its data is at fault for is told, not raised."""
    try:
        sequence = open_sequence(job.source)
        teachers = loaded(recipe.teachers, recipe.runtime, recipe.device, recipe.precision)
        labels = label(sequence, teachers, job.out, recipe.settings, threads=recipe.threads, announce=announce)
    except DeglareError as error:
        return Outcome(job, None, str(error))
    return Outcome(job, labels)


@cache
def loaded(names: tuple[str, ...], runtime: Runtime, device: str, precision: Precision = "auto") -> tuple[Teacher, ...]:
    """The teachers, once a process."""
    return tuple(
        load_model(name, device=device, runtime=runtime_of(name, runtime), precision=precision) for name in names
    )


def runtime_of(name: str, runtime: Runtime) -> Runtime:
    """ONNX files and models of transformers have their own: for them "openvino" means "whatever is right"."""
    return "auto" if name.endswith(".onnx") or name.startswith("hf:") else runtime


def label_in_processes(
    jobs: Sequence[Job], recipe: Recipe, workers: int, progress: Progress = quiet
) -> Iterator[Outcome]:
    """Several at a time on this machine, as they get done."""
    tries = dict.fromkeys(jobs, 0)
    done = 0
    progress(done, len(jobs))
    while tries:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=start_worker) as pool:
            for job, outcome in _as_they_get_done(pool, list(tries), recipe):
                if outcome is None:
                    tries[job] += 1
                    if tries[job] < TRIES:
                        continue
                    outcome = Outcome(job, None, f"its worker died {TRIES} times: is the memory too small?")
                del tries[job]
                done += 1
                progress(done, len(jobs))
                yield outcome


def _as_they_get_done(
    pool: ProcessPoolExecutor, jobs: list[Job], recipe: Recipe
) -> Iterator[tuple[Job, Outcome | None]]:
    """Outcomes; None for those that were under way or waiting when a worker died, which breaks the whole pool."""
    running: dict[Future[Outcome], Job] = {pool.submit(do, job, recipe): job for job in jobs}
    try:
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                died = isinstance(future.exception(), BrokenProcessPool)
                yield job, None if died else future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def label_on_ray(jobs: Sequence[Job], recipe: Recipe, progress: Progress = quiet) -> Iterator[Outcome]:
    """One actor a device of the cluster: a GPU each where there are any, else a core each.

    Folders must mean the same on every machine. An actor that dies is started again, and its sequence goes on.
    """
    ray = _ray()
    options = actor_options(ray.cluster_resources(), recipe.device)
    actors = [ray.remote(Worker).options(**options).remote(recipe) for _ in range(actor_count(ray, options, len(jobs)))]
    waiting, running, done = list(reversed(jobs)), {}, 0
    progress(0, len(jobs))
    try:
        while waiting or running:
            while waiting and len(running) < len(actors):
                busy = {actor for _, actor in running.values()}
                actor, job = next(one for one in actors if one not in busy), waiting.pop()
                running[actor.do.remote(job)] = (job, actor)
            ready, _ = ray.wait(list(running))
            job, _ = running.pop(ready[0])
            yield _ray_outcome(ray, ready[0], job)
            done += 1
            progress(done, len(jobs))
    finally:
        for actor in actors:
            ray.kill(actor)


class Worker:
    """What a Ray actor runs."""

    def __init__(self, recipe: Recipe) -> None:
        use_one_thread()
        self.recipe = recipe

    def do(self, job: Job) -> Outcome:
        """One sequence."""
        return do(job, self.recipe)


def actor_options(resources: dict[str, float], device: str) -> dict[str, Any]:
    """What an actor asks of the cluster; a sequence whose actor dies is begun again elsewhere."""
    again = {"max_restarts": TRIES - 1, "max_task_retries": TRIES - 1}
    if device != "cpu" and resources.get("GPU", 0) >= 1:
        return {"num_gpus": 1, "num_cpus": 1, **again}
    return {"num_cpus": 1, **again}


def actor_count(ray: Any, options: dict[str, Any], jobs: int) -> int:
    """As many as the cluster has devices for, and no more than there is work."""
    resource = "GPU" if "num_gpus" in options else "CPU"
    return max(min(int(ray.cluster_resources().get(resource, 1)), jobs), 1)


def _ray_outcome(ray: Any, reference: Any, job: Job) -> Outcome:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Outcome(job, None, f"its worker failed {TRIES} times on the cluster: {first}")


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise RequestError("--workers ray needs Ray: pip install 'deglare[ray]'") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    return ray
