"""Chromium, servers and runs for the tests that look at pages. Skipped where there is no browser to drive."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from glare import TEACHERS, write_glare_wall
from known_meshes import quad
from made_runs import MadeFrame, MadeRun
from visiting import HOST_PAGE, Visit

from deglare.data.opening import open_sequence
from deglare.fusion.labelling import label
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.strategies import ByUncertainty
from deglare.types import Camera, DepthMap, SurfaceLabels

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM_ARGS = (
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
)
"""WebGL in software, and no calls home."""

START_WITHIN_S = 60
RANDOM_CAMERA = Camera(60.0, 61.0, 31.2, 24.4, (48, 64))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests, without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page. Errors that its scripts do not catch fail the test."""
    page, errors = chromium.new_page(viewport={"width": 1280, "height": 900}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Any], str]]:
    """Serves an app on a port of its own until the tests are over; gives its address without a slash at the end."""
    import uvicorn

    servers: list[tuple[uvicorn.Server, Thread]] = []

    def start(app: Any) -> str:
        config = uvicorn.Config(app, port=0, log_level="error", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        _wait_until(lambda: server.started)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def glare_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the wall with the wandering highlight: 12 frames of 64x96, two teachers. Not to be changed."""
    folder = tmp_path_factory.mktemp("shown")
    source = write_glare_wall(folder / "wall")
    label(open_sequence(source), TEACHERS, folder / "glare", LabelSettings(mesh=MeshSettings(every=2)))
    return folder / "glare"


@pytest.fixture(scope="session")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose pixels are random, holes and thresholds hit exactly among them. Not to be changed."""
    rng = np.random.default_rng(0)
    frames = {f"{number:03d}": random_frame(rng, number) for number in range(2)}
    mesh = quad(np.array([[-9.0, -9, 3], [-9, 9, 3], [9, 9, 3], [9, -9, 3]]))
    return MadeRun(RANDOM_CAMERA, frames, mesh, strategy=ByUncertainty()).write(
        tmp_path_factory.mktemp("shown") / "random"
    )


def random_frame(rng: np.random.Generator, number: int) -> MadeFrame:
    """Every layer has holes; projected depth also leaves the range that is believed."""
    size_hw = RANDOM_CAMERA.size_hw
    pose = np.eye(4)
    pose[0, 3] = 0.1 * number

    def depth(low: int, high: int) -> DepthMap:
        mm = rng.integers(low, high, size_hw)
        return DepthMap.of_positive(np.where(rng.random(size_hw) < 0.1, 0, mm / 1000).astype(np.float32))

    sigma_mm = np.where(rng.random(size_hw) < 0.3, 400, rng.integers(0, 1500, size_hw))
    reflective = rng.random(size_hw) < 0.5
    return MadeFrame(
        pose,
        {"one": depth(300, 9000), "two": depth(300, 9000)},
        depth(60, 11000),
        np.where(rng.random(size_hw) < 0.1, np.nan, sigma_mm / 1000).astype(np.float32),
        rgb=rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8),
        truth=depth(300, 9000),
        labels=SurfaceLabels(reflective, np.where(reflective, rng.random(size_hw), 0).astype(np.float32)),
        mined=rng.random(size_hw) < 0.3,
    )


@pytest.fixture
def visit(page: Page, serve: Callable[[Any], str]) -> Callable[..., Visit]:
    """Opens the element on a page of its own over some runs: the first is shown, unless the view names another."""
    from fastapi.responses import HTMLResponse

    from deglare_viewer.routes import serve_routes

    def open_(*runs: Path, waits: bool = True, **view: object) -> Visit:
        app = serve_routes(runs)
        app.add_api_route("/", lambda: HTMLResponse(HOST_PAGE))
        return Visit(page, serve(app)).open(waits=waits, **view)

    return open_


def _wait_until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + START_WITHIN_S
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError("the server did not start")
        time.sleep(0.02)
