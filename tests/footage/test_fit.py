"""A teacher is fitted to a clip, and used only if it became better."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from excerpts import write_excerpt
from plain_scenes import CAMERA, corner, look_at

from deglare import load_model, open_sequence
from deglare.data.run_folder import RunFolder
from deglare.errors import RequestError
from deglare.footage.fit import Fitted, Fitting, Quality, chosen_teacher, views_disagree
from deglare.footage.settings import FitSettings
from deglare.footage.teachers import KeptTeacher
from deglare.footage.workplace import Workplace
from deglare.fusion.staging import Key, silently
from deglare.networks.teachers import NetworkTeacher
from deglare.types import DepthMap, Rgb

POSED = Key("posed", {}, "here")


class Foreign:
    name, fingerprint = "foreign", "1"

    def predict(self, rgb: Rgb) -> DepthMap:
        return DepthMap.of_positive(np.ones(rgb.shape[:2], dtype=np.float32))


def test_views_of_one_surface_agree_and_a_deeper_one_disagrees_by_its_logarithm() -> None:
    poses = [look_at((2.0, 2.0, 1.5)), look_at((2.1, 1.95, 1.5))]
    depths = [corner(pose) for pose in poses]
    assert views_disagree(depths[0], poses[0], depths[1], poses[1], CAMERA) < 0.01
    deeper = DepthMap(depths[1].metres * np.float32(1.3), depths[1].valid)
    found = views_disagree(depths[0], poses[0], deeper, poses[1], CAMERA)
    assert found == pytest.approx(math.log(1.3), abs=0.01)
    away = look_at((-2.0, -2.0, 1.5), (-4.0, -4.0, 1.5))
    assert math.isnan(views_disagree(depths[0], poses[0], depths[1], away, CAMERA))


def test_a_network_of_ours_is_fitted_and_nobody_elses(tmp_path: Path) -> None:
    foreign = KeptTeacher(Foreign(), tmp_path)
    ours = KeptTeacher(load_model("monodepth2-small"), tmp_path)
    assert chosen_teacher([foreign, ours], None) is ours
    with pytest.raises(RequestError, match="can be fitted"):
        chosen_teacher([foreign], None)
    with pytest.raises(RequestError, match="'foreign' is none of the teachers"):
        chosen_teacher([foreign, ours], "foreign")


def test_only_what_is_closer_without_disagreeing_more_is_used() -> None:
    before = Quality(0.10, 0.08)
    fitted = Fitted("monodepth2-small", 10, 50, before, Quality(0.08, 0.07))
    assert fitted.is_better and "it is used" in fitted.line()
    assert not replace(fitted, after=Quality(0.11, 0.05)).is_better
    assert not replace(fitted, after=Quality(0.08, 0.09)).is_better
    assert Fitted.from_json(fitted.to_json()) == fitted


def test_fitting_leaves_the_teacher_alone_and_is_done_once(tmp_path: Path) -> None:
    place = Workplace(RunFolder(tmp_path))
    write_excerpt(place.root / "posed", 0, frames=16)
    network = load_model("monodepth2-small")
    assert isinstance(network, NetworkTeacher)
    teacher = KeptTeacher(network, place.root / "depth")
    rgb = open_sequence(place.root / "posed")[0].rgb()
    raw = network.predict(rgb).metres
    settings = FitSettings(steps=2, batch=1, longest_side=64, learning_rate=1e-5)
    fitting = Fitting(place, settings, "torch", "cpu", silently)
    fitted, teachers = fitting.fit(POSED, [teacher])
    assert fitted.steps == 2 and fitted.triples >= 8 and fitted.before.photometric > 0
    assert np.array_equal(network.predict(rgb).metres, raw)
    assert teachers[0].name == ("monodepth2-small-fitted" if fitted.is_better else "monodepth2-small")
    weights = place.root / "fit" / "network.safetensors"
    written = weights.stat().st_mtime_ns
    assert fitting.fit(POSED, [teacher])[0] == fitted and weights.stat().st_mtime_ns == written
