"""Labels of a real sequence beside its sensor depth, and the mesh to look at.

    python assets/scripts/real_labels.py SEQUENCE WORK OUT [--take 150] [--network NETWORK.onnx]

OUT.md gets the numbers, OUT.jpg frames, OUT_mesh.jpg the sensor's mesh and, of the networks that ship and of NETWORK,
the mesh of the published fusion and of the default. The networks that ship run as they are, and once more times one
factor, the median of sensor depth over predicted depth of all frames: what is wrong beyond the scale. NETWORK is a
relative one; its depth is made metric by one scale and one shift of 1/depth, fitted to the sensor in every tenth frame
and the same for all. Both factors are taken from the truth, which is said wherever their numbers stand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deglare import load_model, open_sequence
from deglare.data.files import read_depth, read_rgb, write_image, write_text
from deglare.data.run_folder import RunFolder, read_run
from deglare.errors import DataError, RequestError
from deglare.evaluation.comparing import Scene, measure
from deglare.evaluation.protocol import Alignment, Protocol, protocol_named
from deglare.evaluation.report import aligned_table
from deglare.fitting import line_through
from deglare.fusion.labelling import label
from deglare.fusion.settings import PUBLISHED, LabelSettings, MeshSettings
from deglare.geometry.mesh import Mesh
from deglare.geometry.mesh_files import read_mesh
from deglare.geometry.raycasting import RayCaster
from deglare.geometry.resampling import resize_relative
from deglare.geometry.volume import Volume
from deglare.geometry.volume_settings import VolumeSettings
from deglare.networks.teachers import Teacher
from deglare.pictures import DepthRange, Picture, depth_picture, error_picture, sheet, shrunk
from deglare.processes import use_one_thread
from deglare.types import Camera, DepthMap, RelativeDepth, Rgb, Rigid
from deglare.types import Sequence as Frames

TEACHERS = ("monodepth2-small", "hrdepth-small", "monovit-small")
FITTED_EVERY, SHOWN_FRAMES, ERROR_LIMIT_M = 10, 3, 0.5
FUSIONS = {
    "published": PUBLISHED,
    "robust, tau 0.5": LabelSettings(mesh=MeshSettings(weights="incidence", tau=0.5)),
    "certainty, tau 0.5": LabelSettings(mesh=MeshSettings(tau=0.5)),
    "default": LabelSettings(),
}
"""The published one switches at 0.4 m, the others blend."""
SHOWN_MESHES = ("published", "default")
ALIGNMENTS: tuple[Alignment, ...] = ("none", "median-sequence", "median")
BACK_M, UP_M, DOWN_DEGREES = 1.0, 0.4, 8.0
"""Where the mesh is looked at from: behind and above the first camera, tilted down."""


@dataclass(eq=False)
class Scaled:
    """A network of ours, times one factor."""

    teacher: Teacher
    factor: float

    def __post_init__(self) -> None:
        self.name = f"{self.teacher.name}-scaled"

    @property
    def fingerprint(self) -> tuple[object, float]:
        """Of the network, and the factor."""
        return getattr(self.teacher, "fingerprint", None), self.factor

    def predict(self, rgb: Rgb) -> DepthMap:
        """In metres of the sensor."""
        depth = self.teacher.predict(rgb)
        if isinstance(depth, RelativeDepth):
            raise RequestError(f"{self.teacher.name} is relative: fit it")
        return DepthMap(depth.metres * np.float32(self.factor), depth.valid)


@dataclass(eq=False)
class Fitted:
    """A relative network made metric: 1/depth = scale / output + shift."""

    teacher: Teacher
    scale: float
    shift: float

    def __post_init__(self) -> None:
        self.name = f"{self.teacher.name}-fitted"

    @property
    def fingerprint(self) -> tuple[object, float, float]:
        """Of the file, and the line."""
        return getattr(self.teacher, "fingerprint", None), self.scale, self.shift

    def predict(self, rgb: Rgb) -> DepthMap:
        """In metres of the sensor; beyond 10 m and beyond infinity there is none."""
        depth = self.teacher.predict(rgb)
        if isinstance(depth, DepthMap):
            return depth
        inverse = np.full_like(depth.values, np.float32(self.shift))
        inverse += np.divide(np.float32(self.scale), depth.values, out=np.zeros_like(inverse), where=depth.valid)
        valid = depth.valid & (inverse > 0.1)
        return DepthMap(np.divide(1, inverse, out=np.zeros_like(inverse), where=valid), valid)


def factor_of(run: RunFolder, name: str) -> float:
    """Sensor over prediction: the median over frames of the ratio of medians."""
    ratios = []
    for frame in read_run(run.root):
        truth, predicted = frame.depth(), read_depth(run.predicted(name, frame.name))
        if truth is not None and (both := truth.valid & predicted.valid).any():
            ratios.append(np.median(truth.metres[both]) / np.median(predicted.metres[both]))
    return float(np.median(ratios))


def fitted(teacher: Teacher, sequence: Frames) -> Fitted:
    """One line for all frames."""
    outputs, known = [], []
    for frame in tuple(sequence)[::FITTED_EVERY]:
        depth, truth = teacher.predict(frame.rgb()), frame.depth()
        if truth is None or isinstance(depth, DepthMap):
            raise DataError("a relative network is fitted to sensor depth: give such a network and such a sequence")
        depth = resize_relative(depth, truth.size_hw)
        both = depth.valid & truth.valid & (truth.metres > 0.1)
        outputs.append(1 / depth.values[both])
        known.append(1 / truth.metres[both])
    scale, shift = line_through(np.concatenate(outputs), np.concatenate(known))
    return Fitted(teacher, float(scale), float(shift))


@dataclass(frozen=True, eq=False)
class Trial:
    """Networks at work on a sequence."""

    title: str
    sequence: Frames
    teachers: Sequence[Teacher]
    out: Path

    def run(self, settings: LabelSettings) -> RunFolder:
        """Networks look once; what other settings change is made again."""
        return label(self.sequence, self.teachers, self.out, settings, threads=1).run


def trials_of(sequence: Frames, work: Path, network: Path | None) -> Iterator[Trial]:
    """The networks that ship as they are and scaled, and the relative one fitted."""
    ours = [load_model(name, runtime="auto") for name in TEACHERS]
    raw = Trial("ours", sequence, ours, work / "raw")
    yield raw
    run = RunFolder(raw.out)
    scaled = [Scaled(teacher, factor_of(run, teacher.name)) for teacher in ours]
    sys.stderr.write("".join(f"{one.name}: times {one.factor:.3f}\n" for one in scaled))
    yield Trial("ours, scaled", sequence, scaled, work / "scaled")
    if network is not None:
        alone = fitted(load_model(network), sequence)
        sys.stderr.write(f"{alone.name}: 1/depth = {alone.scale:.4f} / output + {alone.shift:.4f}\n")
        yield Trial("ONNX, fitted", sequence, [alone], work / "onnx")


def rows_of(trial: Trial, meshes: dict[str, Mesh]) -> Iterator[list[str]]:
    """Every network, then projected depth and labels of every fusion; the default comes last and stays.

    Meshes that are worth looking at are put beside each other in ``meshes``.
    """
    for title, settings in FUSIONS.items():
        run = trial.run(settings)
        if title in SHOWN_MESHES and not trial.title.endswith("scaled"):
            meshes[f"{trial.title}, {title}"] = read_mesh(run.mesh)
        if title == next(iter(FUSIONS)):
            for teacher in trial.teachers:
                folder = run.root / "predicted" / teacher.name
                yield [trial.title, f"predicted, {teacher.name}", *numbers_of(run, folder)]
        for layer in ("projected", "fused"):
            yield [trial.title, f"{layer}, {title}", *numbers_of(run, run.root / layer)]


def numbers_of(run: RunFolder, folder: Path) -> list[str]:
    """Abs Rel for every alignment, and what else there is to say."""
    scene = Scene.of_folder("scene", folder, read_run(run.root))
    reports = [measure([scene], protocol_of(alignment)).report() for alignment in ALIGNMENTS]
    errors = [f"{report.value('all', 'abs_rel'):.3f}" for report in reports]
    return [*errors, f"{reports[-1].value('all', 'delta1'):.3f}", f"{reports[0].value('all', 'coverage'):.3f}"]


HEADS = ["networks", "depth", *(f"Abs Rel, {one}" for one in ALIGNMENTS), "delta < 1.25, median", "coverage"]


def protocol_of(alignment: Alignment) -> Protocol:
    """The rooms' own with another alignment."""
    return replace(protocol_named("rooms"), alignment=alignment, resamples=0)


