"""What the page will need is named with its first answer: browsers fetch it while Gradio is still on its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Preloading:
    """ASGI middleware: adds a ``Link`` header to the front page."""

    def __init__(self, app: ASGIApp, modules: Sequence[str]) -> None:
        """Wrap an app; ``modules`` are addresses of JavaScript modules."""
        self.app = app
        self.link = ", ".join(f"<{module}>; rel=modulepreload" for module in modules)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("Link", self.link)
            await send(message)

        await self.app(scope, receive, sending if scope.get("path") == "/" else send)
