"""JupyterLab in a browser: the notebook runs, the widget follows hands and keys, and lets go of what it held."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from visiting import Visit

from deglare.inspection.failures import kept
from deglare.inspection.run import InspectedRun

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.skipif(find_spec("jupyterlab") is None, reason="jupyterlab is not installed: pip install jupyterlab"),
    pytest.mark.skipif(
        "DEGLARE_TEST_JUPYTERLAB" not in os.environ,
        reason="JupyterLab takes minutes where others use the machine: DEGLARE_TEST_JUPYTERLAB=1 runs it",
    ),
]

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "inspect_failures.ipynb"
TOKEN = "for-this-test"  # noqa: S105 - of a server that lives as long as the test
START_WITHIN_S, PATIENCE_MS, NOTEBOOK_MS = 120, 60_000, 240_000
OWN_DIRS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
OWN_LAB_DIRS = ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
QUIET = Path("@jupyterlab") / "apputils-extension" / "notification.jupyterlab-settings"

SHOWN = "[...document.querySelectorAll('.jp-OutputArea .deglare-guest .place')].filter((one) => one.studio)"
FIRST = f"{SHOWN}[0]?.studio"
PANEL = "[...window.jupyterapp.shell.widgets('main')].find((one) => one.content?.widgets)"
NOTEBOOK_VIEW = f"({PANEL})?.content"
CODE = f"({NOTEBOOK_VIEW}).widgets.map((cell) => cell.model).filter((model) => model.type === 'code')"
IS_WIDGET_CELL = "(cell) => /^inspector$/m.test(cell.model.sharedModel.source)"
KERNEL = f"({PANEL})?.sessionContext?.session?.kernel"
IS_READY = (
    f"({PANEL})?.sessionContext?.isReady && {KERNEL}?.status === 'idle' && {KERNEL}.connectionStatus === 'connected'"
)
"""Without a session yet, a notebook takes the command to run and does nothing, while it says "idle" of its kernel."""


@dataclass(frozen=True)
class Lab:
    """A server that runs."""

    address: str
    folder: Path
    """What it serves."""

    def open(self, page: Page, name: str) -> None:
        """Open a notebook, and wait until its kernel is there."""
        page.set_default_timeout(PATIENCE_MS)
        page.route("**/lab/api/build*", lambda route: route.fulfill(json={"status": "stable", "message": ""}))
        page.goto(f"{self.address}/lab/tree/{name}?token={TOKEN}&reset")
        page.wait_for_function("window.jupyterapp")
        page.evaluate("() => window.jupyterapp.restored.then(() => true)")
        page.wait_for_function(f"({NOTEBOOK_VIEW})?.widgets.length && {IS_READY}", timeout=NOTEBOOK_MS)
        page.locator(".jp-Notebook .jp-InputPrompt").first.click()  # commands are for the notebook that has the focus
        page.wait_for_function("window.jupyterapp.shell.currentWidget?.content?.widgets")

    def run_all(self, page: Page, name: str) -> list[dict[str, Any]]:
        """Open a notebook, run it and give all outputs."""
        failed = f"{CODE}.some((cell) => cell.outputs.toJSON().some((one) => one.output_type === 'error'))"
        self.open(page, name)
        self.command(page, "run-all-cells")
        page.set_default_timeout(NOTEBOOK_MS)
        page.wait_for_function(f"{failed} || {CODE}.every((cell) => cell.executionCount)")
        return page.evaluate(f"{CODE}.flatMap((cell) => cell.outputs.toJSON())")

    def command(self, page: Page, name: str) -> None:
        """Do what a menu of JupyterLab would."""
        page.evaluate("(name) => { window.jupyterapp.commands.execute(name); }", f"notebook:{name}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, glare_folder: Path) -> Iterator[Lab]:
    """JupyterLab on a port of its own, with settings of its own, in a folder that holds a run."""
    home, folder = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("lab")
    shutil.copytree(glare_folder, folder / "glare")
    (home / OWN_LAB_DIRS[0] / QUIET).parent.mkdir(parents=True)
    (home / OWN_LAB_DIRS[0] / QUIET).write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    own = {name: str(home / name) for name in (*OWN_DIRS, *OWN_LAB_DIRS)}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, home / "log")
        yield Lab(f"http://127.0.0.1:{port}", folder)
    finally:
        server.send_signal(signal.SIGTERM)  # it ends its kernels then
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, OSError):
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(f"JupyterLab did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)


def write_notebook(path: Path, cells: list[str]) -> None:
    made = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "execution_count": None, "outputs": [], "source": one}
        for number, one in enumerate(cells)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.write_text(json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def heard_outside(page: Page) -> list[str]:
    """What the page asks of anybody but its own server, from now on."""
    outside: list[str] = []
    own = ("http://127.0.0.1", "ws://127.0.0.1", "blob:", "data:")
    page.on("request", lambda request: None if request.url.startswith(own) else outside.append(request.url))
    return outside


def test_the_notebook_runs_and_its_widget_follows_hand_and_keys(page: Page, lab: Lab) -> None:
    run = Path(shutil.copytree(lab.folder / "glare", lab.folder / "kitchen"))
    text = NOTEBOOK.read_text("utf-8")
    assert "WHAT = None" in text
    (lab.folder / NOTEBOOK.name).write_text(text.replace("WHAT = None", "WHAT = 'kitchen'"), "utf-8")
    outside = heard_outside(page)
    outputs = lab.run_all(page, NOTEBOOK.name)
    visit = Visit(page, lab.address, FIRST)
    page.set_default_timeout(PATIENCE_MS)
    assert [one for one in outputs if one["output_type"] == "error"] == []
    page.evaluate(
        f"(() => {{ const view = {NOTEBOOK_VIEW}; view.scrollToCell(view.widgets.find({IS_WIDGET_CELL})); }})()"
    )
    visit.until("studio.drawn?.count > 0 && state.strategy === 'uncertainty' && state.pinned?.seen")

    x, y = visit.ask("[state.pinned.x, state.pinned.y]")
    before = visit.pixel("source", x, y)
    slider = page.locator(".deglare-guest input[type=range]").first
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in (0.2, 0.1, 0.6, 0.98):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
    page.mouse.up()
    visit.until("state.alpha > 0.3 && studio.drawn.alpha === state.alpha")
    assert visit.pixel("source", x, y) != before

    pane = page.locator(".deglare-guest [data-pane=rgb]").first
    pane.scroll_into_view_if_needed()
    box = pane.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("document.activeElement.classList.contains('deglare-studio')")
    assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"  # for Notebook 7
    cell, frame = active_cell(page), visit.ask("state.frame")
    visit.press("ArrowLeft" if frame else "ArrowRight").until(f"state.shown !== {frame}")
    visit.press("k")
    page.wait_for_function("document.querySelector('.deglare-guest .message').textContent.includes('kept failures')")
    assert active_cell(page) == cell  # keys in the widget are no keys of the notebook
    page.wait_for_timeout(500)
    assert [one.note for one in kept(InspectedRun.open(run))] == ["looks like a hole", ""]
    assert outside == []


def test_python_moves_the_view_reads_it_and_closes_the_widget(page: Page, lab: Lab) -> None:
    write_notebook(
        lab.folder / "short.ipynb",
        [
            "from deglare_viewer.notebook import Inspector\n"
            "inspector = Inspector('glare', view='?frame=003&strategy=predicted')\ninspector",
            "inspector.view = {'frame': '007', 'x': 40, 'y': 20}",
            "print('looking at', inspector.view.frame, inspector.view.strategy)",
            "inspector.close()",
        ],
    )
    lab.open(page, "short.ipynb")
    visit = Visit(page, lab.address, FIRST)
    step = "run-cell-and-select-next"
    lab.command(page, step)
    visit.until("studio.drawn?.count > 0 && state.shown === 3 && state.strategy === 'predicted'")
    lab.command(page, step)
    visit.until("state.shown === 7 && state.pinned?.x === 40")
    visit.set({"frame": "009", "strategy": "projected"})
    visit.until("state.shown === 9")
    page.wait_for_timeout(1000)  # a view that rests is told to the kernel
    lab.command(page, step)
    page.locator(".jp-OutputArea-output", has_text="looking at 009 projected").wait_for()
    page.evaluate(f"window.canvas = {SHOWN}[0].querySelector('canvas.picture').getContext('webgl2')")
    lab.command(page, step)
    page.wait_for_function("document.querySelectorAll('.deglare-studio').length === 0")
    assert page.evaluate("window.canvas.isContextLost()")


def active_cell(page: Page) -> Any:
    """Which cell of the notebook is chosen."""
    chosen = "[...document.querySelectorAll('.jp-Notebook .jp-Cell')].findIndex((one) => one.matches('.jp-mod-active'))"
    return page.evaluate(chosen)
