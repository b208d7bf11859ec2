"""What is said before work begins."""

from __future__ import annotations

import json
import math

import pytest

from deglare.data.video_facts import VideoFacts
from deglare.errors import RequestError
from deglare.footage.lens import field_of_view_deg, focal_start
from deglare.footage.plan import Plan, planned
from deglare.footage.settings import FitSettings, VideoSettings
from deglare.footage.teachers import (
    EXPECT_SHIPPED,
    FOUNDATION_FILES,
    FOUNDATION_NAME,
    SHIPPED,
    chosen_teachers,
    foundation_on_disk,
    load_teachers,
)


def facts(duration_s: float = 20.0, rate_hz: float = 30.0, focal_35mm: float | None = None) -> VideoFacts:
    return VideoFacts("mov", "h264", (1920, 1080), 90, rate_hz, duration_s, 600, False, focal_35mm)


def plan(duration_s: float = 20.0, rate_hz: float = 30.0, settings: VideoSettings | None = None) -> Plan:
    return planned(facts(duration_s, rate_hz), settings or VideoSettings(), SHIPPED, EXPECT_SHIPPED, 2)


def test_a_plan_says_size_time_memory_and_teachers() -> None:
    found = plan()
    assert (found.looked_at, found.most_kept, found.working_hw) == (600, 240, (640, 360))
    assert 20 < found.total_s < 2000 and 500 < found.memory_mb < 8000
    text = " ".join(found.lines())
    assert "1080x1920 pixels, 20.0 s" in text and "monodepth2-small" in text and "turned by 90 degrees" in text
    assert json.loads(json.dumps(found.to_json()))["total_s"] == pytest.approx(found.total_s, abs=0.1)


def test_fast_cameras_are_looked_at_thirty_times_a_second() -> None:
    assert plan(rate_hz=58.4).looked_at == 600
    assert plan(rate_hz=24.0).looked_at == 480


def test_a_long_clip_is_cut_and_the_plan_says_so() -> None:
    found = plan(duration_s=3600.0)
    assert (found.start_s, found.end_s, found.looked_at) == (0.0, 120.0, 3600)
    assert any("only 0 to 120 s of 3600 s" in note for note in found.notes)
    whole = plan(duration_s=3600.0, settings=VideoSettings(seconds=3600.0))
    assert (whole.step_s, whole.looked_at, whole.most_kept) == (1.0, 3600, 240)


def test_a_short_clip_and_one_without_a_rate_are_noted() -> None:
    assert any("are short" in note for note in plan(duration_s=1.0).notes)
    assert any("states no rate" in note for note in plan(rate_hz=0.0).notes)


def test_more_work_takes_longer() -> None:
    assert plan(settings=VideoSettings(most_frames=60)).total_s < plan().total_s
    assert plan(settings=VideoSettings(fit=FitSettings())).seconds["fit"] > 10


def test_a_start_after_the_end_is_refused() -> None:
    with pytest.raises(RequestError, match=r"ends after 20\.0 s"):
        plan(settings=VideoSettings(start_s=30.0))


def test_the_focal_length_comes_from_the_user_first_then_from_the_phone() -> None:
    given = focal_start(facts(focal_35mm=26.0), VideoSettings(focal_px=1500.0), (640, 360))
    assert (given.focal_px, given.is_fixed, given.origin) == (500.0, True, "given")
    by_angle = focal_start(facts(), VideoSettings(fov_deg=90.0), (640, 360))
    assert by_angle.focal_px == pytest.approx(320) and by_angle.is_fixed
    written = focal_start(facts(focal_35mm=43.27), VideoSettings(), (640, 360))
    assert written.focal_px == pytest.approx(math.hypot(640, 360)) and not written.is_fixed
    assert focal_start(facts(), VideoSettings(), (640, 360)).focal_px is None
    assert field_of_view_deg(320.0, (640, 360)) == pytest.approx(90)


def test_named_teachers_are_taken_and_the_foundation_model_only_where_it_lies(monkeypatch, tmp_path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    assert chosen_teachers(["hf:some/model"]).names == ("hf:some/model",)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda repo, name: None)
    assert chosen_teachers().names == SHIPPED
    with pytest.raises(RequestError, match="not on this machine"):
        load_teachers((FOUNDATION_NAME,), "torch", "cpu")
    for name in FOUNDATION_FILES:
        (tmp_path / name).write_text("")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda repo, name: str(tmp_path / name))
    pytest.importorskip("transformers")
    assert chosen_teachers().names == (FOUNDATION_NAME,) and foundation_on_disk() == tmp_path
