"""Frames of reflective rooms: ours beside Mitsuba 3 at 64 samples a pixel, each on one core with one thread.

    python tests/bench/rooms.py [--rooms 3] [--views 3] [--samples 64] [--json]

Both see the same rooms from the same poses at 384x288 and take turns. Ours counts everything up to the finished frame
(light, depth, masks, noise, 8 bits), Mitsuba its rendering alone, after a first one that compiles its kernels. Baking
a room's light is timed apart and shared out over the 90 frames of a walk.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deglare.rooms.mitsuba import depth_through, load_mitsuba, mitsuba_scene, path_traced, without_patterns
from deglare.rooms.shooting import Shoot, ShootSettings, Shot, prepare_shoot, shots, still

SETTINGS = ShootSettings()
FIRST_SEED = 2_000_000
SAME_DEPTH_M = 1e-3


def use_one_core() -> None:
    """Pin this process, and with it everything that both renderers start."""
    os.environ.setdefault("DRJIT_LIBLLVM_PATH", find_llvm())
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    load_mitsuba()
    import drjit

    drjit.set_thread_count(1)


def find_llvm() -> str:
    """The newest LLVM that a package has put on this machine, or nothing."""
    found = Path("/usr/lib").glob("*/libLLVM*.so*")
    return str(max(found, key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)], default=""))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds, and what came of it."""
    start = time.perf_counter()
    made = work()
    return 1000 * (time.perf_counter() - start), made


def measure_view(shoot: Shoot, view: int, samples: int) -> tuple[float, float]:
    """Milliseconds of ours and of Mitsuba for one view; both must see the same shapes."""
    world_T_cam, camera = shoot.world_T_cams[view], shoot.settings.camera
    alone = still(shoot, world_T_cam)
    reference = mitsuba_scene(without_patterns(shoot.room), camera, world_T_cam, samples)
    path_traced(reference, 1)  # compiles its kernels
    ours, frame = timed(lambda: next(shots(alone)))
    theirs, _ = timed(lambda: path_traced(reference, samples))
    again, _ = timed(lambda: next(shots(alone)))
    require_same_depth(frame, depth_through(reference, camera, world_T_cam))
    return (ours + again) / 2, theirs


def require_same_depth(frame: Shot, reference_m: np.ndarray) -> None:
    """Stop where more than a thousandth of the pixels is at another depth: silhouettes may fall to either side."""
    apart = float((np.abs(frame.depth.metres - reference_m) > SAME_DEPTH_M).mean())
    if apart > 1e-3:
        raise SystemExit(f"the two renderers disagree on the depth of {apart:.2%} of the pixels")


def main() -> None:
    """Time both in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=3)
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    use_one_core()
    ours, theirs, prepared = [], [], []
    print(f"{'room':<10}{'view':>5}{'ours ms':>10}{'Mitsuba ms':>12}{'ratio':>8}")
    for seed in range(FIRST_SEED, FIRST_SEED + options.rooms):
        spent, shoot = timed(lambda seed=seed: prepare_shoot(seed, SETTINGS))
        prepared.append(spent)
        for view in np.linspace(0, SETTINGS.frames - 1, options.views).round().astype(int).tolist():
            mine, reference = measure_view(shoot, view, options.samples)
            ours.append(mine)
            theirs.append(reference)
            print(f"{seed:<10}{view:>5}{mine:>10.0f}{reference:>12.0f}{reference / mine:>8.1f}", flush=True)
    report(ours, theirs, prepared, options.samples, options.json)


def report(ours: list[float], theirs: list[float], prepared: list[float], samples: int, as_json: bool) -> None:
    """Medians over views and rooms."""
    height, width = SETTINGS.size_hw
    frame, reference, room = (statistics.median(times) for times in (ours, theirs, prepared))
    whole = frame + room / SETTINGS.frames
    print(f"medians over {len(ours)} views of {len(prepared)} rooms, {width}x{height}, one core")
    print(f"Mitsuba, {samples} samples a pixel   {reference:9.0f} ms a frame")
    print(f"ours                          {frame:9.0f} ms a frame   ratio {reference / frame:6.1f}")
    print(f"ours with its share of light  {whole:9.0f} ms a frame   ratio {reference / whole:6.1f}")
    print(f"building and lighting a room  {room:9.0f} ms, once")
    if as_json:
        result = {"name": "rooms", "ratio": reference / frame, "ours": frame, "baseline": reference, "unit": "ms"}
        print(json.dumps(result | {"ours_with_light": whole, "ratio_with_light": reference / whole}))


if __name__ == "__main__":
    main()
