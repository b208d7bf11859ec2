"""Plans and how they are carried out: what is finished is not done again, and only what a change reaches is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from deglare.errors import DataError, RequestError
from deglare.experiments.running import all_finished, carry_out, finished, held, place_of
from deglare.experiments.steps import Done, Plan, Result, StoppedError, Tools, one_thread


@dataclass(frozen=True)
class Adds:
    """Gives its number plus those of what it needs, and notes that it was asked."""

    number: int
    asked: list[int] = field(default_factory=list, compare=False)
    fails: bool = False

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"number": self.number}

    @property
    def seconds(self) -> float:
        return 1.0

    def do(self, place: Path, needs: Sequence[Done], tools: Tools) -> Result:
        self.asked.append(self.number)
        if self.fails:
            raise ZeroDivisionError
        return {"sum": self.number + sum(need.result["sum"] for need in needs)}


def diamond(asked: list[int], left: int = 2, fails: bool = False) -> Plan:
    """Top, two sides, and a bottom that needs both."""
    plan = Plan()
    plan.add("top/a", Adds(1, asked))
    plan.add("side/left", Adds(left, asked), "top/a")
    plan.add("side/right", Adds(3, asked, fails), "top/a")
    plan.add("bottom/a", Adds(4, asked), "side/left", "side/right")
    return plan


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "rooms", threads=1)


def test_steps_get_the_results_of_what_they_need(tmp_path: Path, tools: Tools) -> None:
    done = carry_out(diamond([]), tmp_path, tools)
    assert done["bottom/a"].result == {"sum": 4 + (2 + 1) + (3 + 1)}
    assert list(done) == ["top/a", "side/left", "side/right", "bottom/a"]


def test_what_is_finished_is_not_done_again(tmp_path: Path, tools: Tools) -> None:
    asked: list[int] = []
    for _ in range(2):
        carry_out(diamond(asked), tmp_path, tools)
    assert asked == [1, 2, 3, 4]


def test_a_changed_setting_makes_anew_what_depends_on_it_alone_and_back_again_nothing(
    tmp_path: Path, tools: Tools
) -> None:
    asked: list[int] = []
    carry_out(diamond(asked), tmp_path, tools)
    del asked[:]
    done = carry_out(diamond(asked, left=20), tmp_path, tools)
    assert asked == [20, 4]
    assert done["bottom/a"].result == {"sum": 29}
    del asked[:]
    carry_out(diamond(asked), tmp_path, tools)
    assert asked == []


def test_a_step_that_fails_leaves_the_others_done(tmp_path: Path, tools: Tools) -> None:
    asked: list[int] = []
    plan = diamond(asked, fails=True)
    with pytest.raises(ZeroDivisionError):
        carry_out(plan, tmp_path, tools)
    assert list(all_finished(tmp_path, plan)) == ["top/a", "side/left"]
    del asked[:]
    carry_out(diamond(asked), tmp_path, tools)
    assert asked == [3, 4]


def test_a_part_is_done_with_all_that_it_needs(tmp_path: Path, tools: Tools) -> None:
    asked: list[int] = []
    carry_out(diamond(asked), tmp_path, tools, ["*/right", "top/*"])
    assert asked == [1, 3]
    with pytest.raises(RequestError, match="no step matches sides/x: they begin with bottom/, side/, top/"):
        carry_out(diamond(asked), tmp_path, tools, ["sides/x"])


def test_between_steps_the_user_can_stop(tmp_path: Path) -> None:
    asked: list[int] = []
    with pytest.raises(StoppedError):
        carry_out(diamond(asked), tmp_path, Tools(tmp_path, stop=lambda: len(asked) >= 2))
    assert asked == [1, 2]


def test_every_new_step_is_told_by_name_and_number(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        carry_out(diamond([]), tmp_path, Tools(tmp_path, tell=told.append))
    assert told == ["[1/4] top/a", "[2/4] side/left", "[3/4] side/right", "[4/4] bottom/a"]


def test_a_result_says_what_it_was_made_with(tmp_path: Path, tools: Tools) -> None:
    plan = diamond([])
    carry_out(plan, tmp_path, tools)
    step = plan.steps["side/left"]
    written = json.loads((place_of(tmp_path, plan, step) / "result.json").read_text())
    assert (written["step"], written["settings"]) == ("side/left", {"number": 2})
    assert written["needs"] == {"top/a": plan.key("top/a")}


def test_a_spoilt_result_is_told_with_its_place(tmp_path: Path, tools: Tools) -> None:
    plan = diamond([])
    carry_out(plan, tmp_path, tools)
    place = place_of(tmp_path, plan, plan.steps["top/a"])
    (place / "result.json").write_text("[]")
    with pytest.raises(DataError, match=r"top-a-.*is made again"):
        finished(tmp_path, plan, plan.steps["top/a"])


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(RequestError, match="another process is working"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


def test_a_plan_refuses_steps_out_of_order_or_twice_with_other_work() -> None:
    plan = diamond([])
    assert plan.add("top/a", Adds(1)) == "top/a", "the same again is no matter"
    for id, work, needs in (("top/a", Adds(9), ()), ("new", Adds(1), ("nowhere",))):
        with pytest.raises(AssertionError, match=id):
            plan.add(id, work, *needs)


def test_one_thread_is_for_a_while(tmp_path: Path) -> None:
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
