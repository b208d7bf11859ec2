"""Opening a run: what it says of itself, and one good sentence for everything that can be wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glare import TEACHERS, write_glare_wall
from screened_wall import SIGMA_M, ScreenedWall

from deglare.data.files import read_depth
from deglare.data.opening import open_sequence
from deglare.data.run_folder import RunFolder
from deglare.errors import DataError, RequestError
from deglare.fusion.evidence import Levels, Needs
from deglare.fusion.labelling import label
from deglare.fusion.levels import levels_of
from deglare.fusion.relabelling import RunEvidence, relabel
from deglare.fusion.strategies import Blend, ByUncertainty
from deglare.inspection.caching import ArrayCache
from deglare.inspection.levels import MEDIANS, levels_for, sampled_levels
from deglare.inspection.run import InspectedRun
from deglare.networks.disparity import INDOOR

Copy = Callable[[Path], Path]


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit run.json."""
    content = json.loads((folder / "run.json").read_text())
    edit(content)
    (folder / "run.json").write_text(json.dumps(content))


def test_a_run_says_what_it_is(glare_run: InspectedRun) -> None:
    assert glare_run.name == "glare" and glare_run.names == tuple(f"{number:03d}" for number in range(12))
    assert glare_run.teachers == ("deep", "deeper") and glare_run.base == "deep"
    assert glare_run.strategy == "uncertainty" and glare_run.making.strategy == ByUncertainty(0.4)
    assert glare_run.camera.size_hw == (64, 96) and glare_run.projected_range == INDOOR
    assert glare_run.making.mesh.every == 2
    assert glare_run.has_truth and glare_run.has_regions and glare_run.has_specular and not glare_run.has_materials
    assert [pose[0, 3] for pose in glare_run.poses.values()] == pytest.approx([0.06 * number for number in range(12)])


def test_frames_are_known_by_number_and_name(glare_run: InspectedRun) -> None:
    assert glare_run.frame(3) == glare_run.frame("003") == "003"
    for wrong in (12, -1, "12", "../run.json", ""):
        with pytest.raises(RequestError, match="no frame"):
            glare_run.frame(wrong)


def test_levels_are_those_of_the_whole_of_a_short_run(glare_run: InspectedRun) -> None:
    reader = RunEvidence(glare_run.folder, glare_run.camera, glare_run.poses, glare_run.base)
    expected = levels_of(MEDIANS, (reader.of(name, MEDIANS) for name in glare_run.names))
    assert glare_run.levels == expected
    assert expected.sigma_m == 0 and expected.gap is not None


def test_levels_that_the_labels_were_made_with_are_taken_as_they_are(tmp_path: Path) -> None:
    made = replace(ScreenedWall(strategy=Blend("both")).made(), levels=Levels(0.123, 0.045))
    run = InspectedRun.open(made.write(tmp_path / "run"))
    assert run.strategy == "blend-both" and run.levels == Levels(0.123, 0.045)
    other = levels_for(run, Needs(uncertainty=True, sigma_quantile=0.9))  # another quantile than theirs
    assert other.sigma_m == pytest.approx(SIGMA_M, rel=2e-3) and other.gap is None
    assert levels_for(run, Needs()) == Levels()


