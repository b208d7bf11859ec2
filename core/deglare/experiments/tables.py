"""The records as Markdown: each cell beside the paper's where it has one, then claims, then how it all came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deglare.evaluation.report import aligned_table
from deglare.experiments.claims import Claim
from deglare.experiments.records import ABLATION, BEYOND, LABELS, MAIN, MINED, SEVEN, Record
from deglare.experiments.sources import ALL, NO_REFLECTION, REFLECTION

HEADS = {
    "abs_rel": "Abs Rel",
    "sq_rel": "Sq Rel",
    "rmse": "RMSE",
    "rmse_log": "RMSE log",
    "delta1": "d1",
    "delta2": "d2",
    "delta3": "d3",
}
SUBSET_TITLES = {ALL: "all frames", REFLECTION: "Reflection frames", NO_REFLECTION: "NoReflection frames"}
TABLE_TITLES = {
    MAIN: "Networks",
    ABLATION: "Labels of the ablation",
    BEYOND: "Beyond the paper",
    MINED: "Triplet mining, and both together",
    LABELS: "Labels themselves, on the frames that are learnt from",
}
WITH_INTERVAL = ("abs_rel", "sq_rel")


def markdown(title: str, records: Sequence[Record], claims: Sequence[Claim], facts: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        title: Its heading.
        records: All cells.
        claims: All answers.
        facts: What a reader must know beside the numbers, by name.
    """
    parts = [f"# {title}", "\n".join(f"- {name}: {text}" for name, text in facts.items())]
    if claims:
        parts += ["## Claims", claims_table(claims)]
    for table, heading in TABLE_TITLES.items():
        own = [record for record in records if record.table == table]
        parts += [f"## {heading}"] if own else []
        for split in dict.fromkeys(record.split for record in own):
            here = [record for record in own if record.split == split]
            for subset in dict.fromkeys(record.subset for record in here):
                parts += [f"### {split}, {SUBSET_TITLES[subset]}", metric_table(here, subset)]
            parts += [f"### {split}, Sq Rel by region", region_table(here)]
    return "\n\n".join(parts) + "\n"


def claims_table(claims: Sequence[Claim]) -> str:
    """Verdicts, and the numbers they rest on."""
    lines = [["", "split", "claim", "verdict", "changes of Sq Rel, with 95 % intervals"]]
    lines += [[c.id, c.split, c.text, c.verdict, "; ".join(fact.text() for fact in c.facts)] for c in claims]
    return aligned_table(lines, left=5)


def metric_table(records: Sequence[Record], subset: str) -> str:
    """Lines down, the seven metrics across; the paper's number in brackets."""
    chosen = [record for record in records if record.subset == subset and record.region == "all"]
    lines = [["network", "trained by", *(HEADS[metric] for metric in SEVEN)]]
    for network, title in dict.fromkeys((record.network, record.title) for record in chosen):
        own = {record.metric: record for record in chosen if (record.network, record.title) == (network, title)}
        lines.append([network, title, *(_cell(own.get(metric)) for metric in SEVEN)])
    return aligned_table(lines, left=2)


def region_table(records: Sequence[Record]) -> str:
    """Sq Rel of all frames by region and roughness, and how far highlights are off, in metres."""
    rows = [record for record in records if record.subset == ALL and record.metric == "sq_rel"]
    names = list(dict.fromkeys(_region(record) for record in rows))
    lines = [["network", "trained by", *names, "bias on highlights, m"]]
    for network, title in dict.fromkeys((record.network, record.title) for record in rows):
        own = {_region(record): record for record in rows if (record.network, record.title) == (network, title)}
        bias = [r for r in records if (r.network, r.title, r.metric) == (network, title, "bias")]
        off = next((f"{r.mean:+.3f}" for r in bias if _region(r) == "highlight" and r.subset == ALL), "")
        lines.append([network, title, *(_cell(own.get(name)) for name in names), off])
    return aligned_table(lines, left=2)


def _region(record: Record) -> str:
    return record.region if record.roughness is None else f"{record.region}, roughness {record.roughness}"


def _cell(record: Record | None) -> str:
    if record is None:
        return ""
    text = f"{record.mean:.4f}"
    if record.metric in WITH_INTERVAL and record.low is not None and record.high is not None:
        text += f" [{record.low:.3f}, {record.high:.3f}]"
    return text if record.paper is None else f"{text} (paper {record.paper:.3f})"
