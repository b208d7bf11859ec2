"""Labels of rendered rooms against their truth, before any student: every way to make them, by region.

    python assets/scripts/label_table.py ROOMS WORK OUT.json [--scenes 0 12] [--base monodepth2-small] [--every 5]

ROOMS is what ``deglare rooms`` writes, WORK gets the runs (networks look at every frame once; the same line again goes
on), OUT.json gets one record for every row, region and metric. Labels are made of all frames, and compared with the
truth on every fifth one. ``label_report.py`` makes the tables and the pictures of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deglare import load_model, open_sequence
from deglare.data.files import read_depth, read_uncertainty, write_json
from deglare.data.run_folder import RunFolder
from deglare.errors import DataError
from deglare.evaluation.meter import Meter
from deglare.evaluation.protocol import protocol_named
from deglare.evaluation.regions import regions_of
from deglare.evaluation.tally import ALL_METRICS, Tally
from deglare.fusion.estimators import UNCERTAINTIES
from deglare.fusion.evidence import Evidence, Neighbour
from deglare.fusion.labelling import label
from deglare.fusion.levels import levels_of
from deglare.fusion.settings import PUBLISHED, LabelSettings, MeshSettings
from deglare.fusion.strategies import STRATEGIES, ByUncertainty, Projected, Strategy
from deglare.fusion.sweep import AlphaSweep
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.networks.teachers import Teacher
from deglare.processes import use_one_thread
from deglare.types import DepthMap, Frame, Sequence, SurfaceLabels, inverse_rigid

TEACHERS = ("monodepth2-small", "hrdepth-small", "monovit-small")
REGIONS = ("reflective", "non-reflective", "highlight", "all")
ROUGHNESS = tuple(f"highlight on gloss, roughness {bin_}" for bin_ in ("< 0.01", "0.01-0.03", ">= 0.03"))
METRICS = ("abs_rel", "sq_rel", "bias")
ALPHAS_M = np.arange(0, 1.001, 0.01)
RESAMPLES, SEED = 1000, 0

SWITCHES: dict[str, Strategy] = {
    "uncertainty 0.4 m": ByUncertainty(0.4),
    "uncertainty, quantile 0.95": ByUncertainty(None, 0.95),
    "uncertainty, quantile 0.9": ByUncertainty(None, 0.9),
    "uncertainty, quantile 0.8": ByUncertainty(None, 0.8),
}
FUSED = SWITCHES | {
    name: STRATEGIES[name]
    for name in ("uncertainty-relative", "difference", "multiview", "blend", "blend-gap", "blend-both")
}


@dataclass(frozen=True)
class Surface:
    """A way to fuse depth to a mesh, and what is tried on its projections."""

    mesh: MeshSettings
    certainty: str = "ensemble"
    """Whose uncertainty it and the strategies look at: that of the three networks, or of the base and its mirror image
    or crops."""
    strategies: Mapping[str, Strategy] = field(default_factory=lambda: FUSED)
    is_swept: bool = False


def surfaces() -> dict[str, Surface]:
    """By name."""
    found = {}
    for every in (10, 3):
        robust = MeshSettings(every=every, weights="incidence", tau=0.5)
        found |= {
            f"published, every {every}": Surface(replace(PUBLISHED.mesh, every=every), is_swept=True),
            f"robust, every {every}": Surface(robust, is_swept=True),
            f"robust tau 0.35, every {every}": Surface(replace(robust, tau=0.35)),
        }
    robust = MeshSettings(every=3, weights="incidence", tau=0.5)
    few = {name: FUSED[name] for name in ("uncertainty, quantile 0.95", "blend")}
    weighed, short = (
        replace(robust, weights="incidence+certainty"),
        replace(PUBLISHED.mesh.volume, clip_m=0.3, back_m=0.3),
    )
    return found | {
        "robust certainty of three, every 10": Surface(replace(weighed, every=10)),
        "robust certainty of three tau 0.35, every 10": Surface(replace(weighed, tau=0.35, every=10)),
        "robust certainty of three, every 3": Surface(weighed),
        "robust certainty of three tau 0.35, every 3": Surface(replace(weighed, tau=0.35)),
        "robust certainty of three tau 0.42, every 3": Surface(
            replace(weighed, tau=0.42), strategies={name: FUSED[name] for name in ("blend", "blend-gap", "blend-both")}
        ),
        "robust certainty of flips, every 3": Surface(weighed, "flip", few),
        "robust certainty of flips tau 0.35, every 3": Surface(replace(weighed, tau=0.35), "flip", few),
        "robust certainty of crops tau 0.35, every 3": Surface(replace(weighed, tau=0.35), "crop", few),
        "robust, every 1": Surface(replace(robust, every=1), strategies={}),
        "robust no weights, every 3": Surface(replace(robust, weights="none"), strategies={}),
        "robust clip 0.3 m, every 3": Surface(
            replace(robust, volume=replace(robust.volume, clip_m=0.3)), strategies={}
        ),
        "robust back 0.3 m, every 3": Surface(
            replace(robust, volume=replace(robust.volume, back_m=0.3)), strategies={}
        ),
        "published truncation 0.3 m, every 3": Surface(replace(PUBLISHED.mesh, every=3, volume=short), strategies={}),
    }


@dataclass(frozen=True, eq=False)
class Compared:
    """A frame's truth, decoded once."""

    name: str
    truth: DepthMap
    labels: SurfaceLabels | None

    @classmethod
    def of(cls, frame: Frame) -> Compared:
        """Rendered frames all have it."""
        truth = frame.depth()
        if truth is None:
            raise DataError(f"frame {frame.name} has no true depth to compare with")
        return cls(frame.name, truth, frame.labels())


