"""The tab of annotations in a browser: tagged by key, painted, carried; nothing is lost when the server dies."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from marking import DESK, Marker, Mortal, marking_app

from deglare.annotation import open_annotations, stroke
from deglare.annotation.actions import points_of, radius_of
from deglare.annotation.rasters import brush, polygon
from deglare_viewer.app import Options, make_app
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZE_HW = (64, 96)
STROKES = 60


@pytest.fixture
def run(glare_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(glare_folder, tmp_path / "glare"))


@pytest.fixture
def here(page: Page, serve: Callable[[Any], str], run: Path) -> Marker:
    return Marker(page, serve(marking_app(run))).open()


def test_a_key_tags_the_frame_and_the_next_of_the_queue_comes(here: Marker, run: Path) -> None:
    here.until("desk.now.queue.length > 0")
    first, queue = here.frame, here.ask("desk.now.queue")
    expected = next(frame for frame in queue if frame != first)
    here.key("1").until(f"desk.counted.frame === '{expected}'")
    here.key("2").until(f"desk.counted.frame !== '{expected}'").saved()
    with open_annotations(run, read_only=True) as kept:
        assert kept.tags("ann") == {first: "reflective", expected: "not-reflective"}
    here.key("Control+z").until(f"desk.counted.frame === '{expected}' && !desk.now.tags['{expected}']")
    for _ in range(12):
        here.key("3")
    here.saved()
    assert len(here.ask("Object.keys(desk.now.tags)")) == 12
    assert "Every frame is tagged" in here.page.locator(".note").inner_text()


def test_a_stroke_is_there_after_a_reload_and_is_undone_and_redone(here: Marker) -> None:
    assert here.pixels() == 0
    here.paint((20, 20), (60, 24)).saved()
    painted = here.pixels()
    assert painted > 200
    here.key("6").key("p")
    for corner in ((70, 40), (90, 40), (90, 60), (70, 60)):
        here.page.mouse.click(*here.place(*corner))
    here.key("Enter").saved()
    assert here.pixels() == painted + 400 and here.ask("desk.picture.mask()[50 * 96 + 80]") == 2
    frame = here.frame
    here.open()
    here.until(f"desk.frames.get('{frame}')?.state")
    here.page.evaluate(f"{DESK}.acts.go('{frame}')")
    assert here.pixels() == painted + 400
    here.key("Control+z").saved().until(f"desk.picture.mask().filter(Boolean).length === {painted}")
    here.key("Control+z").until("!desk.picture.mask().some(Boolean)")
    here.key("Control+Shift+z").key("Control+Shift+z").saved()
    here.until(f"desk.picture.mask().filter(Boolean).length === {painted + 400}")
    here.key("e").paint((75, 50), (85, 50)).saved()
    assert here.pixels() < painted + 400


@pytest.fixture
def mortal(run: Path) -> Iterator[Mortal]:
    server = Mortal(run)
    server.start()
    yield server
    server.kill()


def test_nothing_is_lost_when_the_server_is_killed_between_strokes(page: Page, mortal: Mortal, run: Path) -> None:
    here = Marker(page, mortal.address).open()
    here.paint((20, 12), (60, 12)).saved()
    first = here.pixels()
    mortal.kill()
    here.paint((20, 32), (60, 32))
    page.locator(".saved.bad").wait_for()
    assert "not saved" in here.said and "still running" in here.said and here.pixels() > first
    here.paint((20, 52), (60, 52))
    both = here.pixels()
    mortal.start()
    here.saved()
    assert here.pixels() == both
    mortal.kill()
    frame = here.frame
    here.key("1")
    page.locator(".saved.bad").wait_for()
    mortal.start()
    here.open()  # a page that is loaded anew knows what was not saved
    here.saved()
    with open_annotations(run, read_only=True) as kept:
        assert (kept.state("ann", frame).surfaces > 0).sum() == both
        assert [entry.action.kind for entry in kept.log("ann", frame)] == ["paint", "paint", "paint", "tag"]


def test_a_mask_is_carried_and_proposals_are_accepted_and_rejected(here: Marker, run: Path) -> None:
    here.paint((30, 20), (60, 40)).saved()
    origin = here.frame
    here.key("c").until("desk.now.waiting.size > 3")
    here.key("w").until(f"desk.now.frame !== '{origin}' && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    taken = here.frame
    here.key("a").until(f"desk.now.frame !== '{taken}' && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    left = here.frame
    here.key("x").until(f"desk.now.frame !== '{left}' && desk.frames.get(desk.now.frame)?.proposals.length === 1")
    here.key("Shift+A").until("desk.now.waiting.size === 0").saved()
    with open_annotations(run, read_only=True) as kept:
        assert kept.state("ann", taken).surfaces.any() and not kept.state("ann", left).surfaces.any()
        assert len([name for name in kept.frames.names if kept.state("ann", name).surfaces.any()]) > 4


def test_the_page_marks_the_same_pixels_as_the_server(here: Marker) -> None:
    rng = np.random.default_rng(3)
    strokes: list[dict[str, Any]] = []
    for number in range(STROKES):
        points = (rng.integers(-160, 1700, (int(rng.integers(3, 7)), 2)) / 16).tolist()
        kind = ("paint", "erase", "polygon")[number % 3]
        more: dict[str, Any] = {"surface": "wet"} if kind == "polygon" else {"radius": float(rng.integers(1, 200)) / 16}
        strokes.append({"kind": kind, "points": points, **more, **({"surface": "wet"} if kind == "paint" else {})})
    seen = here.page.evaluate(
        """async (strokes) => {
          const {applyStroke} = await import('/studio/static/annotate_rasters.js');
          return strokes.map((stroke) => {
            const mask = new Uint8Array(64 * 96);
            applyStroke(mask, [64, 96], stroke, 1);
            return Array.from(mask);
          });
        }""",
        strokes,
    )
    for sent, shown in zip(strokes, seen, strict=True):
        action = stroke(sent)
        points = points_of(action)
        kept = polygon(points, SIZE_HW) if action.kind == "polygon" else brush(points, radius_of(action), SIZE_HW)
        assert np.array_equal(np.array(shown).reshape(SIZE_HW) > 0, kept), sent


def test_two_people_mark_blindly_are_compared_and_settled(here: Marker, run: Path, chromium: Browser) -> None:
    here.paint((30, 20), (60, 20)).saved()
    frame = here.frame
    here.key("1").saved()
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    other = Marker(context.new_page(), here.address).open("bob")
    other.page.get_by_label("second pass over the frames of").select_option("ann")
    other.until(f"desk.counted.frame === '{frame}'")
    assert other.pixels() == 0
    other.paint((30, 24), (60, 24)).key("1").saved()
    other.page.get_by_role("button", name="compare two annotators").click()
    other.page.locator(".agree tbody tr").first.wait_for()
    assert other.page.locator(".agree tbody th").all_inner_texts() == ["any surface", "glossy"]
    other.page.locator(".choices button", has_text="bob").first.click()
    other.page.get_by_role("button", name="keep, rest as ann").click()
    other.page.locator(".differing .done").wait_for()
    context.close()
    with open_annotations(run, read_only=True) as kept:
        settled = kept.state("settled", frame)
    assert settled.tag == "reflective" and settled.surfaces.any()


def test_a_studio_for_reading_shows_marks_and_takes_none(page: Page, serve: Callable[[Any], str], run: Path) -> None:
    with open_annotations(run) as kept:
        kept.do("ann", "000", stroke({"kind": "paint", "points": [[30, 30]], "radius": 5, "surface": "wet"}))
    here = Marker(page, serve(marking_app(run, is_read_only=True))).open(None)
    here.until("desk.picture.mask().some(Boolean)")
    before = here.pixels()
    here.paint((10, 10), (50, 50)).key("1")
    assert here.pixels() == before and here.ask("desk.saving.standing().waiting") == 0
    assert page.get_by_role("button", name="carry to other frames").is_disabled()


def test_the_tab_stands_in_the_studio_and_fits_its_window(page: Page, serve: Callable[[Any], str], run: Path) -> None:
    page.set_default_timeout(60_000)
    page.goto(serve(make_app(RunTable([run]), Options())))
    page.get_by_role("tab", name="Annotate").click()
    page.locator(".who input").fill("ann")
    page.keyboard.press("Enter")
    page.wait_for_function(f"{DESK}.counted.count > 0")
    for width, height in ((1280, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight + 4")
        for box in (one.bounding_box() for one in page.locator(".dg-annotate button:visible").all()):
            assert box and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height
    page.keyboard.press("2")
    page.locator(".saved.good", has_text="saved").wait_for()
    assert page.locator(".dg-mount").count() and "deglare.annotator" in page.evaluate("Object.keys(localStorage)")
