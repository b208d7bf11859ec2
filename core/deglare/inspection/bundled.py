"""The bundled scene as a finished run: it ships packed, and is unpacked once, in seconds.

Frames and truth are those of the sample scene, predictions, mesh and report come out of the archive. Uncertainty,
projected depth and labels follow from them, by the same functions as in `deglare.fusion.labelling`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8, UInt16
from PIL import Image

from deglare.data.files import UNKNOWN_UNCERTAINTY, depth_from_steps
from deglare.data.run_folder import MANIFEST, Manifest, RunFolder, writable
from deglare.errors import DataError
from deglare.fusion.evidence import Evidence, Levels
from deglare.fusion.labels import Labels
from deglare.fusion.settings_files import range_from, strategy_from
from deglare.fusion.threads import in_order, usable_threads
from deglare.fusion.uncertainty import UncertaintyMap, spread
from deglare.geometry.mesh_files import read_mesh
from deglare.geometry.raycasting import RayCaster
from deglare.geometry.resizing import resize_disparity
from deglare.inspection.packing import PackedRun, read_packed
from deglare.inspection.run import InspectedRun
from deglare.progress import Progress, quiet
from deglare.samples import sample_scene_path
from deglare.types import DepthMap

Steps = UInt16[np.ndarray, "h w"]
"""Millimetres."""

ARCHIVE, NAME = "finished.zip", "sample_room"
TAKEN_OVER = ("color", "depth", "regions", "specular", "material", "surface", "scene.json")
"""From the sample scene."""


def bundled_run(progress: Progress = quiet, folder: Path | None = None) -> Path:
    """The folder of the finished run; unpacked where it is not there yet, or was damaged.

    Args:
        progress: Told how many frames are unpacked.
        folder: Where it is kept; the user's cache if not given.
    """
    archive = Path(str(files("deglare.samples"))) / ARCHIVE
    key = hashlib.sha256(archive.read_bytes()).hexdigest()[:12]
    root = (folder or cache_folder()) / key / NAME
    if not _is_whole(root):
        with writable(root):
            _replace(root, read_packed(archive), progress)
    return root


def cache_folder() -> Path:
    """Where this system keeps what programs can make again."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "deglare"


def unpack(packed: PackedRun, root: Path, progress: Progress = quiet) -> None:
    """Write a finished run into an empty folder. ``run.json`` comes last: without it there is no run."""
    for name in TAKEN_OVER:
        source = sample_scene_path() / name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, root / name)
    for name, content in packed.files.items():
        if name != MANIFEST:
            (root / name).write_bytes(content)
    work = Unpacking(packed, RunFolder(root))
    for folder in ("projected", "uncertainty", "fused", "source", *(f"predicted/{one}" for one in packed.disparity)):
        (root / folder).mkdir(parents=True)
    names = list(work.manifest.poses)
    for done, _ in enumerate(in_order(work.frame, range(len(names)), usable_threads()), start=1):
        progress(done, len(names))
    (root / MANIFEST).write_bytes(packed.files[MANIFEST])


@dataclass(frozen=True, eq=False)
class Unpacking:
    """One run under way."""

    packed: PackedRun
    run: RunFolder

    @cached_property
    def manifest(self) -> Manifest:
        """As it will be."""
        return Manifest.from_json(json.loads(self.packed.files[MANIFEST]))

    @cached_property
    def projector(self) -> RayCaster:
        """The surface."""
        return RayCaster(read_mesh(self.run.mesh), threads=1)

    def frame(self, number: int) -> None:
        """Everything about one frame; the labels are made of what is on disk, to the millimetre."""
        name, pose = list(self.manifest.poses.items())[number]
        depths = {teacher: self._predicted(maps[number]) for teacher, maps in self.packed.disparity.items()}
        steps = {teacher: depth_steps(depth) for teacher, depth in depths.items()}
        sigma = sigma_steps(spread(list(depths.values())))
        projected = depth_steps(self.projector.project(self.manifest.camera, pose))  # type: ignore[arg-type]
        labels = self._labels(steps, projected, sigma)
        for teacher, one in steps.items():
            write_png(self.run.predicted(teacher, name), one)
        write_png(self.run.layer("uncertainty", name), sigma)
        write_png(self.run.layer("projected", name), projected)
        write_png(self.run.layer("fused", name), depth_steps(labels.depth))
        write_png(self.run.layer("source", name), labels.source)

    def _predicted(self, disparity: Float32[np.ndarray, "h w"]) -> DepthMap:
        """Resized as the teachers do it."""
        size_hw = self.manifest.camera.size_hw
        return DepthMap.of_positive(
            (1 / resize_disparity(torch.from_numpy(disparity)[None, None], size_hw))[0, 0].numpy()
        )

    def _labels(self, predicted: Mapping[str, Steps], projected: Steps, sigma: Steps) -> Labels:
        fuse = self.manifest.stages["fuse"]
        evidence = Evidence(
            depth_from_steps(predicted[fuse.settings["base"]], 0.001),
            depth_from_steps(projected, 0.001),
            UncertaintyMap.of_known(np.where(sigma == UNKNOWN_UNCERTAINTY, np.nan, sigma / np.float32(1000))),
            levels=Levels(**fuse.result["levels"]),
            projected_range=range_from(fuse.settings["projected_range_m"]),
        )
        return strategy_from(fuse.settings["strategy"]).fuse(evidence)


def depth_steps(depth: DepthMap) -> Steps:
    """In millimetres, 0 = none."""
    return np.rint(np.where(depth.valid, depth.metres, 0) * 1000).astype(np.uint16)


def sigma_steps(uncertainty: UncertaintyMap) -> Steps:
    """In millimetres, with the code for unknown."""
    known = np.minimum(np.rint(uncertainty.sigma_m.astype(np.float64) * 1000), UNKNOWN_UNCERTAINTY - 1)
    return np.where(uncertainty.valid, known, UNKNOWN_UNCERTAINTY).astype(np.uint16)


def write_png(path: Path, pixels: Steps | UInt8[np.ndarray, "h w"]) -> None:
    """Quickly: the whole folder is put in its place when all are written, and it can be made again."""
    Image.fromarray(pixels).save(path, format="PNG", compress_level=1)


def _is_whole(root: Path) -> bool:
    try:
        InspectedRun.open(root)
    except DataError:
        return False
    return True


def _replace(root: Path, packed: PackedRun, progress: Progress) -> None:
    """Unpack beside the place, then take it. Whoever comes first stays."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".unpacking-") as scratch:
        fresh = Path(scratch) / NAME
        fresh.mkdir()
        unpack(packed, fresh, progress)
        if root.exists() and not _is_whole(root):
            root.rename(Path(scratch) / "damaged")
        try:
            fresh.rename(root)
        except OSError:
            if not _is_whole(root):
                raise
