"""Pictures of every tab of the studio: python assets/scripts/screenshots.py [RUN] [--clip FILE] [--out assets/studio]

Without a run it is the bundled one. The Video tab is pictured where a clip is given: it is brought and worked through
first, which takes minutes. ``--tab`` pictures one of them alone. Chromium draws in software, without a window, at the
two widths the studio is made for; every tab is shown from top to bottom.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

import uvicorn
from playwright.sync_api import sync_playwright

from deglare.cli.terminal import say
from deglare.inspection.bundled import bundled_run
from deglare_viewer.app import Options, make_app
from deglare_viewer.films.filming import Filming
from deglare_viewer.guarding import Rules
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES = ((1280, 900), (1920, 1080))
CLIP_BYTES, WORK_MS = 1 << 30, 1_800_000
ARGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]
DRAWN = "document.querySelector('.dg-mount')?.studio?.drawn?.count > 0"
TOLD = """document.querySelector('#dg-breakdown .main-svg') && document.querySelectorAll('.views tr').length > 3
  && !/Loading|Fusing|comes once/.test(document.querySelector('.dg-mount').innerText)"""
"""Every part of the Inspect tab has something to show."""
STILL = """(film => { film.pause(); film.controls = false; film.currentTime = film.duration / 3; })(
  document.querySelector('#dg-films video'))"""

DESK = "document.querySelector('.dg-annotate').annotate"
MARKED_AT = 0.882
"""The place of the frame in which surfaces are outlined, as a share of the sequence."""
OUTLINES = {
    "7": ((1, 112), (202, 69), (210, 77), (205, 224), (82, 260), (1, 288)),
    "5": ((186, 259), (160, 240), (205, 221), (207, 200), (236, 228)),
}
"""Corners in pixels by the key of the surface."""


@contextmanager
def served(run: Path, clips: Path) -> Iterator[str]:
    """The address of a studio on one run, while the block runs; clips that are brought to it lie in a folder."""
    table = RunTable([run])
    options = Options(rules=Rules(clip_bytes=CLIP_BYTES), films=Filming(clips, table))
    server = uvicorn.Server(uvicorn.Config(make_app(table, options), port=0, log_level="error", ws="none"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    server.force_exit = True
    thread.join(10)


def copy_of(run: Path, folder: Path) -> Path:
    """A run that may be annotated."""
    return Path(shutil.copytree(run, folder / run.name, ignore=shutil.ignore_patterns("annotations")))


def inspect(page: Page) -> None:
    """A point in a highlight, with all that is said of it."""
    page.wait_for_function(DRAWN)
    page.locator("#dg-frames").scroll_into_view_if_needed()  # what stands below is made when somebody looks
    page.wait_for_function(TOLD)
    page.evaluate("scrollTo(0, 0)")


def results(page: Page) -> None:
    """The tables of the run and of the paper."""
    page.wait_for_function(DRAWN)
    page.get_by_role("tab", name="Results").click()
    page.locator("#dg-own tbody td").first.wait_for()
    page.locator("#dg-region label", has_text="highlight").click()


def annotate(page: Page) -> None:
    """A screen and a highlight that were outlined in one frame, as they are proposed in the next."""
    page.get_by_role("tab", name="Annotate").click()
    page.wait_for_function(f"{DESK}?.counted.count > 0")
    if not page.evaluate("localStorage.getItem('deglare.annotator')"):
        page.locator(".who input").fill("ann")
        page.keyboard.press("Enter")
        for tag in "1211":
            page.wait_for_timeout(900)
            page.keyboard.press(tag)
        strip = page.locator(".dg-annotate .frames").bounding_box() or {}
        page.mouse.click(strip["x"] + MARKED_AT * strip["width"], strip["y"] + 12)
        page.wait_for_timeout(900)
        page.keyboard.press("p")
        for surface, corners in OUTLINES.items():
            page.keyboard.press(surface)
            for x, y in corners:
                page.mouse.click(*page.evaluate(f"{DESK}.sight.place({x}, {y})"))
            page.keyboard.press("Enter")
        page.keyboard.press("c")
        page.wait_for_function(f"{DESK}.now.waiting.size > 0")
    page.keyboard.press("w")
    page.locator(".proposals .now").wait_for()


def video(page: Page, clip: Path) -> None:
    """A clip that is done, some way into what came of it; it is worked through the first time."""
    page.get_by_role("tab", name="Video").click()
    if not page.evaluate("localStorage.getItem('deglare.films')"):
        page.locator("#dg-films input[type=file]").set_input_files(clip)
        page.locator("#dg-films .plan").wait_for()
        page.get_by_role("button", name="start").click()
    page.locator("#dg-films .headline").wait_for(timeout=WORK_MS)
    page.wait_for_function("document.querySelector('#dg-films video').readyState >= 2")
    page.evaluate(STILL)


TABS: dict[str, Any] = {"inspect": inspect, "annotate": annotate, "results": results}


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--tab")
    parser.add_argument("--out", type=Path, default=Path("assets") / "studio")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    tabs = TABS if options.clip is None else {**TABS, "video": partial(video, clip=options.clip)}
    with (
        TemporaryDirectory() as clips,
        sync_playwright() as playwright,
        served(copy_of(options.run or bundled_run(), Path(clips)), Path(clips)) as address,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        visitor = browser.new_context()
        for width, height in SIZES:
            for tab, show in tabs.items() if options.tab is None else [(options.tab, tabs[options.tab])]:
                page = visitor.new_page()
                page.set_viewport_size({"width": width, "height": height})
                page.set_default_timeout(120_000)
                page.goto(address)
                show(page)
                page.wait_for_timeout(1500)
                if tab == "inspect":
                    page.screenshot(path=options.out / f"first_{width}.png")  # what one sees without scrolling
                path = options.out / f"{tab}_{width}.png"
                page.screenshot(path=path, full_page=True)
                page.close()
                say(str(path))
        browser.close()


if __name__ == "__main__":
    main()
