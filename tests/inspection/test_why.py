"""Why: on a polished floor the loss is least at the mirrored lamp, on a matte one at the floor."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from known_meshes import from_depth
from made_runs import MadeFrame, MadeRun
from mirrored_lamp import CAMERA, POLISHED, specular_share, views
from PIL import Image

from deglare.data.files import read_rgb, write_image
from deglare.errors import DataError, RequestError
from deglare.fusion.settings import MeshSettings
from deglare.geometry.projection import stack_intrinsics
from deglare.inspection.run import InspectedRun
from deglare.inspection.sources import NoNeighboursError, sources_of
from deglare.inspection.why import SWEEP, LossCurve, loss_curve
from deglare.losses.sweep import error_along_rays, sweep_depths
from deglare.rooms.render import Rendering
from deglare.rooms.scene import Finish
from deglare.types import DepthMap, inverse_rigid

Scene = tuple[InspectedRun, list[Rendering]]


def scene(finish: Finish, root: Path) -> Scene:
    """A run of three views of the floor whose every depth is the truth; the colours go through JPEG as in any run."""
    frames, seen = views(finish)
    made: dict[str, MadeFrame] = {}
    for frame, rendering in zip(frames, seen, strict=True):
        truth = DepthMap.of_positive(rendering.depth_m[0].numpy())
        assert frame.world_T_cam is not None
        made[frame.name] = MadeFrame(
            frame.world_T_cam, {"right": truth}, truth, np.zeros(CAMERA.size_hw), frame.rgb(), truth
        )
    first = made["0"]
    mesh = from_depth(first.projected, CAMERA, first.world_T_cam, step=4)
    return InspectedRun.open(MadeRun(CAMERA, made, mesh, MeshSettings(every=1)).write(root)), seen


@pytest.fixture(scope="module")
def polished(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(POLISHED, tmp_path_factory.mktemp("why") / "polished")


@pytest.fixture(scope="module")
def matte(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene(Finish(), tmp_path_factory.mktemp("why") / "matte")


def spread_over(mask: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Some pixels (x, y) of a mask."""
    rows, columns = np.nonzero(mask)
    chosen = np.linspace(0, len(rows) - 1, count).astype(int)
    return [(int(columns[one]), int(rows[one])) for one in chosen]


def test_on_a_highlight_the_loss_is_least_at_the_mirrored_lamp_and_not_at_the_surface(polished: Scene) -> None:
    run, seen = polished
    surface, lamp = seen[1].depth_m[0].numpy(), seen[1].virtual_m[0].numpy()
    fooled = 0
    pixels = spread_over(specular_share(seen[1]) > 0.6, 12)
    for x, y in pixels:
        best = loss_curve(run, 1, x, y).best_m
        assert best is not None
        off_lamp, off_surface = abs(1 / best - 1 / lamp[y, x]), abs(1 / best - 1 / surface[y, x])
        fooled += off_lamp < 0.25 * off_surface
    assert fooled >= 10


def test_on_a_matte_floor_the_loss_is_least_at_the_floor(matte: Scene) -> None:
    run, seen = matte
    surface = seen[1].depth_m[0].numpy()
    inner = np.zeros(CAMERA.size_hw, dtype=bool)
    inner[30:95, 30:130] = True
    off = [abs((loss_curve(run, 1, x, y).best_m or 0) / surface[y, x] - 1) for x, y in spread_over(inner, 40)]
    assert np.median(off) < 0.1  # its pattern is weak, and JPEG takes a part of that


def test_the_curve_is_that_of_the_whole_sweep(polished: Scene) -> None:
    run, _ = polished
    found = loss_curve(run, 1, 80, 60)
    target, *sources = (
        torch.from_numpy(read_rgb(run.folder.color(name)).copy()).permute(2, 0, 1) / 255 for name in ("1", "0", "2")
    )
    poses = [inverse_rigid(run.poses[name]) @ run.poses["1"] for name in ("0", "2")]
    depths = sweep_depths(SWEEP.near_m, SWEEP.far_m, SWEEP.steps)
    whole = error_along_rays(
        target, torch.stack(sources), torch.tensor(np.stack(poses), dtype=torch.float32),
        stack_intrinsics([CAMERA])[0], depths, SWEEP.window,
    )[:, 60, 80]  # fmt: skip
    np.testing.assert_allclose(found.depths_m, depths.numpy(), atol=1e-4)
    known = [error is not None for error in found.errors]
    assert sum(known) > 60
    np.testing.assert_allclose(np.array(found.errors)[known].astype(float), whole.numpy()[known], atol=2e-5)


def test_marks_are_what_the_layers_say(polished: Scene) -> None:
    run, seen = polished
    truth = round(float(seen[1].depth_m[0, 60, 80]), 3)
    assert loss_curve(run, 1, 80, 60).marks == pytest.approx(
        dict.fromkeys(("predicted", "projected", "fused", "truth"), truth)
    )


