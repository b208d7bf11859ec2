"""Whole data sets of rooms on disk, the fixed splits of ``rooms-v1``, and the subsets by reflection.

A scene is a posed folder (`deglare.data.posed_folder`) with every layer, plus ``scene.json``: its seed, settings,
surfaces, the subset of every frame and a hash of its content. A scene is written whole or not at all, so an
interrupted run goes on with the first scene that is missing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from deglare.data.files import read_json, write_json
from deglare.data.posed_folder import PosedFolder
from deglare.errors import DataError, RequestError
from deglare.processes import start_worker
from deglare.progress import Progress, quiet
from deglare.rooms.shooting import (
    REFLECTIVE_SHARE,
    Shoot,
    ShootSettings,
    Shot,
    prepare_shoot,
    shots,
)
from deglare.rooms.subsets import MANIFEST, NO_REFLECTION_BELOW, REFLECTION_FROM, frame_facts
from deglare.types import HIGHLIGHT_SHARE

DATASET = "rooms-v1"


@dataclass(frozen=True)
class Split:
    """Rooms of consecutive seeds."""

    first_seed: int
    rooms: int


SPLITS = {"train": Split(1_000_000, 240), "val": Split(2_000_000, 32), "test": Split(3_000_000, 32)}


@dataclass(frozen=True)
class SceneRequest:
    """One scene to be written."""

    folder: Path
    seed: int
    settings: ShootSettings
    device: str = "cpu"


def scene_requests(
    out: Path, split: str, scenes: int | None, settings: ShootSettings, device: str = "cpu"
) -> list[SceneRequest]:
    """The first ``scenes`` rooms of a split, or all of them."""
    if split not in SPLITS:
        raise RequestError(f"there is no split '{split}': {DATASET} has {', '.join(SPLITS)}")
    known = SPLITS[split]
    wanted = known.rooms if scenes is None else scenes
    if not 1 <= wanted <= known.rooms:
        raise RequestError(f"split {split} has rooms 1 to {known.rooms}, {wanted} were asked for")
    return [
        SceneRequest(out / scene_name(split, number), known.first_seed + number, settings, device)
        for number in range(wanted)
    ]


def write_scenes(requests: list[SceneRequest], workers: int = 1, progress: Progress = quiet) -> int:
    """Write the scenes that are not there yet and return how many were. Frames are what progress counts."""
    missing = [request for request in requests if not is_written(request)]
    total = sum(request.settings.frames for request in requests)
    done = total - sum(request.settings.frames for request in missing)
    progress(done, total)
    for frames in _written(missing, workers):
        done += frames
        progress(done, total)
    return len(missing)


def _written(requests: list[SceneRequest], workers: int) -> Iterator[int]:
    """Write scenes and yield how many frames are new, after each scene, or after each frame with one worker."""
    if workers <= 1 or len(requests) <= 1:
        for request in requests:
            for _ in write_scene(request):
                yield 1
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=start_worker) as pool:
        jobs = {pool.submit(_write_whole, request): request for request in requests}
        try:
            for job in as_completed(jobs):
                job.result()
                yield jobs[job].settings.frames
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write_whole(request: SceneRequest) -> None:
    for _ in write_scene(request):
        pass


def is_written(request: SceneRequest) -> bool:
    """Whether the scene is there; one made with other settings is an error, not something to overwrite."""
    manifest = request.folder / MANIFEST
    if not manifest.is_file():
        if request.folder.exists() and not (request.folder.is_dir() and not any(request.folder.iterdir())):
            raise RequestError(f"{request.folder} holds something else than a room: choose another --out")
        return False
    found = read_json(manifest)
    wanted = json.loads(json.dumps({"seed": request.seed, "settings": asdict(request.settings)}))
    different = [key for key, value in wanted.items() if not isinstance(found, dict) or found.get(key) != value]
    if different:
        raise RequestError(
            f"{request.folder} was rendered with other {' and '.join(different)}: choose another --out or remove it"
        )
    return True


def write_scene(request: SceneRequest) -> Iterator[Shot]:
    """Write one scene beside its place, yielding each frame once it is on disk, and put it there when it is whole."""
    unfinished = request.folder.with_name(f".{request.folder.name}.unfinished")
    with _writable(request.folder):
        if unfinished.exists():
            shutil.rmtree(unfinished)
    folder = PosedFolder(unfinished)
    folder.write_camera(request.settings.camera)
    shoot = prepare_shoot(request.seed, request.settings, request.device)
    folder.write_poses((frame_name(n), pose) for n, pose in enumerate(shoot.world_T_cams))
    frames: dict[str, dict[str, object]] = {}
    for shot in shots(shoot):
        folder.write_frame(frame_name(shot.number), shot.rgb, shot.depth, shot.labels)
        frames[frame_name(shot.number)] = frame_facts(shot)
        yield shot
    write_json(unfinished / MANIFEST, _manifest(shoot, frames, content_hash(unfinished)))
    with _writable(request.folder):
        if request.folder.exists():
            request.folder.rmdir()  # empty, or `is_written` would have complained
        unfinished.rename(request.folder)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot put {folder} in place: {error.strerror or error}. Choose another --out") from error


def scene_name(split: str, number: int) -> str:
    """The name of a room's folder, by its place in the split."""
    return f"{split}_{number:04d}"


def frame_name(number: int) -> str:
    """The name of a frame's files."""
    return f"{number:06d}"


def content_hash(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files in a scene but its manifest."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _manifest(shoot: Shoot, frames: dict[str, dict[str, object]], digest: str) -> dict[str, object]:
    turned = np.linalg.norm(np.diff(shoot.world_T_cams[:, :3, 3], axis=0), axis=1)
    return {
        "dataset": DATASET,
        "seed": shoot.seed,
        "settings": asdict(shoot.settings),
        "room": {"size_m": shoot.room.size_m, **shoot.room.facts, "lamps": len(shoot.room.lamps)},
        "path_m": round(float(turned.sum()), 3),
        "rules": {
            "reflective": f"specular share >= {REFLECTIVE_SHARE}",
            "highlight": f"specular share >= {HIGHLIGHT_SHARE}",
            "reflection": f"highlight pixels >= {REFLECTION_FROM}",
            "no-reflection": f"highlight pixels < {NO_REFLECTION_BELOW}",
        },
        "surfaces": [
            {"material": s.finish.material.name.lower(), "f0": s.finish.f0, "roughness": s.finish.roughness}
            for s in shoot.room.surfaces
        ],
        "frames": frames,
        "content": digest,
    }
