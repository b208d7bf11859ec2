"""The studio: our routes and a Gradio page, behind one door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from deglare_viewer.annotating.routes import add_annotation_routes
from deglare_viewer.films.filming import Filming
from deglare_viewer.films.routes import add_film_routes
from deglare_viewer.guarding import Guard, Rules
from deglare_viewer.panels import PANELS, Panel, Studio
from deglare_viewer.panels.parts import choices_of
from deglare_viewer.panels.video import Video
from deglare_viewer.preloading import Preloading
from deglare_viewer.routes import PREFIX, Reading, add_routes, static_files
from deglare_viewer.sessions import RunTable
from deglare_viewer.theme import PAGE_STYLE, studio_theme
from deglare_viewer.trainings import Trainings

TITLE = "deglare"
HEAD = "<h1>deglare</h1><p>where depth is wrong on reflective surfaces, why, and what fusion does about it</p>"
CACHE_SWEEP_S, CACHE_AGE_S = 3600, 24 * 3600
"""Files that visitors uploaded or downloaded through Gradio are looked at so often, and removed at that age."""

CLIP_SWEEP_S = 3600
"""Between two looks for clips whose time is over."""

WAITING, AT_A_TIME = 32, 4
"""Events of all visitors together that wait, and events of one kind that run."""


@dataclass(frozen=True)
class Options:
    """What a studio is started with, beside its runs."""

    panels: Sequence[Panel] | None = None
    """Tabs; all of them if not given."""
    is_read_only: bool = False
    rules: Rules = field(default_factory=Rules)
    films: Filming | None = None
    """Visitors' own clips; without it nobody can bring any."""
    trainings: tuple[Path, ...] = ()
    """Folders of ``deglare train``."""


def build(table: RunTable, reading: Reading, options: Options | None = None) -> gr.Blocks:
    """The page, without a server."""
    options = options or Options()
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(CACHE_SWEEP_S, CACHE_AGE_S)) as blocks:
        with gr.Row(elem_id="dg-head"):
            gr.HTML(HEAD, elem_id="dg-title")
            run = gr.Dropdown([], label="run", elem_id="dg-run", min_width=240, scale=0, container=False)
        opened = blocks.load(_opened(table), None, [run], show_progress="hidden", api_visibility="private")
        with gr.Tabs() as tabs:
            trainings = Trainings(options.trainings)
            studio = Studio(table, reading, blocks, tabs, run, opened, options.is_read_only, options.films, trainings)
            for panel in options.panels or panels_for(options):
                with gr.Tab(panel.title, id=panel.title.lower()):
                    panel.build(studio)
    return blocks.queue(max_size=WAITING, default_concurrency_limit=AT_A_TIME)


def _opened(table: RunTable) -> Callable[..., Any]:
    """What happens when somebody opens the page: its address may name a run."""

    def opened(request: gr.Request) -> gr.Dropdown:
        asked = request.query_params.get("run")
        if asked in table.ids:
            return gr.Dropdown(choices_of(table, [asked]), value=asked)
        return gr.Dropdown(choices_of(table), value=table.first() or next((one.id for one in table.listing()), None))

    return opened


def panels_for(options: Options) -> list[Panel]:
    """The tabs of a studio; that of visitors' clips only where they may bring some."""
    return [panel for panel in PANELS if options.films is not None or not isinstance(panel, Video)]


def upload_limit() -> int:
    """The largest file that any panel takes."""
    return max(panel.upload_bytes for panel in PANELS)


def make_app(table: RunTable, options: Options | None = None) -> Guard:
    """Everything that a server serves."""

    async def made() -> Guard:
        return _made(table, options or Options())

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(made())  # where no loop runs, Gradio makes some and leaves them open
    return _made(table, options or Options())


def _made(table: RunTable, options: Options) -> Guard:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    reading = add_routes(app, table)
    add_annotation_routes(app, reading, is_read_only=options.is_read_only)
    if options.films is not None:
        add_film_routes(app, options.films)
    mounted = mount(app, build(table, reading, options), options)
    mounted.router.lifespan_context = _with_life(mounted.router.lifespan_context, reading, options.films)
    modules = [f"{PREFIX}/static/{path.name}" for path in static_files() if path.suffix == ".js"]
    return Guard(Preloading(mounted, modules), options.rules)


def mount(app: FastAPI, blocks: gr.Blocks, options: Options) -> FastAPI:
    """Put Gradio behind our routes."""
    return gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=studio_theme(),
        css=PAGE_STYLE,
        footer_links=[],
        show_error=False,  # sentences of ours are shown all the same, and nothing else
        ssr_mode=False,
        enable_monitoring=False,
        max_file_size=max(options.rules.upload_bytes, 1),
    )


def _with_life(lifespan: Callable[[Any], Any], reading: Reading, films: Filming | None) -> Callable[[Any], Any]:
    """The life of an app, with what our routes do at its beginning and its end."""

    @asynccontextmanager
    async def living(app: Any) -> AsyncIterator[Any]:
        async with lifespan(app) as state, _kept(films):
            await reading.begin()
            yield state
        reading.close()

    return living


@asynccontextmanager
async def _kept(films: Filming | None) -> AsyncIterator[None]:
    """Clips are found again at the beginning, swept every hour, and their work is stopped at the end."""
    if films is None:
        yield
        return
    await run_in_threadpool(films.begin)
    sweeping = asyncio.ensure_future(_sweep(films))
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await run_in_threadpool(films.close)


async def _sweep(films: Filming) -> None:
    while True:
        await asyncio.sleep(CLIP_SWEEP_S)
        await run_in_threadpool(films.sweep)
