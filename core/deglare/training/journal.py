"""Losses by step as JSON lines. A run that goes on drops the lines after its checkpoint and writes them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from deglare.data.files import read_text, write_text

CONFIG, LOSSES, VALIDATION = "config.json", "losses.jsonl", "validation.jsonl"
NETWORK_FILE = "network.safetensors"
"""In a run's folder: what it is, its journals, and what comes of it, which is written last."""

MAX_BYTES = 1 << 30


class Journal:
    """A file of one JSON object a line, each with its step.

    Args:
        path: The file.
        step: Lines after this step are dropped, and with them a last line that a crash cut short.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        write_text(path, "".join(json.dumps(line) + "\n" for line in read_journal(path) if _step(line) <= step))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One more line, on disk at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def read_journal(path: Path) -> list[dict[str, float]]:
    """All whole lines; none where there is no file."""
    if not path.is_file():
        return []
    lines: list[dict[str, float]] = []
    for text in read_text(path, MAX_BYTES).splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue  # a crash cut it short, or it is none of ours
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines


def _step(line: Mapping[str, float]) -> int:
    return int(line["step"])
