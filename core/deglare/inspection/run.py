"""A run that somebody looks at: opened once, checked, and read frame by frame by as many as like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from deglare.data.files import read_png8, read_png16, read_rgb
from deglare.data.folders import file_names
from deglare.data.run_folder import Manifest, RunFolder
from deglare.errors import DataError, RequestError
from deglare.fusion.evidence import Levels
from deglare.fusion.mining import MINE, MINED
from deglare.fusion.settings_files import name_of
from deglare.geometry.mesh import Mesh
from deglare.geometry.raycasting import RayCaster
from deglare.inspection.kept import Kept
from deglare.inspection.layers import HIGHLIGHT, REFLECTIVE, FrameLayers, Millimetres
from deglare.inspection.levels import MEDIANS, levels_for
from deglare.inspection.making import Making
from deglare.inspection.opening import Written, read_manifest, require_files, required_poses
from deglare.networks.disparity import MetricRange
from deglare.types import HIGHLIGHT_SHARE, Camera, Rigid, inverse_rigid

Read = TypeVar("Read", bound=np.ndarray)
Made = TypeVar("Made")
FrameId = int | str
"""A frame's place in `InspectedRun.names`, or its name."""

HIGHLIGHT_FROM = round(HIGHLIGHT_SHARE * 255 + 0.5)
"""The least code of ``specular/*.png`` that is a highlight."""


