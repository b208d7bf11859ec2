"""A page with just the tab of annotations, its server as a process that can be killed, and hands that paint."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from deglare_viewer.annotating.routes import add_annotation_routes
from deglare_viewer.routes import add_routes
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>annotate</title>
<body style="margin:0;background:#18181a;font-family:sans-serif"><div id="host"><div class="dg-annotate"></div></div>
<script type="module">
import {{attachAnnotate}} from '/studio/static/annotate.js';
const value = JSON.stringify({{n: 1, run: '{run}', version: 'v', is_read_only: {is_read_only}}});
attachAnnotate({{element: document.getElementById('host'), props: {{value}}, watch: () => {{}}}});
</script>"""
DESK = "document.querySelector('.dg-annotate').annotate"
START_WITHIN_S = 60
PATIENCE_MS = 40_000


def marking_app(run: Path, *, is_read_only: bool = False) -> FastAPI:
    """The routes, and a page that asks them."""
    app, table = FastAPI(openapi_url=None), RunTable([run])
    reading = add_routes(app, table)
    add_annotation_routes(app, reading, is_read_only=is_read_only)
    page = PAGE.format(run=table.ids[0], is_read_only=str(is_read_only).lower())
    app.add_api_route("/", lambda: HTMLResponse(page))
    return app


class Mortal:
    """A server on a port of its own that is killed without warning, and started again on the same port."""

    def __init__(self, run: Path) -> None:
        self.run = run
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            self.port = door.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Wait until it answers."""
        command = [sys.executable, __file__, str(self.run), str(self.port)]
        self._process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
        end = time.monotonic() + START_WITHIN_S
        while time.monotonic() < end:
            try:
                with urlopen(f"{self.address}/studio/runs"):  # noqa: S310
                    return
            except (URLError, ConnectionError):
                time.sleep(0.05)
        raise TimeoutError("the server did not start")

    def kill(self) -> None:
        """At once, as a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


class Marker:
    """Somebody at the tab."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        page.set_default_timeout(PATIENCE_MS)

    def open(self, name: str | None = "ann") -> Marker:
        """Come in, and say who it is where that is asked."""
        self.page.goto(self.address)
        self.until("desk.isBegun")
        if name is not None and self.page.locator(".who input").count():
            self.page.locator(".who input").fill(name)
            self.page.keyboard.press("Enter")
        return self.until("desk.counted.frame === desk.now.frame && desk.frames.get(desk.now.frame).state")

    def until(self, condition: str) -> Marker:
        """Wait for something that is said in JavaScript about ``desk``."""
        self.page.wait_for_function(f"(() => {{ const desk = {DESK}; return desk && ({condition}); }})()")
        return self

    def ask(self, expression: str) -> Any:
        """The value of an expression about ``desk``."""
        return self.page.evaluate(f"(() => {{ const desk = {DESK}; return {expression}; }})()")

    @property
    def frame(self) -> str:
        """The frame that is looked at."""
        return self.ask("desk.now.frame")

    def pixels(self) -> int:
        """How many are marked on the screen."""
        return self.ask("desk.picture.mask().reduce((sum, code) => sum + (code > 0), 0)")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A pixel of the picture on the screen."""
        left, top = self.ask(f"desk.sight.place({x}, {y})")
        return left, top

    def paint(self, *points: tuple[float, float]) -> Marker:
        """A line through pixels of the picture, with the button held."""
        mouse = self.page.mouse
        mouse.move(*self.place(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.place(*point), steps=4)
        mouse.up()
        return self

    def key(self, key: str) -> Marker:
        """Press it."""
        self.page.keyboard.press(key)
        return self

    def saved(self) -> Marker:
        """Wait until the page says so."""
        self.page.locator(".saved.good", has_text="saved").wait_for()
        return self.until("desk.saving.standing().waiting === 0")

    @property
    def said(self) -> str:
        """What the page says of saving."""
        return self.page.locator(".dg-annotate .saved").inner_text()


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(marking_app(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="error", ws="none")
