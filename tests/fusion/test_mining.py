"""What triplet mining takes for a reflection, found in a finished run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from glare import TEACHERS, write_glare_wall
from jaxtyping import Bool
from mirrored_lamp import CAMERA, POLISHED, specular_share, views

from deglare.data.files import read_png8
from deglare.data.opening import open_sequence
from deglare.data.run_folder import RunFolder
from deglare.fusion.detection import Detection
from deglare.fusion.labelling import label
from deglare.fusion.mining import MINED, Look, mined_mask
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.strategies import ByMask, ByUncertainty
from deglare.losses.triplet import TripletRule
from deglare.types import DepthMap

SETTINGS = LabelSettings(mesh=MeshSettings(every=1), strategy=ByUncertainty(), mine=True)


@pytest.fixture(scope="module")
def polished() -> tuple[list[Look], Bool[np.ndarray, "h w"]]:
    """Three looks at a floor by a network that believes the lamp it mirrors; where the middle one shows the lamp."""
    looks, highlight = [], np.zeros(CAMERA.size_hw, dtype=bool)
    for number, (frame, seen) in enumerate(zip(*views(POLISHED), strict=True)):
        mirrors = specular_share(seen) > 0.5
        depth = np.where(mirrors & (seen.virtual_m[0].numpy() > 0), seen.virtual_m[0].numpy(), seen.depth_m[0].numpy())
        assert frame.world_T_cam is not None
        looks.append(Look(frame.rgb(), DepthMap.of_positive(depth.astype(np.float32)), frame.world_T_cam))
        highlight = mirrors if number == 1 else highlight
    return looks, highlight


def test_a_network_that_believes_the_mirrored_lamp_is_caught(
    polished: tuple[list[Look], Bool[np.ndarray, "h w"]],
) -> None:
    (before, target, after), highlight = polished
    mask = mined_mask(target, [before, after], CAMERA, TripletRule("fixed", 0.0))
    found = Detection.of(mask, highlight)
    assert 0 < found.coverage < 0.1
    assert found.precision > 5 * highlight.mean()


def test_nothing_is_mined_where_there_is_no_depth_or_no_other_frame(
    polished: tuple[list[Look], Bool[np.ndarray, "h w"]],
) -> None:
    (before, target, after), _ = polished
    everything = TripletRule("fixed", 10.0)
    assert not mined_mask(target, [], CAMERA, everything).any()
    metres = target.depth.metres.copy()
    metres[40:60] = 0
    mask = mined_mask(target._replace(depth=DepthMap.of_positive(metres)), [before, after], CAMERA, everything)
    assert mask.any() and not mask[40:60].any()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    wall = write_glare_wall(tmp_path_factory.mktemp("mined") / "wall", frames=6)
    return label(open_sequence(wall), TEACHERS, wall.parent / "run", SETTINGS).run


def test_a_run_says_how_well_its_masks_find_what_is_reflective(run: RunFolder) -> None:
    detected = run.manifest().stages["mine"].result["detected"]
    names = [f"{number:03d}" for number in range(6)]
    masks = np.stack([read_png8(run.layer(MINED, name)) > 0 for name in names])
    regions = np.stack([read_png8(run.layer("regions", name)) > 0 for name in names])
    found = Detection.from_json(detected["reflective"])
    assert found == Detection(int(masks.sum()), int(regions.sum()), int((masks & regions).sum()), masks.size)
    assert found.precision == pytest.approx(regions[masks].mean()) and found.recall == pytest.approx(
        masks[regions].mean()
    )
    assert detected["highlight"] == found.to_json()  # on this wall they are one


def test_mining_again_writes_nothing_and_another_strategy_uses_what_is_there(run: RunFolder, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (run.root / MINED).iterdir()}
    wall = open_sequence(run.root.parent / "wall")
    for settings in (SETTINGS, replace(SETTINGS, strategy=ByMask(), mine=False)):
        label(wall, TEACHERS, run.root, settings)
    assert before == {path: path.stat().st_mtime_ns for path in (run.root / MINED).iterdir()}


def test_an_empty_mask_has_no_precision_and_where_nothing_mirrors_there_is_no_recall() -> None:
    nothing, all_of_it = np.zeros((2, 3), dtype=bool), np.ones((2, 3), dtype=bool)
    assert np.isnan(Detection.of(nothing, all_of_it).precision) and Detection.of(nothing, all_of_it).recall == 0
    assert np.isnan(Detection.of(all_of_it, nothing).recall) and Detection.of(all_of_it, nothing).precision == 0
