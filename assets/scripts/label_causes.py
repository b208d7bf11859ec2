"""Why labels come out as they do: experiments on the runs of ``label_table.py``.

    python assets/scripts/label_causes.py RUNS OUT.json [--scenes 0 12] [--base monodepth2-small] [--every 5]

RUNS is the folder ``ensemble`` in that script's WORK. Three questions are asked of each room:

* views: of the fused views that see a highlight's place, how many see it without glare, and how many rightly;
* halo: how wrong the base is at a distance from the nearest highlight;
* floor: what is left of *true* depth after fusing and projecting, which no network can improve on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from scipy.ndimage import distance_transform_edt

from deglare import open_sequence
from deglare.data.files import read_depth, write_json
from deglare.data.run_folder import RunFolder
from deglare.errors import DataError
from deglare.evaluation.meter import Meter
from deglare.evaluation.protocol import protocol_named
from deglare.fusion.settings import PUBLISHED, MeshSettings
from deglare.fusion.voting import vote_weights
from deglare.geometry.engines import new_volume
from deglare.geometry.mesh_projection import open_projector
from deglare.geometry.resampling import nearest_pixels
from deglare.processes import use_one_thread
from deglare.types import HIGHLIGHT_SHARE, Camera, DepthMap, Rigid, SurfaceLabels, inverse_rigid

STRIDES = (10, 3, 1)
SEEN_WITHIN, RIGHT_WITHIN = 0.03, 0.1
"""Shares of depth: a view sees a place if its true depth is that near, and sees it rightly if the network's is."""
MOST_POINTS = 400
"""Highlight pixels of a frame that are looked at, evenly spread."""
HALO_PX = (0, 4, 8, 16, 32, 64)

