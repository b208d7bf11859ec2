"""Metrics by region: ours against the obvious loop over frames, regions and metrics.

    python tests/bench/metrics.py [--frames 500] [--rounds 3] [--json]

Frames are 384x288. Both start from decoded depth and labels in memory, both compute the same numbers (asserted), and
they take turns. A few distinct frames are cycled through, so that memory shows what the measurement keeps.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np

from deglare.evaluation import METRICS, Meter, Protocol, regions_of
from deglare.types import DepthMap, Material, SurfaceLabels

SIZE_HW = (288, 384)
DISTINCT = 12
PROTOCOL = Protocol(resamples=0)

FrameData = tuple[DepthMap, DepthMap, SurfaceLabels]


def make_frame(seed: int) -> FrameData:
    """A floor, a wall and boxes of several materials, with highlights, holes in the truth and a wrong prediction."""
    rng = np.random.default_rng(seed)
    v, u = np.indices(SIZE_HW)
    truth = np.minimum(400.0 / (v + 60 + 10 * rng.random()), 6.5 + 0.004 * u).astype(np.float32)
    material = np.where(truth < 4.5, Material.GLOSSY, Material.MATTE).astype(np.uint8)
    for code in Material:
        top, left = rng.integers(0, 220), rng.integers(0, 300)
        box = np.s_[top : top + rng.integers(20, 68), left : left + rng.integers(20, 84)]
        truth[box] = rng.uniform(0.8, 4)
        material[box] = code
    distance = [np.hypot(v - rng.integers(0, 288), u - rng.integers(0, 384)) for _ in range(4)]
    share = np.exp(-np.min(distance, axis=0) / 25).astype(np.float32)
    reflective = material != Material.MATTE
    error = rng.normal(0, 0.05, SIZE_HW) + 0.6 * share * reflective
    predicted = np.maximum(truth * (1 + error), 0.02).astype(np.float32)
    valid = rng.random((18, 24)).repeat(16, 0).repeat(16, 1) > 0.03
    return DepthMap.of_positive(predicted), DepthMap(truth, valid), SurfaceLabels(reflective, share, material)


def naive_metrics(p: np.ndarray, g: np.ndarray) -> list[float]:
    """The seven metrics and the bias of one region of one image, as they are usually written."""
    ratio = np.maximum(g / p, p / g)
    numbers = [
        np.mean(np.abs(g - p) / g),
        np.mean((g - p) ** 2 / g),
        np.sqrt(np.mean((g - p) ** 2)),
        np.sqrt(np.mean((np.log(g) - np.log(p)) ** 2)),
        np.mean(ratio < 1.25),
        np.mean(ratio < 1.25**2),
        np.mean(ratio < 1.25**3),
        np.mean(p - g),
    ]
    return [float(number) for number in numbers]


def baseline(frames: Iterator[FrameData]) -> dict[str, np.ndarray]:
    """For each frame, for each region: mask, then each metric; the mean over the images that have the region."""
    found: dict[str, list[list[float]]] = {}
    for predicted, truth, labels in frames:
        clamped = np.clip(predicted.metres, PROTOCOL.min_depth_m, PROTOCOL.max_depth_m)
        inside = truth.valid & (truth.metres > PROTOCOL.min_depth_m) & (truth.metres < PROTOCOL.max_depth_m)
        for name, region in regions_of(truth, labels).items():
            mask = region & inside & predicted.valid
            if mask.any():
                numbers = naive_metrics(clamped[mask], truth.metres[mask])
                numbers.append(float(np.mean(predicted.valid[region & inside])))
                found.setdefault(name, []).append(numbers)
    return {name: np.mean(numbers, axis=0) for name, numbers in found.items()}


def ours(frames: Iterator[FrameData]) -> dict[str, np.ndarray]:
    """The same through `Meter`."""
    meter = Meter(PROTOCOL)
    for index, (predicted, truth, labels) in enumerate(frames):
        meter.add("bench", f"{index:06d}", predicted, truth, labels)
    report = meter.report()
    return {name: np.array([report.value(name, metric) for metric in METRICS]) for name in report.regions}


def require_equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """The largest difference between the two tables; they must agree to 1e-4."""
    if a.keys() != b.keys():
        raise SystemExit(f"regions differ: {sorted(a)} and {sorted(b)}")
    worst = max(float(np.max(np.abs(a[name] - b[name]))) for name in a)
    if worst > 1e-4:
        raise SystemExit(f"the two computations differ by {worst}")
    return worst


def peak_bytes(pool: list[FrameData], frames: int) -> int:
    """What ours allocates at most, above what was there before."""
    tracemalloc.start()
    ours(cycle(pool, frames))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def cycle(pool: list[FrameData], frames: int) -> Iterator[FrameData]:
    """The pool over and over."""
    return (pool[i % len(pool)] for i in range(frames))


def main() -> None:
    """Time both in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pool = [make_frame(seed) for seed in range(DISTINCT)]
    difference = require_equal(ours(cycle(pool, DISTINCT)), baseline(cycle(pool, DISTINCT)))
    seconds: dict[str, list[float]] = {"ours": [], "baseline": []}
    for _ in range(options.rounds):
        for name, measure in (("baseline", baseline), ("ours", ours)):
            start = time.perf_counter()
            measure(cycle(pool, options.frames))
            seconds[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    few, many = peak_bytes(pool, options.frames // 5), peak_bytes(pool, options.frames)
    print(f"{options.frames} frames of {SIZE_HW[1]}x{SIZE_HW[0]}, median of {options.rounds} rounds in turns")
    for name, value in middle.items():
        print(f"{name:<10}{value:8.2f} s {1000 * value / options.frames:8.2f} ms a frame")
    print(f"ratio     {middle['baseline'] / middle['ours']:8.2f}")
    print(f"largest difference between the two tables {difference:.1e}")
    print(f"peak memory of ours: {few / 1e6:.2f} MB at {options.frames // 5} frames, {many / 1e6:.2f} MB at all")
    print(f"peak resident memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if options.json:
        print(json.dumps({"name": "metrics", "ratio": middle["baseline"] / middle["ours"], **middle, "unit": "s"}))


if __name__ == "__main__":
    main()
