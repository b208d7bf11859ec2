"""Labels of one frame after a threshold has moved: ours against the obvious numpy.

    python tests/bench/refuse.py [--moves 200] [--rounds 5] [--json]

The frame is 384x288. Both start from decoded depth and uncertainty in memory and give labels, their sources, and how
many pixels fell back; both must agree before anything is timed. They take turns, on one thread. What is "obvious" is
written as one would in a notebook: depth with NaN for holes, `numpy.where` within `numpy.where`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deglare.data.run_folder import LabelSource
from deglare.fusion.evidence import Evidence, Levels
from deglare.fusion.labels import Labels
from deglare.fusion.strategies import Blend, ByUncertainty
from deglare.fusion.uncertainty import spread
from deglare.types import DepthMap

SIZE_HW = (288, 384)
SLIDER = np.linspace(0.05, 0.8, 16)
LIMIT_MS = 5.0


@dataclass(frozen=True, eq=False)
class Arrays:
    """What a notebook holds: NaN is a hole."""

    predicted: np.ndarray
    projected: np.ndarray
    sigma: np.ndarray


Obvious = tuple[np.ndarray, np.ndarray, int]


def make_depths(seed: int) -> tuple[list[DepthMap], DepthMap]:
    """Three predictions of a floor with highlights, that disagree there, and the floor with holes."""
    rng = np.random.default_rng(seed)
    v, u = np.indices(SIZE_HW)
    floor = np.minimum(400.0 / (v + 60), 6.0 + 0.004 * u).astype(np.float32)
    glare = np.exp(-np.min([np.hypot(v - y, u - x) for y, x in ((200, 90), (230, 260), (150, 320))], axis=0) / 20)
    predicted = [
        DepthMap.of_positive(floor * (1 + 0.03 * rng.standard_normal(SIZE_HW) + push * glare))
        for push in (0.9, 0.3, 0.6)
    ]
    holes = rng.random((18, 24)).repeat(16, 0).repeat(16, 1) < 0.05
    return predicted, DepthMap(floor, ~holes)


def by_hand(arrays: Arrays, alpha: float) -> Obvious:
    """The switch."""
    usable = ~np.isnan(arrays.projected) & (arrays.projected >= 0.1) & (arrays.projected <= 10)
    wanted = arrays.sigma >= alpha
    has_prediction = ~np.isnan(arrays.predicted)
    source = np.where(
        wanted & usable,
        LabelSource.PROJECTED,
        np.where(has_prediction, LabelSource.PREDICTED, np.where(usable, LabelSource.PROJECTED, LabelSource.DROPPED)),
    ).astype(np.uint8)
    depth = np.where(
        source == LabelSource.PROJECTED,
        arrays.projected,
        np.where(source == LabelSource.PREDICTED, arrays.predicted, 0.0),
    )
    return depth, source, int(np.sum(wanted & has_prediction & ~usable))


def blend_by_hand(arrays: Arrays, median: float) -> Obvious:
    """The blend."""
    usable = ~np.isnan(arrays.projected) & (arrays.projected >= 0.1) & (arrays.projected <= 10)
    has_prediction = ~np.isnan(arrays.predicted)
    share = np.where(np.isnan(arrays.sigma), 0.0, arrays.sigma**2 / (arrays.sigma**2 + median**2))
    mixed = usable & has_prediction & (share > 0)
    source = np.where(
        mixed,
        LabelSource.BLENDED,
        np.where(has_prediction, LabelSource.PREDICTED, np.where(usable, LabelSource.PROJECTED, LabelSource.DROPPED)),
    ).astype(np.uint8)
    blend = arrays.predicted + share * (arrays.projected - arrays.predicted)
    depth = np.where(mixed, blend, np.where(has_prediction, arrays.predicted, np.where(usable, arrays.projected, 0.0)))
    return depth, source, int(np.sum(has_prediction & ~usable))


def require_equal(ours: Labels, obvious: Obvious) -> None:
    """Stop where the two disagree."""
    depth, source, fell_back = obvious
    if not np.array_equal(ours.source, source) or ours.fell_back != fell_back:
        raise SystemExit("the two computations disagree about sources")
    worst = float(np.abs(ours.depth.metres - depth).max())
    if worst > 1e-5:
        raise SystemExit(f"the two computations differ by {worst} m")


def milliseconds(work: Callable[[float], object], moves: int) -> float:
    """The median of one move of the slider."""
    times: list[float] = []
    for move in range(moves):
        start = time.perf_counter()
        work(float(SLIDER[move % len(SLIDER)]))
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Time both in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    depths, projected = make_depths(0)
    evidence = Evidence(depths[0], projected, spread(depths))
    arrays = Arrays(
        np.where(depths[0].valid, depths[0].metres, np.nan),
        np.where(projected.valid, projected.metres, np.nan),
        evidence.needed_uncertainty().known_m,
    )
    stack = np.stack([depth.metres for depth in depths])
    pairs: dict[str, tuple[Callable[[float], object], Callable[[float], object]]] = {
        "switch": (lambda alpha: ByUncertainty(alpha).fuse(evidence), lambda alpha: by_hand(arrays, alpha)),
        "blend": (
            lambda median: Blend().fuse(_at_level(evidence, median)),
            lambda median: blend_by_hand(arrays, median),
        ),
        "spread": (lambda _: spread(depths), lambda _: np.std(stack, axis=0)),
    }
    for alpha in SLIDER.tolist():
        require_equal(ByUncertainty(alpha).fuse(evidence), by_hand(arrays, alpha))
        require_equal(Blend().fuse(_at_level(evidence, alpha)), blend_by_hand(arrays, alpha))
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in pairs}
    for _ in range(options.rounds):
        for name, (ours, obvious) in pairs.items():
            baseline = milliseconds(obvious, options.moves)
            rounds[name].append((milliseconds(ours, options.moves), baseline))
    middle = {name: tuple(statistics.median(column) for column in zip(*r, strict=True)) for name, r in rounds.items()}
    print(
        f"one frame of {SIZE_HW[1]}x{SIZE_HW[0]}, median of {options.moves} moves and {options.rounds} rounds in turns"
    )
    print("ms            ours   obvious     ratio")
    for name, (ours_ms, obvious_ms) in middle.items():
        print(f"{name:<10}{ours_ms:8.2f}{obvious_ms:10.2f}{obvious_ms / ours_ms:10.2f}")
    ours_ms, obvious_ms = middle["switch"]
    print(f"limit     {LIMIT_MS:8.2f}   {'kept' if ours_ms < LIMIT_MS else 'BROKEN'}")
    if options.json:
        line = {"name": "refuse", "ratio": obvious_ms / ours_ms, "ours": ours_ms, "baseline": obvious_ms, "unit": "ms"}
        print(json.dumps(line))


def _at_level(evidence: Evidence, median: float) -> Evidence:
    return Evidence(evidence.predicted, evidence.projected, evidence.uncertainty, Levels(sigma_m=median))


if __name__ == "__main__":
    main()
