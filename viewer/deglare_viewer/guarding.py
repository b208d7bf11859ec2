"""Who may talk to the studio: one door before everything it serves, its own routes and Gradio's alike.

Loopback is no border by itself: any web page that is open in the same browser can send requests to it, and a name that
an attacker owns can be made to resolve to it. So every request must name a host that is ours, must not come from
another site, must know the password where there is one, and may only ask for what the studio uses.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from socket import gethostname
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104
"""Hosts that mean every address of this machine; nothing is bound here."""
UPLOAD, CLIPS = "/gradio_api/upload", "/studio/films"
SUBSETS = re.compile(r"/studio/[^/]+/annotations/import/?")
WRONG_PASSWORD_DELAY_S = 0.5

OPEN_PATHS = re.compile(
    r"/(?:$|studio/|static/|assets/|config/?$|theme\.css$|favicon\.ico$|robots\.txt$|manifest\.json$"
    r"|gradio_api/(?:app_id|info|config|startup-events|component_server|cancel|reset|upload|upload_progress)/?$"
    r"|gradio_api/(?:queue|call|run|heartbeat|stream)/|gradio_api/file=)"
)
"""What the studio's pages ask for. Gradio's proxy, monitoring, code editing and run history stay shut."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio writes its settings inline and compiles templates
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""No script, style, font, picture or request to anywhere else."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


@dataclass(frozen=True)
class Rules:
    """What the door asks for."""

    hosts: frozenset[str] = frozenset(LOOPBACK)
    """Names and addresses by which visitors may call us."""
    takes_addresses: bool = False
    """Whether any numeric address will do: nobody can make a browser send one that is not ours."""
    password: str | None = None
    body_bytes: int = 1 << 20
    """Of every request but uploads."""
    upload_bytes: int = 0
    """Of one upload through Gradio; 0: nobody may upload."""
    clip_bytes: int = 0
    """Of one clip; 0: nobody may bring any."""
    subset_bytes: int = 0
    """Of one subset of annotations; 0: nobody may bring any."""

    @classmethod
    def for_host(cls, host: str, names: Iterable[str] = (), **others: object) -> Rules:
        """The rules of a server that is bound to ``host`` and also known by ``names``."""
        known = {*LOOPBACK, host.lower(), gethostname().lower(), *(name.lower() for name in names)} - {*EVERY_ADDRESS}
        return cls(frozenset(known), takes_addresses=host in EVERY_ADDRESS, **others)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Refusal:
    """Why a request goes no further."""

    status: int
    sentence: str
    headers: dict[str, str] = field(default_factory=dict)


class Guard:
    """ASGI middleware that is the outermost layer of the server."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or refuse it; every answer gets our headers."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        refusal = refusal_of(scope["method"], scope["path"], headers, self.rules)
        if refusal is None:
            await self.app(scope, receive, _with_headers(send))
            return
        if refusal.status == 401 and "authorization" in headers:
            await asyncio.sleep(WRONG_PASSWORD_DELAY_S)  # guessing takes time
        answer = JSONResponse({"error": refusal.sentence}, refusal.status, headers=refusal.headers)
        await answer(scope, receive, _with_headers(send))


def refusal_of(method: str, path: str, headers: Headers, rules: Rules) -> Refusal | None:
    """The first rule that a request breaks."""
    if not is_known_host(headers.get("host", ""), rules):
        return Refusal(421, "this studio is not known by that name: open it at the address that it printed")
    if not is_own_page(method, path, headers):
        return Refusal(403, "another site may not use this studio: open it in a tab of its own")
    if rules.password is not None and not knows_password(headers.get("authorization", ""), rules.password):
        return Refusal(401, "this studio asks for a password", {"WWW-Authenticate": 'Basic realm="deglare"'})
    if not OPEN_PATHS.match(path) or ".." in path.split("/"):
        return Refusal(404, "there is nothing here")
    return _refused_body(method, path, headers, rules)


def is_known_host(host: str, rules: Rules) -> bool:
    """Whether the Host header names us; the port does not matter, because tunnels change it."""
    name = hostname_of(host)
    if name in rules.hosts:
        return True
    return rules.takes_addresses and _is_address(name)


def is_own_page(method: str, path: str, headers: Headers) -> bool:
    """Whether no other site sent this: browsers say who did, and other programs are not lured by web pages.

    Following a link to the front page from elsewhere is let through: that is what a permalink is for.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower().split("://")[-1] != headers.get("host", "").lower():
        return False
    if site in (None, "same-origin", "none"):
        return True
    is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return is_visit and method == "GET" and path == "/"


def knows_password(authorization: str, password: str) -> bool:
    """Whether an ``Authorization`` header holds the password; the name before it may be any."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return False
    return secrets.compare_digest(given, password.encode())


def hostname_of(host: str) -> str:
    """A Host header without its port and brackets, in lower case."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]*))(?::\d{1,5})?", host)
    return "" if found is None else (found[1] or found[2]).lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused_body(method: str, path: str, headers: Headers, rules: Rules) -> Refusal | None:
    """A body must say how long it is, and be no longer than may be."""
    if method in ("GET", "HEAD"):
        return None
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not length.isdecimal():
        return Refusal(411, "a request must say how long it is")
    limit = {UPLOAD: rules.upload_bytes, CLIPS: rules.clip_bytes}.get(path.rstrip("/"), rules.body_bytes)
    if SUBSETS.fullmatch(path):
        limit = rules.subset_bytes
    if int(length) > limit:
        return Refusal(413, f"that is larger than the {limit} bytes that this studio takes", {"Connection": "close"})
    return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
        await send(message)

    return sending
