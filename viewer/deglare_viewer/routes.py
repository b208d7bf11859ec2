"""What the page reads: routes beside Gradio, all of them GET, all of them naming a run by its id.

An answer that depends on a run's content is asked for with ``?v=VERSION`` and may then be kept by the browser for as
long as it likes: another version has another address. A failure is ``{"error": "one sentence"}``.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from deglare.errors import RequestError
from deglare.progress import Progress, quiet
from deglare_viewer.lanes import Lane, Made, looked_at
from deglare_viewer.refusals import refuse_in_sentences
from deglare_viewer.saving import Wanted, clip_of, depth_of, labels_of, mesh_of, table_of
from deglare_viewer.sessions import RunTable

if TYPE_CHECKING:
    from deglare.inspection.downloads import Download
    from deglare.inspection.run import InspectedRun

PREFIX = "/studio"
KEPT, FRESH = "private, max-age=3600, immutable", "no-store"
BYTES = "application/octet-stream"
STATIC = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml"}
"""What lies in ``static/`` and may be asked for, with its type."""

Word = Annotated[str | None, Query(max_length=120)]
Version = Annotated[str | None, Query(max_length=64)]
Index = Annotated[int, Query(ge=0)]
AnyIndex = Annotated[int | None, Query(ge=0)]
Pixel = Annotated[int, Query(ge=0, le=65535)]
Threshold = Annotated[float | None, Query(ge=0, le=100, allow_inf_nan=False)]
Triple = Annotated[str, Query(max_length=200)]
"""Three numbers with commas between them."""

FIRST_VIEW_S = 1.0
"""What is heavy waits so long after a page was opened."""

MANIFEST, MEASURED = ("manifest",), ("breakdown",)


class Reading:
    """The routes of one table of runs.

    Quick is what a hand waits for, heavy what one waits for when a run is opened, slow what looks at every frame.
    """

    def __init__(self, table: RunTable) -> None:
        self.table = table
        self.quick = Lane("quick", at_a_time=3, waiting=64, keep_bytes=192 << 20)
        self.heavy = Lane("heavy", at_a_time=1, waiting=16, keep_bytes=128 << 20)
        self.slow = Lane("slow", at_a_time=1, waiting=16, keep_bytes=128 << 20)
        self.at_end: list[Callable[[], None]] = []
        """Called when nothing more is to begin."""

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix=PREFIX)
        for path, route in (
            ("/runs", self.runs),
            ("/static/{name}", self.static),
            ("/{run}/manifest", self.manifest),
            ("/{run}/frames/{frame}/layers", self.layers),
            ("/{run}/point", self.point),
            ("/{run}/why", self.why),
            ("/{run}/pick", self.pick),
            ("/{run}/curves", self.curves),
            ("/{run}/mesh", self.mesh),
            ("/{run}/breakdown", self.breakdown),
            ("/{run}/download/{what}", self.download),
        ):
            router.add_api_route(path, route, methods=["GET"])
        return router

    def runs(self) -> Response:
        """Every run, with the sentence of those that cannot be opened."""
        found = [
            {"id": one.id, "name": one.name, "frames": one.frames, "error": one.fault} for one in self.table.listing()
        ]
        return JSONResponse({"runs": found}, headers={"Cache-Control": FRESH})

    def static(self, name: str) -> Response:
        """A file of the page's own; names are looked up, never joined."""
        path = next((path for path in static_files() if path.name == name), None)
        if path is None:
            raise HTTPException(404, "there is no such file")
        return FileResponse(path, media_type=STATIC[path.suffix], headers={"Cache-Control": "no-cache"})

    async def manifest(self, run: str, v: Version = None) -> Response:
        """What the page must know of a run before the first frame."""
        answer = await self.answer(self.quick, run, MANIFEST, lambda r: manifest_of(r, run), v)
        asyncio.ensure_future(self.before_clicks(run)).add_done_callback(looked_at)
        return answer

    async def layers(self, run: str, frame: int, teacher: Word = None, v: Version = None) -> Response:
        """Every layer of a frame, in one body."""
        from deglare.inspection.layers import packed

        return await self.answer(
            self.quick, run, ("layers", frame, teacher), lambda r: Made(packed(r.layers(frame, teacher)), BYTES), v
        )

    async def point(
        self,
        run: str,
        frame: Index,
        x: Pixel,
        y: Pixel,
        strategy: Word = None,
        alpha: Threshold = None,
        teacher: Word = None,
        v: Version = None,
    ) -> Response:
        """What every layer says of a pixel, and who else sees the surface there."""
        from deglare.inspection.points import inspect_point

        def make(r: InspectedRun) -> Made:
            return as_json(inspect_point(r, frame, x, y, strategy, teacher, alpha).to_json())

        return await self.answer(self.quick, run, ("point", frame, x, y, strategy, alpha, teacher), make, v)

    async def why(
        self, run: str, frame: Index, x: Pixel, y: Pixel, teacher: Word = None, v: Version = None
    ) -> Response:
        """The photometric loss along the ray of a pixel."""
        from deglare.inspection.why import loss_curve

        def make(r: InspectedRun) -> Made:
            return as_json(loss_curve(r, frame, x, y, teacher).to_json())

        return await self.answer(self.quick, run, ("why", frame, x, y, teacher), make, v)

    async def pick(self, run: str, o: Triple, d: Triple, frame: AnyIndex = None, v: Version = None) -> Response:
        """Where a ray meets the mesh, and which frame shows that place."""
        from deglare.inspection.picking import pick

        origin, direction = numbers(o), numbers(d)

        def make(r: InspectedRun) -> Made:
            return as_json(pick(r, origin, direction, frame).to_json())

        return await self.answer(self.quick, run, ("pick", origin, direction, frame), make, v)

    async def curves(self, run: str, teacher: Word = None, v: Version = None) -> Response:
        """Error and coverage over the threshold."""
        from deglare.inspection.curves import alpha_curves

        return await self.answer(self.heavy, run, ("curves", teacher), lambda r: as_json(alpha_curves(r, teacher)), v)

    async def mesh(self, run: str, of: Word = "predicted", colour: Word = "rgb", v: Version = None) -> Response:
        """A surface to turn around."""
        from deglare.inspection.surfaces import packed, surface

        return await self.answer(
            self.heavy, run, ("mesh", of, colour), lambda r: Made(packed(surface(r, str(of), str(colour))), BYTES), v
        )

    async def breakdown(self, run: str, v: Version = None) -> Response:
        """Error by region, material, distance and angle, and frame by frame."""
        return await self.answer(self.slow, run, MEASURED, measured, v)

    async def download(
        self,
        run: str,
        what: str,
        name: Word = None,
        frame: AnyIndex = None,
        teacher: Word = None,
        layer: Word = None,
        format: Word = None,
        of: Word = None,
        colour: Word = None,
    ) -> Response:
        """A file to keep. A frame may be named or counted."""
        given = {"teacher": teacher, "layer": layer, "format": format, "of": of, "colour": colour}
        wanted = Wanted(name or frame, **{key: value for key, value in given.items() if value is not None})
        opened = await run_in_threadpool(self.table.run, run)
        if what == "labels":
            labels = labels_of(opened, wanted)
            return StreamingResponse(labels.chunks(), media_type=labels.media_type, headers=saved_as(labels.name))
        if what == "table":
            found: Any = (await self._measured(run)).source
            return await self.answer(self.quick, run, (what, wanted), lambda r: saved(table_of(r, found, wanted)), None)
        makers = {"depth": (self.quick, depth_of), "mesh": (self.heavy, mesh_of), "clip": (self.slow, clip_of)}
        if what not in makers:
            raise HTTPException(404, "there is nothing of that name to save: depth, mesh, clip, labels or table")
        lane, make = makers[what]
        return await self.answer(lane, run, (what, wanted), lambda r: saved(make(r, wanted)), None)

    async def measured(self, id: object, progress: Progress = quiet) -> dict[str, Any]:
        """The breakdown of a run, for the page's own tables."""
        return json.loads((await self._measured(id, progress)).body)

    async def _measured(self, id: object, progress: Progress = quiet) -> Made:
        run = await run_in_threadpool(self.table.run, id)
        return await self.slow.get((id, run.version, *MEASURED), lambda: measured(run, progress))

    async def answer(
        self, lane: Lane, id: str, what: tuple[object, ...], make: Callable[[InspectedRun], Made], version: str | None
    ) -> Response:
        """What ``make`` makes of the run as it stands now; made once for as long as the run stays as it is."""
        run = await run_in_threadpool(self.table.run, id)
        made = await lane.get((id, run.version, *what), lambda: make(run))
        headers = {"Cache-Control": KEPT if version == run.version else FRESH}
        if made.filename is not None:
            headers |= saved_as(made.filename)
        return Response(made.body, media_type=made.media_type, headers=headers)

    async def begin(self) -> None:
        """The server has started: whoever comes will look at the first run."""
        first = await run_in_threadpool(self.table.first)
        if first is not None:
            asyncio.ensure_future(self.before_views(first)).add_done_callback(looked_at)

    async def before_views(self, id: str) -> None:
        """Make ready what the first view waits for."""
        run = await run_in_threadpool(self.table.run, id)
        await self.quick.get((id, run.version, *MANIFEST), lambda: manifest_of(run, id))

    async def before_clicks(self, id: str) -> None:
        """Make ready what the first click waits for, once the first view is there."""
        await asyncio.sleep(FIRST_VIEW_S)
        run = await run_in_threadpool(self.table.run, id)
        await self.heavy.get((id, "projector"), lambda: Made(b"", BYTES, source=run.projector()))

    def close(self) -> None:
        """Begin nothing more."""
        for lane in (self.quick, self.heavy, self.slow):
            lane.close()
        for end in self.at_end:
            end()


