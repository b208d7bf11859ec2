"""Clips that show no depth, and clips that are held another way."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import write_clip
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter, map_coordinates

import deglare
from deglare.data.files import read_depth, read_json, read_rgb
from deglare.errors import DataError, RequestError
from deglare.footage.pipeline import Made, Workers
from deglare.footage.settings import VideoSettings
from deglare.fusion.estimators import Crop
from deglare.fusion.settings import LabelSettings
from deglare.inspection.run import InspectedRun
from deglare.progress import Progress
from deglare.types import Camera

SIZE_HW = (120, 160)
CAMERA = Camera(140.0, 140.0, 79.5, 59.5, SIZE_HW)
QUICK = Workers(("monodepth2-small",), "torch", threads=2)
SETTINGS = VideoSettings(labels=LabelSettings(longest_side=96))


def texture(seed: int, size: int = 700) -> UInt8[np.ndarray, "s s"]:
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.random((size, size)), 1.5) + gaussian_filter(rng.random((size, size)), 4) * 2
    return ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.uint8)


def turning(frames: int) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """A camera that turns on the spot, in a world that is painted on a sphere."""
    painted, rays = texture(0).astype(np.float32), CAMERA.rays()
    for number in range(frames):
        angle = 0.03 * number
        x = rays[..., 0] * np.cos(angle) + rays[..., 2] * np.sin(angle)
        z = -rays[..., 0] * np.sin(angle) + rays[..., 2] * np.cos(angle)
        columns = 100 + np.arctan2(x, z) * 300
        rows = 300 + np.arctan2(rays[..., 1], np.hypot(x, z)) * 300
        grey = map_coordinates(painted, (rows, columns), order=1)
        yield np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def blank(frames: int) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """A white wall, and the noise of the sensor."""
    rng = np.random.default_rng(0)
    for _ in range(frames):
        yield rng.normal(200, 2, (*SIZE_HW, 3)).clip(0, 255).astype(np.uint8)


def still(frames: int) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """A camera on a tripod."""
    return (np.repeat(texture(1)[:120, :160, None], 3, axis=2) for _ in range(frames))


def made(tmp_path: Path, pictures: Iterator[UInt8[np.ndarray, "h w 3"]], settings: VideoSettings = SETTINGS) -> Made:
    return deglare.video(write_clip(tmp_path / "clip.mp4", pictures), tmp_path / "run", settings, QUICK)


def require_depth_alone(found: Made) -> None:
    """Depth of every frame, a video of it, and nothing that needs cameras."""
    assert found.account.outcome == "none" and found.labelled is None and found.results == ("depth.mp4",)
    assert found.account.reasons and found.account.advice and found.account.focal is None
    root = found.run.root
    assert not found.run.has_manifest and not (root / "mesh.ply").exists() and not (root / "fused").exists()
    names = sorted(path.stem for path in (root / "color").iterdir())
    assert len(names) == found.account.frames
    assert all(read_depth(found.run.predicted("monodepth2-small", name)).valid.all() for name in names)
    assert (root / "results" / "depth.mp4").stat().st_size > 1000
    with pytest.raises(DataError, match="no run"):
        InspectedRun.open(root)


def test_a_camera_that_only_turns_gets_depth_alone_and_is_told_to_walk(tmp_path: Path) -> None:
    found = made(tmp_path, turning(14))
    require_depth_alone(found)
    assert any("walk" in advice for advice in found.account.advice), found.account


def test_a_blank_wall_gets_depth_alone(tmp_path: Path) -> None:
    require_depth_alone(made(tmp_path, blank(40)))


def test_a_clip_without_motion_gets_depth_alone_and_says_why(tmp_path: Path) -> None:
    found = made(tmp_path, still(12))
    require_depth_alone(found)
    assert "the picture moves by 0 %" in found.account.reasons[0]


def test_a_portrait_is_set_upright(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", still(4), turned=90)
    found = deglare.video(clip, tmp_path / "run", SETTINGS, QUICK)
    assert found.plan.facts.size_hw == (160, 120)
    assert "turned by" in " ".join(found.plan.notes)
    picture = next((tmp_path / "run" / "color").iterdir())
    assert read_rgb(picture).shape == (96, 72, 3)


def test_a_clip_that_was_cut_short_says_so(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", turning(40))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    found = deglare.video(clip, tmp_path / "run", SETTINGS, QUICK)
    assert any("cut short or damaged" in note for note in found.account.notes)


def test_what_fails_is_told_in_the_file(tmp_path: Path) -> None:
    @contextmanager
    def failing(stage: str) -> Iterator[Progress]:
        raise OSError("the disk is full")
        yield

    clip = write_clip(tmp_path / "clip.mp4", still(4))
    with pytest.raises(OSError, match="disk is full"):
        deglare.video(clip, tmp_path / "run", SETTINGS, QUICK, announce=failing)
    told: Any = read_json(tmp_path / "run" / "video" / "progress.json")
    assert (told["state"], told["error"]) == ("failed", "OSError: the disk is full")


def test_an_uncertainty_that_looks_at_crops_is_refused() -> None:
    with pytest.raises(RequestError, match="crops"):
        VideoSettings(labels=LabelSettings(uncertainty=Crop()))


def test_a_header_that_claims_too_short_a_clip_is_not_believed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", still(30))
    found = deglare.video(shortened(clip), tmp_path / "run", SETTINGS, QUICK)
    assert found.plan.facts.duration_s < 1
    decoded: Any = read_json(tmp_path / "run" / "video" / "decoded.json")
    assert len(decoded["times_s"]) == 30


def shortened(clip: Path) -> Path:
    """The same Matroska file, whose header claims a tenth of its duration."""
    data = clip.read_bytes()
    place = data.index(b"\x44\x89\x88") + 3  # Duration, a float of 8 bytes
    (claimed,) = struct.unpack(">d", data[place : place + 8])
    clip.write_bytes(data[:place] + struct.pack(">d", claimed / 10) + data[place + 8 :])
    return clip
