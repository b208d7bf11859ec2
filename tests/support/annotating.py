"""Sequences to annotate whose images are nothing but a name, and a process that paints until it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from deglare.annotation import Annotations, KnownFrames, stroke
from deglare.annotation.actions import whole_mask
from deglare.errors import LabelError

SIZE = (24, 32)
NAMES = tuple(f"{number:06d}" for number in range(6))


def frames(names: tuple[str, ...] = NAMES, holds: dict[str, str] | None = None) -> KnownFrames:
    """Frames whose images hold their name, or what is said."""
    content = holds or {}
    hashes = {name: hashlib.sha256(content.get(name, name).encode()).hexdigest() for name in names}
    return KnownFrames(dict.fromkeys(names, SIZE), lambda name: hashes[name])


def dot(x: float, y: float, surface: str = "glossy", radius: float = 2.0) -> dict[str, object]:
    """A stroke as a page sends it."""
    return {"kind": "paint", "points": [[x, y]], "radius": radius, "surface": surface}


def paint_for_ever(path: Path, annotator: str) -> None:
    """Say the number of each stroke once it is answered."""
    with Annotations(path, frames()) as annotations:
        number = 0
        while True:
            state = annotations.do(annotator, NAMES[number % 2], stroke(dot(number % 32, number % 24)))
            print(number, state.last_seq, flush=True)  # noqa: T201 - the test reads it
            number += 1


def noise(seed: int) -> np.ndarray:
    """A mask that takes room."""
    return (np.random.default_rng(seed).random(SIZE) < 0.5).astype(np.uint8)


def fill_the_disk(path: Path) -> tuple[int, str, int]:
    """With files that may not grow beyond some size: strokes that were answered, what was said, strokes to be seen."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    answered, said = 0, ""
    with Annotations(path, frames()) as one:
        try:
            for seed in range(2000):
                one.do("ann", NAMES[0], whole_mask(noise(seed)))
                answered += 1
        except LabelError as error:
            said = str(error)
        return answered, said, one.state("ann", NAMES[0]).last_seq  # what was saved can still be looked at


def as_nobody(path: Path) -> tuple[str, str, str | None]:
    """Without the rights of root: what is said when something is written, there and in a new file, and what is read."""
    if os.getuid() == 0:
        os.setuid(65534)
    said = []
    for place in (path, path.with_name("new.sqlite")):
        try:
            with Annotations(place, frames()) as one:
                one.tag("ann", NAMES[1], "waste")
            said.append("")
        except LabelError as error:
            said.append(str(error))
    with Annotations(path, frames(), read_only=True) as reader:
        return said[0], said[1], reader.state("ann", NAMES[0]).tag


def in_process(name: str, path: Path) -> list[Any]:
    """What one of the functions above returns in a process of its own."""
    done = subprocess.run([sys.executable, __file__, name, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "paint":
        paint_for_ever(Path(sys.argv[2]), sys.argv[3])
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))  # noqa: T201 - the test reads it
