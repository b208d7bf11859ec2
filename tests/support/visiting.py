"""A visitor of the studio element: opens it on a bare page, does what hands do, and reads what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOST_PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>studio</title>
<div id="studio"></div>
<script type="module">
import {mount} from '/studio/static/viewport.js';
import {overHttp} from '/studio/static/source.js';
const query = new URLSearchParams(location.search);
window.events = [];
const runs = (await (await fetch('/studio/runs')).json()).runs;
const source = overHttp('', query.get('run') ?? runs[0].id);
const view = Object.fromEntries(query);
const element = document.getElementById('studio');
mount(element, {source, view, address: true, onEvent: (event) => window.events.push(event)});
</script>"""
"""The smallest page that hosts the element. What the element tells its host lies in ``window.events``."""

STUDIO = "document.getElementById('studio').studio"
PATIENCE_MS = 60_000


class Visit:
    """One page with the element on it."""

    def __init__(self, page: Page, address: str, studio: str = STUDIO) -> None:
        self.page, self.address, self.studio = page, address, studio
        page.set_default_timeout(PATIENCE_MS)

    def open(self, *, waits: bool = True, **view: object) -> Visit:
        """Go to a view; unless told otherwise, wait until its frame is drawn."""
        self.page.goto(f"{self.address}/?{urlencode(view)}")
        if waits:
            self.until("studio.drawn?.count > 0")
        return self

    def until(self, condition: str) -> Visit:
        """Wait for something that is said in JavaScript about ``studio`` and its ``state``."""
        self.page.wait_for_function(
            f"(() => {{ const studio = {self.studio}, state = studio?.state; return studio && ({condition}); }})()"
        )
        return self

    def ask(self, expression: str) -> Any:
        """The value of an expression about ``studio`` and its ``state``."""
        return self.page.evaluate(
            f"(() => {{ const studio = {self.studio}; const state = studio?.state; return {expression}; }})()"
        )

    @property
    def state(self) -> dict[str, Any]:
        """All of it."""
        return self.ask("state")

    def value(self, layer: str, x: int, y: int) -> float | None:
        """The number behind a pixel."""
        return self.ask(f"studio.value('{layer}', {x}, {y})")

    def pixel(self, pane: str, x: int, y: int) -> list[int] | None:
        """Its colour as drawn: red, green, blue, alpha."""
        return self.ask(f"studio.pixel('{pane}', {x}, {y})")

    def corner(self, pane: str) -> str:
        """The value that a pane shows in its corner."""
        return self.page.locator(f"[data-pane={pane}] .value").inner_text()

    def place(self, pane: str, x: float, y: float, size_hw: tuple[int, int]) -> tuple[float, float]:
        """Where on the page the middle of a pixel is, while nothing is zoomed."""
        box = self.page.locator(f"[data-pane={pane}]").bounding_box()
        assert box is not None
        scale = min(box["width"] / size_hw[1], box["height"] / size_hw[0])
        left = box["x"] + box["width"] / 2 + (x + 0.5 - size_hw[1] / 2) * scale
        return left, box["y"] + box["height"] / 2 + (y + 0.5 - size_hw[0] / 2) * scale

    def press(self, *keys: str) -> Visit:
        """One key after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def set(self, view: Mapping[str, object]) -> Visit:
        """Hand the element a view, as the host does."""
        self.page.evaluate(f"(view) => {self.studio}.set(view)", dict(view))
        return self

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What the element told its host."""
        return [event for event in self.page.evaluate("window.events") if event["kind"] == kind]