def picture(url: str) -> np.ndarray:
    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_patches_show_that_the_wrong_depth_matches_better(polished: Scene) -> None:
    run, seen = polished
    better = 0
    pixels = spread_over(specular_share(seen[1]) > 0.6, 6)
    for x, y in pixels:
        curve = loss_curve(run, 1, x, y)
        target = picture(curve.target).astype(int)
        assert target.shape == (33, 33, 3)
        np.testing.assert_array_equal(target[16, 16], read_rgb(run.folder.color("1"))[y, x])
        by_what = {one.what: one for one in curve.patches}
        assert by_what["surface"].metres == curve.marks["truth"] and by_what["minimum"].metres == curve.best_m
        off = {
            what: min(np.abs(picture(url)[12:21, 12:21] - target[12:21, 12:21]).mean() for url in one.images)
            for what, one in by_what.items()
        }
        better += off["minimum"] < off["surface"]
    assert better >= 5


def test_patches_at_the_truth_show_the_same_place_on_a_matte_floor(matte: Scene) -> None:
    run, _ = matte
    curve = loss_curve(run, 1, 80, 70)
    target = picture(curve.target)[12:21, 12:21].astype(int)
    for url in curve.patches[0].images:
        assert np.abs(picture(url)[12:21, 12:21] - target).mean() < 6


def test_the_frames_compared_are_the_ones_before_and_after(polished: Scene) -> None:
    run, _ = polished
    assert loss_curve(run, 1, 80, 60).sources == ((0, "0"), (2, "2"))
    assert loss_curve(run, 0, 80, 60).sources == ((1, "1"), (2, "2"))  # none before: the next nearest


def test_json_has_no_holes(polished: Scene) -> None:
    run, _ = polished
    found = json.loads(json.dumps(loss_curve(run, 0, 0, 0).to_json(), allow_nan=False))
    assert set(found) == {"depths_m", "errors", "best_m", "marks", "sources", "patches"}
    assert len(found["depths_m"]) == len(found["errors"]) == SWEEP.steps
    assert found["depths_m"] == sorted(found["depths_m"])
    assert set(found["patches"]) == {"target", "at"}


def test_the_least_loss_is_the_least_that_is_seen(glare_run: InspectedRun) -> None:
    def least(curve: LossCurve) -> float:
        known = [(error, depth) for error, depth in zip(curve.errors, curve.depths_m, strict=True) if error is not None]
        return min(known)[1]

    for x, y in ((5, 5), (48, 32), (95, 63)):
        curve = loss_curve(glare_run, 5, x, y)
        assert curve.best_m is not None
        steps = 1 / np.array(curve.depths_m)
        assert abs(1 / curve.best_m - 1 / least(curve)) <= (steps[0] - steps[-1]) / (SWEEP.steps - 1) + 1e-4


def moved(run: InspectedRun, places: list[float]) -> InspectedRun:
    """The same frames elsewhere along x."""
    poses = {}
    for (name, pose), place in zip(run.poses.items(), places, strict=True):
        poses[name] = pose.copy()
        poses[name][0, 3] = place
    return replace(run, poses=poses)


def test_without_the_papers_steps_the_nearest_usable_frames_are_taken(glare_run: InspectedRun) -> None:
    assert sources_of(moved(glare_run, [0.2 * number for number in range(12)]), 5) == (4, 6)
    assert sources_of(moved(glare_run, [0.001 * number**2 for number in range(12)]), 0) == (8, 9)  # slowly at first
    assert sources_of(moved(glare_run, [0.4 * number for number in range(12)]), 0) == (1,)


def test_a_frame_without_neighbours_is_one_sentence(glare_run: InspectedRun) -> None:
    far = moved(glare_run, [3.0 * number for number in range(12)])
    with pytest.raises(NoNeighboursError, match="frame 005 has no neighbour"):
        loss_curve(far, 5, 3, 3)
    still = moved(glare_run, [0.0] * 12)
    with pytest.raises(NoNeighboursError, match="choose another frame"):
        loss_curve(still, 5, 3, 3)


@pytest.mark.parametrize(
    "asked, said", [({"frame": 12}, "no frame 12"), ({"x": 96}, "outside"), ({"teacher": "nobody"}, "none of")]
)
def test_what_is_not_there_is_one_sentence(glare_run: InspectedRun, asked: dict[str, object], said: str) -> None:
    given = {"frame": 5, "x": 3, "y": 3, **asked}
    with pytest.raises(RequestError, match=said):
        loss_curve(glare_run, **given)  # type: ignore[arg-type]


def test_an_image_that_is_gone_is_named(glare_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(glare_folder)
    run = InspectedRun.open(folder)
    (folder / "color" / "006.jpg").unlink()
    with pytest.raises(DataError, match=r"color/006.jpg of glare is gone"):
        loss_curve(run, 5, 3, 3)
    write_image(folder / "color" / "006.jpg", np.zeros((10, 10, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="10x10"):
        loss_curve(run, 5, 3, 3)
