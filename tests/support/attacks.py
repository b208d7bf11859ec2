"""A whole studio in memory, and what strangers send to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from deglare_viewer.app import Options, make_app
from deglare_viewer.sessions import RunTable

HOME = "http://localhost:7860"


@contextmanager
def studio(*runs: Path, **options: Any) -> Iterator[TestClient]:
    """Everything that a server serves, behind its door."""
    with TestClient(make_app(RunTable(runs), Options(**options)), base_url=HOME) as client:
        yield client


def events_of(client: TestClient) -> dict[str, dict[str, Any]]:
    """Gradio's events by the name of their Python function; the last of a name."""
    config = client.get("/config").json()
    return {one["api_name"] or str(one["id"]): one for one in config["dependencies"]}


def call(client: TestClient, event: int, data: list[Any], extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """What Gradio answers to an event that is sent by hand, past the page: the data, or the error."""
    session = f"stranger{event}"
    body = {"data": data, "fn_index": event, "session_hash": session, "event_data": extra, "trigger_id": None}
    joined = client.post("/gradio_api/queue/join", json=body)
    if joined.status_code != 200:
        return {"refused": joined.status_code, "said": joined.text}
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                return {"success": message["success"], **message["output"]}
    raise AssertionError("Gradio never answered")
