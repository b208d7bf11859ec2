"""From a hand's move to the picture: the studio against the obvious page, in Chromium.

    python tests/bench/studio.py [RUN] [--moves 40] [--rounds 3] [--json]

Both show the same eight pictures of one run (the bundled one if none is given) at 1280x900, served from this machine,
drawn in software. The obvious page is a Gradio page with two sliders whose moves render matplotlib figures. They take
turns. Times are the page's own clock:

    first view      from the start of the navigation, in a browser that has nothing cached, to the first picture
    next frame      from the key to the picture, while one walks along (the neighbours are there) and after a jump of
                    ten (they are not)
    threshold       from the key to the pictures that depend on it

Moves begin when the mesh and the curves of the run are there, which are made once.

A picture counts when it is on the canvas and the drawing has been waited for, or when the image has been decoded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

import numpy as np
import uvicorn
from playwright.sync_api import sync_playwright

from deglare.fusion.evidence import Evidence
from deglare.fusion.strategies import ByUncertainty
from deglare.inspection.bundled import bundled_run
from deglare.inspection.run import InspectedRun
from deglare_viewer.app import make_app
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"]
SIZE: Any = {"width": 1280, "height": 900}
PAUSE_MS = 250
"""Between two moves: long enough for neighbours to be fetched, as when one looks."""
LIMIT_MS, FIRST_LIMIT_S = 100.0, 3.0

OURS = """
window.timed = (matches) => {
  const studio = document.querySelector('.dg-mount').studio;
  window.pending = new Promise((resolve) => {
    let begun = null;
    document.addEventListener('keydown', (event) => (begun ??= event.timeStamp), {capture: true, once: true});
    document.addEventListener('drawn', function heard({detail}) {
      if (begun === null || !matches(detail)) return;
      document.removeEventListener('drawn', heard);
      studio.finish();
      resolve(performance.now() - begun);
    });
  });
};
"""
OURS_FIRST = """new Promise((resolve) => {
  const look = () => {
    const studio = document.querySelector('.dg-mount')?.studio;
    if (!(studio?.drawn?.count > 0)) return requestAnimationFrame(look);
    studio.finish();
    resolve(performance.now());
  };
  look();
})"""
SETTLED = "!/Loading|Fusing|comes once/.test(document.querySelector('.dg-mount').innerText)"
"""The mesh and the curves, which are made once for a run, are there."""

OBVIOUS = """
window.timed = () => {
  window.pending = new Promise((resolve) => {
    let begun = null;
    document.addEventListener('keydown', (event) => (begun ??= event.timeStamp), {capture: true, once: true});
    const before = document.querySelector('#figure img').src;
    const watcher = new MutationObserver(async () => {
      const image = document.querySelector('#figure img');
      if (begun === null || !image || image.src === before) return;
      watcher.disconnect();
      await image.decode();
      resolve(performance.now() - begun);
    });
    watcher.observe(document.querySelector('#figure'), {subtree: true, childList: true, attributes: true});
  });
};
"""
OBVIOUS_FIRST = """new Promise((resolve) => {
  const look = async () => {
    const image = document.querySelector('#figure img');
    if (!image?.src) return requestAnimationFrame(look);
    await image.decode();
    resolve(performance.now());
  };
  look();
})"""


@dataclass
class Times:
    """Milliseconds by what was waited for."""

    ours: dict[str, list[float]] = field(default_factory=dict)
    obvious: dict[str, list[float]] = field(default_factory=dict)


def obvious_app(run: InspectedRun) -> Any:
    """A page as one writes it in an hour: sliders, and figures that are rendered at every move."""
    import gradio as gr
    import matplotlib
    from fastapi import FastAPI
    from matplotlib.figure import Figure

    matplotlib.use("Agg")

    def figure(number: float, alpha: float) -> Figure:
        layers = run.layers(int(number))
        labels = ByUncertainty(alpha).fuse(Evidence(layers.predicted, layers.projected, layers.uncertainty))
        truth = layers.truth
        error = labels.depth.metres - (truth.metres if truth is not None else labels.depth.metres)
        depth = {"cmap": "viridis", "vmin": 0.5, "vmax": 6}
        panes: list[tuple[str, Any, dict[str, Any]]] = [
            ("rgb", layers.rgb, {}),
            ("predicted", layers.predicted.metres, depth),
            ("projected", layers.projected.metres, depth),
            ("fused", labels.depth.metres, depth),
            ("uncertainty", layers.uncertainty.known_m, {"cmap": "magma", "vmin": 0, "vmax": 0.6}),
            ("reflective", layers.regions, {"cmap": "gray"}),
            ("source", labels.source, {"cmap": "viridis", "vmin": 0, "vmax": 3}),
            ("error", error, {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}),
        ]
        shown = Figure(figsize=(12, 5))
        for place, (title, pixels, looks) in enumerate(panes, start=1):
            axes = shown.add_subplot(2, 4, place)
            axes.imshow(np.asarray(pixels), **looks)
            axes.set_title(title)
            axes.axis("off")
        shown.tight_layout()
        return shown

    with gr.Blocks(analytics_enabled=False) as page:
        number = gr.Slider(0, len(run.names) - 1, 0, step=1, label="frame", elem_id="frame")
        alpha = gr.Slider(0, 2, 0.4, step=0.02, label="threshold", elem_id="alpha")
        plot = gr.Plot(elem_id="figure")
        how: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
        page.load(figure, [number, alpha], plot, **how)
        for slider in (number, alpha):
            slider.input(figure, [number, alpha], plot, trigger_mode="always_last", **how)
    return gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)


@contextmanager
def served(make: Callable[[], Any]) -> Iterator[str]:
    """The address of an app, while the block runs."""

    async def made() -> Any:
        return make()

    server = uvicorn.Server(uvicorn.Config(asyncio.run(made()), port=0, log_level="critical", ws="none"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = server.force_exit = True
    thread.join(10)


def move(page: Page, key: str, matches: str = "() => true") -> float:
    """One key, and how long its picture took."""
    page.evaluate(f"void window.timed({matches})")
    page.keyboard.press(key)
    took = page.evaluate("window.pending")
    page.wait_for_timeout(PAUSE_MS)
    return took


def visit_ours(browser: Browser, address: str, moves: int, times: dict[str, list[float]]) -> None:
    """One visit to the studio."""
    page = browser.new_page(viewport=SIZE)
    page.goto(f"{address}/?frame=000000&strategy=uncertainty&alpha=0.4", wait_until="commit")
    times.setdefault("first view", []).append(page.evaluate(OURS_FIRST))
    page.wait_for_function(SETTLED)
    page.wait_for_timeout(2000)
    page.evaluate(OURS)
    frame = page.evaluate("document.querySelector('.dg-mount').studio.state.frame")
    for number in range(1, moves + 1):
        took = move(page, "ArrowRight", f"(drawn) => drawn.frame === {frame + number}")
        times.setdefault("next frame", []).append(took)
    for number in range(moves):
        alpha = page.evaluate("document.querySelector('.dg-mount').studio.state.alpha")
        took = move(page, "]" if number % 20 < 10 else "[", f"(drawn) => drawn.alpha !== {alpha}")
        times.setdefault("threshold", []).append(took)
    frame = page.evaluate("document.querySelector('.dg-mount').studio.state.frame")
    for back in (True, False):
        for _ in range(3):
            frame += -10 if back else 10
            took = move(page, "Shift+ArrowLeft" if back else "Shift+ArrowRight", f"(drawn) => drawn.frame === {frame}")
            if back:
                times.setdefault("far frame", []).append(took)
    page.close()


def visit_obvious(browser: Browser, address: str, moves: int, times: dict[str, list[float]]) -> None:
    """One visit to the obvious page."""
    page = browser.new_page(viewport=SIZE)
    page.goto(address, wait_until="commit")
    times.setdefault("first view", []).append(page.evaluate(OBVIOUS_FIRST))
    page.wait_for_timeout(1000)
    page.evaluate(OBVIOUS)
    for name, slider in (("next frame", "frame"), ("threshold", "alpha")):
        page.locator(f"#{slider} input[type=range]").focus()
        for number in range(moves):
            key = "ArrowRight" if slider == "frame" or number % 20 < 10 else "ArrowLeft"
            times.setdefault(name, []).append(move(page, key))
    page.close()


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return float(np.quantile(values, 0.95))


def table(times: Times) -> str:
    """Medians and 95th percentiles."""
    lines = ["ms               ours: median    95 %   obvious: median    95 %   ratio"]
    for name, ours in times.ours.items():
        obvious = times.obvious.get(name)
        line = f"{name:<16}{statistics.median(ours):13.0f}{p95(ours):8.0f}"
        if obvious is not None:
            ratio = statistics.median(obvious) / statistics.median(ours)
            line += f"{statistics.median(obvious):18.0f}{p95(obvious):8.0f}{ratio:8.1f}"
        lines.append(line)
    return "\n".join(lines)


def verdicts(times: dict[str, list[float]]) -> str:
    """Whether the promises are kept."""
    said = [f"first view within {FIRST_LIMIT_S:g} s: {kept(max(times['first view']) < 1000 * FIRST_LIMIT_S)}"]
    said += [
        f"{n} within {LIMIT_MS:g} ms at 95 %: {kept(p95(times[n]) < LIMIT_MS)}" for n in ("next frame", "threshold")
    ]
    return "\n".join(said)


def kept(is_kept: bool) -> str:
    """In a word."""
    return "kept" if is_kept else "BROKEN"


def main() -> None:
    """Visit both in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    root, times = options.run or bundled_run(), Times()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    run = InspectedRun.open(root)
    with (
        served(lambda: make_app(RunTable([root]))) as ours,
        served(lambda: obvious_app(run)) as obvious,
        sync_playwright() as playwright,
    ):
        for _ in range(options.rounds):
            for address, visit, kind in ((ours, visit_ours, times.ours), (obvious, visit_obvious, times.obvious)):
                browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
                visit(browser, address, options.moves, kind)
                browser.close()
    height, width = run.camera.size_hw
    print(f"{len(run.names)} frames of {width}x{height}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(table(times))
    print(verdicts(times.ours))
    if options.json:
        print(json.dumps(as_json(times)))


def as_json(times: Times) -> dict[str, Any]:
    """The last line: the threshold, and everything else beside it."""
    ours, obvious = statistics.median(times.ours["threshold"]), statistics.median(times.obvious["threshold"])
    both = {"ours": times.ours, "baseline": times.obvious}
    every = {
        kind: {name: {"median": statistics.median(one), "p95": p95(one)} for name, one in found.items()}
        for kind, found in both.items()
    }
    return {"name": "studio", "ratio": obvious / ours, "ours": ours, "baseline": obvious, "unit": "ms", "all": every}


if __name__ == "__main__":
    main()
