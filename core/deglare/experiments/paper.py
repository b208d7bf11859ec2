"""The paper's number for one of ours, where it has one: same network, training, subset and metric, other data."""

from __future__ import annotations

from deglare.evaluation.published import PublishedTable, published
from deglare.experiments.numbers import Spot
from deglare.experiments.sources import ALL, NO_REFLECTION, REFLECTION

MAIN = {
    ("val", REFLECTION): "scannet-reflection-val",
    ("test", REFLECTION): "scannet-reflection-test",
    ("val", NO_REFLECTION): "scannet-noreflection-val",
    ("val", ALL): "scannet-val",
    ("test", ALL): "scannet-test",
    ("7scenes", ALL): "7scenes",
}
ABLATION = {("val", ALL): "ablation-scannet-val", ("val", REFLECTION): "ablation-scannet-reflection-val"}
NAMES = {"monodepth2": "Monodepth2", "hrdepth": "HR-Depth", "monovit": "MonoViT"}


def paper_value(network: str, row: str, spot: Spot) -> float | None:
    """None where the paper has no such number.

    Args:
        network: One of ours; a small one stands beside the full one's number.
        row: How the paper calls the training, or the labels of its ablation.
        spot: Of all pixels only: the paper has no regions.
    """
    if spot.region != "all":
        return None
    known = published()
    name = NAMES.get(network.removesuffix("-small"))
    for ids in (MAIN, ABLATION):
        id = ids.get((spot.split, spot.subset))
        found = None if id is None else _value(known.table(id), name, row, spot.metric)
        if found is not None:
            return found
    return None


def _value(table: PublishedTable, network: str | None, training: str, metric: str) -> float | None:
    for row in table.rows:
        if (row.network, row.training) == (network, training):
            return row.values.get(metric)
    return None
