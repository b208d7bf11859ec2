"""What the page is told of a clip: plain values, and sentences where sentences help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from deglare.data.files import read_json
from deglare.errors import DeglareError
from deglare.footage.plan import told_seconds
from deglare.footage.telling import STAGES
from deglare_viewer.films.film import Film, Wishes, plain
from deglare_viewer.films.standing import Standing
from deglare_viewer.films.takeaway import shelf

if TYPE_CHECKING:
    from deglare.footage.plan import Plan
    from deglare_viewer.films.filming import Filming

Fields = dict[str, Any]

BELOW = "fit"
"""The stage that is there only where it is asked for."""
NOT_INSPECTED = (
    "Inspect looks at every pixel from several cameras, so a clip without cameras cannot be opened there: its depth is "
    "in the film, and can be saved frame by frame"
)
ORIGINS = {
    "given": "as you gave it",
    "metadata": "begun with what the phone wrote",
    "estimated": "found from the clip",
    "assumed": "begun with that of an ordinary phone",
}


def told(films: Filming, id: object, wishes: Wishes | None = None) -> Fields:
    """Everything of a clip as it stands now.

    Args:
        films: Whose it is.
        id: Of the clip.
        wishes: What the visitor decides, while work has not begun.
    """
    if wishes is not None and films.standing(id).state == "planned":
        films.plan_again(id, wishes)
    film, standing = films.film(id), films.standing(id)
    fields: Fields = {
        "id": film.id,
        "name": film.name,
        "state": standing.state,
        "kept": kept_words(films.left_s(id)),
        "wishes": asdict(film.wishes),
        "duration": None if film.facts is None else film.facts.duration_s,
        "error": standing.error,
    }
    if standing.state == "planned":
        return {**fields, "plan": plan_rows(film.plan(film.wishes))}
    if standing.state == "done":
        return {**fields, **result(film)}
    return {**fields, "place": standing.place, **way(film, standing)}


def kept_words(seconds: float) -> str:
    """How long a clip is still kept."""
    hours = math.ceil(seconds / 3600)
    return f"deleted in {hours} hours" if hours > 1 else f"deleted in {max(1, math.ceil(seconds / 60))} minutes"


def plan_rows(plan: Plan) -> Fields:
    """What will be done, before it is."""
    height, width = plan.facts.size_hw
    rate = f"{plan.facts.rate_hz:.1f} frames a second" if plan.facts.rate_hz else "no rate stated"
    rows = [
        ["clip", f"{width} x {height} pixels, {plan.facts.duration_s:.1f} s, {rate}, {plan.facts.codec}"],
        ["used", f"{plan.start_s:g} to {plan.end_s:.1f} s, about {plan.looked_at} frames are looked at"],
        ["kept", f"about {plan.expected_kept} sharp frames, spaced by how far the camera moves"],
        ["cameras", f"are found at {plan.working_hw[1]} x {plan.working_hw[0]} pixels"],
        ["time", f"about {told_seconds(plan.total_s)} on this machine"],
        ["memory", f"{plan.memory_mb / 1000:.1f} GB"],
        ["depth by", ", ".join(teacher_name(name) for name in plan.teachers)],
    ]
    return {"rows": rows, "expect": sentence(plan.expect), "notes": [sentence(note) for note in plan.notes]}


def teacher_name(name: str) -> str:
    """Without the folder in which a network lies here."""
    return "Depth Anything V2, metric, indoor, small" if name.startswith("hf:") else name


def way(film: Film, standing: Standing) -> Fields:
    """The stages, which are done, and what share of all the work that is."""
    names = [name for name in STAGES if name != BELOW or film.wishes.fits]
    now = names.index(standing.stage) if standing.stage in names else 0
    part = standing.done / standing.total if standing.total else 0.0
    seconds = film.plan(film.wishes).seconds
    weights = [max(seconds.get(name, 0.0), 0.1) for name in names]
    share = (sum(weights[:now]) + part * weights[now]) / sum(weights) if standing.stage else 0.0
    left = standing.seconds_left
    return {
        "stages": [STAGES[name] for name in names],
        "now": now if standing.stage else None,
        "count": f"{standing.done} of {standing.total}" if standing.total else "",
        "share": round(min(share, 1.0), 4),
        "left": "" if left is None else f"about {told_seconds(left)} left" if left >= 1 else "nearly done",
    }


def result(film: Film) -> Fields:
    """What was found, in words, and what can be taken away."""
    try:
        verdict: Any = read_json(film.run / "video" / "verdict.json")
        rows = found_rows(film, verdict)
        can_look = (film.run / "run.json").is_file()
        notes = [*([] if can_look else [NOT_INSPECTED]), *verdict["notes"], *fit_notes(film)]
        return {
            "outcome": str(verdict["outcome"]),
            "headline": sentence(str(verdict["headline"])),
            "reasons": [sentence(str(one)) for one in verdict["reasons"]],
            "advice": [sentence(str(one)) for one in verdict["advice"]],
            "notes": [sentence(str(one)) for one in notes],
            "rows": rows,
            "files": shelf(film),
            "can_look": can_look,
        }
    except (DeglareError, KeyError, TypeError, ValueError, OSError) as error:
        return {
            "state": "failed",
            "error": f"what was made of {film.name} is damaged: upload it again ({film.said(error)})",
        }


def found_rows(film: Film, verdict: Mapping[str, Any]) -> list[list[str]]:
    """Numbers, each with what it means."""
    frames, believed = int(verdict["frames"]), len(verdict["believed"])
    rows = [["frames", f"{frames} kept, {believed} with a camera that is believed"]]
    way_m = path_length_m(film)
    if way_m is not None:
        rows.append(["path", f"{way_m:.1f} m from the first to the last believed camera"])
    focal, scale = verdict["focal"], verdict["scale"]
    if focal is not None:
        said = ORIGINS.get(focal["origin"], focal["origin"])
        rows.append(["lens", f"{focal['px']:.0f} pixels of focal length, {focal['fov_deg']:.0f}° across, {said}"])
    if scale is not None:
        teachers = ", ".join(teacher_name(name) for name in scale["teachers"])
        rows.append(["metres", f"from {teachers}; single frames scatter by {100 * scale['spread']:.0f} %"])
    return [*rows, *alignment_rows(film)]


def alignment_rows(film: Film) -> list[list[str]]:
    """What bringing predicted depth to the camera's points did, where that was done."""
    path = film.run / "video" / "alignment.json"
    if not path.is_file():
        return []
    found: Any = read_json(path)
    before, after = (f"{100 * float(found[when]):.0f} %" for when in ("before", "after"))
    return [["depth", f"brought to the points that the camera saw: off by {before} there before, {after} after"]]


def path_length_m(film: Film) -> float | None:
    """How far the believed camera went; None where there is none."""
    path = film.run / "results" / "poses_tum.txt"
    if not path.is_file():
        return None
    lines = [line.split() for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    places = [tuple(float(word) for word in words[1:4]) for words in lines]
    return sum(math.dist(a, b) for a, b in pairwise(places))


def fit_notes(film: Film) -> list[str]:
    """What became of fitting a network to the clip."""
    if not film.wishes.fits or not (film.run / "video" / "fit.json").is_file():
        return []
    from deglare.footage.fit import Fitted

    return [Fitted.from_json(read_json(film.run / "video" / "fit.json")).line()]


def sentence(text: str) -> str:
    """As it stands on the page: a capital at the beginning, a stop at the end, no flags."""
    text = plain(text).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