@dataclass(frozen=True)
class Job:
    """One scene, as a base teacher sees it."""

    sequence: Sequence
    work: Path
    base: str
    every: int

    def run(self, surface: Surface) -> RunFolder:
        """Bring a run up to date with a surface: networks work once, later stages as often as they differ."""
        alone = surface.certainty != "ensemble"
        folder = f"{surface.certainty}-{self.base}" if alone else "ensemble"
        teachers = [teacher(name) for name in ((self.base,) if alone else TEACHERS)]
        settings = LabelSettings(
            uncertainty=UNCERTAINTIES[surface.certainty], base=self.base, mesh=surface.mesh, strategy=Projected()
        )
        return label(self.sequence, teachers, self.work / folder / self.sequence.name, settings, threads=1).run

    def evidence(self, run: RunFolder) -> dict[str, Evidence]:
        """Of every frame, by name: what `label` reads of a run."""
        manifest, base = run.manifest(), self.base
        poses = {name: pose for name, pose in manifest.poses.items() if pose is not None}
        names = list(poses)
        depths = {name: read_depth(run.predicted(base, name)) for name in names}

        def neighbours(place: int) -> Iterator[Neighbour]:
            for other in (names[i] for i in (place - 1, place + 1) if 0 <= i < len(names)):
                yield Neighbour(depths[other], manifest.camera, inverse_rigid(poses[other]) @ poses[names[place]])

        return {
            name: Evidence(
                predicted=depths[name],
                projected=read_depth(run.layer("projected", name)),
                uncertainty=UncertaintyMap.of_known(read_uncertainty(run.layer("uncertainty", name))),
                camera=manifest.camera,
                neighbours=tuple(neighbours(place)),
            )
            for place, name in enumerate(names)
        }

    @cached_property
    def compared(self) -> tuple[Compared, ...]:
        """Frames whose labels are compared with the truth."""
        return tuple(Compared.of(frame) for frame in tuple(self.sequence)[:: self.every])


@cache
def teacher(name: str) -> Teacher:
    """Loaded once."""
    return load_model(name, runtime="auto")


