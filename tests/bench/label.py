"""From frames to labels: `deglare label` against the obvious way with the paper's parts.

    python tests/bench/label.py [--frames 200] [--rounds 3] [--threads 2] [--precision fp32] [--json]

Both take the same three small networks, the published fusion (Open3D's TSDF of 0.05 m voxels truncated at 1 m, every
tenth frame; the spread of the networks with 0.4 m) and the bundled scene walked up and down, 384x288, from JPEG files
to 16-bit PNG files. The obvious way is eager PyTorch, one network after the other and one frame after the other,
pyrender for every frame, and PNG files as PIL optimises them. Both may use as many threads as they are given. They
take turns, and their labels are compared: a ratio counts where 99 % of the pixels lie within 1 cm of each other, which
networks in fp32 keep and those in bf16 do not. On a busy machine the seconds on the clock say more about the
neighbours: the CPU's, of all threads together, are shown beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from deglare import load_model, open_sample
from deglare.data.files import read_depth
from deglare.fusion.labelling import label
from deglare.fusion.settings import PUBLISHED
from deglare.networks.teachers import Precision
from deglare.progress import Progress
from deglare.types import DepthMap, Frame, Sequence

TEACHERS = ("monodepth2-small", "hrdepth-small", "monovit-small")
ALPHA_M, EVERY = 0.4, 10
Seconds = dict[str, tuple[float, float]]
"""By stage: on the clock, and of the CPU."""


def walked(frames: int) -> Sequence:
    """The bundled scene up and down until there are enough frames, each under a name of its own."""
    sample = open_sample()
    path = cycle([*sample, *reversed(list(sample)[1:-1])])
    return replace(sample, frames=tuple(replace(f, name=f"{n:06d}") for n, f in enumerate(islice(path, frames))))


def baseline(sequence: Sequence, out: Path) -> Seconds:
    """The obvious way. Returns the seconds of each stage."""
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    teachers = [load_model(name, runtime="torch") for name in TEACHERS]
    took: Seconds = {}
    with timed(took, "predict"):
        for frame in sequence:
            for teacher in teachers:
                depth = teacher.predict(frame.rgb())
                assert isinstance(depth, DepthMap)
                save_slowly(out / teacher.name / f"{frame.name}.png", depth.metres * 1000)
    with timed(took, "mesh"):
        mesh = fused_by_open3d(sequence, out / TEACHERS[0])
    with timed(took, "project"):
        project_by_pyrender(sequence, mesh, out / "projected")
    with timed(took, "fuse"):
        for frame in sequence:
            depths = np.stack([load_metres(out / name / f"{frame.name}.png") for name in TEACHERS])
            projected = load_metres(out / "projected" / f"{frame.name}.png")
            replaced = (np.std(depths, axis=0) >= ALPHA_M) & (projected >= 0.1) & (projected <= 10)
            save_slowly(out / "fused" / f"{frame.name}.png", np.where(replaced, projected, depths[0]) * 1000)
            save_slowly(out / "uncertainty" / f"{frame.name}.png", np.std(depths, axis=0) * 1000)
    return took


def fused_by_open3d(sequence: Sequence, folder: Path) -> Any:
    """A TSDF of every tenth frame, as Open3D's own example makes it."""
    o3d: Any = import_module("open3d")  # its stubs know less than it does
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight", "color"), (o3d.core.float32,) * 3, ((1,), (1,), (3,)), 0.05, 16, 2000
    )
    for frame in list(sequence)[::EVERY]:
        depth = o3d.t.geometry.Image(o3d.core.Tensor(load_metres(folder / f"{frame.name}.png")))
        colour = o3d.t.geometry.Image(o3d.core.Tensor(frame.rgb().astype(np.float32) / 255))
        camera = frame.camera.matrix
        camera[:2, 2] += 0.5  # Open3D cuts the decimals of pixel coordinates off
        where = (o3d.core.Tensor(camera), o3d.core.Tensor(np.linalg.inv(pose_of(frame))), 1.0, 10.0, 20.0)
        blocks = grid.compute_unique_block_coordinates(depth, *where)
        grid.integrate(blocks, depth, colour, *where)
    return grid.extract_triangle_mesh(weight_threshold=0.0)


def project_by_pyrender(sequence: Sequence, mesh: Any, folder: Path) -> None:
    """Depth of the mesh in every frame."""
    import trimesh

    pyrender: Any = import_module("pyrender")
    triangles = trimesh.Trimesh(mesh.vertex.positions.numpy(), mesh.triangle.indices.numpy(), process=False)
    camera = sequence[0].camera
    height, width = camera.size_hw
    scene = pyrender.Scene()
    scene.add(pyrender.Mesh.from_trimesh(triangles))
    lens = pyrender.IntrinsicsCamera(camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5, znear=0.4, zfar=100)
    node = scene.add(lens)
    renderer = pyrender.OffscreenRenderer(width, height)
    for frame in sequence:
        scene.set_pose(node, pose_of(frame) @ np.diag([1.0, -1, -1, 1]))
        depth = renderer.render(scene, flags=pyrender.RenderFlags.DEPTH_ONLY)
        save_slowly(folder / f"{frame.name}.png", depth * 1000)
    renderer.delete()


