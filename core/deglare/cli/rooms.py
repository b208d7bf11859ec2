"""``deglare rooms``: render reflective rooms with exact depth, poses and masks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from deglare.cli import Result
from deglare.cli.terminal import bar, say
from deglare.errors import RequestError


def rooms(
    out: Path,
    split: Literal["train", "val", "test"] = "val",
    scenes: int | None = None,
    frames: int = 90,
    size: tuple[int, int] = (384, 288),
    workers: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    picture: bool = True,
) -> Result:
    """Render reflective rooms with exact depth, poses and masks: the data set rooms-v1, or a part of it.

    The same line again goes on with the first scene that is missing. Every scene is a posed folder that
    ``deglare check``, ``prepare`` and ``eval`` read.

    Args:
        out: The folder that gets one folder for each scene, the lists of the subsets and a contact sheet.
        split: Which fixed seeds: train has 240 rooms, val and test 32 each, none in common.
        scenes: How many rooms of the split, from its first; all of them if not given.
        frames: Frames for each room, 7 cm apart.
        size: Width and height in pixels.
        workers: Processes on the CPU; one for each core if not given.
        device: cpu, or cuda for one process on the GPU.
        picture: Whether to write contact_sheet.jpg.
    """
    from deglare.processes import use_one_thread
    from deglare.rooms.dataset import scene_requests, write_scenes
    from deglare.rooms.shooting import ShootSettings
    from deglare.rooms.subsets import write_subsets

    if frames < 1 or min(size) < 16:
        raise RequestError("a room needs at least one frame of at least 16x16 pixels: see --frames and --size")
    if workers is not None and workers < 1:
        raise RequestError(f"{workers} workers render nothing: give at least one, or leave --workers away")
    if device == "cuda" and not _has_gpu():
        raise RequestError("there is no GPU that torch can use: leave --device away")
    settings = ShootSettings(frames=frames, size_hw=(size[1], size[0]))
    requests = scene_requests(out, split, scenes, settings, device)
    processes = (workers or os.cpu_count() or 1) if device == "cpu" else 1
    use_one_thread()
    with bar("render") as progress:
        new = write_scenes(requests, processes, progress)
    subsets = write_subsets(out)
    say(f"{len(requests)} rooms in {out}, {new} of them new; frames by subset: {subsets}")
    result: Result = {"scenes": len(requests), "new": new, "subsets": subsets, "out": str(out)}
    if picture:
        result["picture"] = str(_write_sheet(out, [request.folder for request in requests][:8]))
    return result


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _write_sheet(out: Path, folders: list[Path]) -> Path:
    from deglare.data.files import write_image
    from deglare.data.posed_folder import read_posed_folder
    from deglare.rooms.contact import contact_sheet

    path = out / "contact_sheet.jpg"
    write_image(path, contact_sheet((read_posed_folder(folder) for folder in folders), frames_each=1, width=256))
    say(f"look at {path}")
    return path
