"""From a sequence and its teachers to labels: the run folder, stage by stage.

::

    frames -> predict (every teacher, and how sure depth is) -> mesh (some frames, fused) -> project -> fuse

One teacher's depth is fused to a mesh and mended by it; all of them make the uncertainty. Memory holds a handful of
frames and the volume, however many frames there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from deglare.data.files import (
    read_depth,
    read_rgb,
    read_uncertainty,
    write_depth,
    write_uncertainty,
)
from deglare.data.run_folder import LABEL_LAYERS, LOCK, LabelSource, Manifest, RunFolder, require_plain
from deglare.errors import RequestError
from deglare.fusion.importing import import_frame, import_surfaces, poses_of, run_camera, stamp_of
from deglare.fusion.levels import quantile_threshold
from deglare.fusion.relabelling import Fusing, RunEvidence
from deglare.fusion.settings import LabelSettings
from deglare.fusion.settings_files import described
from deglare.fusion.staging import Announce, Key, make_frames, silently
from deglare.fusion.threads import in_order, usable_threads
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.fusion.voting import vote_weights
from deglare.geometry.engines import new_volume
from deglare.geometry.mesh_files import read_mesh, write_mesh
from deglare.geometry.mesh_projection import open_projector
from deglare.geometry.pieces import without_scraps
from deglare.networks.teachers import Teacher
from deglare.types import Camera, DepthMap, Rgb, Rigid
from deglare.types import Sequence as Frames

Outputs = Callable[[str], tuple[Path, ...]]
"""The files of a stage for one frame."""


@dataclass(frozen=True)
class Labelled:
    """A run with labels, and what became of its pixels."""

    run: RunFolder
    teachers: tuple[str, ...]
    frames: int
    left_out: dict[str, str]
    """Frames that could not be read, and why."""
    shares: dict[str, float]
    """Of all pixels, by where their label is from."""
    fell_back: float
    """Share of pixels that kept the prediction because nothing was projected there."""


def label(
    source: Frames,
    teachers: Sequence[Teacher],
    out: Path | str,
    settings: LabelSettings | None = None,
    *,
    threads: int | None = None,
    announce: Announce = silently,
) -> Labelled:
    """Write a run: frames, predicted depth, mesh, projected depth and labels. The same call again goes on.

    Args:
        source: Frames with poses.
        teachers: At least one; their names tell them apart.
        out: The run's folder.
        settings: What decides the labels.
        threads: How many frames at a time; as many as there are cores if not given.
        announce: Told of every stage, for progress bars.
    """
    chosen = settings or LabelSettings()
    require_teachers(teachers, chosen.base)
    run = RunFolder(Path(out))
    require_own(run)
    with run.held():
        return Labelling(run, source, tuple(teachers), chosen, threads or usable_threads(), announce).all()


def require_own(run: RunFolder) -> None:
    """A `RequestError` where the folder holds anything but a run."""
    if run.root.is_dir() and not run.has_manifest and any(path.name != LOCK for path in run.root.iterdir()):
        raise RequestError(f"{run.root} holds something else than a run: choose another folder")


def require_teachers(teachers: Sequence[Teacher], base: str | None) -> None:
    """A `RequestError` unless there are some, with names that tell them apart, the base among them."""
    names = [require_plain(teacher.name, "teacher") for teacher in teachers]
    if not names:
        raise RequestError("labels need at least one teacher: name a network or a checkpoint")
    if len(set(names)) < len(names):
        raise RequestError(f"two teachers have one name ({', '.join(names)}): rename a file, names tell them apart")
    if base is not None and base not in names:
        raise RequestError(f"'{base}' is none of the teachers {', '.join(names)}: name one of them as the base")


@dataclass(frozen=True, eq=False)
class Vote:
    """One frame on its way into the volume."""

    depth: DepthMap
    world_T_cam: Rigid
    weights: Float32[np.ndarray, "h w"] | None
    rgb: Rgb


@dataclass
class Labelling:
    """One run under way. Every method is one stage and returns its key: what it was made with."""

    run: RunFolder
    source: Frames
    teachers: tuple[Teacher, ...]
    settings: LabelSettings
    threads: int
    announce: Announce
    camera: Camera = field(init=False)
    poses: dict[str, Rigid] = field(init=False)
    """Of the frames that can be read, in order of time."""

    @property
    def base(self) -> str:
        """The teacher whose depth is fused and mended."""
        return self.settings.base or self.teachers[0].name

    def all(self) -> Labelled:
        """Every stage, each skipped where nothing has changed."""
        frames = self.frames()
        predicted = self.predict(frames)
        projected = self.project(self.mesh(predicted))
        self.fuse(predicted, projected)
        return self.summary()

    def frames(self) -> Key:
        """Colours, and truth where there is any, at one size."""
        self.camera = run_camera(self.source, self.settings.longest_side)
        self.poses = dict(poses_of(self.source))
        self._open_manifest()
        key = Key("frames", {"size_hw": list(self.camera.size_hw)}, stamp_of(self.source))
        import_surfaces(self.run, self.source)
        by_name = {frame.name: frame for frame in self.source}
        left_out = self._make(key, self._imported, lambda name: import_frame(self.run, by_name[name], self.camera))
        self.poses = {name: pose for name, pose in self.poses.items() if name not in left_out}
        if not self.poses:
            raise RequestError(f"no frame of {self.source.name} can be read: {next(iter(left_out.values()))}")
        self.run.write_manifest(replace(self.run.manifest(), poses=self.poses, left_out=left_out))
        return Key.after("usable", {"left_out": sorted(left_out)}, key)

    def predict(self, frames: Key) -> Key:
        """Depth of every teacher and one uncertainty."""
        config = self.settings.uncertainty_of(len(self.teachers))
        identities = [identity_of(teacher) for teacher in self.teachers]
        key = Key.after("predict", {"teachers": identities, "uncertainty": described(config)}, frames)
        estimator = config.build(self.teachers)

        def make(name: str) -> None:
            estimate = estimator.estimate(read_rgb(self.run.color(name)))
            for teacher, depth in zip(self.teachers, estimate.depths, strict=True):
                write_depth(self.run.predicted(teacher.name, name), depth)
            write_uncertainty(self.run.layer("uncertainty", name), estimate.uncertainty.known_m)

        self._make(key, self._predicted, make)
        return key

    def mesh(self, predicted: Key) -> Key:
        """One surface of every n-th frame."""
        settings = self.settings.mesh
        key = Key.after("mesh", {"base": self.base, **described(settings)}, predicted)
        if self.run.is_current(key.stage, key.settings, key.inputs) and self.run.mesh.is_file():
            return key
        self.run.begin(key.stage, key.settings, key.inputs, [self.run.mesh])
        chosen = list(self.poses)[:: settings.every]
        with self.announce("mesh") as progress:
            volume = new_volume(settings.volume, settings.engine)
            median_m = self._median_sigma(chosen) if settings.weighs_certainty else None
            views = in_order(lambda name: self.view(name, median_m), chosen, self.threads)
            for done, view in enumerate(views, start=1):
                volume.integrate(view.depth, self.camera, view.world_T_cam, view.weights, view.rgb)
                progress(done, len(chosen))
            write_mesh(self.run.mesh, without_scraps(volume.mesh(settings.tau), settings.scraps_m2))
        self.run.finish(key.stage, key.settings, key.inputs)
        return key

    def project(self, mesh: Key) -> Key:
        """Depth of the surface in every frame."""
        key = Key.after("project", {"projector": self.settings.projector}, mesh)
        projector = cache(lambda: open_projector(read_mesh(self.run.mesh), self.settings.projector, threads=1))
        threads = self.threads if self.settings.projector == "raycast" else 1  # OpenGL draws from one thread

        def make(name: str) -> None:
            write_depth(self._projected(name), projector().project(self.camera, self.poses[name]))

        self._make(key, lambda name: (self._projected(name),), make, threads)
        return key

    def fuse(self, predicted: Key, projected: Key) -> Key:
        """The labels, and where each pixel of them is from."""
        evidence = RunEvidence(self.run, self.camera, self.poses, self.base, self.settings.projected_range)
        fusing = Fusing(evidence, self.settings.strategy, predicted, projected, self.threads)
        if self.settings.mine or fusing.strategy.needs.mask:
            fusing.mining.make(self.announce)
        if not fusing.is_current:
            with self.announce("fuse") as progress:
                fusing.write(progress)
        return fusing.key

    def view(self, name: str, median_m: float | None) -> Vote:
        """One frame as the volume takes it."""
        depth = read_depth(self._base(name))
        uncertainty = None if median_m is None else self._uncertainty(name)
        weights = vote_weights(depth, self.camera, self.settings.mesh, uncertainty, median_m)
        return Vote(depth, self.poses[name], weights, read_rgb(self.run.color(name)))

    def summary(self) -> Labelled:
        """What the manifest says became of the pixels."""
        manifest = self.run.manifest()
        pixels = Counter[str](manifest.stages["fuse"].result["pixels"])
        total = len(self.poses) * self.camera.size_hw[0] * self.camera.size_hw[1]
        return Labelled(
            run=self.run,
            teachers=tuple(teacher.name for teacher in self.teachers),
            frames=len(self.poses),
            left_out=dict(manifest.left_out),
            shares={source.name.lower(): pixels[source.name.lower()] / total for source in LabelSource},
            fell_back=pixels["fell back"] / total,
        )

    def _open_manifest(self) -> None:
        """Begin a run, or take one up that was begun with these frames and poses."""
        manifest = Manifest(self.source.name, self.camera, self.poses)
        if self.run.has_manifest:
            found = self.run.manifest()
            if not found.continues(manifest):
                raise RequestError(
                    f"{self.run.root} is a run of other frames or poses ({found.source}): choose another folder, or "
                    "remove it"
                )
            manifest = replace(manifest, stages=found.stages)
        self.run.write_manifest(manifest)

    def _make(self, key: Key, outputs: Outputs, make: Callable[[str], None], threads: int = 0) -> dict[str, str]:
        threads = threads or self.threads
        return make_frames(self.run, key, list(self.poses), outputs, make, threads=threads, announce=self.announce)

    def _imported(self, name: str) -> tuple[Path, ...]:
        """All that may be known of a frame; colour is written last."""
        known = (self.run.layer(layer, name) for layer in ("depth", *LABEL_LAYERS))
        return (*known, self.run.color(name))

    def _predicted(self, name: str) -> tuple[Path, ...]:
        depths = (self.run.predicted(teacher.name, name) for teacher in self.teachers)
        return (*depths, self.run.layer("uncertainty", name))

    def _base(self, name: str) -> Path:
        return self.run.predicted(self.base, name)

    def _projected(self, name: str) -> Path:
        return self.run.layer("projected", name)

    def _uncertainty(self, name: str) -> UncertaintyMap:
        return UncertaintyMap.of_known(read_uncertainty(self.run.layer("uncertainty", name)))

    def _median_sigma(self, names: Sequence[str]) -> float:
        """Of the uncertainty over some frames, in metres."""
        return quantile_threshold(in_order(self._uncertainty, names, self.threads), 0.5)


def identity_of(teacher: Teacher) -> dict[str, Any]:
    """What makes two teachers the same: name, weights, and what computes them."""
    return {"name": teacher.name, "fingerprint": getattr(teacher, "fingerprint", None)}
