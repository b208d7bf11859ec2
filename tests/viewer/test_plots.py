"""Plots say what the breakdown says."""

from __future__ import annotations

from typing import Any

import pytest

from deglare_viewer.plots import AXES, error_bars, wrapped
from deglare_viewer.theme import LAYER_COLOURS

TABLE: dict[str, Any] = {
    "by": "region",
    "rows": [
        {
            "name": "all",
            "pixels": 1000,
            "layers": {
                "predicted": {"abs_rel": [0.3, 0.2, 0.5], "sq_rel": [1.0, None, None], "bias": [0.1, 0.0, 0.2]},
                "fused": {"abs_rel": [0.1, 0.05, 0.2], "sq_rel": [0.5, None, None], "bias": [-0.1, -0.2, 0.0]},
            },
        },
        {
            "name": "highlight on gloss",
            "pixels": 10,
            "layers": {"predicted": {"abs_rel": [0.9, 0.8, 1.1], "sq_rel": [3.0, None, None], "bias": [1, 0.9, 1.2]}},
        },
    ],
}


def bars(metric: str) -> list[dict[str, Any]]:
    return error_bars(TABLE, metric).to_dict()["data"]


def test_there_is_a_bar_for_every_row_and_layer_in_the_colour_of_the_layer() -> None:
    predicted, fused = bars("abs_rel")
    assert (predicted["name"], fused["name"]) == ("predicted", "fused")
    assert list(predicted["y"]) == [0.3, 0.9] and list(fused["y"]) == [0.1, None]
    assert predicted["marker"]["color"] == LAYER_COLOURS["predicted"]


def test_intervals_reach_from_their_low_end_to_their_high_end() -> None:
    error = bars("abs_rel")[0]["error_y"]
    assert error["visible"] and list(error["array"]) == pytest.approx([0.2, 0.2])
    assert list(error["arrayminus"]) == pytest.approx([0.1, 0.1])


def test_where_there_are_no_intervals_none_are_drawn() -> None:
    assert not any(bar["error_y"]["visible"] for bar in bars("sq_rel"))


def test_the_hover_says_the_interval_and_how_many_pixels() -> None:
    interval, pixels = bars("abs_rel")[0]["customdata"][0]
    assert interval == " [0.2000, 0.5000]" and pixels == 1000


@pytest.mark.parametrize("metric", AXES)
def test_every_axis_is_named(metric: str) -> None:
    assert error_bars(TABLE, metric).to_dict()["layout"]["yaxis"]["title"]["text"] == AXES[metric]


def test_long_names_stand_in_short_lines() -> None:
    assert wrapped("highlight on gloss") == "highlight<br>on gloss"
