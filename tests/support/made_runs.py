"""Finished runs written by hand: every layer and the mesh are given, so that each number in them is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from deglare.data.files import write_depth, write_image, write_mask, write_uncertainty
from deglare.data.posed_folder import PosedFolder
from deglare.data.run_folder import Manifest, RunFolder, Stage
from deglare.fusion.detection import Detection
from deglare.fusion.evidence import Evidence, Levels
from deglare.fusion.mining import MINE, MINED
from deglare.fusion.relabelling import counts_of
from deglare.fusion.settings import MeshSettings
from deglare.fusion.settings_files import described
from deglare.fusion.strategies import ByUncertainty, Strategy
from deglare.fusion.uncertainty import UncertaintyMap
from deglare.geometry.mesh import Mesh
from deglare.geometry.mesh_files import write_mesh
from deglare.networks.disparity import INDOOR
from deglare.types import Camera, DepthMap, Rgb, Rigid, SurfaceLabels


@dataclass(frozen=True, eq=False)
class MadeFrame:
    """One frame, all of it."""

    world_T_cam: Rigid
    predicted: Mapping[str, DepthMap]
    """By teacher; the first is the base."""
    projected: DepthMap
    sigma_m: np.ndarray
    rgb: Rgb | None = None
    truth: DepthMap | None = None
    labels: SurfaceLabels | None = None
    mined: np.ndarray | None = None
    """Where triplet mining is said to find a reflection; of all frames of a run, or of none."""

    def evidence(self, levels: Levels) -> Evidence:
        base = next(iter(self.predicted.values()))
        return Evidence(base, self.projected, UncertaintyMap.of_known(self.sigma_m), levels, mask=self.mined)


@dataclass(frozen=True, eq=False)
class MadeRun:
    """What is written, and how it is said to have come about."""

    camera: Camera
    frames: Mapping[str, MadeFrame]
    mesh: Mesh
    settings: MeshSettings = field(default_factory=lambda: MeshSettings(every=2))
    strategy: Strategy = field(default_factory=ByUncertainty)
    levels: Levels = field(default_factory=Levels)
    """Which the strategy goes by."""

    def write(self, root: Path) -> Path:
        """The folder of the run, finished."""
        run, pixels = RunFolder(root), {}
        for name, frame in self.frames.items():
            rgb = frame.rgb if frame.rgb is not None else np.full((*self.camera.size_hw, 3), 128, dtype=np.uint8)
            PosedFolder(root).write_frame(name, rgb, frame.truth, frame.labels)
            for teacher, depth in frame.predicted.items():
                write_depth(run.predicted(teacher, name), depth)
            write_depth(run.layer("projected", name), frame.projected)
            write_uncertainty(run.layer("uncertainty", name), frame.sigma_m.astype(np.float32))
            if frame.mined is not None:
                write_mask(run.layer(MINED, name), frame.mined)
            labels = self.strategy.fuse(frame.evidence(self.levels))
            write_depth(run.layer("fused", name), labels.depth)
            write_image(run.layer("source", name), labels.source)
            for key, count in counts_of(labels).items():
                pixels[key] = pixels.get(key, 0) + count
        write_mesh(run.mesh, self.mesh)
        run.write_manifest(self.manifest(pixels))
        return root

    def manifest(self, pixels: Mapping[str, int]) -> Manifest:
        teachers = list(next(iter(self.frames.values())).predicted)
        fuse = {
            "base": teachers[0],
            "strategy": described(self.strategy),
            "projected_range_m": asdict(INDOOR),
        }
        result = {"levels": asdict(self.levels), "pixels": dict(pixels)}
        return Manifest(
            source="made",
            camera=self.camera,
            poses={name: frame.world_T_cam for name, frame in self.frames.items()},
            stages={
                "frames": Stage({"size_hw": list(self.camera.size_hw)}, "made"),
                "predict": Stage({"teachers": [{"name": name, "fingerprint": None} for name in teachers]}, "made"),
                "mesh": Stage({"base": teachers[0], **described(self.settings)}, "made"),
                "project": Stage({"projector": "raycast"}, "made"),
                **self.mine_stage(),
                "fuse": Stage(fuse, "made", result=result),
            },
        )

    def mine_stage(self) -> dict[str, Stage]:
        """What mining found of what the frames mark as reflective."""
        if any(frame.mined is None for frame in self.frames.values()):
            return {}
        found = [
            Detection.of(frame.mined, frame.labels.reflective)
            for frame in self.frames.values()
            if frame.mined is not None and frame.labels is not None
        ]
        detected = {"reflective": sum(found, Detection()).to_json()} if found else {}
        return {MINE: Stage({}, "made", result={"detected": detected})}
