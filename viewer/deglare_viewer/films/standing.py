"""How far a clip is, from what its process and its ``progress.json`` say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from deglare.data.files import read_json
from deglare.errors import DataError
from deglare_viewer.films.child import Child
from deglare_viewer.films.film import Film

State = Literal["planned", "waiting", "working", "stopping", "done", "stopped", "failed"]

LONGEST_SAID = 400
TOLD = ("stage", "done", "total", "seconds_left", "message")


@dataclass(frozen=True)
class Outcome:
    """How a process ended."""

    status: int
    is_stopped: bool
    """Whether it was asked to."""


@dataclass(frozen=True)
class Standing:
    """One moment of a clip."""

    state: State
    place: int = 0
    """How many clips come before it, while it waits."""
    stage: str | None = None
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    message: str = ""
    error: str | None = None
    """One sentence, where it failed."""


def standing_of(film: Film, child: Child | None, outcome: Outcome | None) -> Standing:
    """Where a clip stands that does not wait.

    Args:
        film: The clip.
        child: Its process, if it is worked on.
        outcome: How its last process ended, if there was one since the studio began.
    """
    told = progress_of(film)
    at: dict[str, Any] = {key: told[key] for key in TOLD if key in told}
    if child is not None:
        is_old = not told or told["state"] != "working"  # of the work before
        state: State = "stopping" if child.is_stopped else "working"
        return Standing(state) if is_old else Standing(state, **at)
    if outcome is not None and outcome.status not in (0, 130) and not outcome.is_stopped:
        return Standing("failed", **at, error=film.said(_why(film, told, outcome)))
    if told and told["state"] == "done":
        return Standing("done", **at)
    if told and told["state"] == "failed":
        return Standing("failed", **at, error=film.said(told["error"] or told["message"]))
    return Standing("stopped", **at) if told else Standing("planned")


def progress_of(film: Film) -> dict[str, Any]:
    """What the work last told; empty where it has told nothing that can be read."""
    try:
        found = read_json(film.run / "video" / "progress.json")
    except (DataError, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "state" in found else {}


def _why(film: Film, told: dict[str, Any], outcome: Outcome) -> str:
    if told.get("state") == "failed" and told.get("error"):
        return str(told["error"])
    if outcome.status < 0:
        return (
            f"the work was ended from outside (signal {-outcome.status}): perhaps it needed more memory than there is"
        )
    said = [line.removeprefix("deglare: ") for line in _last_lines(film) if line.startswith("deglare: ")]
    return said[-1][:LONGEST_SAID] if said else "the work ended without a word: the log of the clip says more"


def _last_lines(film: Film) -> list[str]:
    try:
        return film.log.read_text("utf-8", "replace")[-4000:].splitlines()
    except OSError:
        return []