class Table:
    """Measurements in progress, by row."""

    def __init__(self, command: str) -> None:
        self.protocol = replace(protocol_named("rooms"), command=command, resamples=RESAMPLES, seed=SEED)
        self.rows: dict[tuple[str, str, str], Meter] = {}
        self.sweeps: dict[tuple[str, str], AlphaSweep] = {}

    def add(self, job: Job, key: tuple[str, str, str], frame: Compared, depth: DepthMap) -> None:
        """Compare one frame."""
        meter = self.rows.setdefault(key, Meter(self.protocol, 0))
        meter.add(job.sequence.name, frame.name, depth, frame.truth, frame.labels)

    def take_teachers(self, job: Job, run: RunFolder) -> None:
        """Predicted depth of all of them."""
        for name in TEACHERS:
            for frame in job.compared:
                self.add(job, ("predicted", "", name), frame, read_depth(run.predicted(name, frame.name)))

    def take(self, job: Job, name: str, surface: Surface) -> None:
        """Projected depth of one surface, and the labels of its strategies."""
        evidence = job.evidence(job.run(surface))
        for frame in job.compared:
            self.add(job, ("projected", name, job.base), frame, evidence[frame.name].needed_projected())
        for title, strategy in surface.strategies.items():
            levels = levels_of(strategy.needs, evidence.values())
            for frame in job.compared:
                labels = strategy.fuse(replace(evidence[frame.name], levels=levels))
                self.add(job, (title, name, job.base), frame, labels.depth)
        if surface.is_swept:
            self.sweep(job, name, evidence)

    def sweep(self, job: Job, name: str, evidence: Mapping[str, Evidence]) -> None:
        """Error over the threshold of the published switch."""
        sweep = self.sweeps.setdefault((name, job.base), AlphaSweep(ALPHAS_M, REGIONS))
        for frame in job.compared:
            masks = regions_of(frame.truth, frame.labels, self.protocol.regions)
            sweep.add(evidence[frame.name], frame.truth, masks)

    def to_json(self) -> dict[str, Any]:
        """Records, sweeps and the protocol."""
        reports = {key: meter.report() for key, meter in self.rows.items()}
        first = next(iter(reports.values()))
        records = [
            {
                "labels": key[0], "surface": key[1], "base": key[2], "region": row.region, "metric": row.metric,
                "value": row.value, "low": row.low, "high": row.high,
                **self.change(key, row.region, row.metric),
                "frames": row.frames, "pixels": row.pixels, "scenes": row.scenes,
            }
            for key, report in reports.items()
            for row in report.rows
            if row.region in (*REGIONS, *ROUGHNESS) and row.metric in METRICS
        ]  # fmt: skip
        return {
            "format": "deglare-label-table-1",
            "records": records,
            "sweeps": [self.curves(*key) for key in self.sweeps],
            "scenes": list(first.scenes),
            "card": first.protocol.card(),
        }

    def change(self, key: tuple[str, str, str], region: str, metric: str) -> dict[str, float | None]:
        """What a number is less than that of the base's prediction, and the interval of that: paired by scene."""
        found = paired_change(self.rows[key], self.rows["predicted", "", key[2]], region, metric)
        return dict(zip(("change", "change_low", "change_high"), found, strict=True))

    def curves(self, name: str, base: str) -> dict[str, Any]:
        """One sweep."""
        found = self.sweeps[name, base].curves()
        regions = dict(enumerate(found.regions))
        columns = {"abs_rel": found.abs_rel, "sq_rel": found.sq_rel, "replaced": found.replaced}
        by_region = {
            region: {title: values[row].tolist() for title, values in columns.items()}
            for row, region in regions.items()
        }
        return {"surface": name, "base": base, "alphas_m": found.alphas_m.tolist(), "regions": by_region}


def paired_change(meter: Meter, reference: Meter, region: str, metric: str) -> tuple[float | None, ...]:
    """Difference of the means, and the ends of its 95 % interval over scenes."""
    row, column = meter.protocol.regions.names.index(region), ALL_METRICS.index(metric)
    pairs = [tallies_of(one) for one in (meter, reference)]
    sums, images = (
        np.array([[getattr(tally, part)[row, column] for tally in tallies] for tallies in pairs]).T
        for part in ("values", "images")
    )
    drawn = np.random.default_rng(SEED).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = sums.sum(axis=0) / images.sum(axis=0)
        means = (drawn @ sums) / (drawn @ images)
    ends = np.nanpercentile(means[:, 0] - means[:, 1], (2.5, 97.5))
    found = (whole[0] - whole[1], *ends)
    return tuple(float(value) if np.isfinite(value) else None for value in found)


def tallies_of(meter: Meter) -> list[Tally]:
    """One for each scene."""
    return [Tally.sum(blocks.parts, len(meter.protocol.regions.names)) for blocks in meter.scenes.values()]


def main() -> None:
    """Scene after scene; what is finished is written after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", nargs=2, type=int, default=(0, 12), help="from the first to before the second")
    parser.add_argument("--base", default=TEACHERS[0], choices=TEACHERS)
    parser.add_argument("--surfaces", nargs="*", help="some only, by name")
    parser.add_argument("--every", type=int, default=5)
    asked = parser.parse_args()
    use_one_thread()
    chosen = {name: one for name, one in surfaces().items() if not asked.surfaces or name in asked.surfaces}
    said = (Path(word).name if word.startswith("/") else word for word in sys.argv[1:])
    table = Table(" ".join(["python assets/scripts/label_table.py", *said]))
    folders = sorted(path for path in asked.rooms.iterdir() if (path / "scene.json").is_file())
    for folder in folders[slice(*asked.scenes)]:
        job = Job(open_sequence(folder), asked.work, asked.base, asked.every)
        for number, (name, surface) in enumerate(chosen.items()):
            if not number:
                table.take_teachers(job, job.run(replace(surface, certainty="ensemble")))
            table.take(job, name, surface)
            sys.stderr.write(f"{folder.name}: {name}\n")
        write_json(asked.out, table.to_json())


if __name__ == "__main__":
    main()
