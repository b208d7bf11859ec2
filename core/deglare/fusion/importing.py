"""The first stage of a run: its frames, at one size, with what is known about them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from deglare.data.drafts import ColourFile
from deglare.data.files import read_text, write_atomically, write_depth, write_image, write_text
from deglare.data.posed_folder import LabelFiles, PosedFolder
from deglare.data.run_folder import LABEL_LAYERS, RunFolder, hash_of
from deglare.errors import DataError, RequestError
from deglare.fusion.staging import UnreadableFrameError
from deglare.geometry.resampling import nearest_pixels, resize_labels
from deglare.geometry.resizing import resize_image
from deglare.networks.teachers import as_image
from deglare.types import Camera, DepthMap, Frame, Rgb, Rigid, Sequence, SurfaceLabels


def run_camera(sequence: Sequence, longest_side: int) -> Camera:
    """The one camera of a run: the sequence's own, made smaller where a side is longer than ``longest_side``."""
    if not len(sequence):
        raise DataError(f"{sequence.name} has no frames: nothing to label")
    camera = sequence[0].camera
    if any(frame.camera != camera for frame in sequence):
        raise DataError(f"the frames of {sequence.name} have different cameras: a run needs frames of one camera")
    height, width = camera.size_hw
    if max(height, width) <= longest_side:
        return camera
    scale = longest_side / max(height, width)
    return camera.resized((round(height * scale), round(width * scale)))


def poses_of(sequence: Sequence) -> Mapping[str, Rigid]:
    """``world_T_cam`` by frame; depth of frames without poses cannot be fused."""
    poses = {frame.name: frame.world_T_cam for frame in sequence}
    missing = [name for name, pose in poses.items() if pose is None]
    if missing:
        raise RequestError(
            f"{len(missing)} of {len(poses)} frames of {sequence.name} have no pose ({missing[0]}, ...): fusion needs "
            "to know where each frame was taken"
        )
    if len(poses) < len(sequence):
        raise DataError(f"{sequence.name} has frames of one name: rename them, names tell frames apart")
    return {name: pose for name, pose in poses.items() if pose is not None}


def stamp_of(sequence: Sequence) -> str:
    """Changes when frames, poses or image files do."""
    facts = [
        (frame.name, None if frame.world_T_cam is None else frame.world_T_cam.tolist(), _file_facts(frame.load_rgb))
        for frame in sequence
    ]
    return hash_of(repr(sequence[0].camera), facts)


def _file_facts(load: object) -> tuple[int, int] | None:
    """Size and time of the file behind a loader, where there is one."""
    if not isinstance(load, ColourFile) or not load.path.is_file():
        return None
    found = load.path.stat()
    return found.st_size, found.st_mtime_ns


def import_frame(run: RunFolder, frame: Frame, camera: Camera) -> None:
    """Write colour, true depth and surface labels of one frame at the size of the run; colour last."""
    try:
        rgb, depth, labels = frame.rgb(), frame.depth(), frame.labels()
    except DataError as error:
        raise UnreadableFrameError(str(error)) from error
    if depth is not None:
        write_depth(run.layer("depth", frame.name), depth_seen_by(camera, depth, frame.depth_camera))
    if labels is not None:
        _write_labels(run, frame, labels, camera)
    _write_colour(run.color(frame.name), frame, rgb, camera)


def import_surfaces(run: RunFolder, sequence: Sequence) -> None:
    """Copy what a rendered room says about its surfaces, by whose numbers roughness is known."""
    labels = sequence[0].load_labels
    if isinstance(labels, LabelFiles) and labels.folder.scene.is_file():
        write_text(PosedFolder(run.root).scene, read_text(labels.folder.scene))


def depth_seen_by(camera: Camera, depth: DepthMap, depth_camera: Camera | None) -> DepthMap:
    """Depth on the pixels of ``camera``, each from the nearest pixel of a depth image with the same centre and axes."""
    own = depth_camera or camera.resized(depth.size_hw)
    if own == camera:
        return depth
    rows, columns, inside = nearest_pixels(own.project(camera.rays()), depth.size_hw)
    return DepthMap(depth.metres[rows, columns], depth.valid[rows, columns] & inside)


def _write_colour(path: Path, frame: Frame, rgb: Rgb, camera: Camera) -> None:
    """JPEGs of the right size are copied as they are: coding them again would cost detail."""
    source = frame.load_rgb.path if isinstance(frame.load_rgb, ColourFile) else None
    if source is not None and source.suffix.lower() in (".jpg", ".jpeg") and rgb.shape[:2] == camera.size_hw:
        _copy(source, path)
        return
    write_image(path, resized_rgb(rgb, camera.size_hw))


def _write_labels(run: RunFolder, frame: Frame, labels: SurfaceLabels, camera: Camera) -> None:
    """Layers of a posed folder that have the right size are copied as they are: packing them again takes longest."""
    source = frame.load_labels
    if not isinstance(source, LabelFiles) or labels.reflective.shape != camera.size_hw:
        PosedFolder(run.root).write_labels(frame.name, resize_labels(labels, camera.size_hw))
        return
    for layer in LABEL_LAYERS:
        if (found := source.folder.layer(layer, source.name)).is_file():
            _copy(found, run.layer(layer, frame.name))


def _copy(source: Path, path: Path) -> None:
    """The same bytes, whole or not at all."""
    with source.open("rb") as bytes_in:
        write_atomically(path, lambda out: shutil.copyfileobj(bytes_in, out))


def resized_rgb(rgb: Rgb, size_hw: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Colours averaged down to a size."""
    if rgb.shape[:2] == size_hw:
        return rgb
    resized = resize_image(as_image(rgb)[None], size_hw)[0]
    return (resized * 255 + 0.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
