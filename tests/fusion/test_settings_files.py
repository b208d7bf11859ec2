"""Settings come back from ``run.json`` as they went in, and what cannot be theirs is refused."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.errors import DataError, RequestError
from deglare.fusion.settings import PUBLISHED, LabelSettings, MeshSettings, Weights
from deglare.fusion.settings_files import (
    described,
    mesh_settings_from,
    name_of,
    range_from,
    strategy_from,
    strategy_named,
    threshold_of,
)
from deglare.fusion.strategies import STRATEGIES, Blend, ByDifference, ByRelativeUncertainty, ByUncertainty, ByViews
from deglare.geometry.volume_settings import VolumeSettings
from deglare.networks.disparity import KITTI, MetricRange

LENGTHS = st.floats(0.01, 1.0)


def through_json(value: object) -> object:
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_comes_back(name: str) -> None:
    strategy = STRATEGIES[name]
    assert strategy_from(through_json(described(strategy))) == strategy
    assert name_of(strategy) == name


@given(alpha=st.floats(0, 5), share=st.floats(0, 1), by=st.sampled_from(["uncertainty", "gap", "both", "agreed"]))
def test_a_strategy_keeps_its_numbers_and_its_name(alpha: float, share: float, by) -> None:
    named = {
        "uncertainty": (ByUncertainty(alpha), ByUncertainty(None, share)),
        "uncertainty-relative": (ByRelativeUncertainty(alpha),),
        "difference": (ByDifference(alpha),),
        "multiview": (ByViews(alpha, share),),
        {"uncertainty": "blend", "gap": "blend-gap", "both": "blend-both", "agreed": "blend-agreed"}[by]: (
            Blend(by, alpha),
        ),
    }
    for name, strategies in named.items():
        for strategy in strategies:
            assert strategy_from(through_json(described(strategy))) == strategy
            assert name_of(strategy) == name


@given(
    voxel_m=LENGTHS,
    clip=st.floats(1, 3),
    back=st.floats(1, 9),
    far_m=st.floats(2, 30),
    colour=st.booleans(),
    every=st.integers(1, 50),
    tau=st.floats(0.01, 0.99),
    weights=st.sampled_from(get_args(Weights)),
    scraps_m2=st.sampled_from([0.0, 0.1]),
)
def test_mesh_and_volume_come_back(voxel_m, clip, back, far_m, colour, every, tau, weights, scraps_m2) -> None:
    clip_m = voxel_m * clip
    volume = VolumeSettings(voxel_m, clip_m, clip_m * back, 0.2, far_m, colour, 1000)
    settings = MeshSettings(every, volume, "votes", weights, tau, scraps_m2)
    stage = {"base": "teacher", **described(settings)}
    assert mesh_settings_from(through_json(stage)) == settings


def test_the_default_and_the_published_mesh_come_back() -> None:
    for settings in (LabelSettings().mesh, PUBLISHED.mesh):
        assert mesh_settings_from(through_json(described(settings))) == settings


def test_a_field_that_came_later_is_written_only_where_it_says_something() -> None:
    assert "scraps_m2" not in described(MeshSettings())
    assert described(MeshSettings(scraps_m2=0.1)) == {**described(MeshSettings()), "scraps_m2": 0.1}


def test_a_range_of_depth_comes_back() -> None:
    for depths in (MetricRange(0.1, 10.0), KITTI):
        assert range_from(through_json(asdict(depths))) == depths


@pytest.mark.parametrize(
    "value",
    [
        None, [], "blend", {}, {"kind": "Path"}, {"kind": ["Blend"]}, {"kind": "Blend", "by": "chance"},
        {"kind": "ByUncertainty", "alpha_m": -1}, {"kind": "ByUncertainty", "alpha_m": "0.4"},
        {"kind": "ByUncertainty", "alpha": 0.4}, {"kind": "ByDifference", "share": None},
    ],
)  # fmt: skip
def test_what_is_no_strategy_is_refused(value: object) -> None:
    with pytest.raises(DataError):
        strategy_from(value)


@pytest.mark.parametrize(
    "change",
    [
        {"volume": None}, {"volume": {"voxel_m": 0}}, {"volume": {"voxels": 3}}, {"every": 0}, {"engine": "magic"},
        {"weights": "heavy"}, {"tau": 2}, {"scraps_m2": -1}, {"other": 1},
    ],
)  # fmt: skip
def test_what_is_no_mesh_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError):
        mesh_settings_from({**described(MeshSettings()), **change})


@pytest.mark.parametrize("value", [None, {"nearest_m": 3, "farthest_m": 1}, {"nearest_m": "a", "farthest_m": 1}])
def test_what_is_no_range_is_refused(value: object) -> None:
    with pytest.raises(DataError):
        range_from(value)


def test_a_threshold_goes_where_the_strategy_has_one() -> None:
    assert strategy_named("uncertainty", 0.2) == ByUncertainty(0.2)
    assert strategy_named("uncertainty-relative", 0.2) == ByRelativeUncertainty(0.2)
    assert strategy_named("difference", 0.2) == ByDifference(0.2)
    for name, strategy in STRATEGIES.items():
        assert strategy_named(name) == strategy
        if threshold_of(strategy) is None:
            assert strategy_named(name, 0.2) == strategy


def test_a_strategy_that_is_unknown_or_impossible_is_a_sentence() -> None:
    with pytest.raises(RequestError, match="no strategy 'magic'"):
        strategy_named("magic")
    for alpha in (-0.1, math.nan):
        with pytest.raises(RequestError, match="at least 0"):
            strategy_named("uncertainty", alpha)


def test_names_go_by_what_differs_least() -> None:
    assert name_of(replace(Blend("gap"), gap_deviations=9.0)) == "blend-gap"
