"""The studio as a server on this machine: which port, who may reach it, and how it stops."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from deglare.errors import RequestError
from deglare.progress import Progress, quiet
from deglare_viewer.guarding import EVERY_ADDRESS, LOOPBACK, Rules
from deglare_viewer.sessions import RunTable, named_among

if TYPE_CHECKING:
    from collections.abc import Iterator

    import uvicorn

Say = Callable[[str], None]
Announce = Callable[[str], AbstractContextManager[Progress]]
"""Called with the name of a stage; gives what is told how far it is."""

PORTS_TRIED = 20
STOP_WITHIN_S = 2
"""After Ctrl-C, pages that are still open are cut off."""
MAX_CONNECTIONS = 256
SUBSET_BYTES = 32 << 20
REACHABLE = (
    "careful: {where} is reachable from other machines. "
    "Whoever reaches it sees every open run and training{writes}; {password}"
)


@dataclass(frozen=True)
class Serving:
    """How a studio is served."""

    host: str = "127.0.0.1"
    port: int = 7860
    """The first that is tried; 0 lets the system choose."""
    password: str | None = None
    names: tuple[str, ...] = ()
    """Other names by which visitors reach it."""
    is_shared: bool = False
    """Whether a public link is asked for; it needs the network."""
    is_read_only: bool = False
    opens_browser: bool = True
    uploads: Path | None = None
    """Where visitors' clips are kept for a day; a folder of the user's cache if not given."""


def silently(stage: str) -> AbstractContextManager[Progress]:
    """Announce nothing."""
    return nullcontext(quiet)


def serve(
    paths: Iterable[Path],
    how: Serving = Serving(),
    say: Say = lambda text: None,
    announce: Announce = silently,
) -> None:
    """Serve runs until somebody stops it.

    Args:
        paths: Runs and trainings, or folders that hold some; the bundled scene if there is no run.
        how: Where, and for whom.
        say: Told where it runs, and what to be careful about.
        announce: Told of the unpacking of the bundled scene, for a progress bar.
    """
    runs, trainings = named_among(paths)
    table = table_of(runs, announce)
    for one in table.listing():
        if one.fault is not None:
            say(f"{one.name} cannot be opened: {one.fault}")
    how = _with_password(how)
    with closing(open_port(how.host, how.port)) as door, _shared(door, how) as link:
        server = _server(table, how, link, trainings)
        address = address_of(door, how.host)
        for sentence in warnings_for(how, link or address):
            say(sentence)
        say(f"deglare runs at {link or address} (Ctrl-C stops it)")
        if how.opens_browser:
            _open_browser(address)
        with suppress(KeyboardInterrupt):  # how one stops it, nothing to complain about
            server.run(sockets=[door])
    say("deglare has stopped")


def table_of(runs: Sequence[Path], announce: Announce = silently) -> RunTable:
    """The runs that were named, or the bundled one."""
    from deglare.inspection.bundled import bundled_run

    if runs:
        return RunTable(runs)
    with announce("unpack the bundled scene") as progress:
        return RunTable([bundled_run(progress)])


def open_port(host: str, wanted: int) -> socket.socket:
    """A listening socket on the wanted port, or on the next that is free."""
    if not 0 <= wanted <= 65535:
        raise RequestError(f"there is no port {wanted}: choose one from 1 to 65535, or 0 for any")
    last = min(wanted + PORTS_TRIED, 65535) if wanted else 0
    for port in range(wanted, last + 1):
        with suppress(OSError):
            return _listening(host, port)
    try:
        return _listening(host, wanted)  # it fails as before: what says why is for the person at the terminal
    except socket.gaierror as error:
        raise RequestError(f"'{host}' is no address of this machine ({error}): try 127.0.0.1") from error
    except OSError as error:
        raise RequestError(f"no port from {wanted} to {last} of {host} can be had ({error}): give another") from error


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]  # noqa: S104
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers have one port
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(128)  # at once: a port is ours only when we listen
    except OSError:
        door.close()
        raise
    return door


def address_of(door: socket.socket, host: str) -> str:
    """Where a browser on this machine finds it."""
    shown = "127.0.0.1" if host in EVERY_ADDRESS else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{door.getsockname()[1]}/"


def warnings_for(how: Serving, where: str) -> list[str]:
    """What the person at the terminal should know before anybody else comes in."""
    if how.host in LOOPBACK and not how.is_shared:
        return []
    asked = "no password is asked for: give one with --password"
    if how.password is not None:
        asked = f"the password is {how.password} (any name)" if how.is_shared else "the password is asked for"
    writes = "" if how.is_read_only else ", may write their labels and have clips of their own worked through here"
    sentences = [REACHABLE.format(where=where, writes=writes, password=asked)]
    if how.is_shared:
        sentences.append("the link goes through servers of Gradio's makers, who can read what passes; it ends with us")
    return sentences


def _with_password(how: Serving) -> Serving:
    """A public link never goes without one."""
    if how.is_shared and how.password is None:
        return replace(how, password=secrets.token_urlsafe(9))
    return how


@contextmanager
def _shared(door: socket.socket, how: Serving) -> Iterator[str | None]:
    """A public link to the door while the block runs, if one is asked for."""
    if not how.is_shared:
        yield None
        return
    from gradio.networking import setup_tunnel
    from gradio.tunneling import CURRENT_TUNNELS

    try:
        link = setup_tunnel("127.0.0.1", door.getsockname()[1], secrets.token_urlsafe(32), None, None)
    except Exception as error:
        raise RequestError(f"no public link can be had ({error}): leave out --share, or look at the network") from error
    try:
        yield link
    finally:
        for tunnel in CURRENT_TUNNELS:
            tunnel.kill()


def _open_browser(address: str) -> None:
    """In a thread: it may take its time. Where there is no display it would open in the terminal, so it is let be."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _server(table: RunTable, how: Serving, link: str | None, trainings: Sequence[Path]) -> uvicorn.Server:
    import uvicorn

    from deglare.inspection.bundled import cache_folder
    from deglare_viewer.app import Options, make_app, upload_limit
    from deglare_viewer.films.filming import Filming

    names = (*how.names, *([] if link is None else [link.split("/")[2]]))
    films = None if how.is_read_only else Filming(how.uploads or cache_folder() / "uploads", table)
    limits = {
        "upload_bytes": upload_limit(),
        "clip_bytes": 0 if films is None else films.most_bytes,
        "subset_bytes": 0 if how.is_read_only else SUBSET_BYTES,
    }
    rules = Rules.for_host(how.host, names, password=how.password, **limits)
    options = Options(rules=rules, is_read_only=how.is_read_only, films=films, trainings=tuple(trainings))
    config = uvicorn.Config(
        make_app(table, options),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody stands before us whose word counts on where a request is from
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    return uvicorn.Server(config)
