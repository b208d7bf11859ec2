"""How trainings went, in the tab of tables: losses, and what validation said of held-out frames, over steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from deglare.training.curves import Curve
from deglare_viewer.panels.parts import own_element
from deglare_viewer.trainings import Followed, Trainings

if TYPE_CHECKING:
    from deglare_viewer.panels.panel import Studio

MOST_AT_ONCE = 6
"""Colours that are told apart."""

EVERY_S = 10
"""Between two looks at trainings that go on."""

TITLES = {
    "abs_rel": ("Abs Rel", "mean of |error| / truth"),
    "sq_rel": ("Sq Rel", "mean of error² / truth (m)"),
    "rmse": ("RMSE", "root of the mean of error² (m)"),
    "bias": ("bias", "mean error, + is too far (m)"),
    "mined_precision": ("precision of the mined mask", "share of what is mined that is reflective"),
    "mined_recall": ("recall of the mined mask", "share of what is reflective that is mined"),
    "mined_coverage": ("coverage of the mined mask", "share of all pixels that is mined"),
    "loss": ("loss", "what is minimised"),
    "mined": ("mined", "share of the pixels of a batch that is mined"),
    "delta": ("delta", "the margin, negative less positive error, below which a pixel is mined"),
    "moving": ("moving", "share of pixels that look better with the camera's motion than without"),
    "labelled": ("labelled", "share of pixels with a label"),
}
"""Quantities with names of their own, in the order in which they are drawn; others come behind them as they come."""

LEFT_OUT = ("rmse_log", "delta1", "delta2", "delta3", "coverage")
"""What is nearly always the same, or says again what Abs Rel says."""


def build_trainings(studio: Studio) -> None:
    """A chooser, and a small chart for each quantity that is looked at again while a training goes on."""
    trainings = studio.trainings
    with gr.Accordion("trainings: losses, and what held-out frames said, over steps", open=bool(trainings.own)):
        shown = list(trainings.first[:MOST_AT_ONCE])
        which = gr.Dropdown(
            list(trainings.names),
            value=shown,
            multiselect=True,
            max_choices=MOST_AT_ONCE,
            show_label=False,
            container=False,
            elem_id="dg-which-trainings",
        )
        charts = own_element("attachTrainings", "dg-trainings", charts_json(trainings, shown))
        timer = gr.Timer(EVERY_S, active=False)
        quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

        def drawn(names: list[str] | None) -> tuple[str, gr.Timer]:
            going_on = any(is_going_on(trainings.follow(name)) for name in names or [])
            return charts_json(trainings, names or []), gr.Timer(active=going_on)

        which.change(drawn, [which], [charts, timer], **quietly)
        studio.opened.then(drawn, [which], [charts, timer], **quietly)
        timer.tick(drawn, [which], [charts, timer], **quietly)


def charts_json(trainings: Trainings, names: list[str]) -> str:
    """What ``static/page_trainings.js`` draws."""
    followed = [trainings.follow(name) for name in names[:MOST_AT_ONCE]]
    charts: dict[str, list[dict[str, Any]]] = {}
    for place, one in enumerate(followed):
        for curve in curves_of(one):
            line = {"of": place, "xs": curve.steps, "ys": curve.values}
            charts.setdefault(curve.name, []).append(line)
    order = [name for name in TITLES if name in charts] + [name for name in charts if name not in TITLES]
    drawn = [dict(zip(("title", "hint"), titled(name), strict=True), lines=charts[name]) for name in order]
    return json.dumps({"trainings": [said(one) for one in followed], "charts": drawn}, allow_nan=False)


def curves_of(one: Followed) -> list[Curve]:
    """Of one training; what its validation says first."""
    if one.curves is None:
        return []
    return [curve for curve in (*one.curves.validated, *one.curves.trained) if curve.name not in LEFT_OUT]


def titled(name: str) -> tuple[str, str]:
    """How a chart is headed, and what its numbers are."""
    return TITLES.get(name, (name.replace("_", " "), name))


def said(one: Followed) -> dict[str, Any]:
    """One training in the legend."""
    if one.curves is None:
        return {"name": one.name, "says": f"{one.fault}."}
    found = one.curves
    far = f"{found.planned} steps" if found.is_finished else f"step {found.step} of {found.planned}"
    held = "" if found.validated else "; nothing of held-out frames"
    return {"name": one.name, "says": f"{found.network} by {found.method}, {far}{held}"}


def is_going_on(one: Followed) -> bool:
    """Whether there may be more to see in a while."""
    return one.curves is not None and not one.curves.is_finished
