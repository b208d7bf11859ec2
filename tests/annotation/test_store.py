from pathlib import Path

import numpy as np
import pytest
from annotating import NAMES, SIZE, dot, frames
from hypothesis import given, settings
from hypothesis import strategies as st

from deglare.annotation import Annotations, KnownFrames, stroke
from deglare.annotation.actions import polygon
from deglare.errors import DataError, LabelError, RequestError

FIRST, SECOND = NAMES[:2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "annotations" / "annotations.sqlite"


def test_strokes_tags_undo_and_redo_outlive_the_program(path: Path) -> None:
    with Annotations(path, frames()) as one:
        one.tag("ann", FIRST, "reflective")
        one.do("ann", FIRST, stroke(dot(5, 5)))
        drawn = one.do("ann", FIRST, stroke(dot(20, 10, "screen"))).surfaces
        assert one.undo("ann") == FIRST
    with Annotations(path, frames()) as again:
        state = again.state("ann", FIRST)
        assert state.tag == "reflective" and set(np.unique(state.surfaces)) == {0, 1} and state.can_redo
        assert again.redo("ann") == FIRST
        assert np.array_equal(again.state("ann", FIRST).surfaces, drawn)
        assert [again.undo("ann") for _ in range(4)] == [FIRST] * 3 + [None]
    with Annotations(path, frames()) as last:
        assert last.state("ann", FIRST).tag is None and not last.state("ann", FIRST).is_marked
        assert [last.redo("ann") for _ in range(4)] == [FIRST] * 3 + [None]


def test_erasing_takes_pixels_away_and_painting_over_changes_their_kind(path: Path) -> None:
    with Annotations(path, frames()) as one:
        one.do("ann", FIRST, polygon([[0, 0], [10, 0], [10, 10], [0, 10]], "glossy"))
        one.do("ann", FIRST, stroke(dot(5, 5, "mirror")))
        state = one.do("ann", FIRST, stroke({"kind": "erase", "points": [[0, 0]], "radius": 3}))
    assert state.surfaces[5, 5] == 2 and state.surfaces[0, 0] == 0 and state.surfaces[9, 9] == 1
    assert state.by_hand[0, 0] and not state.by_hand[20, 20]


def test_undo_without_a_frame_takes_back_what_was_done_last_wherever_it_was(path: Path) -> None:
    with Annotations(path, frames()) as one:
        one.tag("ann", FIRST, "waste")
        one.tag("ann", SECOND, "unsure")
        assert one.tags("ann") == {FIRST: "waste", SECOND: "unsure"}
        assert [one.undo("ann"), one.undo("ann"), one.undo("ann")] == [SECOND, FIRST, None]
        assert [one.redo("ann"), one.redo("ann"), one.redo("ann")] == [FIRST, SECOND, None]
        assert one.undo("ann", FIRST) == FIRST and one.tags("ann") == {SECOND: "unsure"}


def test_a_new_stroke_ends_what_could_be_redone_on_its_frame_alone(path: Path) -> None:
    with Annotations(path, frames()) as one:
        one.tag("ann", FIRST, "waste")
        one.tag("ann", SECOND, "unsure")
        one.undo("ann", FIRST)
        one.undo("ann", SECOND)
        one.do("ann", FIRST, stroke(dot(1, 1)))
        assert one.redo("ann", FIRST) is None and one.redo("ann") == SECOND


def test_two_annotators_do_not_see_or_undo_each_other(path: Path) -> None:
    with Annotations(path, frames()) as one:
        one.do("ann", FIRST, stroke(dot(5, 5)))
        one.do("bob", FIRST, stroke(dot(20, 5, "wet")))
        assert one.undo("ann") == FIRST and one.undo("ann") is None
        assert not one.state("ann", FIRST).surfaces.any() and one.state("bob", FIRST).surfaces.max() == 5
        assert one.annotators() == ("ann", "bob") and one.looked_at("ann") == frozenset()
        assert one.looked_at() == {FIRST}


@settings(max_examples=40)
@given(steps=st.lists(st.sampled_from(["paint", "erase", "undo", "redo", "tag", "exclude"]), max_size=40))
def test_any_history_of_undo_and_redo_is_that_of_two_stacks(tmp_path_factory, steps: list[str]) -> None:
    path = tmp_path_factory.mktemp("log") / "a.sqlite"
    with Annotations(path, frames()) as one:
        blank = one.state("ann", FIRST)
        past, future = [seen(blank)], list[tuple[object, ...]]()
        for number, step in enumerate(steps):
            if step == "undo":
                assert (one.undo("ann") is None) == (len(past) == 1)
                if len(past) > 1:
                    future.append(past.pop())
            elif step == "redo":
                assert (one.redo("ann") is None) == (not future)
                if future:
                    past.append(future.pop())
            else:
                past.append(seen(do(one, step, number)))
                future.clear()
            assert seen(one.state("ann", FIRST)) == past[-1]
        with Annotations(path, frames()) as again:
            assert seen(again.state("ann", FIRST)) == past[-1]


def do(one: Annotations, step: str, number: int):
    x, y = 5 * number % 32, 3 * number % 24
    if step == "tag":
        return one.tag("ann", FIRST, "reflective" if number % 2 else "unsure")
    if step == "exclude":
        return one.exclude("ann", FIRST, np.indices(SIZE)[0] == y)
    value = dot(x, y) if step == "paint" else {"kind": "erase", "points": [[x, y]], "radius": 4}
    return one.do("ann", FIRST, stroke(value))


def seen(state) -> tuple[object, ...]:
    return state.tag, state.surfaces.tobytes(), state.by_hand.tobytes(), state.excluded.tobytes()


def test_a_hundred_strokes_drawn_one_by_one_are_those_drawn_at_once(path: Path) -> None:
    rng = np.random.default_rng(0)
    with Annotations(path, frames()) as one:
        for number in range(100):
            x, y = rng.uniform(0, 30, 2)
            one.do("ann", FIRST, stroke(dot(x, y, ("glossy", "wet", "glass")[number % 3])))
        drawn = one.state("ann", FIRST).surfaces
        for _ in range(45):
            one.undo("ann")
        for _ in range(45):
            one.redo("ann")
        assert np.array_equal(one.state("ann", FIRST).surfaces, drawn)
    with Annotations(path, frames()) as again:
        assert np.array_equal(again.state("ann", FIRST).surfaces, drawn)


def test_order_is_that_of_writing_though_the_clock_is_set_back(path: Path) -> None:
    times = iter([5000.0, 10.0, -3.0, 7.0])
    with Annotations(path, frames(), clock=lambda: next(times)) as one:
        one.tag("ann", FIRST, "reflective")
        one.tag("ann", FIRST, "unsure")
        one.tag("ann", FIRST, "waste")
        assert one.undo("ann") == FIRST
    with Annotations(path, frames()) as again:
        assert again.tags("ann") == {FIRST: "unsure"}
        assert [entry.seq for entry in again.log("ann", FIRST)] == [1, 2, 3, 4]


def test_renamed_images_keep_their_annotations_and_other_images_get_none(path: Path) -> None:
    with Annotations(path, frames()) as one:
        one.tag("ann", FIRST, "reflective")
        one.tag("ann", SECOND, "waste")
    renamed = {f"frame-{name}": name for name in NAMES if name != SECOND} | {SECOND: "another image"}
    with Annotations(path, frames(tuple(renamed), renamed)) as again:
        assert again.tags("ann") == {f"frame-{FIRST}": "reflective"}
        assert list(again.lost().values()) == [1] and next(iter(again.lost()))[0] == SECOND
        again.tag("ann", f"frame-{FIRST}", "unsure")
        assert again.undo("ann") == f"frame-{FIRST}"
    with Annotations(path, frames()) as back:
        assert back.tags("ann") == {FIRST: "reflective", SECOND: "waste"}


def test_of_frames_with_the_same_image_each_keeps_its_own(path: Path) -> None:
    same = dict.fromkeys(NAMES, "one image")
    with Annotations(path, frames(NAMES, same)) as one:
        one.tag("ann", FIRST, "reflective")
        one.tag("ann", SECOND, "waste")
        assert one.tags("ann") == {FIRST: "reflective", SECOND: "waste"}


def test_an_image_that_cannot_be_read_now_keeps_its_annotations_for_later(path: Path) -> None:
    with Annotations(path, frames()) as one:
        one.tag("ann", FIRST, "reflective")

    def unreadable(_: str) -> str:
        raise DataError("the disk is not there")

    with Annotations(path, KnownFrames(dict.fromkeys(NAMES, SIZE), unreadable)) as away:
        assert away.tags("ann") == {} and sum(away.lost().values()) == 1


def test_rows_are_never_changed_or_taken_out(path: Path) -> None:
    import sqlite3

    with Annotations(path, frames()) as one:
        one.tag("ann", FIRST, "reflective")
    connection = sqlite3.connect(path)
    for statement in ("DELETE FROM actions", "UPDATE actions SET annotator = 'eve'"):
        with pytest.raises(sqlite3.IntegrityError, match="only added"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("annotator", ["", "  ", "a" * 81, "a\nb"])
def test_an_annotator_has_a_name(path: Path, annotator: str) -> None:
    with Annotations(path, frames()) as one, pytest.raises(RequestError, match="say who you are"):
        one.tag(annotator, FIRST, "waste")


def test_what_is_refused_leaves_nothing_behind(path: Path) -> None:
    with Annotations(path, frames()) as one:
        for wrong in (
            lambda: one.tag("ann", "nowhere", "waste"),
            lambda: one.tag("ann", FIRST, "shiny"),
            lambda: one.accept("ann", FIRST, 7),
        ):
            with pytest.raises(RequestError):
                wrong()
        assert one.log("ann", FIRST) == () and one.annotators() == ()


def test_several_actions_are_kept_together_or_not_at_all(path: Path) -> None:
    good = stroke(dot(1, 1))
    with Annotations(path, frames()) as one, pytest.raises(RequestError):
        one.do_all("ann", [(FIRST, good), ("nowhere", good)])
    with Annotations(path, frames()) as one:
        assert one.annotators() == ()
        one.do_all("ann", [(FIRST, good), (SECOND, good)])
        assert one.looked_at() == {FIRST, SECOND}


def test_reading_alone_changes_nothing_and_needs_a_file(path: Path) -> None:
    with pytest.raises(LabelError, match="no annotations"):
        Annotations(path, frames(), read_only=True)
    with Annotations(path, frames()) as one:
        one.tag("ann", FIRST, "waste")
        with Annotations(path, frames(), read_only=True) as reader:
            assert reader.tags("ann") == {FIRST: "waste"}
            with pytest.raises(LabelError, match="reading only"):
                reader.tag("ann", FIRST, "unsure")