def ours(sequence: Sequence, out: Path, threads: int, precision: Precision) -> Seconds:
    """`label`, as the command line calls it."""
    took: Seconds = {}
    teachers = [load_model(name, runtime="auto", precision=precision) for name in TEACHERS]

    @contextmanager
    def announce(stage: str) -> Iterator[Progress]:
        with timed(took, stage):
            yield lambda done, total: None

    label(sequence, teachers, out, PUBLISHED, threads=threads, announce=announce)
    return took


@contextmanager
def timed(took: Seconds, stage: str) -> Iterator[None]:
    """Note how long something takes."""
    clock, cpu = time.perf_counter(), time.process_time()
    yield
    took[stage] = time.perf_counter() - clock, time.process_time() - cpu


def pose_of(frame: Frame) -> np.ndarray:
    """Every frame of the bundled scene has one."""
    assert frame.world_T_cam is not None
    return frame.world_T_cam


def save_slowly(path: Path, millimetres: np.ndarray) -> None:
    """The smallest PNG that PIL can make."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(millimetres).astype(np.uint16)).save(path, optimize=True)


def load_metres(path: Path) -> np.ndarray:
    """Depth as most code reads it: 0 is none."""
    return np.asarray(Image.open(path)).astype(np.float32) / 1000


def agreement(sequence: Sequence, theirs: Path, mine: Path) -> float:
    """Share of pixels whose labels are within 1 cm of each other."""
    near = total = 0
    for frame in sequence:
        a, b = (read_depth(folder / "fused" / f"{frame.name}.png") for folder in (theirs, mine))
        near += int(np.count_nonzero(within(a, b, 0.01)))
        total += a.metres.size
    return near / total


def within(a: DepthMap, b: DepthMap, metres: float) -> np.ndarray:
    """Where both are valid and near each other, or neither is valid."""
    return np.where(a.valid & b.valid, np.abs(a.metres - b.metres) <= metres, a.valid == b.valid)


def take_turns(
    sequence: Sequence, rounds: int, threads: int, precision: Precision
) -> tuple[dict[str, list[Seconds]], float]:
    """Both ways, round after round, and how much of their labels is alike."""
    found: dict[str, list[Seconds]] = {"baseline": [], "ours": []}
    same = 0.0
    for _ in range(rounds):
        folder = Path(tempfile.mkdtemp())
        works: dict[str, Callable[[], Seconds]] = {
            "baseline": lambda at=folder: baseline(sequence, at / "baseline"),
            "ours": lambda at=folder: ours(sequence, at / "ours", threads, precision),
        }
        for name, work in works.items():
            torch.set_num_threads(threads if name == "baseline" else 1)
            took = work()
            found[name].append({**took, "all": tuple(np.sum(list(took.values()), axis=0).tolist())})
        same = agreement(sequence, folder / "baseline", folder / "ours")
        shutil.rmtree(folder)
    return found, same


def middle_of(rounds: list[Seconds]) -> Seconds:
    """Medians over rounds, stage by stage."""
    return {
        stage: (statistics.median(one[stage][0] for one in rounds), statistics.median(one[stage][1] for one in rounds))
        for stage in rounds[0]
    }


def main() -> None:
    """Run both in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="fp32", help="of our networks")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rounds, same = take_turns(walked(options.frames), options.rounds, options.threads, options.precision)
    setting = f"{options.threads} threads, our networks in {options.precision}"
    print(f"{options.frames} frames of 384x288, {setting}, median of {options.rounds} rounds in turns")
    middle = {name: middle_of(found) for name, found in rounds.items()}
    for name, stages in middle.items():
        whole = stages["all"][1]
        print(f"{name:<10}{'s on the clock':>16}{'s of CPU':>10}{'share':>8}")
        for stage, (clock, cpu) in stages.items():
            print(f"  {stage:<8}{clock:16.2f}{cpu:10.2f}{100 * cpu / whole:7.1f}%")
    ratio, of_cpu = (middle["baseline"]["all"][i] / middle["ours"]["all"][i] for i in (0, 1))
    print(
        f"ratio     {ratio:.2f} on the clock, {of_cpu:.2f} of CPU; labels within 1 cm on {100 * same:.2f} % of pixels"
    )
    if options.json:
        seconds = {name: stages["all"][0] for name, stages in middle.items()}
        print(json.dumps({"name": "label", "ratio": ratio, "cpu": of_cpu, **seconds, "unit": "s", "within_1cm": same}))


if __name__ == "__main__":
    main()
