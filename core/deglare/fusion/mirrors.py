"""Large planes with nothing behind them: what cameras see there is a mirror image, and the plane takes its place.

A mirror on a wall shows a room behind the wall; glare on a floor makes a hole in it. Two things give them away:

* depth is not of one mind: from some places the plane is seen, from others something behind it (glare wanders);
* or it is, but what is seen behind the plane is what lies before it, reflected, and the plane frames it (a mirror).

Doors, gaps between tables and the edges of things are neither. Cells of the plane that are found to be one of both are
closed with triangles, so that everything that projects the mesh sees the plane there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float64, Int64

from deglare.data.files import read_depth
from deglare.data.run_folder import RunFolder, same_json
from deglare.fusion.labelling import Labelling
from deglare.fusion.large_planes import CROWD_M, LargePlane, large_planes
from deglare.fusion.staging import Key
from deglare.geometry.mesh import Mesh, vertex_normals
from deglare.geometry.mesh_files import read_mesh, write_mesh
from deglare.types import Camera, DepthMap, Rigid

STAGE = "mirrors"
MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class MirrorSettings:
    """When a cell of a plane is closed."""

    cell_m: float = 0.05
    most_rays: int = 20_000
    """About so many pixels of a frame are asked."""
    tolerance: float = 0.08
    """Depth within this share of the plane's is the plane; depth beyond is behind it."""
    least_cosine: float = 0.15
    """Rays that graze the plane more flatly say nothing."""
    least_votes: int = 3
    """Of pixels, for a cell to be looked at."""
    solid: float = 0.5
    """Share of votes for the plane from which on a cell is the plane's own."""
    doubtful: float = 0.1
    """And from which on a hole is glare, if the plane is around it."""
    reach_m: float = 0.4
    """Holes are closed up to twice this width."""
    least_mirror_m2: float = 0.1
    alike_m: float = 0.2
    """A reflected point this near to the surface before the plane is its mirror image ..."""
    alike_share: float = 0.6
    """... and so is a hole, if this share of its points are, and this share of its rim is the plane."""


class View(NamedTuple):
    """One frame with the depth that was predicted for it."""

    depth: DepthMap
    camera: Camera
    world_T_cam: Rigid


@dataclass(eq=False)
class Tally:
    """What cameras say about the cells of a plane."""

    plane: LargePlane
    cell_m: float
    first_m: Float64[np.ndarray, "2"]
    """Where the first cell begins, along the plane's axes."""
    on: Int64[np.ndarray, "a b"]
    """Votes for the plane."""
    through: Int64[np.ndarray, "a b"]
    """Votes for something behind it."""
    beyond: list[tuple[np.ndarray, np.ndarray]]
    """Cells by number, and the points that were seen through them."""

    @classmethod
    def over(cls, plane: LargePlane, mesh: Mesh, cell_m: float) -> Tally | None:
        """Empty, as large as the part of the mesh that touches the plane; None where that is none, or too large."""
        near = mesh.vertices_m[np.abs(plane.height_m(mesh.vertices_m)) < 2 * cell_m + 0.1].astype(np.float64)
        if not len(near):
            return None
        places = near @ plane.axes.T
        first = places.min(axis=0) - cell_m
        shape = tuple(np.ceil((places.max(axis=0) + cell_m - first) / cell_m).astype(np.int64).tolist())
        if shape[0] * shape[1] > MOST_CELLS:
            return None
        return cls(plane, cell_m, first, np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64), [])

    @property
    def votes(self) -> Int64[np.ndarray, "a b"]:
        """All of them."""
        return self.on + self.through

    @property
    def share_on(self) -> Float64[np.ndarray, "a b"]:
        """Of the votes, those for the plane; 0 where there are none."""
        return self.on / np.maximum(self.votes, 1)

    def add(self, view: View, settings: MirrorSettings) -> None:
        """Take in one view; what stands before the plane says nothing about it."""
        plane, pose = self.plane, view.world_T_cam
        step = max(1, round(np.sqrt(view.depth.metres.size / settings.most_rays)))
        rays = view.camera.rays()[::step, ::step].reshape(-1, 3) @ pose[:3, :3].T
        depth_m, valid = view.depth.metres[::step, ::step].ravel(), view.depth.valid[::step, ::step].ravel()
        slope, height = rays @ plane.normal, float(plane.height_m(pose[None, :3, 3])[0])
        squarely = -slope > settings.least_cosine * np.linalg.norm(rays, axis=1)
        kept = squarely & valid & (height > 0)
        at_m, metres = height / -slope[kept], depth_m[kept].astype(np.float64)
        cells = np.floor(((pose[:3, 3] + at_m[:, None] * rays[kept]) @ plane.axes.T - self.first_m) / self.cell_m)
        inside = np.all((cells >= 0) & (cells < self.on.shape), axis=1)
        numbers = (cells[inside].astype(np.int64) * (self.on.shape[1], 1)).sum(axis=1)
        ratio = metres[inside] / at_m[inside]
        is_on, is_through = np.abs(ratio - 1) <= settings.tolerance, ratio > 1 + settings.tolerance
        size = self.on.size
        self.on += np.bincount(numbers[is_on], minlength=size).reshape(self.on.shape)
        self.through += np.bincount(numbers[is_through], minlength=size).reshape(self.on.shape)
        seen = pose[:3, 3] + metres[inside, None] * rays[kept][inside]
        self.beyond.append((numbers[is_through], seen[is_through].astype(np.float32)))


