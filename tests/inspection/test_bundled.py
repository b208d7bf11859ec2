"""The finished run that ships: unpacked, it is a run like any other, and the one that the pipeline would make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from deglare.data.files import read_depth, read_png16, read_rgb, read_uncertainty, write_json
from deglare.data.run_folder import RunFolder
from deglare.errors import DataError
from deglare.evaluation.runs import RunReport
from deglare.fusion.evidence import Levels
from deglare.fusion.levels import levels_of
from deglare.fusion.relabelling import fusing_of
from deglare.fusion.settings_files import strategy_from
from deglare.fusion.uncertainty import spread
from deglare.inspection.bundled import ARCHIVE, bundled_run
from deglare.inspection.packing import (
    disparity_of_steps,
    packed_steps,
    read_packed,
    stamp_of_scene,
    steps_of,
    unpacked_steps,
    write_packed,
)
from deglare.inspection.run import InspectedRun
from deglare.networks.disparity import INDOOR
from deglare.samples import open_sample, sample_scene_path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def bundled(cache: Path) -> InspectedRun:
    told: list[tuple[int, int]] = []
    run = InspectedRun.open(bundled_run(lambda done, total: told.append((done, total)), cache))
    assert told == [(done, 72) for done in range(1, 73)]
    return run


def test_it_was_made_of_the_scene_that_ships_beside_it() -> None:
    packed = read_packed(sample_scene_path().parent / ARCHIVE)
    assert packed.scene == stamp_of_scene(sample_scene_path()), "run python assets/scripts/bundle_run.py"


def test_it_opens_as_a_finished_run_of_the_sample_scene(bundled: InspectedRun) -> None:
    sample = open_sample()
    assert bundled.name == "sample_room" and len(bundled.names) == len(sample) == 72
    assert bundled.has_truth and bundled.has_regions and bundled.has_specular and bundled.has_materials
    assert len(bundled.teachers) == 3 and bundled.strategy == "blend"
    assert np.array_equal(read_rgb(bundled.folder.color("000040")), sample[40].rgb())


def test_its_uncertainty_is_the_spread_of_its_teachers(bundled: InspectedRun) -> None:
    depths = [read_depth(bundled.folder.predicted(teacher, "000017")) for teacher in bundled.teachers]
    sigma = read_uncertainty(bundled.folder.layer("uncertainty", "000017"))
    assert np.abs(sigma - spread(depths).sigma_m).max() < 0.002  # all of them are rounded to the millimetre


def test_its_labels_are_those_that_the_pipeline_makes_of_it(bundled: InspectedRun) -> None:
    strategy = strategy_from(bundled.manifest.stages["fuse"].settings["strategy"])
    fusing = fusing_of(bundled.folder, strategy, 1)
    assert fusing.is_current
    needs = strategy.needs
    levels = levels_of(needs, (fusing.evidence.of(name, needs) for name in bundled.names))
    assert levels == Levels(**bundled.manifest.stages["fuse"].result["levels"])
    for name in ("000000", "000035", "000071"):
        evidence = fusing.evidence.of(name, needs)
        labels = strategy.fuse(replace(evidence, levels=levels))
        written = read_depth(bundled.folder.layer("fused", name))
        assert np.abs(written.metres - labels.depth.metres).max() < 6e-4


def test_its_report_shows_the_failure_and_the_cure(bundled: InspectedRun) -> None:
    layers = RunReport.read(bundled.folder.report).layers
    predicted, fused = layers[f"predicted/{bundled.base}"], layers["fused"]
    assert predicted.value("highlight", "bias") > 0.3
    assert fused.value("highlight", "sq_rel") < 0.9 * predicted.value("highlight", "sq_rel")


def test_it_is_unpacked_once_and_again_where_it_was_damaged(bundled: InspectedRun, cache: Path) -> None:
    made = (bundled.root / "run.json").stat().st_mtime_ns
    assert bundled_run(folder=cache) == bundled.root
    assert (bundled.root / "run.json").stat().st_mtime_ns == made
    (bundled.root / "fused" / "000003.png").unlink()
    assert bundled_run(folder=cache) == bundled.root
    assert (bundled.root / "fused" / "000003.png").is_file()
    assert {path.name for path in bundled.root.parent.iterdir()} == {"sample_room"}


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        bundled_run(folder=tmp_path / "file")


@given(arrays(np.uint16, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 65535)))
def test_packed_steps_come_back_as_they_were(steps: np.ndarray) -> None:
    assert np.array_equal(unpacked_steps(packed_steps(steps), steps.shape), steps)


@given(st.floats(0.1, 10))
def test_rounding_moves_depth_by_less_than_a_twentieth_of_a_per_mille(depth_m: float) -> None:
    disparity = np.full((1, 1, 1), 1 / depth_m, dtype=np.float32)
    back = disparity_of_steps(steps_of(disparity, INDOOR), INDOOR)
    assert abs(1 / float(back[0, 0, 0]) - depth_m) < 5e-5 * depth_m


def test_an_archive_gives_back_what_was_packed(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    write_json(run.root / "run.json", {"schema": 1})
    write_json(run.report, {})
    run.mesh.write_bytes(b"ply")
    maps = {"teacher": np.linspace(0.1, 9.9, 24, dtype=np.float32).reshape(2, 3, 4)}
    write_packed(tmp_path / "run.zip", maps, INDOOR, run.root, "scene")
    found = read_packed(tmp_path / "run.zip")
    assert found.files["mesh.ply"] == b"ply" and list(found.disparity) == ["teacher"]
    assert np.allclose(found.disparity["teacher"], maps["teacher"], rtol=5e-5)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_an_archive_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.zip").write_bytes(content)
    with pytest.raises(DataError, match="not a packed run"):
        read_packed(tmp_path / "run.zip")


def test_depth_is_kept_in_millimetres_of_sixteen_bits(bundled: InspectedRun) -> None:
    steps = read_png16(bundled.folder.layer("projected", "000005"))
    assert steps.dtype == np.uint16 and 300 < np.median(steps[steps > 0]) < 10_000
