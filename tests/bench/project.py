"""Mesh to depth: our ray casting against pyrender, under EGL and under OSMesa.

    python tests/bench/project.py [--rounds 5] [--threads 1] [--json]

The sample scene's true depth is fused into a mesh of more than 100,000 triangles and projected into its cameras at
384x288. PyOpenGL keeps its platform for a process, so every renderer lives in one of its own; they take turns, a round
of all cameras each. "pyrender" is the library as it is usually called, depth only; "ours, pyrender" is our back end
on top of it. OSMesa needs PyOpenGL 3.1.10 or newer, which pyrender's own requirement forbids: put one on PYTHONPATH.

On a busy machine the seconds on the clock say more about the neighbours: the CPU's are shown beside them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deglare.geometry.mesh import Mesh
from deglare.geometry.mesh_projection import open_projector
from deglare.geometry.raycasting import FAR_M, NEAR_M
from deglare.samples import open_sample
from deglare.types import Camera, Rigid

VOXEL_M = 0.019
EVERY_FUSED, EVERY_SEEN = 3, 8
NEAR_ENOUGH_M = 0.01

Render = Callable[[Camera, Rigid], np.ndarray]
"""Depth in metres, 0 where there is none."""

RENDERERS = {
    "ours": "",
    "ours, pyrender EGL": "egl",
    "ours, pyrender OSMesa": "osmesa",
    "pyrender EGL": "egl",
    "pyrender OSMesa": "osmesa",
}
"""Names and their platforms for OpenGL."""


def fused_mesh() -> Mesh:
    """The sample scene's true depth through Open3D's block grid."""
    open3d: Any = importlib.import_module("open3d")
    grid = open3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight"), (open3d.core.float32,) * 2, ((1,), (1,)), VOXEL_M, 16, block_count=4000
    )
    for frame in open_sample()[::EVERY_FUSED]:
        depth, world_T_cam = frame.depth(), frame.world_T_cam
        assert depth is not None and world_T_cam is not None
        image = open3d.t.geometry.Image(open3d.core.Tensor(np.ascontiguousarray(depth.metres)))
        lens, pose = open3d.core.Tensor(frame.camera.matrix), open3d.core.Tensor(np.linalg.inv(world_T_cam))
        blocks = grid.compute_unique_block_coordinates(image, lens, pose, 1.0, 10.0, 4.0)
        grid.integrate(blocks, image, lens, pose, 1.0, 10.0, 4.0)
    mesh = grid.extract_triangle_mesh(1.0)
    return Mesh(mesh.vertex.positions.numpy(), mesh.triangle.indices.numpy().astype(np.int32))


def usual_pyrender(mesh: Mesh, size_hw: tuple[int, int]) -> Render:
    """The baseline: one renderer, one scene, a new camera for every pose; half a pixel between the conventions."""
    pyrender: Any = importlib.import_module("pyrender")
    renderer = pyrender.OffscreenRenderer(size_hw[1], size_hw[0])
    scene = pyrender.Scene()
    scene.add(pyrender.Mesh([pyrender.Primitive(mesh.vertices_m, indices=mesh.faces)]))

    def render(camera: Camera, world_T_cam: Rigid) -> np.ndarray:
        lens = pyrender.IntrinsicsCamera(camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5, NEAR_M, FAR_M)
        node = scene.add(lens, pose=world_T_cam @ np.diag([1.0, -1.0, -1.0, 1.0]))
        depth = renderer.render(scene, flags=pyrender.RenderFlags.DEPTH_ONLY)
        scene.remove_node(node)
        return depth

    return render


def ours(mesh: Mesh, back_end: str, threads: int) -> Render:
    """What the pipeline calls."""
    projector = open_projector(mesh, back_end, threads=threads)
    return lambda camera, world_T_cam: projector.project(camera, world_T_cam).metres


def serve(name: str, folder: Path, threads: int) -> None:
    """In a process of its own: set up, leave every camera's depth in a file, then measure a round for every line."""
    stored = np.load(folder / "mesh.npz")
    mesh = Mesh(stored["vertices_m"], stored["faces"])
    frames = open_sample()[::EVERY_SEEN]
    views = [(frame.camera, frame.world_T_cam) for frame in frames if frame.world_T_cam is not None]
    if name.startswith("pyrender"):
        render = usual_pyrender(mesh, frames[0].camera.size_hw)
    else:
        render = ours(mesh, "pyrender" if RENDERERS[name] else "raycast", threads)
    np.save(folder / f"{name}.npy", np.stack([render(*view) for view in views]))
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps([timed(render, *view) for view in views]), flush=True)


