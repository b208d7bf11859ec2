"""The last stage of a run: labels from what is on disk. Another strategy needs no teacher and no source.

Labels are made aside and put in place when all of them are there: whoever stops the stage, or runs out of disk, keeps
the labels that were there before. Cut off, it starts again from the first frame: it is the quickest stage.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from deglare.data.files import read_depth, read_uncertainty, write_depth, write_image
from deglare.data.run_folder import LabelSource, Manifest, RunFolder, writable
from deglare.errors import DataError
from deglare.fusion.detection import Detection
from deglare.fusion.evidence import Evidence, Needs, Neighbour
from deglare.fusion.labels import Labels
from deglare.fusion.levels import levels_of
from deglare.fusion.mining import MINE, Mining, read_mask
from deglare.fusion.settings_files import described, range_from
from deglare.fusion.staging import Key, each_frame, told_to
from deglare.fusion.strategies import ByMask, Strategy
from deglare.fusion.threads import in_order, usable_threads
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.networks.disparity import INDOOR, MetricRange
from deglare.progress import Progress, halves, quiet
from deglare.types import Camera, Rigid, inverse_rigid

FUSE, ASIDE = "fuse", ".fusing"


@dataclass(frozen=True, eq=False)
class RunEvidence:
    """What is on disk about the frames of a run."""

    run: RunFolder
    camera: Camera
    poses: Mapping[str, Rigid]
    """Of all frames, in order of time."""
    base: str
    """The teacher whose depth is mended."""
    projected_range: MetricRange = INDOOR

    def of(self, name: str, needs: Needs) -> Evidence:
        """Decode one frame, as far as a strategy looks at it."""
        return Evidence(
            predicted=read_depth(self.run.predicted(self.base, name)),
            projected=read_depth(self.run.layer("projected", name)) if needs.projected else None,
            uncertainty=self._uncertainty(name) if needs.uncertainty or needs.sigma_quantile is not None else None,
            camera=self.camera,
            neighbours=self._neighbours(name) if needs.neighbours else (),
            mask=read_mask(self.run, name) if needs.mask else None,
            projected_range=self.projected_range,
        )

    def _uncertainty(self, name: str) -> UncertaintyMap:
        return UncertaintyMap.of_known(read_uncertainty(self.run.layer("uncertainty", name)))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.poses)}

    @cached_property
    def _names(self) -> list[str]:
        return list(self.poses)

    def _neighbours(self, name: str) -> tuple[Neighbour, ...]:
        """The frames before and after; one at either end of the sequence."""
        place = self._places[name]
        found = [self._names[other] for other in (place - 1, place + 1) if 0 <= other < len(self._names)]
        return tuple(
            Neighbour(
                read_depth(self.run.predicted(self.base, other)),
                self.camera,
                inverse_rigid(self.poses[other]) @ self.poses[name],
            )
            for other in found
        )


@dataclass(frozen=True, eq=False)
class Fusing:
    """The stage, ready to be run."""

    evidence: RunEvidence
    strategy: Strategy
    predicted: Key
    projected: Key
    threads: int = field(default_factory=usable_threads)

    @property
    def key(self) -> Key:
        """What its files are made with."""
        settings = {
            "base": self.evidence.base,
            "strategy": described(self.strategy),
            "projected_range_m": asdict(self.evidence.projected_range),
        }
        before = (self.predicted, self.projected, *([self.mining.key] if self.strategy.needs.mask else []))
        return Key.after(FUSE, settings, *before)

    @property
    def mining(self) -> Mining:
        """The stage that makes the mask, where the strategy goes by one."""
        found = self.evidence
        return Mining(found.run, found.camera, found.poses, found.base, self.predicted, threads=self.threads)

    @property
    def is_current(self) -> bool:
        """Whether its files are there already."""
        return self.evidence.run.is_current(FUSE, self.key.settings, self.key.inputs)

    def write(self, progress: Progress = quiet) -> None:
        """Write the labels, and where each pixel of them is from. The caller holds the run."""
        run, key, needs = self.evidence.run, self.key, self.strategy.needs
        if needs.mask and not self.mining.is_current:
            mined, progress = halves(progress)
            self.mining.make(told_to(mined))
        names = list(self.evidence.poses)
        levels = levels_of(needs, in_order(lambda name: self.evidence.of(name, needs), names, self.threads))
        with beside(run) as aside:

            def make(name: str) -> Counter[str]:
                labels = self.strategy.fuse(replace(self.evidence.of(name, needs), levels=levels))
                write_image(aside.layer("source", name), labels.source)
                write_depth(aside.layer("fused", name), labels.depth)
                return counts_of(labels)

            counts = sum(each_frame(make, names, self.threads, progress), Counter[str]())
            run.begin(FUSE, key.settings, key.inputs, ())
            put_in_place(aside, run, names)
        run.finish(FUSE, key.settings, key.inputs, {"levels": asdict(levels), "pixels": dict(counts)})


@contextmanager
def beside(run: RunFolder) -> Iterator[RunFolder]:
    """An empty folder inside of a run, for layers that are not finished; gone afterwards."""
    folder = run.root / ASIDE
    shutil.rmtree(folder, ignore_errors=True)  # of somebody who was killed
    try:
        yield RunFolder(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(aside: RunFolder, run: RunFolder, names: Iterable[str]) -> None:
    """Move labels over those of the run, each in one step."""
    with writable(run.root):
        for name in names:
            for layer in ("source", "fused"):
                run.layer(layer, name).parent.mkdir(exist_ok=True)
                aside.layer(layer, name).replace(run.layer(layer, name))


def relabel(
    run: RunFolder, strategy: Strategy, *, threads: int | None = None, progress: Progress = quiet
) -> dict[str, int]:
    """Fuse every frame of a finished run with another strategy; returns how many pixels became of what.

    The run is then as `deglare.fusion.labelling.label` with that strategy would have left it. To stop it, raise from
    ``progress``: labels stay as they were, and a mask under way goes on another time.

    Args:
        run: Predicted and projected, fused before or not.
        strategy: What makes the labels. One that goes by a mask has it made first, see `mine`.
        threads: How many frames at a time; as many as there are cores if not given.
        progress: Told how many frames are done; each counts twice where a mask is made first.
    """
    with run.held():
        fusing = fusing_of(run, strategy, threads or usable_threads())
        if not fusing.is_current:
            fusing.write(progress)
        return dict(run.manifest().stages[FUSE].result["pixels"])


def mine(run: RunFolder, *, threads: int | None = None, progress: Progress = quiet) -> dict[str, Detection]:
    """Write what triplet mining takes for a reflection in every frame of a finished run; labels stay as they are.

    Returns how well it finds what is reflective: nothing where that is not known. Stopped by what ``progress`` raises,
    it goes on later with the frames that are left.

    Args:
        run: Predicted and projected.
        threads: How many frames at a time; as many as there are cores if not given.
        progress: Told how many frames are done.
    """
    with run.held():
        fusing_of(run, ByMask(), threads or usable_threads()).mining.make(told_to(progress))
        found = run.manifest().stages[MINE].result["detected"]
    return {what: Detection.from_json(counts) for what, counts in found.items()}


def fusing_of(run: RunFolder, strategy: Strategy, threads: int) -> Fusing:
    """The stage as the run's own manifest tells it; a `DataError` where an earlier one is not finished."""
    manifest = run.manifest()
    predicted, projected = (_finished(manifest, stage) for stage in ("predict", "project"))
    evidence = RunEvidence(run, manifest.camera, _poses(manifest), _base(manifest), _range(manifest))
    return Fusing(evidence, strategy, predicted, projected, threads)


def counts_of(labels: Labels) -> Counter[str]:
    """Pixels by source, and those that are not as the strategy asked."""
    counts = Counter({source.name.lower(): labels.count(source) for source in LabelSource})
    return counts + Counter({"fell back": labels.fell_back, "filled": labels.filled, "undecided": labels.undecided})


def _finished(manifest: Manifest, name: str) -> Key:
    stage = manifest.stages.get(name)
    if stage is None or not stage.is_finished:
        raise DataError(f"the run is half-written: '{name}' is not finished; run the same deglare label line again")
    return Key(name, stage.settings, stage.inputs)


def _poses(manifest: Manifest) -> dict[str, Rigid]:
    return {name: pose for name, pose in manifest.poses.items() if pose is not None}


def _base(manifest: Manifest) -> str:
    """The one that was fused to the mesh."""
    base = manifest.stages["mesh"].settings.get("base") if "mesh" in manifest.stages else None
    if not isinstance(base, str):
        raise DataError("run.json does not say which teacher was fused to the mesh: make the run again")
    return base


def _range(manifest: Manifest) -> MetricRange:
    """That of the labels there are."""
    fuse = manifest.stages.get(FUSE)
    return INDOOR if fuse is None else range_from(fuse.settings.get("projected_range_m"))