def closed_mesh(mesh: Mesh, views: Iterable[View], settings: MirrorSettings | None = None) -> tuple[Mesh, float]:
    """The mesh with its mirrors and glare holes closed, and how many square metres that took."""
    chosen = settings or MirrorSettings()
    tallies = [Tally.over(plane, mesh, chosen.cell_m) for plane in large_planes(mesh)]
    known = [tally for tally in tallies if tally is not None]
    for view in views:
        for tally in known:
            tally.add(view, chosen)
    area = 0.0
    for tally in known:
        cells = holes(tally, mesh, chosen)
        area += float(cells.sum()) * chosen.cell_m**2
        mesh = _with_cells(mesh, tally, cells)
    return mesh, area


def holes(tally: Tally, mesh: Mesh, settings: MirrorSettings) -> Bool[np.ndarray, "a b"]:
    """Cells to be closed: where the mesh has left the plane, for glare with the plane around it, or in a mirror."""
    from scipy.ndimage import binary_closing

    asked = tally.votes >= settings.least_votes
    solid = asked & (tally.share_on >= settings.solid)
    reach = round(settings.reach_m / tally.cell_m)
    closed = np.asarray(binary_closing(np.pad(solid, reach), _disc(reach)), dtype=bool)
    around = closed[reach:-reach, reach:-reach]
    glare = asked & around & (tally.share_on >= settings.doubtful)
    planar = solid | glare | _mirrors(tally, mesh, asked & ~solid & ~glare, solid, settings)
    hollow = planar & ~_grown(_surface(tally, mesh), 1)
    return planar & _grown(hollow, 2)  # and over the rim of the surface that is there


def _surface(tally: Tally, mesh: Mesh) -> Bool[np.ndarray, "a b"]:
    """Cells where the mesh has a vertex near the plane."""
    found = np.zeros(tally.on.shape, dtype=bool)
    used = mesh.vertices_m[np.unique(mesh.faces)]
    near = used[np.abs(tally.plane.height_m(used)) < CROWD_M].astype(np.float64)
    cells = np.floor((near @ tally.plane.axes.T - tally.first_m) / tally.cell_m).astype(np.int64)
    inside = np.all((cells >= 0) & (cells < found.shape), axis=1)
    found[tuple(cells[inside].T)] = True
    return found


