"""What an experiment leaves for people: records and claims as JSON, tables as Markdown, a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from deglare import __version__
from deglare.data.files import write_json, write_text
from deglare.evaluation.protocol import protocol_named
from deglare.experiments.claims import Claim, claims_of
from deglare.experiments.distill3d import Experiment
from deglare.experiments.numbers import RESAMPLES, Numbers
from deglare.experiments.plots import write_plot
from deglare.experiments.records import Record, records_of
from deglare.experiments.sources import Rooms
from deglare.experiments.steps import Done, Result
from deglare.experiments.tables import markdown

FORMAT = "deglare-experiment-1"


@dataclass(frozen=True)
class Findings:
    """Everything that is measured so far."""

    records: tuple[Record, ...]
    claims: tuple[Claim, ...]
    facts: Mapping[str, str]


def findings_of(experiment: Experiment, done: Mapping[str, Done], command: str) -> Findings:
    """Look up every cell, and decide every claim."""
    records = records_of(experiment, done, command)
    claims = claims_of(Numbers(experiment, done)) if records else []
    return Findings(tuple(records), tuple(claims), facts_of(experiment, done, command))


def write_findings(experiment: Experiment, found: Findings, out: Path) -> list[Path]:
    """Write ``distill3d-SCALE.json``, ``.md`` and ``.png``, whatever is measured; returns what was written."""
    scale = experiment.choice.scale
    base = out / f"distill3d-{scale.name}"
    paths = [base.with_suffix(".json"), base.with_suffix(".md")]
    protocols = {record.protocol for record in found.records}
    content = {
        "format": FORMAT,
        "version": __version__,
        "experiment": "distill3d",
        "scale": scale.name,
        "facts": dict(found.facts),
        "protocols": {name: protocol_named(name).card() for name in sorted(protocols)},
        "claims": [claim.to_json() for claim in found.claims],
        "records": [asdict(record) for record in found.records],
    }
    write_json(paths[0], content)
    title = f"3D Distillation, scale {scale.name}"
    write_text(paths[1], markdown(title, found.records, found.claims, found.facts))
    split = experiment.choice.splits[0]
    if any(record.split == split for record in found.records):
        paths.append(base.with_suffix(".png"))
        write_plot(paths[-1], found.records, scale.networks[0], split)
    return paths


def facts_of(experiment: Experiment, done: Mapping[str, Done], command: str) -> dict[str, str]:
    """What a reader must know beside the numbers."""
    choice, scale = experiment.choice, experiment.choice.scale
    facts = {
        "command": f"`{command}`",
        "scale": f"{scale.name}: trained and labelled at {scale.size[0]}x{scale.size[1]}, students for "
        f"{scale.student_steps} steps of {scale.batch}",
        "students": "fresh networks" if scale.students == "fresh" else "begin as their teachers, at half the rate",
        "teachers": choice.teachers if choice.teachers == "shipped" else f"trained for {scale.teacher_steps} steps",
        "first weights": "random, where a network is fresh"
        if scale.weights is None
        else f"{Path(scale.weights).name} ({scale.encoder or 'own'})",
        "seeds": ", ".join(map(str, choice.seeds)),
        "intervals": f"95 %, {RESAMPLES} draws of scenes and seeds, crossed; with one seed, of scenes alone",
        "paper": "its numbers are from ScanNet: compare the shape of a table, not its numbers",
    }
    for split, source in choice.sources.items():
        if split in ("train", *choice.splits):
            facts[f"frames of {split}"] = _frames_text(source, choice.every.get(split, 1))
    for labels in experiment.labels:
        if labels.labels in done and "pixels" in done[labels.labels].result:
            facts[f"labels of {labels.network}, {labels.arm.title}"] = _labels_text(done[labels.labels].result)
    missing = [id for id in experiment.plan.steps if id not in done]
    if missing:
        facts["not done yet"] = f"{len(missing)} of {len(experiment.plan)} steps"
    return facts


def _labels_text(result: Result) -> str:
    """Where their pixels are from, and at which threshold."""
    pixels = {name: int(result["pixels"].get(name, 0)) for name in ("predicted", "projected", "blended", "dropped")}
    total = max(sum(pixels.values()), 1)
    shares = ", ".join(f"{count / total:.1%} {name}" for name, count in pixels.items() if count)
    alpha_m = result["strategy"].get("alpha_m")
    return shares if alpha_m is None else f"{shares}; threshold {alpha_m:.3f} m"


def _frames_text(source: object, every: int) -> str:
    often = "" if every == 1 else f", every {every}th"
    if isinstance(source, Rooms):
        height, width = source.shoot.size_hw
        return f"{source.rooms} rooms of {source.split}, {source.shoot.frames} frames each at {width}x{height}{often}"
    return f"sequences on disk{often}"
