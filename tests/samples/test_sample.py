from typing import TypeVar

import numpy as np
import pytest

import deglare
from deglare.data.files import read_json
from deglare.evaluation import Protocol, regions_of
from deglare.rooms.dataset import content_hash
from deglare.rooms.shooting import ShootSettings, prepare_shoot, shots
from deglare.rooms.subsets import MANIFEST
from deglare.samples import FRAMES, SEED, SIZE_HW, sample_scene_path
from deglare.types import DepthMap, Frame

T = TypeVar("T")


def known(value: T | None) -> T:
    assert value is not None
    return value


def test_the_sample_opens_and_shows_reflections() -> None:
    sequence = deglare.open_sample()
    assert len(sequence) == FRAMES and sequence.has_poses and sequence.has_depth
    highlights = [known(known(frame.labels()).highlight).mean() for frame in sequence[::9]]
    assert np.mean(highlights) > 0.02


def test_the_sample_has_highlights_on_sharp_gloss_and_on_rougher_surfaces() -> None:
    frames = deglare.open_sample()[::8]
    seen = [regions_of(known(frame.depth()), frame.labels()) for frame in frames]
    shares = {name: np.mean([found[name].mean() for found in seen]) for name in seen[0] if name.startswith("highlight")}
    assert shares["highlight on gloss, roughness < 0.01"] > 0.002
    assert shares["highlight on gloss, roughness 0.01-0.03"] > 0.02
    binned = sum(share for name, share in shares.items() if ", roughness " in name)
    assert 0.9 * shares["highlight"] < binned < shares["highlight"]  # screens mirror too, and edges of matte things


def test_what_is_too_far_on_sharp_gloss_alone_is_reported_there_alone() -> None:
    def predict(frame: Frame) -> DepthMap:
        depth, labels = known(frame.depth()), known(frame.labels())
        is_sharp = known(labels.highlight) & (known(labels.roughness) < 0.01)
        return DepthMap(np.where(is_sharp, 1.5 * depth.metres, depth.metres).astype(np.float32), depth.valid)

    report = deglare.evaluate(predict, deglare.open_sample()[8:9], Protocol(max_depth_m=40, resamples=0))
    assert report.value("highlight on gloss, roughness < 0.01", "abs_rel") == pytest.approx(0.5)
    assert report.value("highlight on gloss, roughness 0.01-0.03", "abs_rel") == 0
    assert "roughness  highlights cut at GGX alpha 0.01, 0.03" in report.to_markdown()


def test_the_sample_is_what_its_manifest_says_and_small_enough_to_ship() -> None:
    folder = sample_scene_path()
    manifest = read_json(folder / MANIFEST)
    assert isinstance(manifest, dict) and manifest["content"] == content_hash(folder)
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 12_000_000


def test_the_sample_is_what_today_s_code_renders() -> None:
    shoot = prepare_shoot(SEED, ShootSettings(FRAMES, SIZE_HW))
    rendered = next(iter(shots(shoot)))
    shipped = deglare.open_sample()[0]
    depth = shipped.depth()
    assert depth is not None and shipped.world_T_cam is not None
    np.testing.assert_allclose(shipped.world_T_cam, rendered.world_T_cam, atol=1e-9)
    np.testing.assert_allclose(depth.metres, rendered.depth.metres, atol=6e-4)
    difference = np.abs(shipped.rgb().astype(int) - rendered.rgb.astype(int))
    assert difference.mean() < 2.5  # JPEG
