"""Progress in a file, and what is done in a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deglare.data.files import read_json
from deglare.errors import DataError
from deglare.footage.ledger import Ledger
from deglare.footage.telling import Teller, accounted
from deglare.fusion.staging import Key


@dataclass
class Watch:
    """A clock that a test turns."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def told(teller: Teller) -> dict[str, Any]:
    return dict(read_json(teller.path))  # type: ignore[call-overload]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def teller(tmp_path: Path, watch: Watch) -> Teller:
    return Teller(tmp_path / "progress.json", ("decode", "choose", "depth"), clock=watch)


def test_a_stage_says_which_it_is_and_how_far(teller: Teller, watch: Watch) -> None:
    with teller.stage("choose") as progress:
        found = told(teller)
        assert (found["stage"], found["number"], found["stages"], found["seconds_left"]) == ("choose", 2, 3, None)
        watch.now = 1.0
        progress(4, 10)
        assert (told(teller)["done"], told(teller)["total"], told(teller)["state"]) == (4, 10, "working")


def test_the_file_is_written_five_times_a_second_at_most_but_always_at_the_end(teller: Teller, watch: Watch) -> None:
    with teller.stage("decode") as progress:
        for done in range(1, 10):
            watch.now = 0.01 * done
            progress(done, 10)
        assert told(teller)["done"] == 0
        progress(10, 10)
        assert told(teller)["done"] == 10


def test_time_left_follows_the_pace_of_this_machine(teller: Teller, watch: Watch) -> None:
    teller.estimates = {"decode": 10.0, "choose": 20.0, "depth": 30.0}
    with teller.stage("decode") as progress:
        assert told(teller)["seconds_left"] == 60.0
        watch.now = 20.0
        progress(10, 10)
    with teller.stage("choose") as progress:
        assert told(teller)["seconds_left"] == 100.0  # twice as slow as planned
        watch.now = 24.0
        progress(1, 10)
        assert told(teller)["seconds_left"] == pytest.approx(36 + 60)


def test_what_was_done_before_says_nothing_about_the_pace(teller: Teller, watch: Watch) -> None:
    teller.estimates = {"decode": 10.0, "choose": 20.0, "depth": 30.0}
    with teller.stage("decode") as progress:
        watch.now = 0.1
        progress(1, 1)
    with teller.stage("choose"):
        assert told(teller)["seconds_left"] == 50.0


@pytest.mark.parametrize(
    ("raised", "state", "error"),
    [
        (KeyboardInterrupt(), "stopped", None),
        (DataError("it is damaged"), "failed", "it is damaged"),
        (ValueError("no"), "failed", "ValueError: no"),
    ],
)
def test_whatever_ends_the_work_is_the_last_word(
    raised: BaseException, state: str, error: str | None, teller: Teller
) -> None:
    with pytest.raises(type(raised)), accounted(teller), teller.stage("depth"):
        raise raised
    assert (told(teller)["state"], told(teller)["error"], told(teller)["stage"]) == (state, error, "depth")


def test_a_mute_teller_writes_nothing(tmp_path: Path) -> None:
    teller = Teller(tmp_path / "progress.json", ("decode",), is_mute=True)
    with teller.stage("decode") as progress:
        progress(1, 1)
    assert not teller.path.exists()


def test_a_ledger_keeps_what_was_begun_with_the_same_key_and_removes_the_rest(tmp_path: Path) -> None:
    ledger, out = Ledger(tmp_path / "stages.json"), tmp_path / "out"
    key, other = Key("features", {"most": 1}, "a"), Key("features", {"most": 2}, "a")
    ledger.begin(key, out)
    out.mkdir()
    (out / "one").write_text("")
    ledger.begin(key, out)
    assert (out / "one").exists() and not ledger.is_current(key, out)
    ledger.finish(key)
    assert ledger.is_current(key, out) and not ledger.is_current(other, out)
    assert not ledger.is_current(key, tmp_path / "gone")
    ledger.begin(other, out)
    assert not out.exists() and not ledger.is_current(key)
