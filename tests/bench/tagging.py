"""From the key that tags a frame to the next frame on the screen, in Chromium.

    python tests/bench/tagging.py [RUN] [--tags 40] [--json]

A copy of one run (the bundled one if none is given) at 1280x900, served from this machine, drawn in software. Times are
the page's own clock, from the event of the key to the animation frame after the picture was drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import sleep

import numpy as np
import uvicorn
from playwright.sync_api import sync_playwright

from deglare.inspection.bundled import bundled_run
from deglare_viewer.app import make_app
from deglare_viewer.sessions import RunTable

ARGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]
PAUSE_MS = 400
"""Between two tags: one looks at the frame."""
LIMIT_MS = 100.0
DESK = "document.querySelector('.dg-annotate')?.annotate"

TIMED = """() => {
  const desk = document.querySelector('.dg-annotate').annotate;
  window.times = [];
  document.addEventListener('keydown', async (event) => {
    const was = desk.counted.frame;
    const rest = () => new Promise((done) => requestAnimationFrame(done));
    do await rest(); while (desk.counted.frame === was || desk.counted.frame !== desk.now.frame);
    window.times.push(performance.now() - event.timeStamp);
  }, {capture: true});
}"""


def tagged(address: str, tags: int) -> list[float]:
    """Milliseconds of each tag."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(address)
        page.get_by_role("tab", name="Annotate").click()
        page.locator(".who input").fill("bench")
        page.keyboard.press("Enter")
        page.wait_for_function(f"{DESK}?.counted.count > 0 && {DESK}.now.queue.length > 0")
        page.wait_for_timeout(2000)
        page.evaluate(TIMED)
        for number in range(tags):
            page.keyboard.press("2")
            page.wait_for_function("(there) => window.times.length === there", arg=number + 1)
            page.wait_for_timeout(PAUSE_MS)
        times: list[float] = page.evaluate("window.times")
        browser.close()
    return times


def main() -> None:
    """Tag, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--tags", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        run = Path(shutil.copytree(options.run or bundled_run(), Path(folder) / "run"))
        shutil.rmtree(run / "annotations", ignore_errors=True)
        server = uvicorn.Server(uvicorn.Config(make_app(RunTable([run])), port=0, log_level="error", ws="none"))
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            sleep(0.05)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
        times = tagged(address, options.tags)
        server.should_exit = server.force_exit = True
        thread.join(10)
    median, p95 = (float(np.percentile(times, q)) for q in (50, 95))
    found = {"tags": len(times), "median_ms": median, "p95_ms": p95, "limit_ms": LIMIT_MS, "load": os.getloadavg()[0]}
    print(json.dumps(found) if options.json else f"median {median:.0f} ms, p95 {p95:.0f} ms (at most {LIMIT_MS:.0f})")


if __name__ == "__main__":
    main()
