"""Errors as an answer: a status and ``{"error": "one sentence"}``, never a traceback and never a path of the server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from deglare.errors import DataError, DeglareError, RequestError
from deglare_viewer.lanes import BusyError
from deglare_viewer.sessions import RunTable, UnknownRunError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

STATUS = ((UnknownRunError, 404), (BusyError, 503), (RequestError, 400), (DataError, 410), (DeglareError, 409))
"""Not here; later perhaps; a wrong question; a run that cannot be read; a question that has no answer here."""


def refuse_in_sentences(app: FastAPI, table: RunTable) -> None:
    """Let an app answer errors of ours, of FastAPI and of nobody in one form."""

    def said(_: Request, error: Exception) -> Response:
        return failed(next(status for kind, status in STATUS if isinstance(error, kind)), table.said(error))

    app.add_exception_handler(DeglareError, said)
    app.add_exception_handler(RequestValidationError, _wrong_question)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)


def failed(status: int, sentence: str) -> JSONResponse:
    """An answer that is a sentence."""
    return JSONResponse({"error": sentence}, status, headers={"Cache-Control": "no-store"})


def _wrong_question(_: Request, error: Exception) -> Response:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("it",), "msg": "unreadable"}
    return failed(400, f"{first['loc'][-1]}: {first['msg']}")


def _refused(_: Request, error: Exception) -> Response:
    return failed(getattr(error, "status_code", 404), str(getattr(error, "detail", "there is nothing here")))


def _broken(_: Request, error: Exception) -> Response:
    logging.getLogger(__name__).error("a route failed", exc_info=error)
    return failed(500, "something went wrong in the server; its terminal says what")
