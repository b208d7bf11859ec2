"""The page of a run: what it shows, and of which frames."""

from pathlib import Path

import numpy as np
import pytest
from glare import TEACHERS, highlight_of, write_glare_wall

from deglare.data.opening import open_sequence
from deglare.data.run_folder import RunFolder
from deglare.fusion.labelling import label
from deglare.fusion.settings import LabelSettings, MeshSettings
from deglare.fusion.showing import depth_range, frames_worth_showing, layers_of, panes, run_sheet


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("shown")
    wall = open_sequence(write_glare_wall(root / "wall"))
    return label(wall, TEACHERS, root / "run", LabelSettings(mesh=MeshSettings(every=1))).run


def test_what_fusion_moved_is_the_highlight(run: RunFolder) -> None:
    layers = layers_of(run, "deep", "004")
    highlight = highlight_of(layers.rgb)
    assert highlight.any() and np.median(layers.moved_m[highlight]) > 1.8
    assert layers.moved_m[~highlight].max() < 0.01


def test_the_errors_are_shown_where_truth_is_known(run: RunFolder) -> None:
    shown = depth_range(run, "deep")
    titles = [title for title, _ in panes(layers_of(run, "deep", "004"), shown)]
    assert titles[-2:] == ["error of predicted", "error of fused"] and "reflective" in titles
    run.layer("depth", "005").unlink()
    assert not any("error" in title for title, _ in panes(layers_of(run, "deep", "005"), shown))


def test_one_range_of_colours_holds_predictions_and_truth(run: RunFolder) -> None:
    shown = depth_range(run, "deep")
    assert shown.near_m == pytest.approx(2.0, abs=0.01) and shown.far_m == pytest.approx(4.0, abs=0.01)


def test_the_page_has_a_row_for_every_frame(run: RunFolder) -> None:
    names = frames_worth_showing(run, 3)
    assert len(names) == 3 and names == sorted(names)
    one, three = (run_sheet(run, "deep", chosen, width=64).shape[0] for chosen in (names[:1], names))
    assert three - one == 2 * (one - 26)  # 26 pixels of titles


def test_without_masks_frames_are_spread_evenly(tmp_path: Path) -> None:
    wall = write_glare_wall(tmp_path / "wall", frames=7)
    for path in (wall / "regions").iterdir():
        path.unlink()
    found = label(open_sequence(wall), TEACHERS, tmp_path / "run", LabelSettings(mesh=MeshSettings(every=1))).run
    assert frames_worth_showing(found, 3) == ["000", "003", "006"]
