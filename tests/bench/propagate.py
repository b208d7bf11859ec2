"""One mask carried to 500 frames at 384x288: ours against the obvious loop over frames.

    python tests/bench/propagate.py [--frames 500] [--rounds 3] [--json]

A camera walks around a room with tables; the mask is drawn on the floor and a table in one frame. Projected depth lies
on disk as a run has it, and both sides read it from there: reading counts. The obvious loop unprojects every pixel of
every frame, takes the points to the frame with the mask, and looks up what was marked and whether it is the same
surface, one frame after the other. Pinholes are closed by one function on both sides. Both must mark the same pixels in
all frames before anything is timed; then they take turns. Ours may use every core that this process may (two on the
machine that the figures are from).

On a busy machine the seconds on the clock say more about the neighbours: the CPU's are shown beside them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deglare.annotation.carrying import CarryRule, Drawn, carry
from deglare.annotation.pinholes import closed
from deglare.data.files import read_depth, write_depth
from deglare.fusion.threads import usable_threads
from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import RayCaster
from deglare.types import Camera, Rigid, inverse_rigid

CAMERA = Camera(345.0, 345.0, 191.5, 143.5, (288, 384))
LIMIT_S = 5.0
RULE = CarryRule()

Masks = dict[str, np.ndarray]


def box(low: tuple[float, float, float], high: tuple[float, float, float], inside_out: bool = False) -> Mesh:
    """A solid box, or a room."""
    bits = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)])
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = np.array([face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))], dtype=np.int32)
    faces = np.ascontiguousarray(faces[:, ::-1]) if inside_out else faces
    return Mesh(np.where(bits, high, low).astype(np.float32), faces)


def room() -> Mesh:
    """Four walls, a floor, a ceiling, two tables and a cupboard."""
    parts = [
        box((-3, -2.5, 0), (3, 2.5, 2.7), inside_out=True),
        box((-0.9, -0.6, 0.68), (0.5, 0.3, 0.74)),
        box((1.4, 0.8, 0.0), (2.4, 1.9, 0.75)),
        box((-2.8, -2.4, 0.0), (-2.2, -0.8, 1.9)),
    ]
    starts = np.cumsum([0, *(len(part.vertices_m) for part in parts[:-1])])
    faces = np.concatenate([part.faces + np.int32(start) for part, start in zip(parts, starts, strict=True)])
    return Mesh(np.concatenate([part.vertices_m for part in parts]), faces)


def walk(frames: int) -> dict[str, Rigid]:
    """Twice around the middle of the room, looking across it and down; the world's z is up."""
    poses: dict[str, Rigid] = {}
    for number, turn in enumerate(np.linspace(0, 4 * np.pi, frames, endpoint=False)):
        eye = np.array([1.9 * np.cos(turn), 1.6 * np.sin(turn), 1.5 + 0.1 * np.sin(5 * turn)])
        target = np.array([-0.6 * np.cos(turn + 0.7 * np.sin(2 * turn)), -0.5 * np.sin(turn), 0.2])
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = np.column_stack([right, np.cross(forward, right), forward]), eye
        poses[f"{number:06d}"] = pose
    return poses


def draw(folder: Path, poses: dict[str, Rigid]) -> Drawn:
    """Depth of every frame to disk, and a mask in the first: an ellipse, one half glossy and one half wet."""
    caster = RayCaster(room(), threads=1)
    for name, pose in poses.items():
        write_depth(folder / f"{name}.png", caster.project(CAMERA, pose))
    first = next(iter(poses))
    v, u = np.indices(CAMERA.size_hw)
    inside = ((u - 180) / 110) ** 2 + ((v - 190) / 60) ** 2 < 1
    surfaces = np.where(inside, np.where(u < 180, 1, 5), 0).astype(np.uint8)
    return Drawn(surfaces, read_depth(folder / f"{first}.png"), CAMERA, poses[first])


