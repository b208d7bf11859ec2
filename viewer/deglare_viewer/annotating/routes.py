"""How the page reads and writes annotations: routes beside Gradio, each naming a run by its id and a frame by its name.

Whatever is done is one POST that is answered when it is on the disk, by the frame as it is then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse

from deglare.errors import DataError, DeglareError, RequestError
from deglare_viewer.annotating.books import Books
from deglare_viewer.annotating.deeds import DEEDS, Asked, parsed
from deglare_viewer.annotating.files import packed, unpacked
from deglare_viewer.annotating.telling import overview_json, runs_of, state_json
from deglare_viewer.lanes import Lane, Made
from deglare_viewer.routes import FRESH, KEPT, PREFIX, as_json, saved_as

if TYPE_CHECKING:
    from deglare_viewer.annotating.books import Book
    from deglare_viewer.routes import Reading

Who = Annotated[str, Query(max_length=80)]
Name = Annotated[str, Query(max_length=200)]

IN_TURN = ("carry", "start", "settle", "exclude")
"""Deeds that take a while wait for each other, so that strokes of others need not wait for them."""


class AnnotationRoutes:
    """The routes of the annotations of one table of runs."""

    def __init__(self, reading: Reading, books: Books) -> None:
        self.reading, self.books = reading, books
        self.slowly = Lane("marking", at_a_time=1, waiting=16, keep_bytes=0)

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix=f"{PREFIX}/{{run}}/annotations")
        for path, route in (
            ("", self.overview),
            ("/queue", self.queue),
            ("/frames/{frame}", self.frame),
            ("/frames/{frame}/picture", self.picture),
            ("/frames/{frame}/suspects", self.suspects),
            ("/frames/{frame}/pair", self.pair),
            ("/agreement", self.agreement),
            ("/subset", self.subset),
            ("/export/{form}", self.export),
        ):
            router.add_api_route(path, route, methods=["GET"])
        router.add_api_route("/do", self.do, methods=["POST"])
        router.add_api_route("/import", self.bring, methods=["POST"])
        return router

    def overview(self, run: str, annotator: Who = "") -> Response:
        """Frames, this annotator's tags, and what waits for a decision."""
        book = self.books.book(run)
        return fresh(overview_json(book, book.to_look(), annotator))

    async def queue(self, run: str, annotator: Who = "", first: Who = "") -> Response:
        """What to look at next; with ``first``, what that annotator has looked at and this one has not."""
        from deglare.annotation import next_frames, second_pass

        book = await run_in_threadpool(self.books.book, run)
        if first:
            frames = await run_in_threadpool(second_pass, book.to_look(), first, annotator)
            return fresh({"queue": [{"frame": frame, "score": None} for frame in frames]})
        scores = (await self.reading.slow.get((run, book.run.version, "disagreements"), lambda: scored(book))).source
        found = await run_in_threadpool(next_frames, book.to_look(), book.run.folder, scores)  # type: ignore[arg-type]
        return fresh({"queue": [{"frame": one.frame, "score": one.score} for one in found]})

    def frame(self, run: str, frame: str, annotator: Who = "") -> Response:
        """One frame as one annotator has it."""
        return fresh(state_json(frame, self.books.book(run).to_look().state(annotator, frame)))

    def picture(self, run: str, frame: str, v: Name = "") -> Response:
        """The image of a frame, as the run has it."""
        opened = self.books.table.run(run)
        path = opened.folder.color(opened.frame(frame))
        if not path.is_file():
            raise DataError(f"the image of frame {frame} is gone: label the run again")
        kept = KEPT if v == opened.version else FRESH
        return FileResponse(path, headers={"Cache-Control": kept})

    def suspects(self, run: str, frame: str, annotator: Who = "") -> Response:
        """Where the truth goes through what is marked, and where it is missing, as packed runs."""
        from deglare.annotation import Suspicion, suspects_of

        book = self.books.book(run)
        looking = book.to_look()
        codes = suspects_of(looking, annotator, book.run.folder, looking.frames.require(frame))
        through, missing = (runs_of(codes == int(kind)) for kind in (Suspicion.THROUGH, Suspicion.MISSING))
        return fresh({"size_hw": list(codes.shape), "through": through, "missing": missing})

    def pair(self, run: str, frame: str, a: Who, b: Who) -> Response:
        """The masks and tags of two annotators, for whoever settles their differences."""
        looking = self.books.book(run).to_look()
        return fresh({side: state_json(frame, looking.state(who, frame)) for side, who in (("a", a), ("b", b))})

    async def agreement(self, run: str, a: Who, b: Who) -> Response:
        """How far two annotators agree."""
        from deglare.annotation import compare

        looking = (await run_in_threadpool(self.books.book, run)).to_look()
        if a == b or not {a, b} <= set(looking.annotators()):
            raise RequestError("agreement needs two people who both annotated this run: choose two of the list")
        made = await self.slowly.get((run, a, b), lambda: as_json(compare(looking, a, b).to_json()))
        return Response(made.body, media_type=made.media_type, headers={"Cache-Control": FRESH})

    def subset(self, run: str, annotator: Who = "") -> Response:
        """What would be exported, with its hash."""
        from deglare.annotation import subset_of

        book = self.books.book(run)
        found = subset_of(book.to_look(), book.run.name, annotator or None)
        masks = sum(frame.surfaces is not None for frame in found.frames)
        return fresh({"sha256": found.sha256, "frames": len(found.frames), "masks": masks})

    def export(self, run: str, form: str, annotator: Who = "", scene: Name = "", tag: Who = "reflective") -> Response:
        """A subset to keep."""
        from deglare.annotation import FORMS, subset_of

        if form not in FORMS:
            raise RequestError(f"a subset is saved as {', '.join(FORMS)}: choose one of them")
        book = self.books.book(run)
        named = scene or book.run.name
        file = packed(subset_of(book.to_look(), named, annotator or None), form, tag, named)
        return Response(
            file.content(), media_type=file.media_type, headers=saved_as(file.name) | {"Cache-Control": FRESH}
        )

    async def do(self, run: str, request: Request) -> Response:
        """Do one of `DEEDS`; answered when it is kept."""
        fields = parsed(await request.body())
        kind = fields.get("do")
        if not isinstance(kind, str) or kind not in DEEDS:
            raise RequestError(f"there is nothing to do of that name: {', '.join(DEEDS)}")
        work = partial(self._done, run, kind, fields)
        return fresh(await self._in_turn(work) if kind in IN_TURN else await run_in_threadpool(work))

    def _done(self, run: str, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        book = self.books.book(run)
        annotations = book.to_write()
        asked = Asked(annotations, book, fields)
        frame = DEEDS[kind](asked)
        return state_json(frame, annotations.state(asked.annotator, frame))

    async def bring(self, run: str, request: Request, name: Name, annotator: Who, scene: Name = "") -> Response:
        """Take in a subset that a visitor sends."""
        body = await request.body()
        return fresh(await self._in_turn(lambda: self._brought(run, body, name, annotator, scene)))

    def _brought(self, run: str, body: bytes, name: str, annotator: str, scene: str) -> dict[str, Any]:
        from deglare.annotation import import_into

        book = self.books.book(run)
        annotations = book.to_write()
        subset, named = unpacked(body, name), scene or book.run.name
        here = [one for one in subset.frames if one.scene == named]
        if not here:
            scenes = sorted({one.scene for one in subset.frames})
            raise RequestError(f"{name[-60:]} has no frame of scene {named}, only of {', '.join(scenes[:4]) or 'none'}")
        unknown = import_into(annotations, annotator, subset, named)
        return {"sha256": subset.sha256, "frames": len(here) - len(unknown), "unknown": list(unknown[:20])}

    async def _in_turn(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        made = await self.slowly.get(object(), lambda: Made(b"-", "", source=work()))
        return made.source  # type: ignore[return-value]

    def close(self) -> None:
        """Begin nothing more, and let go of the files."""
        self.slowly.close()
        self.books.close()


def add_annotation_routes(app: FastAPI, reading: Reading, *, is_read_only: bool = False) -> AnnotationRoutes:
    """Let an app answer for annotations; errors are answered as those of the other routes."""
    routes = AnnotationRoutes(reading, Books(reading.table, is_read_only=is_read_only))
    app.include_router(routes.router())
    reading.at_end.append(routes.close)
    return routes


def scored(book: Book) -> Made:
    """How far depths disagree in every frame; nothing where a run has no mesh, and frames come in order of time."""
    from deglare.annotation import disagreements

    try:
        return Made(b"-", "", source=disagreements(book.run.folder))
    except DeglareError:
        return Made(b"-", "", source={})


def fresh(fields: dict[str, Any]) -> Response:
    """An answer that nobody keeps."""
    return JSONResponse(fields, headers={"Cache-Control": "no-store"})
