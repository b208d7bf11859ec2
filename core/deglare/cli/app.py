"""``deglare app``: the studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from deglare.cli import Result
from deglare.cli.terminal import bar, say


def app(
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN ...]")] = (),
    host: str = "127.0.0.1",
    port: int = 7860,
    password: str | None = None,
    names: tuple[str, ...] = (),
    read_only: bool = False,
    share: bool = False,
    browser: bool = True,
    uploads: Path | None = None,
) -> Result:
    """Look at finished runs in the browser: where depth is wrong, why, and what fusion does about it.

    Without a run it shows the bundled scene. Folders of deglare train show how it goes, or went. Only this machine can
    reach it unless --host or --share say otherwise.

    Args:
        runs: Runs and trainings, or folders that hold some.
        host: The address to listen at; 0.0.0.0 is every address of this machine.
        port: The first port to try; where it is taken, the next free one. 0 is any.
        password: Asked of every visitor.
        names: Other names by which visitors reach this machine.
        read_only: Visitors can write no labels, keep no failures and bring no videos.
        share: Ask Gradio's servers for a public link; a password is made up if none is given.
        browser: Open it in the browser.
        uploads: Where visitors' own videos, and what is made of them, are kept until they are deleted after 24 hours; a
            folder of the user's cache if not given. A studio that is --read-only takes none.
    """
    from deglare_viewer.serving import Serving, serve

    how = Serving(
        host,
        port,
        password,
        names,
        is_shared=share,
        is_read_only=read_only,
        opens_browser=browser,
        uploads=uploads,
    )
    serve(runs, how, say, bar)
    return {}