def base_of(run: RunFolder) -> str:
    """The teacher whose depth was fused."""
    return str(run.manifest().stages["fuse"].settings["base"])


def frames_sheet(runs: Mapping[str, RunFolder]) -> Picture:
    """Some frames: colour, sensor, and of each run prediction, labels and their error."""
    first = next(iter(runs.values()))
    names = list(first.manifest().poses)
    chosen = [names[int(i)] for i in np.linspace(0, len(names) - 1, SHOWN_FRAMES + 2)[1:-1]]
    rows, titles = [], ["colour", "sensor"]
    for name in chosen:
        truth = read_depth(first.layer("depth", name))
        shown = DepthRange.of([truth.metres[truth.valid]])
        row = [read_rgb(first.color(name)), depth_picture(truth.metres, truth.valid, shown)]
        for title, run in runs.items():
            for kind, path in (("predicted", run.predicted(base_of(run), name)), ("labels", run.layer("fused", name))):
                depth = read_depth(path)
                row.append(depth_picture(depth.metres, depth.valid, shown))
                titles.append(f"{kind}, {title}")
            both = depth.valid & truth.valid
            row.append(error_picture(depth.metres - truth.metres, both, ERROR_LIMIT_M))
            titles.append("error of labels")
        rows.append([shrunk(picture, 200) for picture in row])
    return sheet(rows, titles[: len(rows[0])])


