"""The run folder: what every stage from frames to labels reads and writes, on a cluster, in the app, in a notebook.

::

    run.json                        schema version, source, camera, frames and poses; settings and inputs of stages
    color/000123.jpg                the images
    depth/000123.png                true depth, where there is any
    regions/000123.png              the reflective mask, where there is one; specular/, material/, surface/ beside it
    predicted/TEACHER/000123.png    depth as each teacher predicts it
    projected/000123.png            depth of the fused surface
    uncertainty/000123.png          sigma of the teachers
    mined/000123.png                what triplet mining takes for a reflection, where that was asked for
    fused/000123.png                the labels
    source/000123.png               where each label pixel is from (`LabelSource`)
    mesh.ply   annotations/   report.json

Depth and uncertainty are 16-bit PNG in millimetres; depth 0 = none, uncertainty 0 = certain and 65535 = unknown.
A stage whose settings and inputs have not changed is not run again (`RunFolder.is_current`); one that was cut off
goes on with the files that are missing (`RunFolder.begin`).
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import IO, Any

import numpy as np

from deglare.data.drafts import ColourFile, DepthFile, Draft, Source, assemble
from deglare.data.files import read_json, write_json
from deglare.data.posed_folder import LabelFiles, PosedFolder
from deglare.errors import DataError, RequestError
from deglare.types import Camera, Rigid, Sequence

FORMAT = "run"
SCHEMA = 1
MANIFEST = "run.json"
LOCK = ".lock"
LABEL_LAYERS = ("regions", "specular", "material", "surface")
LAYERS = ("depth", *LABEL_LAYERS, "projected", "uncertainty", "mined", "fused", "source")
UNFINISHED = ".*.*.????????"
"""What a killed process leaves of a file that it was writing."""

PLAIN_NAME = re.compile(r"[\w][\w.+-]{0,119}")
"""Frames and teachers name files: letters, digits, and ``. _ - +`` inside."""


class LabelSource(IntEnum):
    """Where a label pixel is from: the codes in ``source/*.png``."""

    DROPPED = 0
    PREDICTED = 1
    PROJECTED = 2
    BLENDED = 3


@dataclass(frozen=True)
class Stage:
    """What a stage was made with, or is being made with."""

    settings: Mapping[str, Any]
    inputs: str
    """Hash of everything the stage read."""
    is_finished: bool = True
    result: Mapping[str, Any] = field(default_factory=dict)
    """What was found on the way: levels, counts."""

    def is_of(self, settings: Mapping[str, Any], inputs: str) -> bool:
        """Whether it has just these settings and inputs."""
        return self.inputs == inputs and same_json(self.settings, settings)


@dataclass(frozen=True, eq=False)
class Manifest:
    """The content of ``run.json``."""

    source: str
    """What the run was made from, as the user named it."""
    camera: Camera
    poses: Mapping[str, Rigid | None]
    """``world_T_cam`` by frame name, in order of time; None where a frame has none."""
    stages: Mapping[str, Stage] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Frames of the source that could not be read, and why."""

    def __post_init__(self) -> None:
        for name in self.poses:
            require_plain(name, "frame")

    def continues(self, other: Manifest) -> bool:
        """Whether both are of the same frames: those of one may be a part, where some could not be read."""
        return self.camera == other.camera and all(
            name in other.poses and np.array_equal(pose, other.poses[name])  # type: ignore[arg-type]
            for name, pose in self.poses.items()
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-able, exact to the last bit."""
        camera = self.camera
        frames = [{"name": name, "world_T_cam": None if p is None else p.tolist()} for name, p in self.poses.items()]
        return {
            "schema": SCHEMA,
            "source": self.source,
            "camera": {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy, "size_hw": camera.size_hw},
            "frames": frames,
            "stages": {
                name: {**vars(stage), "settings": dict(stage.settings), "result": dict(stage.result)}
                for name, stage in self.stages.items()
            },
            "left_out": dict(self.left_out),
        }

    @classmethod
    def from_json(cls, value: Any) -> Manifest:
        """Read back; what cannot be read is a `DataError`."""
        try:
            if value["schema"] > SCHEMA:
                raise DataError(
                    f"this run has schema {value['schema']}, newer than {SCHEMA}: update deglare to open it"
                )
            camera = value["camera"]
            height, width = camera["size_hw"]
            poses = {
                frame["name"]: None
                if frame["world_T_cam"] is None
                else np.array(frame["world_T_cam"], dtype=np.float64)
                for frame in value["frames"]
            }
            return cls(
                source=value["source"],
                camera=Camera(camera["fx"], camera["fy"], camera["cx"], camera["cy"], (height, width)),
                poses=poses,
                stages={name: Stage(**stage) for name, stage in value["stages"].items()},
                left_out=dict(value.get("left_out", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"this run.json is not one of ours or is damaged: {error!r}; make the run again") from error


@dataclass(frozen=True)
class RunFolder:
    """Where everything lies in a run, and what is finished."""

    root: Path

    @property
    def mesh(self) -> Path:
        """The fused surface."""
        return self.root / "mesh.ply"

    @property
    def report(self) -> Path:
        """Numbers by region."""
        return self.root / "report.json"

    @property
    def has_manifest(self) -> bool:
        """Whether a run was begun here."""
        return (self.root / MANIFEST).is_file()

    def color(self, frame: str) -> Path:
        """The image of a frame."""
        return PosedFolder(self.root).color(require_plain(frame, "frame"))

    def layer(self, layer: str, frame: str) -> Path:
        """One of `LAYERS` of a frame."""
        if layer not in LAYERS:
            raise DataError(f"a run has no layer '{layer}': it has {', '.join(LAYERS)}")
        return self.root / layer / f"{require_plain(frame, 'frame')}.png"

    def predicted(self, teacher: str, frame: str) -> Path:
        """The depth a teacher predicts for a frame."""
        return self.root / "predicted" / require_plain(teacher, "teacher") / f"{require_plain(frame, 'frame')}.png"

    def manifest(self) -> Manifest:
        """Read ``run.json``."""
        return Manifest.from_json(read_json(self.root / MANIFEST))

    def write_manifest(self, manifest: Manifest) -> None:
        """Write ``run.json``, whole or not at all."""
        write_json(self.root / MANIFEST, manifest.to_json())

    def begin(self, stage: str, settings: Mapping[str, Any], inputs: str, files: Iterable[Path]) -> None:
        """Note that a stage is under way. Its ``files`` stay if they are of this making, else they are removed."""
        manifest = self.manifest()
        found = manifest.stages.get(stage)
        if found is not None and found.is_of(settings, inputs):
            return
        others = {name: one for name, one in manifest.stages.items() if name != stage}
        self.write_manifest(replace(manifest, stages=others))
        for path in files:
            path.unlink(missing_ok=True)
        begun = Stage(settings, inputs, is_finished=False)
        self.write_manifest(replace(manifest, stages={**others, stage: begun}))

    def finish(
        self, stage: str, settings: Mapping[str, Any], inputs: str, result: Mapping[str, Any] | None = None
    ) -> None:
        """Note that a stage is finished, and what was found on the way."""
        manifest, finished = self.manifest(), Stage(settings, inputs, result=result or {})
        self.write_manifest(replace(manifest, stages={**manifest.stages, stage: finished}))

    def is_current(self, stage: str, settings: Mapping[str, Any], inputs: str) -> bool:
        """Whether a stage was finished with just these settings and inputs."""
        found = self.manifest().stages.get(stage)
        return found is not None and found.is_finished and found.is_of(settings, inputs)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from writing this run; the system lets go if this one dies."""
        with writable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / LOCK).open("ab")
        with lock:
            if not lock_now(lock):
                raise RequestError(f"another process is writing {self.root}: wait for it, or choose another folder")
            for scrap in self.root.rglob(UNFINISHED):
                scrap.unlink(missing_ok=True)
            yield


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """What the system refuses becomes one sentence."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}. Choose another folder") from error


def lock_now(file: IO[bytes]) -> bool:
    """Lock an open file for this process if nobody has; closing it unlocks it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def require_plain(name: str, what: str) -> str:
    """The name itself, if it can name a file and nothing else."""
    if not PLAIN_NAME.fullmatch(name):
        raise DataError(f"'{name[:60]}' cannot name a {what}: letters, digits and . _ - + only, up to 120 of them")
    return name


def same_json(a: object, b: object) -> bool:
    """Whether two values are equal once written: a tuple is a list then."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def hash_of(*values: object) -> str:
    """A hash of JSON-able values, for `Stage.inputs`."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def looks_like_run(path: Path) -> bool:
    """A folder with ``run.json``."""
    return (path / MANIFEST).is_file()


def read_run(path: Path) -> Sequence:
    """The frames of a run as a sequence: colour, and truth and reflective masks where it has them."""
    run, posed = RunFolder(path), PosedFolder(path)
    manifest = run.manifest()
    has_poses = any(pose is not None for pose in manifest.poses.values())
    drafts = (
        Draft(
            name=name,
            load_rgb=ColourFile(run.color(name)),
            stated_pose=pose,
            pose_source=f"the pose of frame {name} of {path / MANIFEST}",
            load_depth=DepthFile(run.layer("depth", name)) if run.layer("depth", name).is_file() else None,
            load_labels=LabelFiles(posed, name) if run.layer("regions", name).is_file() else None,
        )
        for name, pose in manifest.poses.items()
    )
    return assemble(Source(path.resolve().name, FORMAT, manifest.camera, has_poses=has_poses), drafts)
