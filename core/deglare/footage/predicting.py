"""Depth of the kept frames as the teachers see it, before anything is known about cameras: it sets the scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deglare.data.files import read_rgb
from deglare.footage.frames import Kept
from deglare.footage.teachers import KeptTeacher, averaged
from deglare.footage.workplace import Workplace
from deglare.fusion.labelling import identity_of
from deglare.fusion.staging import Announce, Key, each_frame
from deglare.types import DepthMap


@dataclass(frozen=True)
class Predicting:
    """Teachers at work on a clip; what each predicted is kept on disk by the teacher itself."""

    place: Workplace
    teachers: tuple[KeptTeacher, ...]
    threads: int
    announce: Announce

    def predict(self, chosen: Key, kept: Kept) -> Key:
        """Depth of every kept frame."""
        settings = {"teachers": [identity_of(teacher) for teacher in self.teachers]}
        key, ledger = Key.after("depth", settings, chosen), self.place.ledger
        with self.announce("depth") as progress:
            if ledger.is_current(key):
                progress(len(kept.names), len(kept.names))
                return key
            ledger.begin(key)
            each_frame(self._seen, kept.names, self.threads, progress)
            ledger.finish(key)
        return key

    def depth(self, name: str) -> DepthMap:
        """Of one kept frame, averaged over the teachers."""
        return averaged(self.by_teacher(name))

    def by_teacher(self, name: str) -> Sequence[DepthMap]:
        """Of one kept frame."""
        rgb = read_rgb(self.place.color(name))
        return [teacher.predict(rgb) for teacher in self.teachers]

    def _seen(self, name: str) -> None:
        self.by_teacher(name)
