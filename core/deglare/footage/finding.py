"""Looking for the cameras of a clip: features, pairs of frames, one adjustment of all, and a judgement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from deglare.data.files import open_image
from deglare.footage.cameras import (
    Cameras,
    of_solved,
    read_cameras,
    read_features,
    unmoved,
    without_cameras,
    write_cameras,
    write_features,
)
from deglare.footage.frames import Kept
from deglare.footage.lens import FocalStart
from deglare.footage.predicting import Predicting
from deglare.footage.workplace import Workplace
from deglare.fusion.staging import Announce, Key, each_frame
from deglare.fusion.threads import in_order
from deglare.geometry.poses_choosing import STILL
from deglare.geometry.poses_features import features_of
from deglare.geometry.poses_judging import judged
from deglare.geometry.poses_scale import agreement_of, scaled
from deglare.geometry.poses_solving import FEWEST_FRAMES, Motions, Solved, motions_of, solved
from deglare.progress import Progress


@dataclass(frozen=True)
class Finding:
    """Looking for the cameras of one clip."""

    place: Workplace
    focal: FocalStart
    predicting: Predicting
    threads: int
    announce: Announce

    def find(self, chosen: Key, depth: Key, kept: Kept) -> tuple[Key, Cameras]:
        """Cameras, from disk where they are there already."""
        looked, ledger = self.features(chosen, kept), self.place.ledger
        settings = {"focal_px": self.focal.focal_px, "is_fixed": self.focal.is_fixed}
        key = Key.after("cameras", settings, looked, depth)
        outputs = (self.place.root / "poses.json", self.place.root / "points.npz")
        if ledger.is_current(key, *outputs):
            for stage in ("pairs", "cameras"):
                with self.announce(stage) as progress:
                    progress(1, 1)
            return key, read_cameras(*outputs)
        ledger.begin(key, *outputs)
        found = self._found(kept)
        write_cameras(*outputs, found)
        ledger.finish(key)
        return key, found

    def features(self, chosen: Key, kept: Kept) -> Key:
        """What can be recognised in every frame."""
        key, ledger = Key.after("features", {}, chosen), self.place.ledger
        folder = self.place.root / "features"
        with self.announce("features") as progress:
            if ledger.is_current(key, folder):
                progress(len(kept.names), len(kept.names))
                return key
            ledger.begin(key, folder)
            missing = [name for name in kept.names if not self.place.features(name).is_file()]
            each_frame(self._recognised, missing, self.threads, progress, total=len(kept.names))
            ledger.finish(key)
        return key

    def _recognised(self, name: str) -> None:
        path = self.place.frame(name)
        with open_image(path, ("JPEG",)) as image:
            found = features_of(np.asarray(image.convert("L")))
        write_features(self.place.features(name), found)

    def _found(self, kept: Kept) -> Cameras:
        count = len(kept.names)
        if kept.way < STILL or count < FEWEST_FRAMES:
            return without_cameras(unmoved(kept))
        features = [read_features(self.place.features(name)) for name in kept.names]
        with self.announce("pairs") as progress:
            motions = motions_of(features, kept.working_hw, self.focal.focal_px, self._each(progress))
        depths = [self.predicting.depth(name) for name in kept.names]
        with self.announce("cameras") as progress:
            found = solved(features, motions, depths, self.focal.is_fixed, progress)
            progress(1, 1)
        return self._judged(found, motions, kept)

    def _judged(self, found: Solved | None, motions: Motions, kept: Kept) -> Cameras:
        agreement = None if found is None else agreement_of(found)
        verdict = judged(found, len(kept.names), agreement)
        if found is None or agreement is None:
            return replace(without_cameras(verdict), lens=motions.lens, is_focal_clear=motions.is_focal_clear)
        return of_solved(scaled(found, agreement.scale), agreement, verdict, kept)

    def _each(self, progress: Progress) -> Callable[[Callable[[int], object], int], list]:
        """Pairs in threads; each pass over them is told as one."""

        def each(work: Callable[[int], object], count: int) -> list:
            results = []
            for result in in_order(work, range(count), self.threads):
                results.append(result)
                progress(len(results), count)
            return results

        return each
