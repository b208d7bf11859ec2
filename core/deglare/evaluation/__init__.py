"""Metrics by region, intervals, tables and protocol cards. Arrays and numpy only; depth is in metres throughout.

`evaluate` compares whole folders or callables with a `Sequence`; `Meter` takes one frame at a time; `term_sums` and
`metrics_of` are the arithmetic.
"""

from deglare.evaluation.comparing import Scene, evaluate, measure
from deglare.evaluation.folders import DepthFolder, scenes_of
from deglare.evaluation.meter import Meter
from deglare.evaluation.metrics import METRICS, metrics_of, term_sums
from deglare.evaluation.protocol import PROTOCOLS, Protocol, protocol_named
from deglare.evaluation.regions import RegionRule, region_map, regions_of
from deglare.evaluation.report import Report, Row

__all__ = [
    "METRICS",
    "PROTOCOLS",
    "DepthFolder",
    "Meter",
    "Protocol",
    "RegionRule",
    "Report",
    "Row",
    "Scene",
    "evaluate",
    "measure",
    "metrics_of",
    "protocol_named",
    "region_map",
    "regions_of",
    "scenes_of",
    "term_sums",
]
