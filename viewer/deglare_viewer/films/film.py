"""One clip that a visitor brought, on disk.

::

    ID/film.json          what it is called, when it came, what is wished for, what its header says
    ID/hall.mp4           the clip
    ID/hall/              the run that `deglare.footage` makes of it
    ID/work.log           what the work said
    ID/takeaway/          archives that were asked for

The id is 128 random bits: who knows it may see and delete the clip, and nobody can guess it.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from deglare.data.files import read_json, write_json
from deglare.data.video_facts import VideoFacts
from deglare.errors import DataError, RequestError
from deglare.footage.plan import Plan, planned
from deglare.footage.settings import FitSettings, VideoSettings
from deglare.footage.teachers import chosen_teachers
from deglare.fusion.threads import usable_threads
from deglare_viewer.sessions import slug

SCHEMA, CARD = 1, "film.json"
SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
LONGEST_NAME = 80
MOST_SECONDS = 120.0
"""Of a clip, in a studio; the command line takes longer ones."""


@dataclass(frozen=True)
class Wishes:
    """What a visitor decides about a clip."""

    focal_px: float | None = None
    fov_deg: float | None = None
    start_s: float = 0.0
    seconds: float = MOST_SECONDS
    fits: bool = False

    def __post_init__(self) -> None:
        numbers = (self.focal_px, self.fov_deg, self.start_s, self.seconds)
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise RequestError("numbers of the clip are finite: look at the focal length, the start and the length")
        if self.seconds > MOST_SECONDS:
            raise RequestError(f"at most {MOST_SECONDS:g} s of a clip are used here: choose a part of it")

    def settings(self) -> VideoSettings:
        """As the pipeline takes them; what makes no sense is a `RequestError`."""
        try:
            return VideoSettings(
                focal_px=self.focal_px,
                fov_deg=self.fov_deg,
                start_s=self.start_s,
                seconds=self.seconds,
                fit=FitSettings() if self.fits else None,
            )
        except RequestError as error:
            raise RequestError(plain(str(error))) from error

    def flags(self) -> list[str]:
        """As ``deglare video`` takes them."""
        given = {"--focal": self.focal_px, "--fov": self.fov_deg, "--start": self.start_s, "--seconds": self.seconds}
        flags = [word for name, value in given.items() if value is not None for word in (name, repr(float(value)))]
        return [*flags, *(["--fit"] if self.fits else [])]


@dataclass(frozen=True)
class Film:
    """One clip; changing it means writing another card."""

    root: Path
    name: str
    """As the visitor called it, made plain."""
    file_name: str
    made_at: float
    """Seconds since the epoch."""
    facts: VideoFacts | None = None
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def id(self) -> str:
        """What the visitor's browser keeps."""
        return self.root.name

    @property
    def file(self) -> Path:
        """The clip itself."""
        return self.root / self.file_name

    @property
    def run(self) -> Path:
        """What is made of it."""
        return self.root / Path(self.file_name).stem

    @property
    def log(self) -> Path:
        """What the work said."""
        return self.root / "work.log"

    @property
    def run_id(self) -> str:
        """Under which its run may be looked at: as hard to guess as the clip's own."""
        return f"{self.run.name}-{self.id}"

    def said(self, text: object) -> str:
        """A sentence as a visitor may read it: with the clip's name, not where it lies, and without flags."""
        short = str(text)
        for folder in (self.root, self.root.resolve()):
            short = short.replace(f"{folder}/", "").replace(str(folder), self.name)
        return plain(short.replace(self.file_name, self.name))

    def plan(self, wishes: Wishes, teachers: tuple[str, ...] = ()) -> Plan:
        """What would be done; the clip is not opened again for it."""
        if self.facts is None:
            raise DataError(f"{self.name} was not looked at: upload it again")
        settings, choice = wishes.settings(), chosen_teachers(teachers)
        try:
            return planned(self.facts, settings, choice.names, choice.expect, usable_threads())
        except RequestError as error:
            raise RequestError(self.said(error)) from error

    def with_wishes(self, wishes: Wishes) -> Film:
        """The same clip, other wishes."""
        return replace(self, wishes=wishes)

    def write(self) -> None:
        """Write the card."""
        card = {
            "schema": SCHEMA,
            "name": self.name,
            "file": self.file_name,
            "made_at": self.made_at,
            "facts": None if self.facts is None else asdict(self.facts),
            "wishes": asdict(self.wishes),
        }
        write_json(self.root / CARD, card)

    @classmethod
    def read(cls, root: Path) -> Film:
        """Read it back; a `DataError` for a folder that is none of ours."""
        try:
            card: Any = read_json(root / CARD)
            if card["schema"] != SCHEMA or not is_plain_name(card["file"]):
                raise DataError(f"{root / CARD} is of another version")
            facts = VideoFacts(**{**card["facts"], "size_hw": tuple(card["facts"]["size_hw"])})
            return cls(root, str(card["name"]), card["file"], float(card["made_at"]), facts, Wishes(**card["wishes"]))
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(f"{root / CARD} is damaged") from error


def new_id() -> str:
    """Of a clip that comes in now."""
    return secrets.token_hex(16)


def is_id(text: object) -> bool:
    """Whether it could be the id of a clip; nothing else ever becomes a part of a path."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{32}", text) is not None


def names_of(given: str) -> tuple[str, str]:
    """What a clip is called on the page, and in its folder; a `RequestError` where its suffix is no video's."""
    base = re.split(r"[/\\]", given)[-1]
    stem, dot, suffix = base.rpartition(".")
    if not stem or f"{dot}{suffix}".lower() not in SUFFIXES:
        raise RequestError(f"that is no video that is read here: give one of {', '.join(SUFFIXES)}")
    shown = "".join(letter for letter in base if letter.isprintable())
    if len(shown) > LONGEST_NAME:
        shown = f"{shown[: LONGEST_NAME - len(suffix) - 4]}....{suffix}"
    return shown, f"{slug(stem)[:LONGEST_NAME].strip('-_') or 'clip'}.{suffix.lower()}"


def is_plain_name(name: object) -> bool:
    """Whether it is the name of a file as `names_of` gives them."""
    return isinstance(name, str) and re.fullmatch(r"[a-z0-9_][a-z0-9_-]*\.[a-z0-9]{3,4}", name) is not None


FLAGS: Mapping[str, str] = {
    r"\(--frames keeps more, --start begins later\)": "(a later start shows it)",
    r"for --out": "for it",
    r": --teachers \S+ fetches it": "",
    r"name a network of deglare's own among --teachers": "do not fit it",
    r"\s*\([^()]*--[^()]*\)": "",
    r"before --start ([0-9.]+)": r"before \1 s",
    r"--start and --seconds choose": "the start and the length choose",
    r"--focal or --fov": "the focal length or the field of view",
    r"--focal and --fov": "the focal length and the field of view",
    r"--focal": "the focal length",
    r"--fov": "the field of view",
    r"--start": "the start",
    r"--seconds": "the length",
    r"--frames": "the number of frames",
    r"leave --fit out": "do not fit it",
}
"""What the command line calls its flags, and what the page does."""


def plain(text: str) -> str:
    """A sentence without flags: those belong to the command line."""
    for flag, words in FLAGS.items():
        text = re.sub(flag, words, text)
    return text
