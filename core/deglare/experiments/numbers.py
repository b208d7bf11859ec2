"""Means over images, with intervals over scenes and seeds, from the sums that measuring left.

Seeds and scenes are crossed: every seed is measured on the same scenes. So both are drawn with replacement, and the
same draws serve every number of one shape: two arms are compared scene by scene, not mean by mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from deglare.data.run_folder import hash_of
from deglare.evaluation.intervals import LEVEL
from deglare.experiments.arms import SELF_SUPERVISED
from deglare.experiments.distill3d import Experiment, measure_id
from deglare.experiments.sources import ALL
from deglare.experiments.steps import Done, Result

RESAMPLES = 1000


class Spot(NamedTuple):
    """Where a number is looked up."""

    split: str
    subset: str = ALL
    region: str = "all"
    metric: str = "sq_rel"


class Interval(NamedTuple):
    """A number with the ends of its 95 % interval; None where there are too few scenes for one."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False)
class Sample:
    """One number's sums, by seed and scene."""

    sums: Float64[np.ndarray, "k s"]
    images: Float64[np.ndarray, "k s"]

    @property
    def mean(self) -> float:
        """Over all images of all seeds."""
        return float(self.sums.sum() / self.images.sum())

    @property
    def scenes(self) -> int:
        """That have any image with it."""
        return int((self.images.sum(axis=0) > 0).sum())

    def resampled(self) -> Float64[np.ndarray, " r"] | None:
        """The mean under every draw; None where fewer than two scenes have the number."""
        if self.scenes < 2:
            return None
        seeds, scenes = (draws(count, place) for place, count in enumerate(self.sums.shape))
        totals, counts = (np.einsum("rk,ks,rs->r", seeds, one, scenes) for one in (self.sums, self.images))
        with np.errstate(invalid="ignore", divide="ignore"):
            return totals / counts

    @property
    def interval(self) -> Interval:
        """The mean and where it may lie."""
        return with_ends(self.mean, self.resampled())


class Numbers:
    """Everything that was measured on models, by network and arm.

    Args:
        experiment: What its steps mean.
        done: Those that are finished.
    """

    def __init__(self, experiment: Experiment, done: Mapping[str, Done]) -> None:
        self.experiment = experiment
        self._found: dict[tuple[str, str, str], list[Result]] = {}
        for split in experiment.choice.splits:
            for model in experiment.models:
                result = done.get(measure_id(model, split))
                if result is not None:
                    arm = SELF_SUPERVISED if model.arm is None else model.arm.name
                    self._found.setdefault((model.network, arm, split), []).append(result.result)

    def results(self, network: str, arm: str, split: str) -> list[Result]:
        """One for each seed that is measured."""
        return self._found.get((network, arm, split), [])

    def sample(self, network: str, arm: str, spot: Spot) -> Sample | None:
        """One number; None where it is not measured."""
        return sample_of(self.results(network, arm, spot.split), spot)

    def change(self, network: str, arm: str, against: str, spot: Spot) -> Interval | None:
        """How much smaller or larger an arm's number is than another one's, as a share of that one's."""
        ours, theirs = (self.sample(network, name, spot) for name in (arm, against))
        return None if ours is None or theirs is None else change_of(ours, theirs)


def sample_of(results: Sequence[Result], spot: Spot) -> Sample | None:
    """Sums of one number; None where no image has it."""
    parts = [_part(result, spot) for result in results if spot.subset in result["subsets"]]
    if not parts or len({part.shape for part in parts}) > 1:
        return None
    stacked = np.stack(parts)
    return Sample(stacked[:, 0], stacked[:, 1]) if stacked[:, 1].sum() > 0 else None


def change_of(ours: Sample, theirs: Sample) -> Interval:
    """``ours / theirs - 1``, with both under the same draws of scenes."""
    drawn = ours.resampled(), theirs.resampled()
    ratios = None if drawn[0] is None or drawn[1] is None else drawn[0] / drawn[1] - 1
    return with_ends(ours.mean / theirs.mean - 1, ratios)


def with_ends(value: float, drawn: Float64[np.ndarray, " r"] | None) -> Interval:
    """Percentiles of what was drawn."""
    if drawn is None or not np.isfinite(drawn).any():
        return Interval(value, None, None)
    low, high = np.nanpercentile(drawn, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return Interval(value, float(low), float(high))


def frames_sha(results: Sequence[Result]) -> str:
    """A hash of the names of all frames that were compared."""
    found = {str(result["frames_sha256"]) for result in results}
    return found.pop() if len(found) == 1 else hash_of(sorted(found))


def _part(result: Result, spot: Spot) -> Float64[np.ndarray, "2 s"]:
    """Sums and numbers of images by scene."""
    region, metric = result["regions"].index(spot.region), result["metrics"].index(spot.metric)
    found = result["subsets"][spot.subset]
    return np.array([[scene[region][metric] for scene in found[kind]] for kind in ("values", "images")], dtype=float)


@lru_cache(maxsize=8)
def draws(count: int, place: int) -> Float64[np.ndarray, "r n"]:
    """How often each of some scenes or seeds is drawn."""
    chance = np.random.default_rng([place, count])
    return chance.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