def timed(render: Render, camera: Camera, world_T_cam: Rigid) -> tuple[float, float]:
    """Milliseconds on the clock and of the CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    render(camera, world_T_cam)
    return 1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - cpu)


class Server:
    """A renderer in its own process."""

    def __init__(self, name: str, folder: Path, threads: int) -> None:
        self.name, self.folder = name, folder
        self.times: list[tuple[float, float]] = []
        workers = str(threads if threads > 1 else 0)  # Mesa's software renderer counts those beside the caller
        environment = os.environ | {"LP_NUM_THREADS": workers}
        environment |= {"PYOPENGL_PLATFORM": RENDERERS[name]} if RENDERERS[name] else {}
        command = [sys.executable, __file__, "--serve", name, "--folder", str(folder), "--threads", str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.works = self._read() == "ready"

    def measure(self) -> None:
        """One round."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.times += json.loads(self._read())

    def medians(self) -> tuple[float, float]:
        """Milliseconds a frame on the clock and of the CPU."""
        clock, cpu = zip(*self.times, strict=True)
        return statistics.median(clock), statistics.median(cpu)

    def depth(self) -> np.ndarray:
        """What it made of every camera."""
        return np.load(self.folder / f"{self.name}.npy")

    def close(self) -> str:
        """Its last words."""
        lines = self.process.communicate()[1].strip().splitlines()
        return lines[-1] if lines else ""

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def agreement(found: np.ndarray, reference: np.ndarray) -> float:
    """The share of the pixels that both hit whose depths are within a centimetre."""
    both = (found > 0) & (reference > 0)
    return float(np.mean(np.abs(found - reference)[both] < NEAR_ENOUGH_M))


def report(servers: Sequence[Server]) -> dict[str, float]:
    """Print the table; milliseconds on the clock by name."""
    reference, base = servers[0].depth(), dict(zip(("clock", "cpu"), servers[0].medians(), strict=True))
    print(f"{'ms a frame':<24}{'clock':>8}{'CPU':>8}{'x ours':>8}{'x CPU':>8}{'within 1 cm':>14}")
    for server in servers:
        clock, cpu = server.medians()
        same = agreement(server.depth(), reference)
        print(
            f"{server.name:<24}{clock:8.1f}{cpu:8.1f}{clock / base['clock']:8.2f}{cpu / base['cpu']:8.2f}{same:14.5f}"
        )
        if server.name.startswith("ours") and same < 0.99:
            raise SystemExit(f"{server.name} does not agree with ray casting")
    return {server.name: server.medians()[0] for server in servers}


def main() -> None:
    """Start every renderer that starts here, let them take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=tuple(RENDERERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.folder, asked.threads)
        return
    with tempfile.TemporaryDirectory() as name:
        medians = compare(Path(name), asked.rounds, asked.threads)
    baseline = medians.get("pyrender EGL")
    if asked.json and baseline is not None:
        ratio = baseline / medians["ours"]
        result = {"name": "project", "ratio": ratio, "ours": medians["ours"], "baseline": baseline, "unit": "ms"}
        print(json.dumps(result))


def compare(folder: Path, rounds: int, threads: int) -> dict[str, float]:
    """Milliseconds a frame by name."""
    mesh = fused_mesh()
    np.savez(folder / "mesh.npz", vertices_m=mesh.vertices_m, faces=mesh.faces)
    print(f"{len(mesh.faces)} triangles, threads: {threads}, rounds in turns: {rounds}", flush=True)
    servers = [Server(name, folder, threads) for name in RENDERERS]
    for server in (server for server in servers if not server.works):
        print(f"{server.name}: does not start here ({server.close()})")
    running = [server for server in servers if server.works]
    for _ in range(rounds):
        for server in running:
            server.measure()
    medians = report(running)
    for server in running:
        server.close()
    return medians


if __name__ == "__main__":
    main()