@dataclass(frozen=True, eq=False)
class InspectedRun:
    """A finished run, read-only. Several threads may use one; what it says stays as it was when it was opened."""

    folder: RunFolder
    written: Written
    making: Making
    poses: dict[str, Rigid]
    """``world_T_cam`` of every frame, in order of time."""
    kept: Kept

    @classmethod
    def open(cls, path: Path | str) -> InspectedRun:
        """Open a run; a `DataError` of one sentence where it is none, damaged, half-written or too new."""
        folder = RunFolder(Path(path).resolve())
        written = read_manifest(folder)
        making, poses = Making.of(written.manifest), required_poses(written.manifest)
        require_files(folder, making, tuple(poses))
        return cls(folder, written, making, poses, Kept(folder))

    def current(self) -> InspectedRun:
        """This run as it is on disk now: itself where nothing was written since, else opened anew.

        While new labels are put in place it is a `DataError`, for a moment; this object goes on reading.
        """
        if self.written.is_as_written(self.folder):
            return self
        fresh = InspectedRun.open(self.root)
        return replace(fresh, kept=self.kept) if fresh.written.has_surface_of(self.written) else fresh

    @property
    def manifest(self) -> Manifest:
        """What ``run.json`` says."""
        return self.written.manifest

    @property
    def version(self) -> str:
        """Changes when ``run.json`` is written, and with it when labels change."""
        return self.written.version

    @property
    def root(self) -> Path:
        """The folder."""
        return self.folder.root

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.root.name

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Frames in order of time."""
        return tuple(self.poses)

    @property
    def camera(self) -> Camera:
        """Of every frame, in pixels of every layer."""
        return self.manifest.camera

    @property
    def teachers(self) -> tuple[str, ...]:
        """Whose predictions there are."""
        return self.making.teachers

    @property
    def base(self) -> str:
        """The teacher whose depth was fused."""
        return self.making.base

    @property
    def strategy(self) -> str | None:
        """The name of the strategy that made the labels; None where there are none."""
        return None if self.making.strategy is None else name_of(self.making.strategy)

    @property
    def projected_range(self) -> MetricRange:
        """Projected depth outside is taken for none."""
        return self.making.projected_range

    @property
    def levels(self) -> Levels:
        """Medians of uncertainty and gap over the run, or over some of its frames: see `levels_for`."""
        return levels_for(self, MEDIANS)

    @cached_property
    def cam_T_world(self) -> Float64[np.ndarray, "n 4 4"]:
        """Of all frames."""
        return np.stack([inverse_rigid(pose) for pose in self.poses.values()])

    @property
    def has_fused(self) -> bool:
        """Whether there are labels."""
        return self.making.strategy is not None

    @cached_property
    def has_truth(self) -> bool:
        """Whether every frame has true depth."""
        return self._has_all("depth")

    @cached_property
    def has_regions(self) -> bool:
        """Whether every frame has a reflective mask."""
        return self._has_all("regions")

    @cached_property
    def has_specular(self) -> bool:
        """Whether every frame has the share of mirrored light."""
        return self.has_regions and self._has_all("specular")

    @cached_property
    def has_mined(self) -> bool:
        """Whether the mask of triplet mining was written."""
        stage = self.manifest.stages.get(MINE)
        return stage is not None and stage.is_finished and self._has_all(MINED)

    @cached_property
    def has_materials(self) -> bool:
        """Whether every frame has materials."""
        return self.has_regions and self._has_all("material")

    def frame(self, frame: FrameId) -> str:
        """The name of a frame; a `RequestError` where there is none of that number or name."""
        if isinstance(frame, int):
            if not 0 <= frame < len(self.names):
                raise RequestError(f"there is no frame {frame}: {self.name} has {len(self.names)}, counted from 0")
            return self.names[frame]
        if frame not in self.poses:
            raise RequestError(f"there is no frame '{frame[:60]}' in {self.name}")
        return frame

    def teacher(self, teacher: str | None = None) -> str:
        """The name of a teacher, the base if none is given; a `RequestError` where there is none of that name."""
        if teacher is None:
            return self.base
        if teacher not in self.teachers:
            raise RequestError(f"'{teacher[:60]}' is none of the teachers {', '.join(self.teachers)}")
        return teacher

    def layers(self, frame: FrameId, teacher: str | None = None) -> FrameLayers:
        """Decode one frame; a file that is gone since is a `DataError`."""
        name = self.frame(frame)
        return FrameLayers(
            rgb=self.read(self.folder.color(name), read_rgb),
            predicted_mm=self.predicted_mm(name, teacher),
            projected_mm=self.depth_mm(name, "projected"),
            uncertainty_mm=self.read(self.folder.layer("uncertainty", name), read_png16),
            fused_mm=self.depth_mm(name, "fused") if self.has_fused else None,
            source=self.read(self.folder.layer("source", name), read_png8) if self.has_fused else None,
            truth_mm=self.depth_mm(name, "depth") if self.has_truth else None,
            regions=self.regions(name),
            mined=self.mined(name),
        )

    def predicted_mm(self, frame: FrameId, teacher: str | None = None) -> Millimetres:
        """Predicted depth in millimetres, 0 = none; the frames that were asked for last are kept."""
        name, chosen = self.frame(frame), self.teacher(teacher)
        path = self.folder.predicted(chosen, name)
        return self.kept.predicted.get((chosen, name), lambda: _without_code(self.read(path, read_png16)))

    def depth_mm(self, frame: FrameId, layer: str) -> Millimetres:
        """One of ``projected``, ``fused`` and ``depth`` in millimetres, 0 = none."""
        return _without_code(self.read(self.folder.layer(layer, self.frame(frame)), read_png16))

    def regions(self, frame: FrameId) -> UInt8[np.ndarray, "h w"] | None:
        """Codes as in `FrameLayers.regions`; None where nothing is known."""
        if not self.has_regions:
            return None
        name = self.frame(frame)
        codes = (self.read(self.folder.layer("regions", name), read_png8) > 0).astype(np.uint8) * np.uint8(REFLECTIVE)
        if self.has_specular:
            codes[self.read(self.folder.layer("specular", name), read_png8) >= HIGHLIGHT_FROM] = HIGHLIGHT
        return codes

    def mined(self, frame: FrameId) -> Bool[np.ndarray, "h w"] | None:
        """What triplet mining takes for a reflection; None where it was never asked."""
        name = self.frame(frame)
        return self.read(self.folder.layer(MINED, name), read_png8) > 0 if self.has_mined else None

    def materials(self, frame: FrameId) -> UInt8[np.ndarray, "h w"] | None:
        """`Material` codes; None where they are not known."""
        name = self.frame(frame)
        return self.read(self.folder.layer("material", name), read_png8) if self.has_materials else None

    def mesh(self) -> Mesh:
        """The fused surface."""
        return self._with_mesh(self.kept.mesh)

    def projector(self) -> RayCaster:
        """The fused surface, ready for rays."""
        return self._with_mesh(self.kept.projector)

    def read(self, path: Path, decode: Callable[[Path], Read]) -> Read:
        """Decode one image of the run; one that is gone, or of another size, is a `DataError`."""
        try:
            pixels = decode(path)
        except DataError as error:
            if path.is_file():
                raise
            raise DataError(f"{self._said(path)} of {self._gone}") from error
        if pixels.shape[:2] != self.camera.size_hw:
            raise DataError(
                f"{self._said(path)} of {self.name} is {pixels.shape[1]}x{pixels.shape[0]} but the run's frames are "
                f"{self.camera.size_hw[1]}x{self.camera.size_hw[0]}: make the run again"
            )
        return pixels

    def _with_mesh(self, make: Callable[[], Made]) -> Made:
        try:
            return make()
        except DataError as error:
            if self.folder.mesh.is_file():
                raise
            raise DataError(f"{self.folder.mesh.name} of {self._gone}") from error

    @property
    def _gone(self) -> str:
        return f"{self.name} is gone: was the run moved or deleted while it was open?"

    def _has_all(self, layer: str) -> bool:
        return {f"{name}.png" for name in self.names} <= set(file_names(self.root / layer))

    def _said(self, path: Path) -> str:
        """A file as messages name it."""
        return path.relative_to(self.root).as_posix()


def _without_code(steps: Millimetres) -> Millimetres:
    """65535 is no depth in 7-Scenes' files: 0, as everywhere else."""
    steps[steps == 65535] = 0
    return steps
