"""A video without poses: our cameras against pycolmap's own, and depth against truth.

    python tests/bench/video.py [--only lounge room] [--keep DIR] [--skip-baseline] [--shared DIR] [--threads 2]
                                [--json]

Sequences with known poses and measured depth are made into clips (H.264, ten frames a second) and given to
``deglare video`` as if nothing were known about them: no pose, no focal length, no depth. ``lounge`` and ``kitchen``
are real and lie beside the checkout, ``room`` is the bundled scene, ``house`` is a phone's clip of 23 s of which 20 are
used and of which no truth is known: it gives the seconds of each stage. The baseline gets the frames themselves, all of
them and in order, and does with them what pycolmap does by default: SIFT, exhaustive matching, its incremental mapper.
Both run in processes of their own; seconds are of the CPU, of all threads and children together. Cameras are also told
alone: for ours all stages up to them (decoding, choosing, depth that sets the scale, features, pairs, cameras) and all
that belongs to no stage, such as importing; for the baseline everything it does.

The two paths are compared with each other too: where they agree, what both are off by is the truth's.

Both look at every frame (``--spacing 0``). Ours counts the frames whose cameras it believes, the baseline those of its
largest model. Position and rotation are compared after one similarity alignment of the whole path. ``scale`` is what
that multiplies our metres with, 1 is right; the baseline has no metres. ``turned`` is the rotation once the world is
turned as suits the rotations best: a path that is nearly straight says little about turning around it. Depth is
compared in every frame with a camera, as it is and after one scale for the whole clip.

With ``--keep`` every half of a row is written as soon as it is there (``lounge-ours.json``, ``lounge-pycolmap.json``),
and is not measured again by the next call: remove the file to measure it anew.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from deglare import open_sample, open_sequence
from deglare.data.files import read_depth, read_json, write_image, write_json
from deglare.data.run_folder import RunFolder
from deglare.types import DepthMap, Rigid, Sequence

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
CLIPS: dict[str, Callable[[Path], Sequence]] = {
    "lounge": lambda shared: open_sequence(shared / "hololens_lounge_a"),
    "kitchen": lambda shared: open_sequence(shared / "sevenscenes_redkitchen"),
    "room": lambda shared: open_sample(),
}
HOUSE, HOUSE_S = Path("video") / "house_tile_floor_walk.mp4", 20
RATE_HZ = 10
STEPS = "cpu_s.json"
LAYERS = ("predicted", "projected", "fused")
AFTERWARDS = ("fit", "align", "frames", "predict", "mesh", "project", "fuse", "results")
"""Stages that come after the cameras."""

Poses = Mapping[int, Rigid]
"""``world_T_cam`` by number of the frame in the sequence."""


@dataclass(frozen=True)
class Path3D:
    """How far cameras are from the true ones, or from another method's."""

    frames: int
    median_cm: float
    worst_cm: float
    median_deg: float
    turned_deg: float
    """The same once the world is turned as suits the rotations best, not the positions."""
    scale: float


def write_clip(sequence: Sequence, path: Path) -> None:
    """All frames as H.264 without loss of note; sides are made even."""
    with av.open(str(path), "w") as video:
        stream: Any = video.add_stream("libx264", rate=RATE_HZ, options={"crf": "12", "preset": "fast"})
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(sequence):
            rgb = frame.rgb()
            rgb = np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
            if number == 0:
                stream.height, stream.width = rgb.shape[:2]
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE_HZ)
            video.mux(stream.encode(picture))
        video.mux(stream.encode(None))


