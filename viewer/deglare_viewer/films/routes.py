"""How the page brings a clip and asks for it: routes beside Gradio, every one naming a clip by its id.

The clip itself is the body of one POST, written to its place as it comes; Gradio's own uploads stay shut.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse

from deglare.errors import DataError, RequestError
from deglare_viewer.films.film import MOST_SECONDS, Wishes
from deglare_viewer.films.filming import Filming
from deglare_viewer.films.takeaway import taken
from deglare_viewer.films.telling import told
from deglare_viewer.guarding import CLIPS
from deglare_viewer.lanes import BusyError

Number = Annotated[float | None, Query(allow_inf_nan=False)]
Seconds = Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False)]
Name = Annotated[str, Query(max_length=300)]


def wished(
    focal: Number = None,
    fov: Number = None,
    start: Seconds = 0.0,
    seconds: Seconds = MOST_SECONDS,
    fit: bool = False,
    plans: bool = False,
) -> Wishes | None:
    """What a visitor decides about a clip, where ``plans`` says that anything is decided."""
    return Wishes(focal, fov, start, seconds, fit) if plans else None


Wanted = Annotated[Wishes | None, Depends(wished)]

AT_A_TIME = 3
"""Clips that come in."""
COMES_WITHIN_S = 3600.0


class FilmRoutes:
    """The routes of the clips of one studio."""

    def __init__(self, films: Filming) -> None:
        self.films = films
        self._coming = 0

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix=CLIPS)
        router.add_api_route("", self.bring, methods=["POST"])
        router.add_api_route("/{id}", self.tell, methods=["GET"])
        router.add_api_route("/{id}/start", self.start, methods=["POST"])
        router.add_api_route("/{id}/stop", self.stop, methods=["POST"])
        router.add_api_route("/{id}/delete", self.delete, methods=["POST"])
        router.add_api_route("/{id}/files/{name}", self.file, methods=["GET"])
        return router

    async def bring(self, request: Request, name: Name) -> Response:
        """Take in a clip; answered by its plan."""
        if self._coming >= AT_A_TIME:
            raise BusyError(f"{AT_A_TIME} clips are coming in already: wait a moment and try again")
        self._coming += 1
        try:
            async with asyncio.timeout(COMES_WITHIN_S):
                film = await self._brought(request, name)
        except TimeoutError as error:
            raise DataError("the clip took longer than an hour to arrive: cut it, or make it smaller") from error
        finally:
            self._coming -= 1
        return said(await run_in_threadpool(told, self.films, film))

    async def _brought(self, request: Request, name: str) -> str:
        length, there = int(request.headers.get("content-length", 0)), 0
        with self.films.arriving(name) as arriving:
            async for piece in request.stream():
                there += len(piece)
                if there > length:
                    raise DataError("more of the clip came than was said: try again")
                await run_in_threadpool(arriving.write, piece)
            arriving.end()
            if there < length:
                raise DataError("the clip did not come whole: try again")
            return (await run_in_threadpool(self.films.take, arriving.film)).id

    def tell(self, id: str, wishes: Wanted) -> Response:
        """How a clip stands."""
        return said(told(self.films, id, wishes))

    def start(self, id: str, wishes: Wanted) -> Response:
        """Begin or go on."""
        if wishes is not None and self.films.standing(id).state == "planned":
            self.films.plan_again(id, wishes)
        self.films.start(id)
        return said(told(self.films, id))

    def stop(self, id: str) -> Response:
        """Stop, or leave the queue."""
        self.films.stop(id)
        return said(told(self.films, id))

    def delete(self, id: str) -> Response:
        """Remove it with all that was made of it."""
        self.films.delete(id)
        return said({"id": id, "state": "deleted"})

    def file(self, id: str, name: str) -> Response:
        """Something to take away, or to play."""
        film = self.films.film(id)
        if self.films.standing(id).state != "done":
            raise RequestError("there is nothing to save of this clip yet")
        path, media_type = taken(film, name)
        saved_as = f"{film.run.name}_{name}"
        disposition = "inline" if media_type.startswith("video/") else "attachment"
        return FileResponse(
            path,
            media_type=media_type,
            filename=saved_as,
            content_disposition_type=disposition,
            headers={"Cache-Control": "private, no-cache"},
        )


def add_film_routes(app: FastAPI, films: Filming) -> None:
    """Let an app answer for clips; errors are answered as those of the other routes."""
    app.include_router(FilmRoutes(films).router())


def said(fields: dict[str, Any]) -> Response:
    """An answer that nobody keeps."""
    return JSONResponse(fields, headers={"Cache-Control": "no-store"})
