"""How bright rooms are beside Mitsuba 3, and what each part of the light model is worth.

Run: ``python tests/bench/rooms_light.py [--json]``. Each row renders the same views of the same rooms (patterns
replaced by their mean) with one thing about the mirrored light changed; brightness is ours over Mitsuba's, summed over
pixels.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from deglare.rooms import mitsuba, shading
from deglare.rooms.furnish import furnish
from deglare.rooms.highlights import fresnel as exact
from deglare.rooms.lighting import bake
from deglare.rooms.render import render
from deglare.rooms.shooting import ShootSettings, specular_share
from deglare.rooms.tensors import to_tensors
from deglare.rooms.trajectory import walk

SEEDS, FRAMES, SAMPLES, BRIGHTEST = (2_000_001, 2_000_005, 2_000_009), (0, 24), 256, 4.0
Fresnel = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def schlick(cosine: torch.Tensor, f0: torch.Tensor) -> torch.Tensor:
    """The usual approximation."""
    return f0 + (1 - f0) * (1 - cosine.clamp(0, 1)) ** 5


VARIANTS: dict[str, Fresnel] = {"as it is": exact, "Schlick's Fresnel": schlick}


@contextmanager
def using(fresnel: Fresnel) -> Iterator[None]:
    """Render with another mirrored share."""
    setattr(shading, "fresnel", fresnel)  # noqa: B010 - a name of another module, which types cannot see
    try:
        yield
    finally:
        setattr(shading, "fresnel", exact)  # noqa: B010


def main() -> None:
    """Render, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    torch.set_num_threads(1)
    camera = ShootSettings(size_hw=(144, 192)).camera
    sums: dict[str, list[tuple[float, float]]] = {}
    off_by_a_millimetre: list[float] = []
    for seed in SEEDS:
        room = mitsuba.without_patterns(furnish(seed))
        scene = bake(to_tensors(room))
        path = walk(room, np.random.default_rng([seed, 1]), max(FRAMES) + 1)
        for frame in FRAMES:
            pose = torch.tensor(path[frame : frame + 1], dtype=torch.float32)
            twin = mitsuba.mitsuba_scene(room, camera, path[frame], SAMPLES)
            theirs = mitsuba.path_traced(twin, SAMPLES).clip(max=BRIGHTEST).mean(-1)
            seen = render(scene, camera, pose)
            apart = np.abs(seen.depth_m[0].numpy() - mitsuba.depth_through(twin, camera, path[frame]))
            off_by_a_millimetre.append(float((apart > 1e-3).mean()))
            share = specular_share(seen)[0].numpy()
            for name, fresnel in VARIANTS.items():
                with using(fresnel):
                    ours = render(scene, camera, pose).radiance[0].mean(-1).numpy()
                for region, mask in (("matte", share < 0.01), ("highlight", share >= 0.5)):
                    pair = (float(ours[mask].sum()), float(theirs[mask].sum()))
                    sums.setdefault(f"{name}: {region}", []).append(pair)
    ratios = {name: float(np.divide(*np.sum(pairs, axis=0))) for name, pairs in sums.items()}
    print(f"{len(SEEDS)} rooms x {len(FRAMES)} views, 192x144, Mitsuba with {SAMPLES} samples a pixel")
    for name, ratio in ratios.items():
        print(f"  {name:32s} {ratio:.3f} of Mitsuba's brightness")
    print(f"  pixels whose depth is off by more than 1 mm: {np.mean(off_by_a_millimetre):.2e}")
    if as_json:
        print(json.dumps({"name": "rooms_light", **ratios, "depth_off": float(np.mean(off_by_a_millimetre))}))


if __name__ == "__main__":
    main()
