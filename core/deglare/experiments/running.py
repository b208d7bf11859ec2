"""Carry out a plan: each step in a folder of its own, finished when its result is written, and never done twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deglare.data.files import read_json, write_json
from deglare.data.run_folder import LOCK, lock_now, writable
from deglare.errors import DataError, RequestError
from deglare.experiments.steps import Done, Plan, Step, Tools

STEPS, RESULT = "steps", "result.json"


def place_of(out: Path, plan: Plan, step: Step) -> Path:
    """The folder of a step; other settings give another one."""
    return out / STEPS / f"{step.id.replace('/', '-')}-{plan.key(step.id)}"


def finished(out: Path, plan: Plan, step: Step) -> Done | None:
    """What a step left, if it was ever finished with these settings."""
    place = place_of(out, plan, step)
    if not (place / RESULT).is_file():
        return None
    found = read_json(place / RESULT)
    if not isinstance(found, dict) or not isinstance(found.get("result"), dict):
        raise DataError(f"{place / RESULT} is not the result of a step: remove {place}, and it is made again")
    return Done(place, found["result"])


def all_finished(out: Path, plan: Plan) -> dict[str, Done]:
    """Every step of a plan that is finished, by id."""
    found = {id: finished(out, plan, step) for id, step in plan.steps.items()}
    return {id: done for id, done in found.items() if done is not None}


def carry_out(plan: Plan, out: Path, tools: Tools, only: Sequence[str] = ()) -> Mapping[str, Done]:
    """Do what is not done yet; the same call again goes on where it stopped.

    Args:
        plan: All steps.
        out: Where they leave their results.
        tools: What they work with.
        only: Patterns of ids, for a part of the plan.
    """
    chosen = plan.chosen(only)
    done: dict[str, Done] = {}
    for number, step in enumerate(chosen, start=1):
        found = finished(out, plan, step)
        if found is None:
            tools.require_going()
            tools.tell(f"[{number}/{len(chosen)}] {step.id}")
            found = _do(plan, step, out, [done[need] for need in step.needs], tools)
        done[step.id] = found
    return done


def _do(plan: Plan, step: Step, out: Path, needs: Sequence[Done], tools: Tools) -> Done:
    place = place_of(out, plan, step)
    result = step.work.do(place, needs, tools)
    facts = {
        "step": step.id,
        "key": plan.key(step.id),
        "settings": dict(step.work.settings),
        "needs": {need: plan.key(need) for need in step.needs},
        "result": dict(result),
    }
    write_json(place / RESULT, facts)
    return Done(place, result)


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Keep a second process from working in the same folder; the system lets go if this one dies."""
    with writable(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK).open("ab")
    with lock:
        if not lock_now(lock):
            raise RequestError(f"another process is working in {out}: wait for it, or choose another --out")
        yield
