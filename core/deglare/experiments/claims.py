"""What the paper claims, and what we aim at, each answered by the numbers: yes, no, or not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from deglare.experiments.arms import ARMS, DISTILLED, SELF_SUPERVISED, SELF_TEACHING, TRIPLET, TRIPLET_DISTILLED
from deglare.experiments.numbers import Interval, Numbers, Spot
from deglare.experiments.paper import paper_value
from deglare.experiments.sources import ALL, NO_REFLECTION, REFLECTION

HALF, THIRTY_PERCENT = -0.5, -0.3
HARM = 0.02
"""A number that is larger by no more than this share is not harmed."""

AIMS = {
    "Reflection": (REFLECTION, "all", THIRTY_PERCENT),
    "highlights": (ALL, "highlight", HALF),
    "NoReflection": (NO_REFLECTION, "all", HARM),
}
"""Beyond the paper: subset, region, and how far Sq Rel must fall, or may rise."""

YES, NO, NOT_MEASURED = "yes", "no", "not measured"


@dataclass(frozen=True)
class Fact:
    """One number that a claim rests on."""

    what: str
    value: float
    low: float | None = None
    high: float | None = None
    paper: float | None = None

    def text(self) -> str:
        """As a share in per cent."""
        ends = "" if self.low is None or self.high is None else f" [{self.low:+.0%}, {self.high:+.0%}]"
        printed = "" if self.paper is None else f" (paper {self.paper:+.0%})"
        return f"{self.what}: {self.value:+.0%}{ends}{printed}"


@dataclass(frozen=True)
class Claim:
    """One claim on one split."""

    id: str
    split: str
    text: str
    verdict: str
    facts: tuple[Fact, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return asdict(self)


def claims_of(numbers: Numbers) -> list[Claim]:
    """All of them, on every split that is measured."""
    splits = numbers.experiment.choice.splits
    asked = (halves, harmless, grows_with_strength, uncertainty_is_best, beats_teachers, beyond, one_is_enough, both)
    return [claim(numbers, split) for split in splits for claim in asked]


def halves(numbers: Numbers, split: str) -> Claim:
    """(a)"""
    facts = _changes(numbers, DISTILLED, SELF_TEACHING, Spot(split, REFLECTION))
    text = "on Reflection frames, distillation cuts Sq Rel against self-teaching by at least half, for every network"
    return _claim("a", split, text, facts, len(_networks(numbers)), lambda one: one.value <= HALF)


def harmless(numbers: Numbers, split: str) -> Claim:
    """(b)"""
    facts = _changes(numbers, DISTILLED, SELF_TEACHING, Spot(split, NO_REFLECTION))
    text = f"on NoReflection frames it does no harm: Sq Rel grows by no more than {HARM:.0%}"
    return _claim("b", split, text, facts, len(_networks(numbers)), lambda one: one.value <= HARM)


def grows_with_strength(numbers: Numbers, split: str) -> Claim:
    """(c): the strength of a network is the Abs Rel of its teacher on all frames."""
    strength = {
        name: numbers.sample(name, SELF_SUPERVISED, Spot(split, metric="abs_rel")) for name in _networks(numbers)
    }
    known = {name: one.mean for name, one in strength.items() if one is not None}
    ranked = sorted(known, key=lambda name: known[name], reverse=True)
    facts = _changes(numbers, DISTILLED, SELF_TEACHING, Spot(split, REFLECTION), ranked)
    text = "the stronger the network, the larger that gain (networks from the weakest teacher to the strongest)"
    if len(facts) < 2 or len(facts) < len(_networks(numbers)):
        return Claim("c", split, text, NOT_MEASURED, tuple(facts))
    rises = all(stronger.value < weaker.value for weaker, stronger in pairwise(facts))
    return Claim("c", split, text, YES if rises else NO, tuple(facts))


def uncertainty_is_best(numbers: Numbers, split: str) -> Claim:
    """(d)"""
    network = _networks(numbers)[0]
    facts: list[Fact] = []
    for other in ("difference", "multiview"):
        for subset in (ALL, REFLECTION):
            found = numbers.change(network, DISTILLED, other, Spot(split, subset))
            if found is not None:
                paper = _paper_change(network, ARMS[DISTILLED].paper, ARMS[other].paper, Spot(split, subset))
                facts.append(_fact(f"Sq Rel against {other}, {subset}", found, paper))
    text = "uncertainty beats difference and multiview"
    return _claim("d", split, text, facts, 4, lambda one: one.value < 0)


def beats_teachers(numbers: Numbers, split: str) -> Claim:
    """(e)"""
    facts = [
        fact
        for subset in (ALL, REFLECTION)
        for fact in _changes(numbers, DISTILLED, SELF_SUPERVISED, Spot(split, subset))
    ]
    text = "students beat their teachers in Sq Rel, on all frames and on Reflection frames"
    return _claim("e", split, text, facts, 2 * len(_networks(numbers)), lambda one: one.value < 0)


def beyond(numbers: Numbers, split: str) -> Claim:
    """(f): the best arm is chosen on the first split, whichever is looked at; the first network decides."""
    text = (
        "the best way beyond the paper lowers Sq Rel against plain 3D Distillation by a further 30 % on Reflection "
        "frames and by half on highlights, without harm on NoReflection frames (the first network decides)"
    )
    first, *others = (_beyond(numbers, network, split) for network in _networks(numbers))
    facts = [fact for found in (first, *others) for fact, _ in found]
    if len(first) < len(AIMS):
        return Claim("f", split, text, NOT_MEASURED, tuple(facts))
    return Claim("f", split, text, YES if all(fact.value <= aim for fact, aim in first) else NO, tuple(facts))


def _beyond(numbers: Numbers, network: str, split: str) -> list[tuple[Fact, float]]:
    """What one network's best arm changes, each with its aim."""
    best = _best(numbers, network, [arm.name for arm in ARMS.values() if arm.table == "beyond"])
    if best is None:
        return []
    changes = {
        where: (numbers.change(network, best, DISTILLED, Spot(split, subset, region)), aim)
        for where, (subset, region, aim) in AIMS.items()
    }
    return [(_fact(f"{network} {best}, {where}", one), aim) for where, (one, aim) in changes.items() if one is not None]


