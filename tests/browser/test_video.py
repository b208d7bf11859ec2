"""A visitor's own clip in a browser: brought, planned, worked through, opened, taken away, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bringing import CLIP_BYTES, RULES, go, pretended
from clips import write_clip
from open_runs import make_glare_run

from deglare.data.files import read_rgb
from deglare.samples import sample_scene_path
from deglare_viewer.app import Options, make_app
from deglare_viewer.films.filming import Filming
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

FRAMES = 26
WORK_MS = 600_000
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def glare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_glare_run(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A walk through a rendered room whose depth is known."""
    pictures = sorted((sample_scene_path() / "color").iterdir())[:FRAMES]
    return write_clip(tmp_path_factory.mktemp("clips") / "room.mp4", (read_rgb(path) for path in pictures))


Enter = Callable[[Filming], str]


@pytest.fixture
def enter(page: Page, serve: Callable[[Any], str]) -> Iterator[Enter]:
    """Serves a studio that takes clips and opens its Video tab."""
    opened: list[Filming] = []

    def open_(films: Filming) -> str:
        opened.append(films)
        address = serve(make_app(films.table, Options(rules=RULES, films=films)))
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        tab(page, "Video")
        return address

    yield open_
    for films in opened:
        films.close()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def at(page: Page, what: str) -> Locator:
    return page.locator(f"#dg-films {what}")


def bring(page: Page, path: Path) -> None:
    at(page, "input[type=file]").set_input_files(path)


def rows(page: Page) -> dict[str, str]:
    names, values = at(page, "dt").all_inner_texts(), at(page, "dd").all_inner_texts()
    return dict(zip(names, values, strict=True))


def test_a_clip_becomes_a_run_that_can_be_looked_at_and_a_mesh_to_keep(
    page: Page, enter: Enter, glare: Path, clip: Path, tmp_path: Path
) -> None:
    flags = ("--teachers", "monodepth2-small", "--threads", "1")
    films = Filming(tmp_path / "uploads", RunTable([glare]), extra=flags)
    enter(films)
    assert "deleted" in at(page, ".empty").inner_text() and "24 hours" in at(page, ".empty").inner_text()
    bring(page, clip)
    at(page, ".plan dl").wait_for()
    assert rows(page)["clip"].startswith(f"384 x 288 pixels, {FRAMES / 10} s")
    assert "Nothing has begun" in at(page, ".plan").inner_text()
    page.get_by_label("field of view").fill("59")
    page.get_by_role("button", name="start").click()
    at(page, ".stages .now").wait_for()
    page.wait_for_function("document.querySelectorAll('#dg-films .stages .past').length > 1", timeout=WORK_MS)
    page.reload()
    tab(page, "Video")
    at(page, ".headline").wait_for(timeout=WORK_MS)
    assert "Cameras are believed for" in at(page, ".headline").inner_text()
    assert rows(page)["lens"].endswith("as you gave it") and "m from the first" in rows(page)["path"]
    page.wait_for_function("document.querySelector('#dg-films video').readyState >= 1")
    with page.expect_download() as saving:
        at(page, ".files a[title='mesh.glb']").click()
    assert saving.value.suggested_filename == "room_mesh.glb"
    assert saving.value.path().read_bytes().startswith(b"glTF")
    page.get_by_role("button", name="look at every pixel").click()
    page.wait_for_function("document.querySelector('.dg-mount')?.studio?.drawn?.count > 0")
    page.wait_for_function("new URLSearchParams(location.search).get('run')?.startsWith('room-')")
    assert page.locator("#dg-run input").input_value() == "room"
    page.goto(page.url)
    page.wait_for_function("document.querySelector('.dg-mount')?.studio?.drawn?.count > 0")
    assert page.locator("#dg-run input").input_value() == "room"


@pytest.fixture
def films(tmp_path: Path, glare: Path) -> Filming:
    """Clips on which nobody really works."""
    return pretended(tmp_path / "uploads", RunTable([glare]), extra=("--from", str(glare)), most_bytes=CLIP_BYTES)


def test_work_is_stopped_goes_on_and_is_found_again_by_whoever_began_it_alone(
    page: Page, enter: Enter, films: Filming, clip: Path, chromium: Browser
) -> None:
    address = enter(films)
    bring(page, clip)
    page.get_by_role("button", name="start").click()
    at(page, ".stages .now").filter(has_text="choosing sharp frames").wait_for()
    page.get_by_role("button", name="cancel").click()
    at(page, ".says").filter(has_text="stopped while choosing sharp frames").wait_for()
    page.get_by_role("button", name="go on").click()
    at(page, ".stages .now").wait_for()
    other = chromium.new_page()
    other.goto(address)
    tab(other, "Video")
    at(other, ".empty").wait_for()
    other.close()
    (film,) = films._films.values()
    page.reload()
    tab(page, "Video")
    at(page, ".stages .now").wait_for()
    go(film)
    at(page, ".headline").wait_for()
    page.locator("#dg-run input").click()
    page.locator("[data-testid=dropdown-option]", has_text="room").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="delete now").click()
    page.get_by_role("button", name="really delete").click()
    at(page, ".empty").wait_for()
    assert not film.root.exists()


def test_what_is_no_video_and_what_makes_no_sense_get_a_sentence(
    page: Page, enter: Enter, films: Filming, clip: Path, tmp_path: Path
) -> None:
    enter(films)
    shutil.copy(__file__, tmp_path / "words.mp4")
    bring(page, tmp_path / "words.mp4")
    at(page, ".refused").filter(has_text="words.mp4 is not a video").wait_for()
    (tmp_path / "large.mp4").write_bytes(bytes(films.most_bytes + 1))
    bring(page, tmp_path / "large.mp4")
    at(page, ".refused").filter(has_text="large.mp4 has 2 MB, and at most 2 MB are taken").wait_for()
    bring(page, clip)
    at(page, ".plan dl").wait_for()
    before = rows(page)["used"]
    page.get_by_label("use at most").fill("1")
    page.wait_for_function("(was) => !document.querySelector('#dg-films .plan').textContent.includes(was)", arg=before)
    assert rows(page)["used"].startswith("0 to 1.0 s")
    page.get_by_label("begin at").fill("99")
    at(page, ".refused").filter(has_text="start earlier").wait_for()
    assert page.get_by_role("button", name="start").is_disabled()
    page.get_by_label("begin at").fill("0")
    page.wait_for_function("!document.querySelector('#dg-films .go').disabled")


def test_the_tab_fits_its_window(page: Page, enter: Enter, films: Filming, clip: Path) -> None:
    enter(films)
    bring(page, clip)
    at(page, ".plan dl").wait_for()
    for width, height in ((1280, 900), (1920, 1080), (1024, 700)):
        page.set_viewport_size({"width": width, "height": height})
        boxes = np.array([list((one.bounding_box() or {}).values()) for one in at(page, "header button").all()])
        assert (boxes[:, 0] + boxes[:, 2] <= width).all()
