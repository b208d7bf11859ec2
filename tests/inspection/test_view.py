"""A view is the address of what somebody looks at: it comes back as it was, or it is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.errors import RequestError
from deglare.fusion.strategies import STRATEGIES
from deglare.inspection.fusing import AS_LABELLED
from deglare.inspection.view import FIELDS, LIMITS, MAX_QUERY, PANES, View

NAMES = st.from_regex(r"[\w][\w.+-]{0,40}", fullmatch=True)


def number(field: str) -> st.SearchStrategy[float]:
    return st.floats(*LIMITS[field], exclude_min=False)


@st.composite
def views(draw: st.DrawFn) -> View:
    pixel = draw(st.none() | st.tuples(st.integers(0, 65535), st.integers(0, 65535)))
    return View(
        run=draw(NAMES),
        frame=draw(st.none() | NAMES),
        x=None if pixel is None else pixel[0],
        y=None if pixel is None else pixel[1],
        alpha=draw(st.none() | number("alpha")),
        strategy=draw(st.sampled_from([AS_LABELLED, *STRATEGIES])),
        teacher=draw(st.none() | NAMES),
        panes=draw(st.sampled_from(["all", *PANES])),
        zoom=draw(number("zoom")),
        cx=draw(number("cx")),
        cy=draw(number("cy")),
        compare=draw(st.none() | NAMES),
    )


@given(views())
def test_a_view_comes_back_from_its_address_and_from_json_as_it_was(view: View) -> None:
    assert View.from_query(view.to_query()) == view
    assert View.from_query(f"?{view.to_query()}") == view
    assert View.from_json(json.loads(json.dumps(view.to_json(), allow_nan=False))) == view


@given(views())
def test_an_address_holds_one_line_of_plain_characters(view: View) -> None:
    assert view.to_query().isascii() and not set(view.to_query()) & set(" \n\r\"'<>#")


def test_what_is_as_in_any_view_is_left_out_of_the_address() -> None:
    assert View("room").to_query() == "run=room"
    assert View("room", "000012", 30, 40).to_query() == "run=room&frame=000012&x=30&y=40"


def test_fields_of_others_in_an_address_are_ignored_and_in_a_file_refused() -> None:
    assert View.from_query("run=room&__theme=dark&utm=1") == View("room")
    with pytest.raises(RequestError, match="no field '__theme'"):
        View.from_json({"run": "room", "__theme": "dark"})


def test_the_run_of_a_page_is_taken_where_the_address_names_none() -> None:
    assert View.from_query("frame=000001", run="room") == View("room", "000001")
    assert View.from_query("run=other", run="room") == View("other")
    with pytest.raises(RequestError, match="needs a run"):
        View.from_query("frame=000001")


def test_a_pixel_may_be_written_as_javascript_writes_it() -> None:
    assert View.from_json({"run": "room", "x": 3.0, "y": 4}) == View("room", x=3, y=4)
    assert View.from_query("run=room&x=3.0&y=4") == View("room", x=3, y=4)


def test_null_says_nothing() -> None:
    assert View.from_json({"run": "room", "frame": None, "zoom": None}) == View("room")


WRONG: list[tuple[str, Any]] = [
    ("run", "../etc"),
    ("run", "a/b"),
    ("frame", "..\\x"),
    ("frame", ".hidden"),
    ("frame", 12),
    ("teacher", "a b"),
    ("compare", "x" * 121),
    ("alpha", -0.1),
    ("alpha", float("nan")),
    ("alpha", float("inf")),
    ("alpha", "0.4"),
    ("alpha", True),
    ("zoom", 0),
    ("zoom", float("-inf")),
    ("cx", 3),
    ("cy", -2.5),
    ("strategy", "magic"),
    ("strategy", ["blend"]),
    ("panes", "mesh"),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_value_is_one_sentence_that_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"the {field} of this view is") as raised:
        View.from_json({"run": "room", field: value})
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


@pytest.mark.parametrize(
    "pixel", [{"x": 1.5, "y": 2}, {"x": -1, "y": 2}, {"x": 1, "y": 10**9}, {"x": 1}, {"x": 1e999, "y": 2}]
)
def test_a_pinned_pixel_is_two_whole_numbers(pixel: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"[xy]"):
        View.from_json({"run": "room"} | pixel)


@pytest.mark.parametrize("text", ["x=one&y=2", "alpha=nan", "zoom=inf", "cx=1e400", "strategy=%00", "frame=a%2Fb"])
def test_a_wrong_value_in_an_address_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=text.split("=")[0]):
        View.from_query(f"run=room&{text}")


@given(st.text(max_size=200))
def test_any_text_as_an_address_is_a_view_or_a_refusal(text: str) -> None:
    try:
        view = View.from_query(text, run="room")
    except RequestError as error:
        assert "\n" not in str(error).replace(text, "")
    else:
        assert View.from_query(view.to_query()) == view


def test_an_address_that_is_too_long_is_refused() -> None:
    with pytest.raises(RequestError, match="more than the"):
        View.from_query("run=room&note=" + "x" * MAX_QUERY)


@pytest.mark.parametrize("value", [None, [], "run=room", 3])
def test_what_is_no_record_is_no_view(value: object) -> None:
    with pytest.raises(RequestError, match="a view is a record"):
        View.from_json(value)


def test_a_view_is_flat() -> None:
    assert tuple(View("room").to_json()) == FIELDS
