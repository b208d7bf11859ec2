"""Depth networks on the CPU: compiled with OpenVINO against plain PyTorch.

    python tests/bench/inference.py [--weights FOLDER_OR_FILE ...] [--threads 1] [--rounds 9] [--cpu] [--json]

A frame goes in as 8-bit colours and comes out as a depth map, one at a time, from teachers that differ in their runtime
only. Eager PyTorch, fp32 and bf16 take turns on equally many threads: one, unless told otherwise, since eager PyTorch
slows down several times on more threads than there are idle cores, which would flatter the others. On a busy machine
--cpu counts the CPU's time, of all threads together, in place of the clock's. Random weights take as long as trained
ones; how far the compiled depth is from torch's is worth knowing for trained ones only, which
--weights names.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from deglare import open_sample
from deglare.fusion.uncertainty import spread
from deglare.networks import NETWORKS, DepthNetwork, NetworkTeacher, build, load_network
from deglare.networks.fast import CompiledTeacher, available_precision, difference_from_torch
from deglare.types import Rgb

TRIOS = {"full": ("monodepth2", "hrdepth", "monovit"), "small": tuple(n for n in NETWORKS if n.endswith("-small"))}
ALPHA_M = 0.4
RUNTIMES = ("eager", "fp32", "bf16")

Teachers = Mapping[str, NetworkTeacher]
"""One network by runtime."""


class Turns(NamedTuple):
    """How often, and by which clock in seconds."""

    rounds: int
    clock: Callable[[], float]


def teachers_of(network: DepthNetwork, size_hw: tuple[int, int] | None, runtimes: Sequence[str]) -> Teachers:
    """The network under every runtime."""
    teachers: dict[str, NetworkTeacher] = {}
    if "eager" in runtimes:
        teachers["eager"] = NetworkTeacher(network, size_hw=size_hw)
    if "fp32" in runtimes:
        teachers["fp32"] = CompiledTeacher(network, size_hw=size_hw, precision="fp32")
    if "bf16" in runtimes:
        teachers["bf16"] = CompiledTeacher(network, size_hw=size_hw, precision="bf16")
    return teachers


def in_turns(works: Mapping[str, Callable[[], object]], turns: Turns) -> dict[str, float]:
    """The median milliseconds of each, after one call that does not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for round_ in range(turns.rounds + 1):
        for name, work in works.items():
            start = turns.clock()
            work()
            if round_:
                times[name].append(1000 * (turns.clock() - start))
    return {name: statistics.median(taken) for name, taken in times.items()}


def measure(teachers: Mapping[str, Teachers], rgb: Rgb, turns: Turns) -> dict[str, dict[str, float]]:
    """Milliseconds of a frame by network and runtime, and of all networks on one frame under "all three"."""
    table: dict[str, dict[str, float]] = {}
    for name, one in teachers.items():
        table[name] = in_turns({r: lambda t=t: t.predict(rgb) for r, t in one.items()}, turns)
        print(row(name, table[name]), flush=True)
    runtimes = next(iter(teachers.values()))
    trio = {r: lambda r=r: [one[r].predict(rgb) for one in teachers.values()] for r in runtimes}
    table["all three"] = in_turns(trio, turns)
    print(row("all three", table["all three"]), flush=True)
    return table


def row(name: str, times: Mapping[str, float]) -> str:
    """One line: milliseconds, and how many times faster than eager."""
    ratios = [f"{times['eager'] / times[r]:8.2f}" for r in times if r != "eager"]
    return f"{name:<18}" + "".join(f"{ms:9.1f}" for ms in times.values()) + "".join(ratios)


def say_trio(table: Mapping[str, Mapping[str, float]], fastest: str) -> None:
    """Three compiled teachers against one eager one, each of the three in turn."""
    together = table["all three"][fastest]
    for name, times in table.items():
        if name != "all three":
            said = "less" if together < times["eager"] else "more"
            print(f"three in {fastest} {together:.1f} ms, {said} than one eager {name}: {times['eager']:.1f} ms")


def say_differences(paths: Sequence[Path], runtimes: Sequence[str]) -> None:
    """Relative difference from torch over frames of the sample scene, for trained weights at their own size."""
    rgbs = [frame.rgb() for frame in open_sample()[::12]]
    for path in paths:
        network = load_network(path)
        for runtime, teacher in teachers_of(network, network.recipe.size_hw, runtimes).items():
            if isinstance(teacher, CompiledTeacher):
                found = difference_from_torch(teacher, rgbs)
                print(
                    f"{path.stem} {runtime}: from torch by {100 * found.median:.4f} % (median), "
                    f"{100 * found.p99:.4f} % (99th percentile), {found.worst_m:.4f} m at most"
                )


def say_mask(paths: Sequence[Path], runtimes: Sequence[str]) -> None:
    """Share of pixels on which the published threshold of 0.4 m decides the same whatever computes the ensemble."""
    rgbs = [frame.rgb() for frame in open_sample()[::12]]
    networks = [load_network(path) for path in paths]
    masks = {
        runtime: np.stack([spread([one.predict(rgb) for one in teachers]).sigma_m >= ALPHA_M for rgb in rgbs])
        for runtime in runtimes
        for teachers in [[teachers_of(one, one.recipe.size_hw, (runtime,))[runtime] for one in networks]]
    }
    for runtime, mask in masks.items():
        if runtime != "eager":
            same = np.mean(mask == masks["eager"])
            print(f"{runtime}: the mask of {ALPHA_M} m is that of torch on {100 * same:.2f} % of the pixels")


def main() -> None:
    """Measure both trios and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, default=(384, 288), help="width and height")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", nargs="*", type=Path, default=(), help="trained networks, to compare with torch")
    parser.add_argument("--cpu", action="store_true", help="count the CPU's time")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    fastest = available_precision("auto")
    runtimes = RUNTIMES if fastest == "bf16" else RUNTIMES[:2]
    turns = Turns(asked.rounds, time.process_time if asked.cpu else time.perf_counter)
    size_hw, rgb = (asked.size[1], asked.size[0]), open_sample()[0].rgb()
    said = f"threads: {asked.threads}, rounds in turns: {asked.rounds}, time of the {'CPU' if asked.cpu else 'clock'}"
    print(f"one frame at {asked.size[0]}x{asked.size[1]}, {said}")
    print(f"{'ms':<18}" + "".join(f"{r:>9}" for r in runtimes) + "".join(f"{'x ' + r:>8}" for r in runtimes[1:]))
    tables = {}
    for trio, names in TRIOS.items():
        start = time.perf_counter()
        teachers = {name: teachers_of(build(name), size_hw, runtimes) for name in names}
        for one in teachers.values():
            for teacher in one.values():
                teacher.predict(rgb)
        print(f"-- {trio}: {time.perf_counter() - start:.0f} s to compile")
        tables[trio] = measure(teachers, rgb, turns)
        say_trio(tables[trio], fastest)
    files = [file for path in asked.weights for file in (sorted(path.glob("*.safetensors")) or [path])]
    say_differences(files, runtimes)
    if len(files) > 1:
        say_mask(files, runtimes)
    if asked.json:
        baseline, ours = (tables["full"]["all three"][r] for r in ("eager", fastest))
        result = {"name": "inference", "ratio": baseline / ours, "ours": ours, "baseline": baseline, "unit": "ms"}
        print(json.dumps(result))


if __name__ == "__main__":
    main()
