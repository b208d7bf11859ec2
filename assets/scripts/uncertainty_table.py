"""Which uncertainty points at the errors: AUSE of every kind, on rendered rooms.

    python assets/scripts/uncertainty_table.py ROOMS OUT.md [--scenes 0 12] [--base monodepth2-small] [--every 5]
        [--snapshots RUN]

Depth is that of the base in every row; uncertainty is the spread of the three networks that ship, of the base and its
mirror image, of the base and its crops, and, where a training is given that kept several checkpoints, of those.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from deglare import load_model, open_sequence
from deglare.data.files import write_text
from deglare.evaluation.comparing import Scene, measure
from deglare.evaluation.protocol import protocol_named
from deglare.evaluation.report import Report, aligned_table
from deglare.fusion.estimators import Crop, Ensemble, Flip, Snapshots, Uncertain
from deglare.processes import use_one_thread
from deglare.types import Frame, Prediction
from deglare.types import Sequence as Frames

TEACHERS = ("monodepth2-small", "hrdepth-small", "monovit-small")
REGIONS = ("all", "reflective", "non-reflective", "highlight")
METRICS = ("ause_abs_rel", "aurg_abs_rel", "ause_rmse", "aurg_rmse")


def kinds_of(base: str, snapshots: Path | None) -> Iterator[tuple[str, Uncertain]]:
    """Every kind at work; the base comes first among the teachers, so that its depth is the one that is given."""
    names = [base, *(name for name in TEACHERS if name != base)]
    teachers = [load_model(name, runtime="auto") for name in names]
    yield "three networks", Ensemble().build(teachers)
    yield "flip", Flip().build(teachers[:1])
    yield "crop", Crop().build(teachers[:1])
    if snapshots is not None:
        yield "snapshots", Snapshots(snapshots).build(teachers[:1])


def predicted(kind: Uncertain, frame: Frame) -> Prediction:
    """Depth with its uncertainty."""
    estimate = kind.estimate(frame.rgb())
    return Prediction(estimate.depth, "", estimate.uncertainty.known_m)


def table_of(reports: dict[str, Report]) -> str:
    """Kinds down, regions across, metric after metric."""
    lines = [["metric", "uncertainty", *REGIONS]]
    for metric in METRICS:
        for kind, report in reports.items():
            rows = [report.row(region, metric) for region in REGIONS]
            lines.append([metric, kind, *(f"{row.value:.4f} [{row.low:.3f}, {row.high:.3f}]" for row in rows)])
    return aligned_table(lines, left=2)


def thinned(sequence: Frames, every: int) -> Frames:
    """Every n-th frame."""
    return replace(sequence, frames=tuple(sequence)[::every])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", nargs=2, type=int, default=(0, 12))
    parser.add_argument("--base", default=TEACHERS[0], choices=TEACHERS)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--snapshots", type=Path)
    asked = parser.parse_args()
    use_one_thread()
    folders = sorted(path for path in asked.rooms.iterdir() if (path / "scene.json").is_file())
    sequences = [thinned(open_sequence(folder), asked.every) for folder in folders[slice(*asked.scenes)]]
    reports: dict[str, Report] = {}
    for name, kind in kinds_of(asked.base, asked.snapshots):
        scenes = [Scene(one.name, one, partial(predicted, kind)) for one in sequences]
        reports[name] = measure(scenes, protocol_named("rooms")).report()
        sys.stderr.write(f"{name}\n")
    card = next(iter(reports.values())).protocol.card()
    write_text(asked.out, f"{table_of(reports)}\n\n```\n{card}\n```\n")


if __name__ == "__main__":
    main()