def test_long_runs_are_sampled_the_same_way_every_time(tmp_path: Path) -> None:
    run = InspectedRun.open(ScreenedWall(frames=130).made().write(tmp_path / "run"))
    reader = RunEvidence(run.folder, run.camera, run.poses, run.base)
    every_third = levels_of(MEDIANS, (reader.of(name, MEDIANS) for name in run.names[::3]))
    assert sampled_levels(run, MEDIANS) == every_third == run.levels == InspectedRun.open(run.root).levels


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"is no run: it has no run.json; make one with deglare label"):
            InspectedRun.open(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", '{"schema": 1}', '{"schema": "1"}', "[" * 100_000, '{"schema": 1, "camera": []}'],
)
def test_a_damaged_manifest_is_told(wall_folder: Path, copy_of: Copy, text: str) -> None:
    folder = copy_of(wall_folder)
    (folder / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"damaged.*make the run again"):
        InspectedRun.open(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda run: run["stages"]["predict"]["settings"].pop("teachers"),
        lambda run: run["stages"]["predict"]["settings"].update(teachers=[3]),
        lambda run: run["stages"]["predict"]["settings"].update(teachers=[]),
        lambda run: run["stages"]["mesh"]["settings"].pop("base"),
        lambda run: run["stages"]["mesh"]["settings"].update(base="nobody"),
        lambda run: run["stages"]["mesh"]["settings"].update(every="all"),
        lambda run: run["stages"]["mesh"]["settings"].update(volume=7),
        lambda run: run["stages"]["fuse"]["settings"].update(strategy="blend"),
        lambda run: run["stages"]["fuse"]["settings"].update(strategy={"kind": "Magic"}),
        lambda run: run["stages"]["fuse"]["settings"].pop("projected_range_m"),
        lambda run: run["stages"]["fuse"]["result"].update(levels={"sigma_m": "much"}),
        lambda run: run["stages"]["fuse"]["result"].update(levels=[3]),
        lambda run: run["frames"][0].update(world_T_cam=None),
        lambda run: run["frames"][0].update(world_T_cam=[[1, 2], [3, 4]]),
        lambda run: run["frames"][0].update(name="../../etc"),
        lambda run: run["camera"].update(fx=0),
        lambda run: run["stages"]["predict"].update(settings=[]),
        lambda run: run.update(frames=[]),
    ],
)
def test_a_manifest_that_makes_no_sense_is_one_sentence(wall_folder: Path, copy_of: Copy, edit) -> None:
    folder = copy_of(wall_folder)
    change(folder, edit)
    with pytest.raises(DataError) as told:
        InspectedRun.open(folder)
    assert "\n" not in str(told.value)


