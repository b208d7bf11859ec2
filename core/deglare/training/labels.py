"""Depth labels of finished runs, beside the frames that are trained on: found by name, checked, resized, kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt16
from torch import Tensor

from deglare.data.files import read_depth
from deglare.data.folders import folders_below
from deglare.data.run_folder import Manifest, RunFolder, Stage, hash_of
from deglare.errors import RequestError
from deglare.geometry.resampling import resize_prediction
from deglare.methods.method import LabelRequest
from deglare.progress import Progress, quiet
from deglare.types import Sequence as Frames

NO_LABEL = "no label"
MADE_BY = {"fused": "fuse", "projected": "project", "predicted": "predict"}
"""The stage that writes a layer."""

SAME_POSE = 1e-6
SAME_CAMERA_PX = 1e-3
MILLIMETRES = 1000
FARTHEST_MM = 65534


@dataclass(frozen=True, eq=False)
class LabelRuns:
    """Finished runs, and the layer of them that is learnt."""

    where: Path
    layer: str
    runs: Mapping[str, tuple[RunFolder, Manifest]]
    """By the name of the sequence that each was made from, and by that of its own folder."""

    @classmethod
    def open(cls, request: LabelRequest) -> LabelRuns:
        """Find a run, or those in a folder; a `RequestError` where there is none."""
        root, kind = request.runs, request.layer.split("/")[0]
        if kind not in MADE_BY or (kind == "predicted") != ("/" in request.layer):
            raise RequestError(
                f"there is no layer '{request.layer[:60]}' to learn: choose fused, projected or predicted/TEACHER"
            )
        found = [RunFolder(root)] if RunFolder(root).has_manifest else _runs_below(root)
        if not found:
            raise RequestError(f"{root} holds no runs: make labels with deglare label ... --out {root}")
        opened = [(run, run.manifest()) for run in found]
        by_folder = {run.root.resolve().name: (run, manifest) for run, manifest in opened}
        by_source: dict[str, tuple[RunFolder, Manifest]] = {}
        for run, manifest in opened:
            if manifest.source in by_source:
                other = by_source[manifest.source][0].root
                raise RequestError(f"{other} and {run.root} are both runs of {manifest.source}: keep one of them here")
            by_source[manifest.source] = run, manifest
        return cls(root, request.layer, by_folder | by_source)

    def files_of(self, sequence: Frames) -> dict[str, Path]:
        """The labels of a sequence by name of the frame; frames that have none are not among them."""
        run, manifest = self._run_of(sequence)
        _require_finished(manifest, self.layer, run.root)
        _require_same_frames(sequence, manifest, run.root)
        folder = run.root / self.layer
        named = {name: folder / f"{name}.png" for name in manifest.poses}
        return {name: path for name, path in named.items() if path.is_file()}

    def stamp_of(self, sequence: Frames) -> str:
        """What the labels of a sequence were made with."""
        stage = _stage(self._run_of(sequence)[1], self.layer)
        return "" if stage is None else hash_of(self.layer, dict(stage.settings), stage.inputs)

    def _run_of(self, sequence: Frames) -> tuple[RunFolder, Manifest]:
        if sequence.name not in self.runs:
            raise RequestError(
                f"none of the runs in {self.where} is of {sequence.name}: label it first, or leave it out of --data"
            )
        return self.runs[sequence.name]


class DepthLabels:
    """Labels of some frames by number, at the size of the training.

    Args:
        files: Where each frame's label lies; None where it has none.
        size_hw: Height and width in pixels.
        memory_bytes: How much they may take to be kept.
        stamps: What they were made with, for `digest` where they are not kept.
        progress: Told while they are decoded.
    """

    def __init__(
        self,
        files: Sequence[Path | None],
        size_hw: tuple[int, int],
        memory_bytes: int,
        stamps: Sequence[str] = (),
        progress: Progress = quiet,
    ) -> None:
        self.files = tuple(files)
        self.size_hw = size_hw
        self.stamps = tuple(stamps)
        self.kept: UInt16[Tensor, "n h w"] | None = None
        if 2 * size_hw[0] * size_hw[1] * len(self.files) <= memory_bytes:
            self.kept = torch.zeros(len(self.files), *size_hw, dtype=torch.uint16)
            for number in range(len(self.files)):
                self.kept[number] = self._decoded(number)
                progress(number + 1, len(self.files))

    def __getitem__(self, number: int) -> Float32[Tensor, "1 h w"]:
        """Metres, 0 where there is no label."""
        steps = self._decoded(number) if self.kept is None else self.kept[number]
        return steps[None].float() / MILLIMETRES

    @property
    def digest(self) -> str:
        """Over all labels where they are kept, else over what they were made with."""
        content = repr((self.size_hw, self.stamps)).encode() if self.kept is None else self.kept.numpy().tobytes()
        return hashlib.sha256(content).hexdigest()

    def _decoded(self, number: int) -> UInt16[Tensor, "h w"]:
        """In millimetres; a smaller label is averaged in inverse depth, as a prediction would be."""
        path = self.files[number]
        steps = np.zeros(self.size_hw, dtype=np.uint16)
        if path is not None:
            depth = resize_prediction(read_depth(path), self.size_hw)
            found = np.clip(np.rint(depth.metres * MILLIMETRES), 1, FARTHEST_MM)
            np.copyto(steps, found.astype(np.uint16), where=depth.valid)
        return torch.from_numpy(steps)


def _runs_below(root: Path) -> list[RunFolder]:
    found = (RunFolder(folder) for folder in (folders_below(root) if root.is_dir() else []))
    return [run for run in found if run.has_manifest]


def _stage(manifest: Manifest, layer: str) -> Stage | None:
    return manifest.stages.get(MADE_BY[layer.split("/")[0]])


def _require_finished(manifest: Manifest, layer: str, root: Path) -> None:
    stage = _stage(manifest, layer)
    if stage is None or not stage.is_finished:
        raise RequestError(f"{root} has no finished '{layer}': run the same deglare label line again")
    kind, _, teacher = layer.partition("/")
    teachers = [str(one["name"]) for one in stage.settings.get("teachers", [])]
    if kind == "predicted" and teacher not in teachers:
        raise RequestError(f"{root} has no prediction of '{teacher[:60]}': its teachers are {', '.join(teachers)}")


def _require_same_frames(sequence: Frames, manifest: Manifest, root: Path) -> None:
    """By names, poses and camera: labels of other frames would train without a complaint."""
    poses = {frame.name: frame.world_T_cam for frame in sequence if frame.name in manifest.poses}
    camera = sequence[0].camera.resized(manifest.camera.size_hw) if len(sequence) else manifest.camera
    numbers = [(one.fx, one.fy, one.cx, one.cy) for one in (camera, manifest.camera)]
    moved = [name for name, pose in poses.items() if pose is not None and not _is_near(pose, manifest.poses[name])]
    if not poses or moved or not np.allclose(*numbers, rtol=0, atol=SAME_CAMERA_PX):
        what = f"pose of {moved[0]}" if moved else "camera" if poses else "names"
        raise RequestError(
            f"{root} is a run of other frames than those of {sequence.name} (another {what}): name the runs that were "
            "made from this data, or label it again"
        )


def _is_near(pose: np.ndarray, other: np.ndarray | None) -> bool:
    return other is not None and bool(np.allclose(pose, other, rtol=0, atol=SAME_POSE))
