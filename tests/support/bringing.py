"""A studio to which visitors bring clips, and the clips."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from attacks import HOME
from clips import write_clip
from fastapi.testclient import TestClient
from pretending import PRETEND

from deglare_viewer.app import Options, make_app
from deglare_viewer.films.film import Film
from deglare_viewer.films.filming import Filming
from deglare_viewer.guarding import Rules
from deglare_viewer.sessions import RunTable

CLIPS = "/studio/films"
CLIP_BYTES = 1 << 20
PATIENCE_S = 60.0
RULES = Rules(clip_bytes=CLIP_BYTES)


def small_clip(path: Path, frames: int = 10) -> Path:
    """A second of a picture that slides."""
    rng = np.random.default_rng(0)
    wide = np.repeat(np.repeat(rng.integers(0, 256, (16, 40, 3), dtype=np.uint8), 6, 0), 6, 1)
    return write_clip(path, (wide[:, 4 * number : 4 * number + 128] for number in range(frames)))


def pretended(folder: Path, table: RunTable, **options: Any) -> Filming:
    """Clips on which nobody really works."""
    return Filming(folder, table, **{"work": PRETEND, "grace_s": 5.0, **options})


def taken(films: Filming, clip: Path, name: str | None = None) -> Film:
    """A clip as the route takes it in."""
    with films.arriving(name or clip.name) as arriving:
        arriving.write(clip.read_bytes())
        arriving.end()
        return films.take(arriving.film)


@contextmanager
def bringing(glare: Path, folder: Path, rules: Rules = RULES) -> Iterator[TestClient]:
    """A whole studio on one run that takes clips."""
    table = RunTable([glare])
    films = pretended(folder, table, extra=("--from", str(glare)))
    with TestClient(make_app(table, Options(rules=rules, films=films)), base_url=HOME) as client:
        yield client


def until(is_true: Callable[[], bool]) -> None:
    """Wait for another process."""
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError("it never came true")
        time.sleep(0.01)


def at(films: Filming, film: Film, state: str, stage: str | None = None) -> None:
    """Wait until a clip stands so."""
    until(lambda: films.standing(film.id).state == state and stage in (None, films.standing(film.id).stage))


def go(film: Film) -> None:
    """Let the pretended work on a clip end."""
    (film.root / "go").touch()
