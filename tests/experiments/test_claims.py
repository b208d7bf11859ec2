"""Every claim is decided by numbers that are made so that the answer is known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from made_results import Value, choice, measured

from deglare.experiments.claims import Claim, claims_of
from deglare.experiments.numbers import Numbers

MD, HR, VIT = NETWORKS = ("monodepth2-small", "hrdepth-small", "monovit-small")
TEACHERS = {MD: 1.2, HR: 1.1, VIT: 0.9}
Values = dict[tuple[str, str], Value]


def values(distilled: Mapping[str, float], noreflection: float = 1.0) -> Values:
    """Self-teaching is 1 everywhere; distillation is as given on Reflection frames, and 0.95 on all."""
    found: Values = {(name, "self-supervised"): teacher for name, teacher in TEACHERS.items()}
    for name in NETWORKS:
        found[name, "self-teaching"] = 1.0
        found[name, "distill3d"] = {
            "all": 0.85,
            "reflection": distilled[name],
            "no-reflection": noreflection,
            "highlight": 0.8,
        }
    return found


def decided(found: Mapping[tuple[str, str], Value]) -> dict[str, Claim]:
    arms = sorted({arm for _, arm in found if arm != "self-supervised"})
    experiment, done = measured(choice(arms), found)
    return {claim.id: claim for claim in claims_of(Numbers(experiment, done))}


def test_all_that_the_paper_claims_can_be_true() -> None:
    found = values({MD: 0.45, HR: 0.4, VIT: 0.3})
    for other in ("difference", "multiview"):
        found[MD, other] = {"all": 0.9, "reflection": 0.6}
    claims = decided(found)
    assert {id: claims[id].verdict for id in "abcde"} == dict.fromkeys("abcde", "yes")
    assert [fact.value for fact in claims["a"].facts] == pytest.approx([-0.55, -0.6, -0.7])
    assert [fact.what.split(",")[0] for fact in claims["c"].facts] == [MD, HR, VIT]


def test_half_is_asked_of_every_network() -> None:
    claims = decided(values({MD: 0.45, HR: 0.55, VIT: 0.3}))
    assert claims["a"].verdict == "no"
    assert claims["c"].verdict == "no", "the gain of the second is smaller than that of the first"


def test_two_per_cent_is_no_harm_and_three_are() -> None:
    same = {MD: 0.4, HR: 0.3, VIT: 0.2}
    assert decided(values(same, noreflection=1.019))["b"].verdict == "yes"
    assert decided(values(same, noreflection=1.03))["b"].verdict == "no"


def test_strength_is_what_teachers_show_and_not_the_order_of_names() -> None:
    found = values({MD: 0.3, HR: 0.4, VIT: 0.45})
    found |= {(MD, "self-supervised"): 0.5, (HR, "self-supervised"): 0.7, (VIT, "self-supervised"): 0.9}
    assert decided(found)["c"].verdict == "yes"


def test_uncertainty_must_beat_both_others_on_both_subsets() -> None:
    found = values({MD: 0.45, HR: 0.4, VIT: 0.3})
    found[MD, "difference"] = {"all": 0.9, "reflection": 0.44}
    assert decided(found)["d"].verdict == "not measured"
    found[MD, "multiview"] = 0.9
    assert decided(found)["d"].verdict == "no"


def test_a_student_worse_than_its_teacher_is_told() -> None:
    assert decided(values({MD: 1.3, HR: 0.3, VIT: 0.3}))["e"].verdict == "no"


def test_what_is_not_measured_is_not_claimed() -> None:
    claims = decided({(MD, "self-supervised"): 1.0, (MD, "self-teaching"): 1.0})
    assert {claim.verdict for claim in claims.values()} == {"not measured"}
    found = values({MD: 0.45, HR: 0.4, VIT: 0.3})
    del found[VIT, "distill3d"]
    claims = decided(found)
    assert claims["a"].verdict == claims["c"].verdict == "not measured"
    assert len(claims["a"].facts) == 2, "what there is is shown"


def test_the_best_way_beyond_is_held_to_all_three_aims() -> None:
    found = values({MD: 0.5, HR: 0.4, VIT: 0.3})
    found[MD, "robust"] = {"all": 0.8, "reflection": 0.34, "no-reflection": 1.01, "highlight": 0.39}
    found[MD, "robust-half"] = {"all": 0.8, "reflection": 0.4, "no-reflection": 1.0, "highlight": 0.1}
    claims = decided(found)
    assert claims["f"].verdict == "yes"
    assert claims["f"].facts[0].what == f"{MD} robust, Reflection"
    assert [fact.value for fact in claims["f"].facts] == pytest.approx([-0.32, 0.39 / 0.8 - 1, 0.01])
    found[HR, "robust"] = {"all": 0.8, "reflection": 0.39, "no-reflection": 1.0, "highlight": 0.5}
    claims = decided(found)
    assert claims["f"].verdict == "yes", "other networks are told, and do not decide"
    assert [fact.what for fact in claims["f"].facts[3:]] == [
        f"{HR} robust, {where}" for where in ("Reflection", "highlights", "NoReflection")
    ]
    found[MD, "robust"] = {"all": 0.8, "reflection": 0.34, "no-reflection": 1.1, "highlight": 0.39}
    assert decided(found)["f"].verdict == "no"


def test_one_teacher_is_enough_where_its_student_is_no_worse() -> None:
    found = values({MD: 0.5, HR: 0.4, VIT: 0.3})
    found[MD, "robust-one"] = {"all": 0.8, "reflection": 0.5}
    assert decided(found)["g"].verdict == "yes"
    found[MD, "robust-one"] = {"all": 0.8, "reflection": 0.51}
    assert decided(found)["g"].verdict == "no"


def test_both_together_must_beat_each_alone_and_harm_nothing() -> None:
    found = values({MD: 0.5, HR: 0.4, VIT: 0.3})
    found |= {(MD, "triplet"): 0.8, (MD, "triplet-distilled"): 0.45}
    assert decided(found)["h"].verdict == "not measured"
    found[MD, "triplet-3d"] = {"all": 0.8, "reflection": 0.44, "no-reflection": 1.01}
    found[MD, "triplet-union"] = {"all": 0.8, "reflection": 0.6, "no-reflection": 0.5}
    claim = decided(found)["h"]
    assert claim.verdict == "yes" and claim.facts[0].what.startswith("triplet-3d")
    assert [fact.value for fact in claim.facts] == pytest.approx([-0.12, 0.44 / 0.8 - 1, 0.44 / 0.45 - 1, 0.01])
    found[MD, "triplet-3d"] = {"all": 0.8, "reflection": 0.46, "no-reflection": 1.0}
    assert decided(found)["h"].verdict == "no"


def test_the_papers_own_changes_stand_beside_ours() -> None:
    facts = decided(values({MD: 0.45, HR: 0.4, VIT: 0.3}))["a"].facts
    assert [fact.paper for fact in facts] == pytest.approx([0.093 / 0.188 - 1, 0.090 / 0.208 - 1, 0.068 / 0.195 - 1])
    assert facts[0].text() == "monodepth2-small, reflection: -55% [-55%, -55%] (paper -51%)"