def _mirrors(
    tally: Tally,
    mesh: Mesh,
    open_: Bool[np.ndarray, "a b"],
    solid: Bool[np.ndarray, "a b"],
    settings: MirrorSettings,
) -> Bool[np.ndarray, "a b"]:
    """Connected holes that show what lies before the plane, and are framed by it."""
    from scipy.ndimage import label
    from scipy.spatial import KDTree

    found = np.zeros_like(open_)
    before = mesh.vertices_m[tally.plane.height_m(mesh.vertices_m) > settings.alike_m]
    numbered = np.asarray(cast(tuple[np.ndarray, int], label(open_))[0])
    sizes = np.bincount(numbered.ravel())
    large = [number for number in range(1, len(sizes)) if sizes[number] * tally.cell_m**2 >= settings.least_mirror_m2]
    if not len(before) or not large:
        return found
    tree = KDTree(before)
    cells = np.concatenate([cells for cells, _ in tally.beyond])
    points = np.concatenate([points for _, points in tally.beyond])
    owners = numbered.ravel()[cells]
    for number in large:
        hole = numbered == number
        rim = _grown(hole, 2) & ~hole
        distances, _ = tree.query(
            tally.plane.reflected(points[owners == number]), distance_upper_bound=settings.alike_m
        )
        is_alike = bool(np.mean(np.isfinite(distances)) >= settings.alike_share) if len(distances) else False
        if is_alike and solid[rim].mean() >= settings.alike_share:
            found |= hole
    return found


def mesh_without_mirrors(work: Labelling, predicted: Key, settings: MirrorSettings | None = None) -> Key:
    """The mesh of a run, closed: a stage between mesh and projection, which goes by what the base predicts."""
    chosen, run = settings or MirrorSettings(), work.run
    before = run.manifest().stages.get(STAGE)
    if before is not None and not (before.is_finished and same_json(before.settings, asdict(chosen))):
        run.mesh.unlink(missing_ok=True)  # it may be closed already, by other settings or half-way
    key = Key.after(STAGE, asdict(chosen), work.mesh(predicted))
    if run.is_current(key.stage, key.settings, key.inputs):
        return key
    run.begin(key.stage, key.settings, key.inputs, ())
    views = (View(read_depth(run.predicted(work.base, name)), work.camera, pose) for name, pose in work.poses.items())
    closed, area = closed_mesh(read_mesh(run.mesh), views, chosen)
    write_mesh(run.mesh, closed)
    run.finish(key.stage, key.settings, key.inputs, {"closed_m2": round(area, 4)})
    return key


def closed_m2(run: RunFolder) -> float:
    """How much was closed in a run; 0 where nobody tried."""
    stage = run.manifest().stages.get(STAGE)
    return 0.0 if stage is None else float(stage.result.get("closed_m2", 0))


def _with_cells(mesh: Mesh, tally: Tally, cells: Bool[np.ndarray, "a b"]) -> Mesh:
    """Two triangles for each cell, facing free space, in the colour of the nearest vertex."""
    from scipy.spatial import KDTree

    rows, columns = np.nonzero(cells)
    if not len(rows):
        return mesh
    corners = np.stack([rows, columns], axis=1)[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    within = tally.first_m + corners.reshape(-1, 2) * tally.cell_m
    vertices = (within @ tally.plane.axes + tally.plane.offset_m * tally.plane.normal).astype(np.float32)
    starts = len(mesh.vertices_m) + 4 * np.arange(len(rows))[:, None]
    faces = np.concatenate([starts + np.array(three) for three in ((0, 1, 2), (0, 2, 3))]).astype(np.int32)
    every = np.concatenate([mesh.vertices_m, vertices]), np.concatenate([mesh.faces, faces])
    colours = mesh.colours
    if colours is not None:
        colours = np.concatenate([colours, colours[KDTree(mesh.vertices_m).query(vertices)[1]]])
    normals = None if mesh.normals is None else vertex_normals(*every)
    return replace(mesh, vertices_m=every[0], faces=every[1], normals=normals, colours=colours)


def _grown(mask: Bool[np.ndarray, "a b"], by: int) -> Bool[np.ndarray, "a b"]:
    """With a border of so many cells."""
    from scipy.ndimage import maximum_filter

    return np.asarray(maximum_filter(mask, size=2 * by + 1, mode="constant"))


def _disc(radius: int) -> Bool[np.ndarray, "d d"]:
    steps = np.arange(-radius, radius + 1)
    return np.hypot(steps[:, None], steps) <= radius