def one_is_enough(numbers: Numbers, split: str) -> Claim:
    """(g)"""
    network = _networks(numbers)[0]
    best = _best(numbers, network, [arm.name for arm in ARMS.values() if not arm.ensemble])
    found = None if best is None else numbers.change(network, best, DISTILLED, Spot(split, REFLECTION))
    facts = [] if found is None else [_fact(f"{best}, Reflection", found)]
    text = "one teacher does no worse than the paper's three: Sq Rel on Reflection frames, against 3D Distillation"
    return _claim("g", split, text, facts, 1, lambda one: one.value <= 0)


def both(numbers: Numbers, split: str) -> Claim:
    """(h): the combination is chosen on the first split, whichever is looked at."""
    network = _networks(numbers)[0]
    text = (
        "triplet mining and 3D Distillation together beat each alone in Sq Rel on Reflection frames, without harm on "
        "NoReflection frames"
    )
    best = _best(numbers, network, [arm.name for arm in ARMS.values() if arm.mined_base])
    if best is None:
        return Claim("h", split, text, NOT_MEASURED, ())
    facts: list[Fact] = []
    for other in (DISTILLED, TRIPLET, TRIPLET_DISTILLED):
        found = numbers.change(network, best, other, Spot(split, REFLECTION))
        facts += [] if found is None else [_fact(f"{best} against {other}, Reflection", found)]
    harm = numbers.change(network, best, DISTILLED, Spot(split, NO_REFLECTION))
    facts += [] if harm is None else [_fact(f"{best} against {DISTILLED}, NoReflection", harm)]
    return _claim("h", split, text, facts, 4, lambda one: one.value < (HARM if "NoReflection" in one.what else 0))


def _best(numbers: Numbers, network: str, arms: Iterable[str]) -> str | None:
    """The arm with the smallest Sq Rel on Reflection frames of the first split, where choices are made."""
    spot = Spot(numbers.experiment.choice.splits[0], REFLECTION)
    found = {arm: numbers.sample(network, arm, spot) for arm in arms}
    means = {arm: sample.mean for arm, sample in found.items() if sample is not None}
    return min(means, key=lambda arm: means[arm], default=None)


def _claim(id: str, split: str, text: str, facts: list[Fact], wanted: int, holds: Callable[[Fact], bool]) -> Claim:
    """Decided where all facts are there."""
    if len(facts) < wanted:
        return Claim(id, split, text, NOT_MEASURED, tuple(facts))
    return Claim(id, split, text, YES if all(map(holds, facts)) else NO, tuple(facts))


def _changes(numbers: Numbers, arm: str, against: str, spot: Spot, networks: Iterable[str] | None = None) -> list[Fact]:
    """For each network that has both arms."""
    facts: list[Fact] = []
    for network in _networks(numbers) if networks is None else networks:
        found = numbers.change(network, arm, against, spot)
        if found is not None:
            paper = _paper_change(network, _PAPER_MAIN[arm], _PAPER_MAIN[against], spot)
            facts.append(_fact(f"{network}, {spot.subset}", found, paper))
    return facts


_PAPER_MAIN = {SELF_SUPERVISED: "self-supervised", SELF_TEACHING: "self-teaching", DISTILLED: "3D Distillation"}


def _paper_change(network: str, arm: str | None, against: str | None, spot: Spot) -> float | None:
    ours, theirs = (None if row is None else paper_value(network, row, spot) for row in (arm, against))
    return None if ours is None or theirs is None else ours / theirs - 1


def _fact(what: str, found: Interval, paper: float | None = None) -> Fact:
    return Fact(what, found.value, found.low, found.high, paper)


def _networks(numbers: Numbers) -> tuple[str, ...]:
    return numbers.experiment.choice.scale.networks
