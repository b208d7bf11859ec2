"""Results of measuring, written by hand: every number in them is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from deglare.evaluation.metrics import METRICS
from deglare.experiments.distill3d import Choice, Experiment, experiment_of, measure_id, rooms_sources
from deglare.experiments.scales import SCALES
from deglare.experiments.sources import SUBSETS
from deglare.experiments.steps import Done

REGIONS = ("all", "reflective", "highlight", "highlight on gloss, roughness < 0.01", "boundary")

Value = Mapping[str, float] | float
"""One number for all subsets, or one for each subset; "highlight" is the region of that name."""


def result(value: Value, scenes: Sequence[float] = (1.0, 2.0, 0.5), images: int = 4) -> dict[str, object]:
    """What measuring leaves: every metric of scene i is ``value * scenes[i]`` in each of its images."""
    known = value if isinstance(value, Mapping) else dict.fromkeys((*SUBSETS, "highlight"), value)
    known = {"highlight": 1.0} | dict(known)
    subsets = {}
    for name in SUBSETS:
        if name in known:
            by_region = [known["highlight"] if "highlight" in region else known[name] for region in REGIONS]
            subsets[name] = {
                "frames": images * len(scenes),
                "scenes": [f"room{number}" for number in range(len(scenes))],
                "values": [[[one * scene * images] * len(METRICS) for one in by_region] for scene in scenes],
                "images": [[[images] * len(METRICS) for _ in REGIONS] for _ in scenes],
            }
    return {
        "protocol": "rooms",
        "frames_sha256": "0" * 64,
        "regions": list(REGIONS),
        "metrics": list(METRICS),
        "subsets": subsets,
    }


def choice(arms: Sequence[str], seeds: Sequence[int] = (0,), scale: str = "small", **changes: object) -> Choice:
    sources, every = rooms_sources(SCALES[scale])
    return Choice(SCALES[scale], sources, tuple(arms), tuple(seeds), every=every, **changes)  # type: ignore[arg-type]


def measured(
    choice: Choice, values: Mapping[tuple[str, str], Value | Sequence[Value]], split: str = "val"
) -> tuple[Experiment, dict[str, Done]]:
    """An experiment that is done as far as ``values`` go: by network and arm, one for all seeds or one for each."""
    experiment, done = experiment_of(choice), dict[str, Done]()
    for model in experiment.models:
        key = (model.network, "self-supervised" if model.arm is None else model.arm.name)
        if key in values:
            value = values[key]
            one = value[choice.seeds.index(model.seed)] if isinstance(value, Sequence) else value
            done[measure_id(model, split)] = Done(Path("nowhere"), result(one))
    return experiment, done
