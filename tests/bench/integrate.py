"""Fusing depth: our volume against Open3D's, on the sample room's true depth, 384x288.

    python tests/bench/integrate.py [--frames 72] [--rounds 3] [--json]

Baseline: Open3D's grid of voxel blocks, 0.05 m voxels, truncation 1 m, no colour; its own calls, without our checks.
Ours: the robust settings, without weights and with weights by incidence (worked out beforehand, and timed apart), and
the published settings. One thread each. All take each frame in turn; what counts is the processor time of the frame,
since others may be at work on the machine.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch and Open3D are imported

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import deglare
from deglare.geometry.incidence import incidence_weights
from deglare.geometry.volume import Volume
from deglare.geometry.volume_settings import PUBLISHED
from deglare.types import Camera, DepthMap, Rigid, inverse_rigid

BASELINE = "open3d 0.05 / 1.0 m"


class Shot(NamedTuple):
    """One frame, decoded."""

    depth: DepthMap
    camera: Camera
    world_T_cam: Rigid
    weights: np.ndarray


class PlainOpen3d:
    """Open3D as its own examples use it."""

    def __init__(self) -> None:
        import open3d

        self.core, self.image = open3d.core, open3d.t.geometry.Image
        kinds, channels = (self.core.float32, self.core.float32), (self.core.SizeVector([1]), self.core.SizeVector([1]))
        self.grid = open3d.t.geometry.VoxelBlockGrid(("tsdf", "weight"), kinds, channels, 0.05, 16, 1000)

    def take(self, shot: Shot) -> None:
        """Integrate one frame."""
        depth = self.image(self.core.Tensor(shot.depth.metres[..., None]))
        camera, cam_T_world = self.core.Tensor(shot.camera.matrix), self.core.Tensor(inverse_rigid(shot.world_T_cam))
        blocks = self.grid.compute_unique_block_coordinates(depth, camera, cam_T_world, 1.0, 10.0, 20.0)
        self.grid.integrate(blocks, depth, camera, cam_T_world, 1.0, 10.0, 20.0)

    def extract(self) -> Any:
        """The mesh."""
        return self.grid.extract_triangle_mesh(weight_threshold=0.0)


class Ours:
    """Our volume."""

    def __init__(self, settings: Any = None, weighted: bool = False) -> None:
        self.volume, self.weighted = Volume(settings), weighted

    def take(self, shot: Shot) -> None:
        """Integrate one frame."""
        self.volume.integrate(*shot[:3], shot.weights if self.weighted else None)

    def extract(self) -> Any:
        """The mesh."""
        return self.volume.mesh()


ENGINES: dict[str, Callable[[], PlainOpen3d | Ours]] = {
    BASELINE: PlainOpen3d,
    "ours robust": Ours,
    "ours robust, weighted": lambda: Ours(weighted=True),
    "ours published": lambda: Ours(PUBLISHED),
}


def read_shots(count: int) -> list[Shot]:
    """The first frames of the sample room."""
    shots = []
    for frame in deglare.open_sample()[:count]:
        depth = frame.depth()
        assert depth is not None and frame.world_T_cam is not None
        camera = (frame.depth_camera or frame.camera).resized(depth.size_hw)
        shots.append(Shot(depth, camera, frame.world_T_cam, incidence_weights(depth, camera)))
    return shots


def processor_ms(work: Callable[[], object]) -> float:
    """What all threads of this process take for it."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def measure(shots: list[Shot], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Medians over frames and rounds: a frame, and a mesh, by engine."""
    frames: dict[str, list[float]] = {name: [] for name in ENGINES}
    meshes: dict[str, list[float]] = {name: [] for name in ENGINES}
    for _ in range(rounds):
        engines = {name: make() for name, make in ENGINES.items()}
        for shot in shots:
            for name, engine in engines.items():
                frames[name].append(processor_ms(lambda engine=engine, shot=shot: engine.take(shot)))
        for name, engine in engines.items():
            meshes[name].append(processor_ms(engine.extract))
    return tuple({name: statistics.median(times) for name, times in by.items()} for by in (frames, meshes))  # type: ignore[return-value]


def main() -> None:
    """Take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=72)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    shots = read_shots(options.frames)
    frames, meshes = measure(shots, options.rounds)
    incidence = [processor_ms(lambda shot=shot: incidence_weights(shot.depth, shot.camera)) for shot in shots]
    weights = statistics.median(incidence)
    base = frames[BASELINE]
    print(f"{len(shots)} frames of 384x288, one thread, median of {options.rounds} rounds in turns, processor time")
    for name, value in frames.items():
        print(f"{name:<24}{value:7.2f} ms a frame, {value / base:5.2f} of the baseline; {meshes[name]:7.1f} ms a mesh")
    print(f"weights by incidence    {weights:7.2f} ms a frame")
    if options.json:
        ours, published = frames["ours robust"], frames["ours published"]
        numbers = {"ours": ours, "weighted": frames["ours robust, weighted"], "published": published, "baseline": base}
        print(json.dumps({"name": "integrate", "ratio": base / ours, **numbers, "weights": weights, "unit": "ms"}))


if __name__ == "__main__":
    main()
