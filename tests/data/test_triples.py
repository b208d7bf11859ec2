from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deglare.data.triples import (
    Lost,
    TripleRule,
    find_triples,
    neighbours_of,
    require_poses,
    triple_lines,
    write_triples,
)
from deglare.errors import DataError, RequestError
from deglare.types import Frame, Sequence, rotation_degrees


def along_x(positions: list[float], turns_deg: list[float] | None = None) -> list[np.ndarray | None]:
    poses: list[np.ndarray | None] = []
    for x, degrees in zip(positions, turns_deg or [0.0] * len(positions), strict=True):
        pose, a = np.eye(4), np.radians(degrees)
        pose[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
        pose[0, 3] = x
        poses.append(pose)
    return poses


def slow_search(poses: list[np.ndarray | None], rule: TripleRule) -> list[tuple[int, int, int]]:
    """The rule of the paper, word by word."""

    def partner(t: int, direction: int) -> int | None:
        a = poses[t]
        for k in range(1, rule.reach + 1):
            j = t + direction * k
            if not 0 <= j < len(poses):
                return None
            b = poses[j]
            if a is None or b is None:
                continue
            moved, turned = np.linalg.norm(a[:3, 3] - b[:3, 3]), rotation_degrees(np.linalg.inv(b) @ a)
            if rule.nearest_m <= moved <= rule.farthest_m and turned <= rule.most_turn_deg:
                return j
        return None

    triples = []
    for t in range(0, len(poses), rule.every):
        before, after = partner(t, -1), partner(t, 1)
        if before is not None and after is not None:
            triples.append((before, t, after))
    return triples


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 80),
    step_m=st.floats(0.002, 0.08),
    turn_deg=st.floats(0.01, 2),
    every=st.integers(1, 12),
    reach=st.integers(1, 60),
)
def test_the_triples_are_those_of_a_search_word_by_word(
    seed: int, count: int, step_m: float, turn_deg: float, every: int, reach: int
) -> None:
    random = np.random.default_rng(seed)
    poses = along_x(
        list(np.cumsum(random.normal(step_m / 2, step_m, count))), list(np.cumsum(random.normal(0, turn_deg, count)))
    )
    poses = [None if random.random() < 0.1 else pose for pose in poses]
    rule = TripleRule(every=every, reach=reach)
    found = find_triples(poses, rule)
    assert list(found.found) == slow_search(poses, rule)
    assert len(found) + sum(found.lost.values()) == found.targets == len(range(0, count, every))


def test_neighbours_of_one_frame_are_those_of_its_triple_or_the_one_there_is() -> None:
    poses = along_x([0.02 * i for i in range(60)])
    for before, target, after in find_triples(poses, TripleRule(every=1)).found:
        assert neighbours_of(poses, target) == (before, after)
    assert neighbours_of(poses, 1) == (4,)
    assert neighbours_of(poses, 59) == (56,)
    assert neighbours_of(along_x([0.0, 1.0, 2.0]), 1) == ()


def test_a_steady_walk_takes_the_first_frame_that_is_far_enough() -> None:
    triples = find_triples(along_x([0.02 * i for i in range(60)]))
    assert triples.found == tuple((t - 3, t, t + 3) for t in (10, 20, 30, 40, 50))
    assert triples.lost == {Lost.ENDS.value: 1}


@pytest.mark.parametrize(
    ("positions", "turns", "reason"),
    [
        ([0.0001 * i for i in range(200)], None, Lost.STILL),
        ([0.2 * i for i in range(30)], None, Lost.TOO_LONG),
        ([0.06 * i for i in range(30)], [4.0 * i for i in range(30)], Lost.TURNS),
        ([0.0] * 30, None, Lost.ENDS),
    ],
)
def test_the_reason_why_there_are_none_is_given(
    positions: list[float], turns: list[float] | None, reason: Lost
) -> None:
    triples = find_triples(along_x(positions, turns))
    assert len(triples) == 0
    assert triples.main_reason == reason.value


def test_no_frames_give_no_targets() -> None:
    assert find_triples([]).targets == 0


@pytest.mark.parametrize(
    "wrong", [{"every": 0}, {"reach": 0}, {"nearest_m": 0.2}, {"nearest_m": -1.0}, {"most_turn_deg": 0.0}]
)
def test_a_rule_that_nothing_can_keep_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RequestError):
        TripleRule(**wrong)  # type: ignore[arg-type]


def test_the_file_names_frames_and_scene(tmp_path: Path, scene) -> None:
    poses = along_x([0.06 * i for i in range(21)])
    frames = tuple(Frame(f"f{i:02d}", scene.camera, lambda: scene.rgb(0), pose) for i, pose in enumerate(poses))
    sequence = Sequence("kitchen", frames, "test")
    write_triples(tmp_path / "t.jsonl", triple_lines(sequence, find_triples(require_poses(sequence))))
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert lines == [{"scene": "kitchen", "target": "f10", "previous": "f09", "next": "f11"}]


def test_a_sequence_without_poses_is_a_data_error(scene) -> None:
    sequence = Sequence("kitchen", (Frame("a", scene.camera, lambda: scene.rgb(0)),), "test")
    with pytest.raises(DataError, match="kitchen has no poses"):
        require_poses(sequence)


@pytest.mark.parametrize(
    ("step_m", "turn_deg", "fits"),
    [
        (0.0501, 0, True),
        (0.0999, 0, True),
        (0.07, 2.99, True),
        (0.07, 3.01, False),
        (0.1001, 0, False),
    ],
)
def test_the_limits_are_five_and_ten_centimetres_and_three_degrees(step_m: float, turn_deg: float, fits: bool) -> None:
    poses = along_x([-step_m, 0, step_m], [-turn_deg, 0, turn_deg])
    assert bool(find_triples([poses[1], *poses], TripleRule(every=2)).found) == fits
