"""One record for each cell of the tables: what was measured, on what, how sure it is, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deglare.evaluation.metrics import METRICS
from deglare.experiments.arms import ARMS, DISTILLED, SELF_SUPERVISED, SELF_TEACHING
from deglare.experiments.distill3d import Experiment, LabelSet
from deglare.experiments.numbers import Numbers, Spot, frames_sha, sample_of
from deglare.experiments.paper import paper_value
from deglare.experiments.sources import ALL, NO_REFLECTION, REFLECTION
from deglare.experiments.steps import Done, Result

SEVEN = METRICS[:7]
"""The usual ones, which the paper has."""

SHOWN, SHOWN_OF_REGIONS = (*SEVEN, "bias"), ("abs_rel", "sq_rel", "rmse", "bias")
ROUGHNESS = "highlight on gloss, roughness "
MAIN, ABLATION, BEYOND, MINED, LABELS = "main", "ablation", "beyond", "triplet", "labels"
MAIN_ROWS = {
    SELF_SUPERVISED: ("self-supervised", "self-supervised"),
    SELF_TEACHING: ("self-teaching", "self-teaching"),
    DISTILLED: (ARMS[DISTILLED].title, "3D Distillation"),
}
"""Title here, and name in the paper."""


@dataclass(frozen=True)
class Record:
    """One cell."""

    table: str
    network: str
    method: str
    """The arm's name; the labels' in the table of labels."""
    title: str
    split: str
    subset: str
    region: str
    roughness: str | None
    """A range of GGX alpha, where the region is highlights on gloss of it."""
    metric: str
    mean: float
    low: float | None
    high: float | None
    seeds: int
    scenes: int
    paper: float | None
    """The paper's number, on its own data."""
    protocol: str
    frames_sha256: str
    command: str


@dataclass(frozen=True)
class Row:
    """One line of a table, before it is looked up."""

    table: str
    network: str
    method: str
    title: str
    paper: str | None


def records_of(experiment: Experiment, done: Mapping[str, Done], command: str) -> list[Record]:
    """Every cell that is measured."""
    numbers = Numbers(experiment, done)
    found: list[Record] = []
    for split in experiment.choice.splits:
        for row in rows_of(experiment):
            found += cells(row, numbers.results(row.network, row.method, split), split, command)
    for row, results in _label_rows(experiment, done):
        found += cells(row, results, "train", command)
    return found


def rows_of(experiment: Experiment) -> Iterator[Row]:
    """The lines of the tables of networks: the main one, the ablation, and what goes beyond."""
    networks = experiment.choice.scale.networks
    for network in networks:
        for method, (title, paper) in MAIN_ROWS.items():
            yield Row(MAIN, network, method, title, paper)
    for network in networks:
        yield Row(BEYOND, network, DISTILLED, ARMS[DISTILLED].title, None)  # what is to be beaten
        yield Row(MINED, network, SELF_SUPERVISED, SELF_SUPERVISED, None)
        yield Row(MINED, network, DISTILLED, ARMS[DISTILLED].title, None)
        for arm in ARMS.values():
            if arm.table is not None:
                yield Row(arm.table, network, arm.name, arm.title, arm.paper)


def cells(row: Row, results: Sequence[Result], split: str, command: str) -> Iterator[Record]:
    """All that one line has, of one split."""
    if not results:
        return
    for spot in _spots(results[0], split):
        sample = sample_of(results, spot)
        if sample is not None:
            value, low, high = sample.interval
            region, roughness = region_of(spot.region)
            yield Record(
                table=row.table,
                network=row.network,
                method=row.method,
                title=row.title,
                split=split,
                subset=spot.subset,
                region=region,
                roughness=roughness,
                metric=spot.metric,
                mean=value,
                low=low,
                high=high,
                seeds=len(sample.sums),
                scenes=sample.scenes,
                paper=None if row.paper is None else paper_value(row.network, row.paper, spot),
                protocol=results[0]["protocol"],
                frames_sha256=frames_sha(results),
                command=command,
            )


def region_of(name: str) -> tuple[str, str | None]:
    """A region's name, and its roughness where it is a bin of that."""
    return ("highlight", name.removeprefix(ROUGHNESS)) if name.startswith(ROUGHNESS) else (name, None)


def _spots(result: Result, split: str) -> Iterator[Spot]:
    """All pixels of each subset; regions of all frames."""
    shown = ("all", "reflective", "non-reflective", "highlight", "reflective, no highlight")
    for region in result["regions"]:
        if region in shown or region.startswith(ROUGHNESS):
            for metric in SHOWN if region == "all" else SHOWN_OF_REGIONS:
                yield Spot(split, ALL, region, metric)
    for subset in (REFLECTION, NO_REFLECTION):
        for metric in SHOWN:
            yield Spot(split, subset, "all", metric)


def _label_rows(experiment: Experiment, done: Mapping[str, Done]) -> Iterator[tuple[Row, list[Result]]]:
    """Labels of one arm and network, over all seeds."""
    groups: dict[tuple[str, str], list[LabelSet]] = {}
    for labels in experiment.labels:
        groups.setdefault((labels.network, labels.arm.name), []).append(labels)
    for (network, arm), sets in groups.items():
        results = [done[one.measure].result for one in sets if one.measure in done]
        yield Row(LABELS, network, arm, f"labels: {ARMS[arm].title}", None), results