def sensor_mesh(run: RunFolder) -> Mesh:
    """What the sensor itself fuses to."""
    volume, manifest = Volume(VolumeSettings(back_m=0.2, with_colour=True)), run.manifest()
    for name, pose in list(manifest.poses.items())[::3]:
        if pose is not None:
            depth = read_depth(run.layer("depth", name))
            volume.integrate(depth, manifest.camera, pose, None, read_rgb(run.color(name)))
    return volume.mesh()


def mesh_picture(mesh: Mesh, camera: Camera, world_T_cam: Rigid) -> Picture:
    """The mesh in its colours, shaded by how it is turned."""
    view = RayCaster(mesh, threads=1).hit(camera, world_T_cam)
    corners = mesh.faces[np.maximum(view.triangles, 0)]
    colours = np.full((*corners.shape, 3), 200.0) if mesh.colours is None else mesh.colours[corners].astype(float)
    shade = 0.35 + 0.65 * view.cos_incidence[..., None]
    return np.where(view.depth.valid[..., None], colours.mean(axis=2) * shade, 24).astype(np.uint8)


def viewpoints(manifest_poses: Sequence[Rigid]) -> list[Rigid]:
    """Behind the first camera and behind the middle one."""
    tilt = np.eye(4)
    angle = np.radians(DOWN_DEGREES)
    tilt[1:3, 1:3] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    tilt[:3, 3] = (0, -UP_M, -BACK_M)
    return [manifest_poses[i] @ tilt for i in (0, len(manifest_poses) // 2)]


def meshes_sheet(run: RunFolder, meshes: Mapping[str, Mesh]) -> Picture:
    """Every mesh from the same places."""
    manifest = run.manifest()
    places = viewpoints([pose for pose in manifest.poses.values() if pose is not None])
    rows = [[mesh_picture(mesh, manifest.camera, place) for mesh in meshes.values()] for place in places]
    return sheet([[shrunk(picture, 300) for picture in row] for row in rows], [f"mesh: {title}" for title in meshes])


def main() -> None:
    """Label, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequence", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--take", type=int, default=10_000, help="the first frames only")
    parser.add_argument("--every", type=int, default=1, help="every n-th frame of the sequence")
    parser.add_argument("--network", type=Path)
    asked = parser.parse_args()
    use_one_thread()
    sequence = open_sequence(asked.sequence)
    sequence = replace(sequence, frames=tuple(sequence)[: asked.take : asked.every])
    lines, runs, meshes = [HEADS], dict[str, RunFolder](), dict[str, Mesh]()
    for trial in trials_of(sequence, asked.work, asked.network):
        lines += rows_of(trial, meshes)
        runs[trial.title] = RunFolder(trial.out)
        write_text(asked.out.with_suffix(".md"), f"{len(sequence)} frames\n\n{aligned_table(lines, left=2)}\n")
    write_image(asked.out.with_suffix(".jpg"), frames_sheet(runs))
    first = next(iter(runs.values()))
    meshes = {"sensor": sensor_mesh(first)} | meshes
    write_image(asked.out.with_name(asked.out.name + "_mesh.jpg"), meshes_sheet(first, meshes))


if __name__ == "__main__":
    main()
