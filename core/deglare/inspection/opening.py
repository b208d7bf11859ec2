"""What is checked when a run is opened, so that everything after can trust it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deglare.data.files import read_text
from deglare.data.folders import file_names
from deglare.data.run_folder import MANIFEST, Manifest, RunFolder
from deglare.errors import DataError
from deglare.fusion.mining import MINE
from deglare.inspection.making import FUSE, Making
from deglare.types import Rigid, require_rigid


@dataclass(frozen=True, eq=False)
class Written:
    """``run.json`` as it was read."""

    manifest: Manifest
    version: str
    """Of this writing: it never comes back, even if the same is written again."""
    stamp: tuple[int, int] | None
    """Time and size of the file."""

    def is_as_written(self, folder: RunFolder) -> bool:
        """Whether nothing was written since."""
        return _stamp_of(folder) == self.stamp

    def has_surface_of(self, other: Written) -> bool:
        """Whether nothing but labels was made anew in between."""
        return _before_fusion(self.manifest) == _before_fusion(other.manifest)


def read_manifest(folder: RunFolder) -> Written:
    """Read ``run.json``; a `DataError` where there is none, or none that can be read."""
    if not folder.has_manifest:
        raise DataError(f"{folder.root} is no run: it has no {MANIFEST}; make one with deglare label, or deglare demo")
    stamp, text = _stamp_of(folder), read_text(folder.root / MANIFEST)
    try:
        manifest = Manifest.from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{MANIFEST} is damaged ({error}): make the run again") from error
    return Written(manifest, hashlib.sha256(f"{stamp} {text}".encode()).hexdigest()[:12], stamp)


def required_poses(manifest: Manifest) -> dict[str, Rigid]:
    """``world_T_cam`` of every frame; a `DataError` where one has none, or there is no frame."""
    poses = {name: pose for name, pose in manifest.poses.items() if pose is not None}
    if not poses or len(poses) < len(manifest.poses):
        raise DataError(f"{MANIFEST} has frames without poses, or none at all: make the run again")
    for name, pose in poses.items():
        require_rigid(pose, f"the pose of frame {name}")
    return poses


def require_files(folder: RunFolder, making: Making, frames: Sequence[str]) -> None:
    """A `DataError` that names the first file of a finished stage that is not there."""
    layers = [f"predicted/{teacher}" for teacher in making.teachers] + ["projected", "uncertainty"]
    layers += [] if making.strategy is None else ["fused", "source"]
    wanted = {layer: {f"{name}.png" for name in frames} for layer in layers}
    wanted |= {"color": {f"{name}.jpg" for name in frames}, ".": {folder.mesh.name}}
    for place, files in wanted.items():
        missing = sorted(files.difference(file_names(folder.root / place)))
        if missing:
            raise DataError(
                f"{folder.root.name} lacks {len(missing)} of the files in {place} ({missing[0]}): put them back, or "
                "make the run again in another folder"
            )


def _before_fusion(manifest: Manifest) -> dict[str, Any]:
    """All that the surface depends on."""
    later = (FUSE, MINE)
    return {**manifest.to_json(), "stages": {name: one for name, one in manifest.stages.items() if name not in later}}


def _stamp_of(folder: RunFolder) -> tuple[int, int] | None:
    """None where the file cannot be looked at."""
    try:
        found = (folder.root / MANIFEST).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
