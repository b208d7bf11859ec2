"""Predicted depth is brought to known points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plain_scenes import CAMERA, corner, look_at

from deglare.footage.aligning import AlignedTeacher, Alignment, Known, alignment, left_out
from deglare.footage.teachers import KeptTeacher, picture_digest
from deglare.types import DepthMap, Rgb

TRUTH = corner(look_at((2.0, 2.2, 1.6)))


def regressed(truth: DepthMap) -> DepthMap:
    """What a network says that knows other rooms: near things are too far, far ones too near, all of it tilted."""
    u = np.linspace(-1, 1, truth.size_hw[1])[None]
    return DepthMap.of_positive(2.0 * truth.metres**0.6 * np.exp(0.1 * u))


def seen(count: int = 150) -> Known:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 96, count), rng.integers(0, 72, count)
    return Known(np.stack([x, y], axis=1).astype(np.float64), TRUTH.metres[y, x].astype(np.float64))


def off(depth: DepthMap) -> float:
    return float(np.median(np.abs(np.log(depth.metres / TRUTH.metres))))


def test_a_scale_an_exponent_and_a_tilt_are_undone() -> None:
    predicted = regressed(TRUTH)
    assert off(predicted) > 0.2
    assert off(alignment(predicted, seen()).applied(predicted)) < 0.03
    before, after = left_out(predicted, seen())
    assert np.median(after) < 0.2 * np.median(before)


def test_mirror_images_among_the_points_carve_no_hole() -> None:
    known, predicted = seen(), regressed(TRUTH)
    is_mirrored = np.arange(len(known.metres)) % 5 == 0
    deeper = Known(known.xy, np.where(is_mirrored, 2.5 * known.metres, known.metres))
    assert off(alignment(predicted, deeper).applied(predicted)) < 0.07


def test_a_handful_of_points_changes_nothing() -> None:
    assert alignment(regressed(TRUTH), seen(8)) == Alignment()


def test_right_depth_stays_as_it_is() -> None:
    assert off(alignment(TRUTH, seen()).applied(TRUTH)) < 0.01


class Regressing:
    name, fingerprint = "regressing", "1"

    def predict(self, rgb: Rgb) -> DepthMap:
        return regressed(TRUTH)


def test_a_teacher_aligns_the_pictures_that_are_known_and_no_others(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (*CAMERA.size_hw, 3)).astype(np.uint8)
    kept = KeptTeacher(Regressing(), tmp_path)
    teacher = AlignedTeacher(kept, {picture_digest(rgb): Alignment(shift=float(np.log(2)))})
    raw = kept.predict(rgb).metres
    assert teacher.predict(rgb).metres == pytest.approx(2 * raw, rel=1e-5)
    assert teacher.predict(255 - rgb).metres == pytest.approx(raw)
    assert teacher.fingerprint != AlignedTeacher(kept, {}).fingerprint


def test_depth_that_was_predicted_once_is_read(tmp_path: Path) -> None:
    rgb = np.zeros((*CAMERA.size_hw, 3), dtype=np.uint8)
    first = KeptTeacher(Regressing(), tmp_path).predict(rgb)
    assert len(list(tmp_path.rglob("*.png"))) == 1
    assert np.array_equal(KeptTeacher(Regressing(), tmp_path).predict(rgb).metres, first.metres)
    assert first.metres == pytest.approx(regressed(TRUTH).metres, abs=6e-4)
