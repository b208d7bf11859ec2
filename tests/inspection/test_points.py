"""One pixel: its values are those on disk, its place and normal follow from formulas, and who sees it from rays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plain_scenes import CAMERA
from screened_wall import EYE_M, HALF_M, SCREEN_M, SIGMA_M, STEP_M, ScreenedWall

from deglare.data.files import read_depth, read_png8, read_png16, write_image
from deglare.errors import DataError, RequestError
from deglare.fusion.strategies import STRATEGIES, ByUncertainty
from deglare.inspection.picking import pick
from deglare.inspection.points import PointReport, inspect_point
from deglare.inspection.run import InspectedRun
from deglare.inspection.seeing import Xyz, as_xyz

MIDDLE = 4
"""The frame before the screen."""


def pixel_of(xyz: tuple[float, float, float], number: int) -> tuple[int, int]:
    """The nearest pixel of a place in a frame."""
    pose = ScreenedWall().pose(number)
    x, y = np.rint(CAMERA.project(pose[:3, :3].T @ (np.array(xyz) - pose[:3, 3]))).astype(int)
    return int(x), int(y)


def wall_point(run: InspectedRun, number: int, x: float, z: float = 0.0, **options) -> PointReport:
    """A place on the wall, as a frame sees it."""
    return inspect_point(run, number, *pixel_of((x, 0.0, z), number), **options)


def assert_at(found: Xyz | None, expected: tuple[float, float, float], within: float) -> None:
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=within)


def value(report: PointReport, name: str, teacher: str | None = None) -> float | None:
    return next(one.metres for one in report.values if (one.name, one.teacher) == (name, teacher))


def test_a_pixel_of_the_wall_lies_on_the_wall_and_faces_the_room(wall_run: InspectedRun) -> None:
    surface = wall_point(wall_run, 6, 1.5, 0.5).surface
    assert surface is not None and surface.surface_from == "projected"
    assert_at(surface.xyz, (1.5, 0, 0.5), EYE_M / 80)
    assert abs(surface.xyz[1]) < 1e-3
    assert_at(surface.normal, (0, 1, 0), 1e-6)
    eye = ScreenedWall().pose(6)[:3, 3]
    away = eye - surface.xyz
    assert surface.angle_deg == pytest.approx(np.degrees(np.arccos(away[1] / np.linalg.norm(away))), abs=1e-3)


def test_a_pixel_of_the_screen_lies_on_the_screen(wall_run: InspectedRun) -> None:
    surface = inspect_point(wall_run, MIDDLE, 47, 36).surface
    assert surface is not None and surface.xyz[1] == pytest.approx(SCREEN_M, abs=1e-3)
    reach_m = (EYE_M - SCREEN_M) * 47 / CAMERA.fx
    assert [view.frame for view in surface.views] == [i for i in range(9) if abs(STEP_M * (i - MIDDLE)) < reach_m]
    assert surface.hidden_in == 0


@pytest.mark.parametrize("frame, x, y", [(0, 10, 10), (3, 90, 60), (MIDDLE, 47, 36), (8, 0, 71)])
def test_values_are_those_on_disk(wall_run: InspectedRun, frame: int, x: int, y: int) -> None:
    report, name, folder = inspect_point(wall_run, frame, x, y), wall_run.names[frame], wall_run.folder
    files = {
        ("predicted", "near"): folder.predicted("near", name),
        ("predicted", "far"): folder.predicted("far", name),
        ("projected", None): folder.layer("projected", name),
        ("fused", None): folder.layer("fused", name),
        ("truth", None): folder.layer("depth", name),
    }
    assert [(one.name, one.teacher) for one in report.values] == list(files)
    true_m = read_depth(folder.layer("depth", name)).metres[y, x]
    for one in report.values:
        metres = read_depth(files[one.name, one.teacher]).metres[y, x]
        assert one.metres == pytest.approx(metres, abs=1e-6)
        assert one.error_m == (None if one.name == "truth" else pytest.approx(metres - true_m, abs=2e-6))
    assert report.sigma_m == pytest.approx(read_png16(folder.layer("uncertainty", name))[y, x] / 1000)
    assert report.source == ["dropped", "predicted", "projected"][read_png8(folder.layer("source", name))[y, x]]


def test_region_and_material_are_named(wall_run: InspectedRun) -> None:
    found = [(report.region, report.material) for report in (inspect_point(wall_run, 0, 5, y) for y in (23, 24, 48))]
    assert found == [("other", "MATTE"), ("reflective", "GLOSSY"), ("highlight", "GLOSSY")]


@pytest.mark.parametrize("x, z", [(0.0, 0.0), (0.3, 0.1), (-0.35, -0.2), (1.2, 0.4), (0.9, 0.0)])
def test_frames_whose_view_the_screen_blocks_are_not_listed(wall_run: InspectedRun, x: float, z: float) -> None:
    places = [ScreenedWall().pose(number)[:3, 3] for number in range(9)]
    share = SCREEN_M / EYE_M  # of the way from the wall to the eye
    passes = [(x + share * (place[0] - x), z + share * (place[2] - z)) for place in places]
    clear = [max(abs(px), abs(pz)) > HALF_M for px, pz in passes]
    assert all(abs(max(abs(px), abs(pz)) - HALF_M) > 0.02 for px, pz in passes), "no ray grazes the screen's edge"
    inside = [all(0 <= at < side for at, side in zip(pixel_of((x, 0, z), i), (96, 72), strict=True)) for i in range(9)]
    expected = [i for i in range(9) if clear[i] and inside[i]]
    surface = wall_point(wall_run, expected[0], x, z).surface
    assert surface is not None and [view.frame for view in surface.views] == expected
    assert surface.hidden_in == sum(inside) - len(expected)


def test_each_view_says_what_is_predicted_there_and_how_far_off_that_is(wall_run: InspectedRun) -> None:
    surface = wall_point(wall_run, 6, 1.2, 0.3).surface
    assert surface is not None and len(surface.views) > 4
    for view in surface.views:
        assert view.name == wall_run.names[view.frame]
        assert (view.x, view.y) == pixel_of(surface.xyz, view.frame)
        assert view.surface_m == pytest.approx(EYE_M, abs=1e-3)
        predicted = read_depth(wall_run.folder.predicted("near", view.name)).metres[view.y, view.x]
        assert view.metres == pytest.approx(predicted, abs=1e-6)
        assert view.residual_m == pytest.approx(0.02, abs=2e-3)
        away = ScreenedWall().pose(view.frame)[:3, 3] - surface.xyz
        assert view.angle_deg == pytest.approx(np.degrees(np.arccos(away[1] / np.linalg.norm(away))), abs=1e-3)


def test_another_teacher_is_compared_between_views(wall_run: InspectedRun) -> None:
    surface = wall_point(wall_run, 6, 1.2, 0.3, teacher="far").surface
    assert surface is not None
    assert all(view.residual_m == pytest.approx(0.5, abs=2e-3) for view in surface.views)
    assert {view.believed for view in surface.views if view.fused_in_mesh} == {True}  # the base's votes, not its own


def test_votes_beyond_the_clip_are_not_believed(tmp_path: Path) -> None:
    scene = ScreenedWall(too_far_m={2: 0.09, 3: 0.5, 4: 0.11, 6: -0.3})
    run = InspectedRun.open(scene.made().write(tmp_path / "run"))
    surface = wall_point(run, 6, 1.05, 0.7).surface
    assert surface is not None
    found = {view.frame: view.believed for view in surface.views}
    assert found == {2: True, 3: None, 4: False, 5: None, 6: False, 7: None, 8: True}
    assert [view.frame for view in surface.views if view.fused_in_mesh] == [2, 4, 6, 8]


def test_a_pixel_without_projected_depth_is_placed_by_the_next_best(
    wall_folder: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(wall_folder)
    holes = read_png16(folder / "projected" / "001.png")
    holes[30:40] = 0
    write_image(folder / "projected" / "001.png", holes)
    run = InspectedRun.open(folder)
    report = inspect_point(run, 1, 60, 35)
    assert report.surface is not None and report.surface.surface_from == "fused"
    assert value(report, "projected") is None and report.surface.xyz[1] == pytest.approx(0, abs=2e-3)
    moved = read_png16(folder / "predicted" / "near" / "001.png")
    moved[:] = 5000
    for layer in ("predicted/near", "fused"):
        write_image(folder / layer / "001.png", moved)
    run = InspectedRun.open(folder)
    off = inspect_point(run, 1, 60, 35).surface
    assert off is not None and off.xyz[1] == pytest.approx(-2, abs=1e-3)  # behind the wall
    assert [view.frame for view in off.views] == [1] and off.hidden_in > 0
    assert_at(off.normal, (0, 1, 0), 1e-2)  # read off depth


def test_a_pixel_without_any_depth_has_no_surface(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    for layer in ("predicted/near", "predicted/far", "projected", "fused", "depth"):
        write_image(folder / layer / "001.png", np.zeros(CAMERA.size_hw, dtype=np.uint16))
    write_image(folder / "uncertainty" / "001.png", np.full(CAMERA.size_hw, 65535, dtype=np.uint16))
    report = inspect_point(InspectedRun.open(folder), 1, 20, 35)
    assert report.surface is None and report.sigma_m is None
    assert all(one.metres is None and one.error_m is None for one in report.values)
    found = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert found["xyz"] is None and found["views"] == [] and found["surface_from"] is None


def test_a_strategy_decides_what_is_fused_and_from_where(wall_run: InspectedRun) -> None:
    at = (1, 20, 35)
    labelled = inspect_point(wall_run, *at)
    assert labelled.source == "projected" and SIGMA_M >= 0.4
    assert inspect_point(wall_run, *at, "labelled") == labelled
    kept = inspect_point(wall_run, *at, "uncertainty", alpha=0.6)
    assert kept.source == "predicted" and value(kept, "fused") == value(kept, "predicted", "near")
    assert inspect_point(wall_run, *at, ByUncertainty(0.6)) == kept
    taken = inspect_point(wall_run, *at, "uncertainty", alpha=0.5)
    assert taken.source == "projected" and value(taken, "fused") == value(taken, "projected")
    other = inspect_point(wall_run, *at, "predicted", teacher="far")
    assert value(other, "fused") == value(other, "predicted", "far")
    half = inspect_point(wall_run, *at, "blend")  # the uncertainty is its own median: half of the way
    middle = (value(half, "predicted", "near") or 0) / 2 + (value(half, "projected") or 0) / 2
    assert half.source == "blended" and value(half, "fused") == pytest.approx(middle, abs=1e-5)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if not STRATEGIES[name].needs.mask])
def test_every_strategy_gives_json_without_holes(wall_run: InspectedRun, name: str) -> None:
    report = inspect_point(wall_run, 3, 60, 20, name)
    found = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert set(found) == {
        "frame", "x", "y", "xyz", "normal", "angle_deg", "values", "sigma_m", "source", "region", "material",
        "surface_from", "views", "hidden_in",
    }  # fmt: skip
    assert found["views"] and found["views"][0].keys() == {
        "frame", "name", "x", "y", "metres", "surface_m", "residual_m", "angle_deg", "fused_in_mesh", "believed",
        "thumb",
    }  # fmt: skip


def test_without_truth_there_are_no_errors_and_no_regions(tmp_path: Path) -> None:
    run = InspectedRun.open(ScreenedWall(has_truth=False).made().write(tmp_path / "run"))
    report = inspect_point(run, 1, 20, 35)
    assert report.region is None and report.material is None
    assert all(one.error_m is None for one in report.values) and value(report, "truth") is None


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"frame": 9}, "no frame 9"),
        ({"frame": -1}, "no frame -1"),
        ({"frame": "../000"}, "no frame"),
        ({"x": 96}, r"pixel \(96, 35\) lies outside"),
        ({"y": -1}, "lies outside"),
        ({"teacher": "nobody"}, "none of the teachers near, far"),
        ({"strategy": "magic"}, "no strategy 'magic'"),
        ({"strategy": "uncertainty", "alpha": -1.0}, "at least 0"),
        ({"strategy": "uncertainty", "alpha": float("nan")}, "at least 0"),
        ({"strategy": "mask"}, "mask"),
    ],
)
def test_what_is_not_there_is_one_sentence(wall_run: InspectedRun, asked: dict[str, object], said: str) -> None:
    given = {"frame": 1, "x": 20, "y": 35, **asked}
    with pytest.raises(RequestError, match=said):
        inspect_point(wall_run, **given)  # type: ignore[arg-type]


def test_a_material_of_another_list_is_refused(wall_folder: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(wall_folder)
    write_image(folder / "material" / "001.png", np.full(CAMERA.size_hw, 77, dtype=np.uint8))
    with pytest.raises(DataError, match="material 77"):
        inspect_point(InspectedRun.open(folder), 1, 20, 35)


def test_a_camera_behind_the_wall_does_not_see_its_front(tmp_path: Path) -> None:
    made = ScreenedWall().made()
    behind = np.eye(4)
    behind[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    behind[:3, 3] = 1.0, -3.0, 0.0  # looks along +y
    frames = {**made.frames, "behind": replace(made.frames["000"], world_T_cam=behind)}
    run = InspectedRun.open(replace(made, frames=frames).write(tmp_path / "run"))
    surface = wall_point(run, 6, 1.2, 0.3).surface
    assert surface is not None and "behind" not in [view.name for view in surface.views]


def test_a_ray_at_the_mesh_finds_place_frame_and_pixel(wall_run: InspectedRun) -> None:
    eye, target = np.array([1.0, 2.5, 0.2]), np.array([1.2, 0.0, 0.3])
    found = pick(wall_run, (1.0, 2.5, 0.2), as_xyz(7 * (target - eye)))
    assert found.hit and found.frame is not None
    assert_at(found.xyz, as_xyz(target), 1e-5)
    assert (found.x, found.y) == pixel_of((1.2, 0.0, 0.3), found.frame)
    ray = target - eye
    looks = [target - ScreenedWall().pose(number)[:3, 3] for number in range(9)]
    along = [look @ ray / np.linalg.norm(look) for look in looks]
    assert found.frame == int(np.argmax(along))
    preferred = pick(wall_run, (1.0, 2.5, 0.2), as_xyz(ray), frame=3)
    assert preferred.frame == 3 and (preferred.x, preferred.y) == pixel_of((1.2, 0.0, 0.3), 3)


def test_a_frame_that_does_not_see_the_place_is_not_preferred(wall_run: InspectedRun) -> None:
    found = pick(wall_run, (0.0, 0.5, 0.0), (0.0, -1.0, 0.0), frame=MIDDLE)  # from behind the screen
    assert found.hit and found.frame is not None and found.frame != MIDDLE
    assert abs(STEP_M * (found.frame - MIDDLE)) > 3 * HALF_M


def test_a_place_that_no_frame_sees_has_none(wall_run: InspectedRun) -> None:
    found = pick(wall_run, (15.0, 1.0, 15.0), (0.0, -1.0, 0.0))
    assert found.hit and found.xyz is not None and found.frame is None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["x"] is None


def test_a_ray_into_nothing_hits_nothing(wall_run: InspectedRun) -> None:
    assert pick(wall_run, (0.0, 2.0, 0.0), (0.0, 1.0, 0.0)).to_json() == {
        "hit": False, "xyz": None, "frame": None, "x": None, "y": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "origin, direction", [((0.0, 0.0, 0.0),) * 2, ((np.nan, 0, 0), (1, 0, 0)), ((0, 0, 0), (np.inf, 0, 0))]
)
def test_what_is_no_ray_is_refused(wall_run: InspectedRun, origin, direction) -> None:
    with pytest.raises(RequestError, match="no ray"):
        pick(wall_run, as_xyz(np.array(origin, dtype=float)), as_xyz(np.array(direction, dtype=float)))