SHORT = replace(PUBLISHED.mesh.volume, clip_m=0.3, back_m=0.3)
SURFACES = {
    "published": PUBLISHED.mesh,
    "published, truncation 0.3 m": replace(PUBLISHED.mesh, volume=SHORT),
    "robust": MeshSettings(every=10, weights="incidence", tau=0.5),
    "robust, tau 0.35": MeshSettings(every=10, weights="incidence", tau=0.35),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame of a rendered room with what the base makes of it."""

    name: str
    camera: Camera
    world_T_cam: Rigid
    truth: DepthMap
    labels: SurfaceLabels
    predicted: DepthMap

    @cached_property
    def highlight(self) -> Bool[np.ndarray, "h w"]:
        """Half of the light or more is mirrored."""
        share = self.labels.specular_share
        if share is None:
            raise DataError("the room does not say how much of its light is mirrored: render it again")
        return (share >= HIGHLIGHT_SHARE) & self.truth.valid


@dataclass
class Sums:
    """What is added up over rooms."""

    views: dict[int, list[Float64[np.ndarray, "n 4"]]] = field(default_factory=lambda: {n: [] for n in STRIDES})
    """For each stride and highlight place: views, those without glare, those that are right, the label's own error."""
    halo: Float64[np.ndarray, "d 3"] = field(default_factory=lambda: np.zeros((len(HALO_PX) + 1, 3)))
    """Pixels, sums of signed error in metres, sums of |error| / truth."""
    floors: dict[tuple[str, int], Meter] = field(default_factory=dict)


def shots_of(folder: Path, base: str) -> list[Shot]:
    """All frames of a run."""
    run, found = RunFolder(folder), []
    for frame in open_sequence(folder):
        truth, labels = frame.depth(), frame.labels()
        if truth is None or labels is None or frame.world_T_cam is None:
            raise DataError(f"{folder} is no run of a rendered room: give the runs of label_table.py")
        predicted = read_depth(run.predicted(base, frame.name))
        found.append(Shot(frame.name, frame.camera, frame.world_T_cam, truth, labels, predicted))
    return found


def count_views(shot: Shot, others: list[Shot]) -> Float64[np.ndarray, "n 4"]:
    """For places of a frame's highlights: `Sums.views`."""
    rows, columns = np.nonzero(shot.highlight)
    chosen = slice(None, None, max(1, len(rows) // MOST_POINTS))
    rows, columns = rows[chosen], columns[chosen]
    points = shot.camera.rays()[rows, columns] * shot.truth.metres[rows, columns, None]
    counts = np.zeros((len(rows), 4))
    for other in others:
        other_T_shot = inverse_rigid(other.world_T_cam) @ shot.world_T_cam
        there = points @ other_T_shot[:3, :3].T + other_T_shot[:3, 3]
        ahead = there[:, 2] > 0.1
        pixels = other.camera.project(np.where(ahead[:, None], there, 1.0))
        v, u, inside = nearest_pixels(pixels, other.camera.size_hw)
        true_m, z = other.truth.metres[v, u], there[:, 2]
        seen = ahead & inside & other.truth.valid[v, u] & (np.abs(true_m - z) < SEEN_WITHIN * z)
        clean = seen & ~other.labels.reflective[v, u]
        right = seen & (np.abs(other.predicted.metres[v, u] - true_m) < RIGHT_WITHIN * true_m)
        counts[:, :3] += np.stack([seen, clean, right], axis=1)
    true_m = shot.truth.metres[rows, columns]
    counts[:, 3] = (shot.predicted.metres[rows, columns] - true_m) / true_m
    return counts


def halo_of(shot: Shot) -> Float64[np.ndarray, "d 3"]:
    """Sums of errors by distance from the nearest highlight, on pixels that mirror nothing but those of distance 0."""
    sums = np.zeros((len(HALO_PX) + 1, 3))
    if not shot.highlight.any():
        return sums
    distance = distance_transform_edt(~shot.highlight)
    compared = shot.truth.valid & shot.predicted.valid & (shot.highlight | ~shot.labels.reflective)
    error = shot.predicted.metres[compared].astype(float) - shot.truth.metres[compared]
    bins = np.searchsorted(HALO_PX, np.asarray(distance)[compared])
    for column, weights in enumerate((None, error, np.abs(error) / shot.truth.metres[compared])):
        sums[:, column] += np.bincount(bins, weights, len(HALO_PX) + 1)
    return sums


def fused_truth(shots: list[Shot], settings: MeshSettings, every: int) -> Iterator[tuple[Shot, DepthMap]]:
    """True depth after fusing and projecting, for every n-th frame."""
    volume = new_volume(replace(settings.volume, with_colour=False), settings.engine)
    for shot in shots[:: settings.every]:
        weights = vote_weights(shot.truth, shot.camera, settings)
        volume.integrate(shot.truth, shot.camera, shot.world_T_cam, weights)
    projector = open_projector(volume.mesh(settings.tau), "raycast", threads=1)
    return ((shot, projector.project(shot.camera, shot.world_T_cam)) for shot in shots[::every])


def add_floor(sums: Sums, scene: str, shots: list[Shot], every: int) -> None:
    """Compare what is left of true depth with it."""
    for name, settings in SURFACES.items():
        for stride in STRIDES[:2]:
            meter = sums.floors.setdefault((name, stride), Meter(protocol_named("rooms"), 0))
            for shot, projected in fused_truth(shots, replace(settings, every=stride), every):
                meter.add(scene, shot.name, projected, shot.truth, shot.labels)


def told(sums: Sums) -> dict[str, Any]:
    """As JSON."""
    views = {}
    for stride, parts in sums.views.items():
        seen, clean, right, error = np.concatenate(parts).T
        there = seen > 0
        by_share = [np.mean(right[there] / seen[there] > share) for share in (0.35, 0.5, 0.65)]
        views[stride] = {
            "places": len(seen), "places seen by no fused view": float(np.mean(~there)),
            "median views of a place": float(np.median(seen)),
            "share of views without glare": float(np.mean(clean[there] / seen[there])),
            "share of views that are right": float(np.mean(right[there] / seen[there])),
            "places where most views are without glare": float(np.mean(clean[there] / seen[there] > 0.5)),
            "places where more than 35, 50, 65 % of views are right": [float(share) for share in by_share],
            "places where no view is right": float(np.mean(right[there] == 0)),
            "relative error of the prediction there": float(np.mean(error)),
        }  # fmt: skip
    pixels, error, relative = sums.halo.T
    names = ["0 px", *(f"up to {far} px" for far in HALO_PX[1:]), f"over {HALO_PX[-1]} px"]
    halo = {
        name: {"pixels": int(n), "bias_m": e / max(n, 1), "abs_rel": r / max(n, 1)}
        for name, n, e, r in zip(names, pixels, error, relative, strict=True)
    }
    return {"views": views, "halo": halo, "floor": dict(floors_told(sums.floors))}


def floors_told(floors: Mapping[tuple[str, int], Meter]) -> Iterator[tuple[str, dict[str, float]]]:
    """Some regions of every report."""
    for (name, stride), meter in floors.items():
        report = meter.report()
        wanted = [(region, "abs_rel") for region in ("all", "non-reflective", "highlight", "boundary")]
        wanted += [("all", "coverage"), ("boundary", "bias")]
        yield (
            f"{name}, every {stride}",
            {f"{region}, {metric}": report.value(region, metric) for region, metric in wanted},
        )


def main() -> None:
    """Room after room; what is known is written after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", nargs=2, type=int, default=(0, 12))
    parser.add_argument("--base", default="monodepth2-small")
    parser.add_argument("--every", type=int, default=5)
    asked = parser.parse_args()
    use_one_thread()
    sums = Sums()
    for folder in sorted(path for path in asked.runs.iterdir() if path.is_dir())[slice(*asked.scenes)]:
        shots = shots_of(folder, asked.base)
        for shot in shots[:: asked.every]:
            sums.halo += halo_of(shot)
            for stride in STRIDES:
                sums.views[stride].append(count_views(shot, shots[::stride]))
        add_floor(sums, folder.name, shots, asked.every)
        write_json(asked.out, told(sums))
        sys.stderr.write(f"{folder.name}\n")


if __name__ == "__main__":
    main()
