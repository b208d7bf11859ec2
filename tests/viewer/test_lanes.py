"""Slow work is made once for everybody, in its own threads, and never without bounds."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from threading import Event
from typing import Any

import pytest

from deglare_viewer.lanes import BusyError, Lane, Made


def lane(**changes: Any) -> Lane:
    return Lane("test", **{"at_a_time": 2, "waiting": 4, "keep_bytes": 100, **changes})


def test_two_who_ask_for_the_same_wait_for_one_making() -> None:
    makings: list[str] = []
    go = Event()

    def make() -> Made:
        go.wait(10)
        makings.append("made")
        return Made(b"body", "text/plain")

    async def both() -> list[Made]:
        one = lane()
        asked = [asyncio.ensure_future(one.get("key", make)) for _ in range(2)]
        await asyncio.sleep(0)
        go.set()
        return [*await asyncio.gather(*asked), await one.get("key", make)]

    first, second, third = asyncio.run(both())
    assert first is second is third and makings == ["made"]


def test_a_failure_reaches_everybody_who_waits_and_is_not_kept() -> None:
    answers = [ValueError("no"), Made(b"yes", "text/plain")]

    def make() -> Made:
        answer = answers.pop(0)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    async def ask() -> None:
        one = lane()
        with pytest.raises(ValueError, match="no"):
            await one.get("key", make)
        assert (await one.get("key", make)).body == b"yes"

    asyncio.run(ask())


def test_what_was_asked_for_last_is_kept_as_long_as_there_is_room() -> None:
    makings: list[str] = []

    async def ask() -> None:
        one = lane()
        for key in ("a", "b", "a", "c", "a", "b"):
            await one.get(key, lambda key=key: (makings.append(key), Made(bytes(40), "text/plain"))[1])

    asyncio.run(ask())
    assert makings == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_room_is_given_and_forgotten() -> None:
    async def ask() -> tuple[Made, Made]:
        one = lane()
        return await one.get("a", lambda: Made(bytes(500), "")), await one.get("a", lambda: Made(b"", ""))

    large, small = asyncio.run(ask())
    assert len(large.body) == 500 and small.body == b""


def test_when_too_many_wait_the_next_is_turned_away_and_later_let_in() -> None:
    go = Event()

    def make() -> Made:
        go.wait(10)
        return Made(b"", "")

    async def ask() -> None:
        one = lane(at_a_time=1, waiting=2)
        waiting = [asyncio.ensure_future(one.get(key, make)) for key in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="ask again"):
            await one.get("c", make)
        go.set()
        await asyncio.gather(*waiting)
        await one.get("c", make)

    asyncio.run(ask())


def test_whoever_leaves_stops_nothing_for_those_who_stay() -> None:
    go = Event()

    def make() -> Made:
        go.wait(10)
        return Made(b"body", "")

    async def ask() -> bytes:
        one = lane()
        leaving, staying = (asyncio.ensure_future(one.get("key", make)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        go.set()
        return (await staying).body

    assert asyncio.run(ask()) == b"body"


def test_work_knows_who_asked_for_it() -> None:
    visitor: ContextVar[str] = ContextVar("visitor")

    async def ask() -> str:
        visitor.set("me")
        return (await lane().get("key", lambda: Made(visitor.get().encode(), ""))).body.decode()

    assert asyncio.run(ask()) == "me"