def add_routes(app: FastAPI, table: RunTable) -> Reading:
    """Put the routes into an app, and the sentences that take the place of errors."""
    reading = Reading(table)
    app.include_router(reading.router())
    refuse_in_sentences(app, table)
    return reading


def serve_routes(run_paths: Iterable[Path]) -> FastAPI:
    """The routes alone, without Gradio."""
    app = FastAPI(openapi_url=None)
    add_routes(app, RunTable(run_paths))
    return app


def static_files() -> list[Path]:
    """The page's own files."""
    folder = Path(str(files("deglare_viewer"))) / "static"
    return sorted(path for path in folder.iterdir() if path.suffix in STATIC and path.is_file())


def manifest_of(run: InspectedRun, id: str) -> Made:
    """The manifest of a run under its id here."""
    from deglare.inspection.describing import describe

    return as_json({**describe(run), "id": id})


def measured(run: InspectedRun, progress: Progress = quiet) -> Made:
    """Compare every frame of a run with the truth."""
    from deglare.inspection.breakdown import break_down

    found = break_down(run, progress=progress, threads=1)
    return replace(as_json(found.to_json()), source=found)


def saved(file: Download) -> Made:
    """The content of a download."""
    return Made(file.content(), file.media_type, file.name)


def saved_as(name: str) -> dict[str, str]:
    """Says that an answer is to be saved; the name is safe already."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def numbers(text: str) -> tuple[float, float, float]:
    """Three finite numbers."""
    try:
        x, y, z = (float(word) for word in text.split(","))
    except ValueError as error:
        raise RequestError(f"'{text[:60]}' is not three numbers with commas between them") from error
    if not all(map(math.isfinite, (x, y, z))):
        raise RequestError(f"'{text[:60]}' is no place and no direction: give finite numbers")
    return x, y, z


def as_json(value: Any) -> Made:
    """A value as JSON; numbers that JSON does not have are mistakes of ours."""
    return Made(json.dumps(value, allow_nan=False, separators=(",", ":")).encode(), "application/json")