def test_a_newer_run_asks_for_a_newer_deglare(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    change(folder, lambda run: run.update(schema=99))
    with pytest.raises(DataError, match="newer than 1: update deglare"):
        InspectedRun.open(folder)


@pytest.mark.parametrize("stage", ["frames", "predict", "mesh", "project", "fuse"])
def test_a_stage_that_is_not_finished_is_named(wall_folder: Path, copy_of: Copy, stage: str) -> None:
    folder = copy_of(wall_folder)
    change(folder, lambda run: run["stages"][stage].update(is_finished=False))
    with pytest.raises(DataError, match=f"half-written: '{stage}' is not finished; run the same deglare label line"):
        InspectedRun.open(folder)


def test_a_stage_that_was_never_begun_is_named(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    change(folder, lambda run: run["stages"].pop("mesh"))
    with pytest.raises(DataError, match="'mesh' is not finished"):
        InspectedRun.open(folder)


def test_a_run_that_was_never_fused_is_shown_without_labels(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    change(folder, lambda run: run["stages"].pop("fuse"))
    run = InspectedRun.open(folder)
    assert run.strategy is None and not run.has_fused
    layers = run.layers(0)
    assert layers.fused is None and layers.source is None and layers.truth is not None
    assert run.levels.sigma_m == pytest.approx(SIGMA_M, rel=2e-3)


@pytest.mark.parametrize(
    "path", ["color/003.jpg", "predicted/far/003.png", "projected/003.png", "source/003.png", "mesh.ply"]
)
def test_a_file_that_is_missing_is_named(wall_folder: Path, copy_of: Copy, path: str) -> None:
    folder = copy_of(wall_folder)
    (folder / path).unlink()
    with pytest.raises(DataError, match=rf"wall lacks 1 of the files in .*\({Path(path).name}\)"):
        InspectedRun.open(folder)


def test_truth_that_some_frames_lack_is_not_shown(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    (folder / "depth" / "003.png").unlink()
    run = InspectedRun.open(folder)
    assert not run.has_truth and run.layers(0).truth is None


def test_a_run_that_is_deleted_while_open_is_told(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    run = InspectedRun.open(folder)
    shutil.rmtree(folder)
    for ask in (lambda: run.layers(0), run.mesh, run.projector, lambda: run.levels):
        with pytest.raises(DataError, match="of wall is gone: was the run moved or deleted while it was open"):
            ask()
    with pytest.raises(DataError, match="is no run"):
        run.current()


def test_a_mesh_that_is_damaged_is_told(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    run = InspectedRun.open(folder)
    (folder / "mesh.ply").write_bytes(b"ply nothing")
    with pytest.raises(DataError, match="PLY"):
        run.projector()


def test_current_is_the_same_run_until_it_is_written(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    run = InspectedRun.open(folder)
    assert run.current() is run
    before = run.layers(0).source
    assert before is not None
    run.projector()
    relabel(RunFolder(folder), Blend())
    fresh = run.current()
    assert fresh is not run and fresh.version != run.version
    assert fresh.strategy == "blend" and run.strategy == "uncertainty"
    after = fresh.layers(0).source
    assert after is not None and not np.array_equal(after, before)
    assert fresh.projector() is run.projector()  # the surface is the same
    assert fresh.current() is fresh


def test_versions_never_come_back(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    seen = {InspectedRun.open(folder).version}
    for strategy in (Blend(), ByUncertainty(), Blend()):
        relabel(RunFolder(folder), strategy)
        seen.add(InspectedRun.open(folder).version)
    assert len(seen) == 4


def test_another_mesh_is_read_anew(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    run = InspectedRun.open(folder)
    run.mesh()
    change(folder, lambda made: made["stages"]["mesh"]["settings"].update(every=3))
    fresh = run.current()
    assert fresh.making.mesh.every == 3 and fresh.kept is not run.kept


def test_while_labels_are_made_the_run_is_as_it_was(wall_folder: Path, copy_of: Copy) -> None:
    folder = copy_of(wall_folder)
    run = InspectedRun.open(folder)
    before = [run.layers(name).source for name in run.names]

    def look(done: int, total: int) -> None:
        assert run.current() is run
        np.testing.assert_array_equal(run.layers(done % total).source, before[done % total])

    relabel(RunFolder(folder), Blend(), progress=look)
    assert run.current().strategy == "blend"


def test_several_threads_see_the_same(wall_run: InspectedRun) -> None:
    fresh = InspectedRun.open(wall_run.root)
    with ThreadPoolExecutor(8) as pool:
        casters = list(pool.map(lambda _: fresh.projector(), range(8)))
        levels = list(pool.map(lambda _: fresh.levels, range(8)))
        depths = list(pool.map(lambda i: fresh.predicted_mm(i % 9, "far"), range(40)))
    assert len({id(one) for one in casters}) == 1 and len(set(levels)) == 1
    for number, depth in enumerate(depths):
        wanted = read_depth(fresh.folder.predicted("far", fresh.names[number % 9])).metres
        np.testing.assert_array_equal(depth * np.float32(0.001), wanted)


def test_what_is_kept_stays_within_its_room_and_what_was_asked_for_last_stays() -> None:
    cache, made = ArrayCache(1000), list[str]()

    def make(key: str, size: int) -> Callable[[], np.ndarray]:
        return lambda: made.append(key) or np.zeros(size, dtype=np.uint8)

    for key in "abc":
        cache.get(key, make(key, 300))
    cache.get("a", make("a", 300))
    cache.get("d", make("d", 300))  # b has to go
    assert made == list("abcd") and cache.bytes_held == 900
    cache.get("b", make("b", 300))
    cache.get("huge", make("huge", 2000))
    assert made == [*"abcdb", "huge"] and cache.bytes_held == 900
    with pytest.raises(ValueError, match="read-only"):
        cache.get("b", make("b", 300))[0] = 1


def test_a_run_labelled_with_every_default_opens(tmp_path: Path) -> None:
    source = write_glare_wall(tmp_path / "wall", frames=3)
    run = InspectedRun.open(label(open_sequence(source), TEACHERS, tmp_path / "run").run.root)
    assert run.strategy == "blend" and run.layers(0).source is not None