def by_hand(folder: Path, drawn: Drawn, poses: dict[str, Rigid]) -> Masks:
    """The obvious loop."""
    found: Masks = {}
    height, width = CAMERA.size_hw
    drawn_T_world = inverse_rigid(drawn.world_T_cam)
    for name, world_T_cam in poses.items():
        depth = read_depth(folder / f"{name}.png")
        drawn_T_cam = drawn_T_world @ world_T_cam
        points = CAMERA.unproject(depth.metres) @ drawn_T_cam[:3, :3].T + drawn_T_cam[:3, 3]
        pixels, z = np.floor(CAMERA.project(points) + 0.5), points[..., 2]
        with np.errstate(invalid="ignore"):
            inside = depth.valid & (z > 0) & np.all((pixels >= 0) & (pixels < (width, height)), axis=-1)
        x, y = (np.where(inside, pixels[..., axis], 0).astype(np.int64) for axis in (0, 1))
        same = inside & drawn.depth.valid[y, x] & (np.abs(drawn.depth.metres[y, x] - z) <= RULE.slack.at(z))
        marks = np.where(same, drawn.surfaces[y, x], 0).astype(np.uint8)
        marks = closed(marks, depth, same & (marks == 0), RULE.slack.at)
        if np.count_nonzero(marks) >= RULE.least_pixels:
            found[name] = marks
    return found


def ours(folder: Path, drawn: Drawn, poses: dict[str, Rigid]) -> Masks:
    """What the studio calls."""
    carried = carry(drawn, poses, lambda name: read_depth(folder / f"{name}.png"), RULE)
    return {one.frame: one.surfaces for one in carried}


def differing(one: Masks, other: Masks) -> tuple[int, int]:
    """Pixels that are marked otherwise, and pixels that are marked."""
    nothing = np.zeros(CAMERA.size_hw, dtype=np.uint8)
    pairs = [(one.get(name, nothing), other.get(name, nothing)) for name in {*one, *other}]
    return sum(int(np.count_nonzero(a != b)) for a, b in pairs), sum(int(np.count_nonzero(b)) for _, b in pairs)


def seconds(
    work: Callable[[Path, Drawn, dict[str, Rigid]], Masks], folder: Path, drawn: Drawn, poses: dict[str, Rigid]
) -> tuple[float, float]:
    """Of one round, on the clock and of the CPU, all threads together."""
    clock, cpu = time.perf_counter(), time.process_time()
    work(folder, drawn, poses)
    return time.perf_counter() - clock, time.process_time() - cpu


def main() -> None:
    """Compare, time both in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, poses = Path(name), walk(asked.frames)
        drawn = draw(folder, poses)
        found, expected = ours(folder, drawn, poses), by_hand(folder, drawn, poses)
        wrong, marked = differing(found, expected)
        print(f"{asked.frames} frames, {len(found)} see the mask; {wrong} of {marked} pixels differ", flush=True)
        if wrong:
            raise SystemExit("the two computations disagree")
        times: dict[str, list[tuple[float, float]]] = {"ours": [], "obvious loop": []}
        for _ in range(asked.rounds):
            times["ours"].append(seconds(ours, folder, drawn, poses))
            times["obvious loop"].append(seconds(by_hand, folder, drawn, poses))
    print(f"{'seconds':<16}{'clock':>9}{'CPU':>9}    rounds, threads: {usable_threads()}")
    medians: dict[str, float] = {}
    for name, some in times.items():
        medians[name], cpu = (statistics.median(one[kind] for one in some) for kind in (0, 1))
        print(f"{name:<16}{medians[name]:9.2f}{cpu:9.2f}    {', '.join(f'{one[0]:.2f}' for one in some)}")
    print(f"under {LIMIT_S:g} s: {'yes' if medians['ours'] < LIMIT_S else 'no'}")
    if asked.json:
        ratio = medians["obvious loop"] / medians["ours"]
        result = {"ours": medians["ours"], "baseline": medians["obvious loop"], "unit": "s", "differing": wrong}
        print(json.dumps({"name": "propagate", "ratio": ratio, **result}))


if __name__ == "__main__":
    main()