def cpu_of(command: list[str]) -> tuple[str, float, float]:
    """What a process prints, its seconds of CPU with its children's, and those on the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # it costs seconds
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=own)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, cpu_s, time.perf_counter() - began


def ours(clip: Path, run: Path, threads: int, words: tuple[str, ...] = ()) -> tuple[dict[str, Any], float, float]:
    """``deglare video`` with its defaults but for some words."""
    command = [sys.executable, "-m", "deglare", "video", str(clip), "--out", str(run), "--threads", str(threads)]
    printed, cpu_s, clock_s = cpu_of([*command, *words, "--json"])
    return json.loads(printed), cpu_s, clock_s


def our_poses(run: Path, believed: list[str]) -> Poses:
    """Of the frames that are believed; a frame is named by its number."""
    found: Any = read_json(run / "video" / "poses.json")
    return {int(name): np.array(found["world_T_cam"][name]) for name in believed}


def baseline(sequence: Sequence, folder: Path) -> tuple[Poses, float, float]:
    """All frames through pycolmap as it comes, in a process of its own."""
    for number, frame in enumerate(sequence):
        write_image(folder / "images" / f"{number:06d}.png", frame.rgb())
    printed, cpu_s, clock_s = cpu_of([sys.executable, __file__, "--baseline-alone", str(folder)])
    found = json.loads(printed.splitlines()[-1])
    return {int(name): np.array(pose) for name, pose in found.items()}, cpu_s, clock_s


def baseline_alone(folder: Path) -> None:
    """Print the poses of the largest model; seconds of the CPU by step go to a file as they come."""
    import pycolmap

    pycolmap.logging.minloglevel = 2
    images, database, steps = folder / "images", folder / "database.db", dict[str, float]()

    def done(step: str) -> None:
        steps[step] = sum(os.times()[:4]) - sum(steps.values())
        write_json(folder / STEPS, steps)

    names = sorted(path.name for path in images.iterdir())
    done("start")
    pycolmap.extract_features(database, images, image_names=names, camera_mode=pycolmap.CameraMode.SINGLE)
    done("features")
    pycolmap.match_exhaustive(database)
    done("matching")
    (folder / "models").mkdir()
    models = pycolmap.incremental_mapping(database, images, folder / "models").values()
    done("mapping")
    poses = {}
    for image in max(models, key=lambda model: model.num_reg_images()).images.values() if models else ():
        pose = np.eye(4)
        pose[:3] = image.cam_from_world().inverse().matrix()
        poses[str(int(Path(image.name).stem))] = pose.tolist()
    print(json.dumps(poses))


def as_lists(poses: Poses) -> dict[str, list[list[float]]]:
    """As a row keeps them."""
    return {str(number): pose.tolist() for number, pose in poses.items()}


def shown(label: str, row: Mapping[str, Any], truth: Poses) -> dict[str, Any] | None:
    """How far a row's cameras are from the truth, told and returned."""
    path = compared(row_poses(row), truth)
    if path is not None:
        told(label, row, path, len(truth))
    return None if path is None else vars(path)


def row_poses(row: Mapping[str, Any]) -> Poses:
    """Those that a row keeps."""
    return {int(number): np.array(pose) for number, pose in row["poses"].items()}


def true_poses(sequence: Sequence) -> Poses:
    """As its data set has them."""
    return {number: frame.world_T_cam for number, frame in enumerate(sequence) if frame.world_T_cam is not None}


def compared(found: Poses, others: Poses) -> Path3D | None:
    """After one similarity alignment of the frames that both have; none where those are too few for one."""
    numbers = sorted(found.keys() & others.keys())
    if len(numbers) < 3:
        return None
    truth = np.stack([others[number] for number in numbers])
    poses = np.stack([found[number] for number in numbers])
    scale, rotation, shift = similarity(poses[:, :3, 3], truth[:, :3, 3])
    off_cm = 100 * np.linalg.norm(scale * poses[:, :3, 3] @ rotation.T + shift - truth[:, :3, 3], axis=1)
    turned = np.einsum("ij,njk,nlk->nil", rotation, poses[:, :3, :3], truth[:, :3, :3])
    u, _, vt = np.linalg.svd(turned.sum(0))
    usual = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    return Path3D(
        frames=len(numbers),
        median_cm=float(np.median(off_cm)),
        worst_cm=float(off_cm.max()),
        median_deg=median_degrees(turned),
        turned_deg=median_degrees(usual.T @ turned),
        scale=scale,
    )


