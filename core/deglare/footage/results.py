"""What to take away: a video of depth, cameras in three forms, the mesh in two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from deglare.data.files import read_rgb, write_json, write_text
from deglare.data.run_folder import RunFolder
from deglare.footage.cameras import Cameras
from deglare.footage.colmap_model import SeenPoints, write_model
from deglare.footage.depth_video import Panes, write_video
from deglare.footage.frames import Kept
from deglare.footage.posed import run_camera_of
from deglare.footage.trajectory import transforms, tum_lines
from deglare.footage.workplace import Workplace, copy_whole
from deglare.fusion.staging import Announce, Key
from deglare.geometry.mesh_files import read_mesh, write_mesh
from deglare.progress import Progress
from deglare.types import Camera, Rigid, inverse_rigid

VIDEO, TRAJECTORY, MODEL, TRANSFORMS = "depth.mp4", "poses_tum.txt", "colmap", "transforms.json"
MESHES = ("mesh.ply", "mesh.glb")


@dataclass(frozen=True)
class Writing:
    """Results of one clip."""

    place: Workplace
    kept: Kept
    cameras: Cameras
    base: str
    """The teacher whose depth is shown."""
    announce: Announce

    def write(self, *before: Key) -> tuple[str, ...]:
        """Write all of them where anything has changed; returns their names below ``results``."""
        believed = self.cameras.believed(self.kept)
        names = (VIDEO, TRAJECTORY, MODEL, TRANSFORMS, *MESHES) if believed else (VIDEO,)
        key, ledger = Key.after("results", {"names": names, "base": self.base}, *before), self.place.ledger
        paths = tuple(self.place.results / name for name in names)
        with self.announce("results") as progress:
            if ledger.is_current(key, *paths):
                progress(1, 1)
                return names
            ledger.begin(key, self.place.results)
            if believed:
                self._cameras_and_mesh(believed)
            self._video(bool(believed), progress)
            ledger.finish(key)
        return names

    def _video(self, with_fused: bool, progress: Progress) -> None:
        names = self.kept.names
        panes = Panes.of(self.place.run, names, self.base, with_fused)

        def pictures():
            for number, name in enumerate(names, start=1):
                yield panes.picture(name)
                progress(number, len(names))

        write_video(self.place.results / VIDEO, pictures(), self.kept.times_s)

    def _cameras_and_mesh(self, believed: tuple[str, ...]) -> None:
        lens, out = self.cameras.lens, self.place.results
        if lens is None:
            return
        camera = run_camera_of(lens, self.kept)
        poses = {name: self.cameras.world_T_cam[name] for name in believed}
        times_s = dict(zip(self.kept.names, self.kept.times_s, strict=True))
        write_text(out / TRAJECTORY, tum_lines([times_s[name] for name in believed], list(poses.values())))
        write_json(out / TRANSFORMS, transforms(camera, poses, "../color/{}.jpg", "../fused/{}.png"))
        write_model(out / MODEL, camera, poses, seen_points(self.cameras, self.place.run, camera, poses))
        copy_whole(self.place.run.mesh, out / MESHES[0])
        write_mesh(out / MESHES[1], read_mesh(self.place.run.mesh))


def seen_points(cameras: Cameras, run: RunFolder, camera: Camera, poses: dict[str, Rigid]) -> SeenPoints:
    """The points of the believed frames, in straight pixels of the run, with the colour of their first sighting."""
    lens, points = cameras.lens, cameras.points
    if lens is None:
        return SeenPoints(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), np.zeros(0), *_nothing())
    frame = renumbered(tuple(cameras.world_T_cam), tuple(poses))[points.frame]
    counts = np.bincount(points.point, frame >= 0, len(points.xyz))
    kept = (frame >= 0) & (counts[points.point] >= 2)
    left, point = np.unique(points.point[kept], return_inverse=True)
    frame, xy = frame[kept], camera.project(lens.directions(points.xy[kept]))
    xyz = points.xyz[left]
    cam_T_world = np.stack([inverse_rigid(pose) for pose in poses.values()])[frame]
    expected = camera.project(np.einsum("nij,nj->ni", cam_T_world[:, :3, :3], xyz[point]) + cam_T_world[:, :3, 3])
    off = np.linalg.norm(expected - xy, axis=1)
    error = np.bincount(point, off, len(xyz)) / np.maximum(np.bincount(point, minlength=len(xyz)), 1)
    return SeenPoints(xyz, _colours(run, list(poses), frame, point, xy), error, frame, point.astype(np.int64), xy)


def renumbered(old: tuple[str, ...], new: tuple[str, ...]) -> Int64[np.ndarray, " f"]:
    """The number of each old name among the new ones, -1 where it is none of them."""
    place = {name: number for number, name in enumerate(new)}
    return np.array([place.get(name, -1) for name in old], dtype=np.int64)


def _colours(run: RunFolder, names: list[str], frame: np.ndarray, point: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Of each point where it is seen first."""
    first = np.searchsorted(point, np.arange(int(point[-1]) + 1 if len(point) else 0))
    colours = np.zeros((len(first), 3), dtype=np.uint8)
    for number in np.unique(frame[first]):
        rgb = read_rgb(run.color(names[number]))
        rows = np.flatnonzero(frame[first] == number)
        x, y = np.rint(xy[first[rows]]).astype(int).T
        colours[rows] = rgb[y.clip(0, rgb.shape[0] - 1), x.clip(0, rgb.shape[1] - 1)]
    return colours


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, 2))