def median_degrees(rotations: np.ndarray) -> float:
    """Of the angles that they turn by."""
    cosine = (np.trace(rotations, axis1=1, axis2=2) - 1) / 2
    return float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1)))))


def similarity(points: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation and shift that bring points to the truth (Umeyama)."""
    centred, wanted = points - points.mean(0), truth - truth.mean(0)
    u, singular, vt = np.linalg.svd(wanted.T @ centred / len(points))
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = float((singular * signs).sum() / (centred**2).sum(1).mean())
    return scale, rotation, truth.mean(0) - scale * rotation @ points.mean(0)


def depth_error(run: RunFolder, layer: str, believed: list[str], sequence: Sequence) -> tuple[float, float]:
    """Abs Rel over believed frames as depth is, and after one scale for all of them; the mean over frames."""
    ratios = []
    for name in believed:
        truth = sequence[int(name)].depth()
        path = run.root / layer / f"{name}.png"
        if truth is not None and path.is_file():
            ratios.append(ratios_of(read_depth(path), truth))
    scale = float(np.median(np.concatenate(ratios)))
    as_it_is = float(np.mean([np.abs(ratio - 1).mean() for ratio in ratios]))
    return as_it_is, float(np.mean([np.abs(ratio / scale - 1).mean() for ratio in ratios]))


def ratios_of(depth: DepthMap, truth: DepthMap) -> np.ndarray:
    """Depth over truth up to 10 m, at the nearest pixel of the truth."""
    height, width = depth.size_hw
    rows = ((np.arange(height) + 0.5) * truth.size_hw[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * truth.size_hw[1] / width).astype(int)
    wanted = truth.metres[np.ix_(rows, columns)]
    known = truth.valid[np.ix_(rows, columns)] & depth.valid & (wanted > 0.1) & (wanted < 10)
    return depth.metres[known] / wanted[known]


def told(label: str, row: Mapping[str, Any], path: Path3D, total: int) -> None:
    """One line of the table."""
    cameras = row.get("cameras_cpu_s", row["cpu_s"])
    print(
        f"{label:<18}{path.frames:4d}/{total:<4d}{path.median_cm:8.1f}{path.worst_cm:8.1f}{path.median_deg:8.2f}{path.turned_deg:8.2f}"
        f"{path.scale:8.3f}{cameras:9.0f}{row['cpu_s']:9.0f}{row['clock_s']:9.0f}",
        flush=True,
    )


@dataclass(frozen=True)
class Row:
    """Where a half of the table is kept, so that an interrupted call loses no more than one half of one row."""

    path: Path

    def measured(self, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """From the file where it is there, else measured and written."""
        if not self.path.is_file():
            write_json(self.path, measure())
        found: Any = read_json(self.path)
        if "poses" not in found:
            raise SystemExit(f"{self.path} was written by an earlier version of this bench: remove it")
        return found


def measured(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One sequence, ours and then the baseline."""
    sequence = CLIPS[name](options.shared)
    truth = true_poses(sequence)
    mine = Row(folder / f"{name}-ours.json").measured(lambda: ours_measured(name, sequence, options, folder))
    mine["path"] = shown(f"{name}, ours", mine, truth)
    for layer, (as_it_is, after) in sorted(mine["abs_rel"].items(), key=lambda one: LAYERS.index(one[0].split("/")[0])):
        print(f"  {layer:<28} abs rel {as_it_is:.3f} as it is, {after:.3f} after one scale")
    if options.skip_baseline:
        return {"ours": mine}
    row = Row(folder / f"{name}-pycolmap.json")
    base = row.measured(lambda: baseline_measured(sequence, folder / f"{name}-baseline"))
    base["path"] = shown(f"{name}, pycolmap", base, truth)
    apart = compared(row_poses(base), row_poses(mine))
    if apart is not None:
        print(
            f"  from ours, after one alignment: {apart.median_cm:.1f} cm, {apart.median_deg:.2f} degrees in the median"
        )
    print(f"  seconds of CPU, all of pycolmap's over those of our cameras: {base['cpu_s'] / mine['cameras_cpu_s']:.1f}")
    print(f"  and over all of ours, depth and mesh included: {base['cpu_s'] / mine['cpu_s']:.1f}")
    return {"ours": mine, "pycolmap": base}


def ours_measured(name: str, sequence: Sequence, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the clip, its run, and compare both cameras and depth with the truth."""
    clip, run = folder / f"{name}.mp4", folder / name
    write_clip(sequence, clip)
    shutil.rmtree(run, ignore_errors=True)
    result, cpu_s, clock_s = ours(clip, run, options.threads, ("--spacing", "0"))
    verdict = result["verdict"]
    believed: list[str] = verdict["believed"]
    layers = (f"predicted/{verdict['scale']['teachers'][0]}", "projected", "fused") if believed else ()
    return {
        "poses": as_lists(our_poses(run, believed)),
        "abs_rel": {layer: depth_error(RunFolder(run), layer, believed, sequence) for layer in layers},
        "cpu_s": cpu_s,
        "cameras_cpu_s": cpu_s - sum(spent for stage, spent in result["cpu_seconds"].items() if stage in AFTERWARDS),
        "clock_s": clock_s,
        "cpu_seconds": result["cpu_seconds"],
        "true_focal_px": sequence[0].camera.fx,
        "verdict": verdict,
    }


def baseline_measured(sequence: Sequence, folder: Path) -> dict[str, Any]:
    """Run the baseline and compare its cameras with the truth."""
    shutil.rmtree(folder, ignore_errors=True)
    poses, cpu_s, clock_s = baseline(sequence, folder)
    return {
        "poses": as_lists(poses),
        "cpu_seconds": read_json(folder / STEPS),
        "cpu_s": cpu_s,
        "clock_s": clock_s,
    }


def stages(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds by stage for 20 s of a phone's clip."""
    words = ("--seconds", str(HOUSE_S))
    result, cpu_s, clock_s = ours(options.shared / HOUSE, folder / "house", options.threads, words)
    verdict, planned = result["verdict"], result["plan"]["seconds"]
    print(f"house, {HOUSE_S} s: {verdict['headline']}; {cpu_s:.0f} s of CPU, {clock_s:.0f} s on the clock")
    for stage, seconds in result["seconds"].items():
        print(f"  {stage:<10}{seconds:8.1f} s{planned.get(stage, 0.0):8.1f} s planned")
    return {"cpu_s": cpu_s, "clock_s": clock_s, "seconds": result["seconds"], "verdict": verdict["headline"]}


def main() -> None:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*CLIPS, "house"], default=[*CLIPS, "house"])
    parser.add_argument("--skip-baseline", action="store_true")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where clips and runs stay; a folder that is removed if not given")
    parser.add_argument("--baseline-alone", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.baseline_alone is not None:
        baseline_alone(options.baseline_alone)
        return
    with tempfile.TemporaryDirectory() as removed:
        folder = options.keep or Path(removed)
        folder.mkdir(parents=True, exist_ok=True)
        print("                     frames  med cm  max cm     deg  turned   scale  cameras    CPU s  clock s")
        found = {name: measured(name, options, folder) for name in options.only if name in CLIPS}
        if "house" in options.only:
            found["house"] = stages(options, folder)
    if options.json:
        both = [one for one in found.values() if "pycolmap" in one]
        ours_s = sum(one["ours"]["cameras_cpu_s"] for one in both)
        theirs_s = sum(one["pycolmap"]["cpu_s"] for one in both)
        ratio = theirs_s / ours_s if ours_s else None
        line = {"name": "video", "ratio": ratio, "ours": ours_s, "baseline": theirs_s, "unit": "s", "clips": found}
        print(json.dumps(line))


if __name__ == "__main__":
    main()
