from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deglare.data.files import write_depth, write_image
from deglare.data.opening import open_sequence
from deglare.errors import DataError
from deglare.evaluation import Protocol, Scene, evaluate, measure, scenes_of
from deglare.evaluation.folders import frame_names
from deglare.types import DepthMap, Frame, Prediction, Sequence

Build = Callable[..., Sequence]
Write = Callable[..., Path]
QUICK = Protocol(resamples=0)


def predicted(frame: Frame, factor: float = 1.1) -> DepthMap:
    depth = frame.depth()
    assert depth is not None
    return DepthMap.of_positive(depth.metres * np.float32(factor))


def test_a_folder_a_mapping_and_a_function_give_the_same_numbers(
    make_sequence: Build, write_predictions: Write
) -> None:
    sequence = make_sequence()
    by_function = evaluate(predicted, sequence, QUICK)
    by_mapping = evaluate({frame.name: predicted(frame) for frame in sequence}, sequence, QUICK)
    by_folder = evaluate(write_predictions(sequence), sequence, QUICK)
    assert by_mapping.rows == by_function.rows
    for row in by_function.rows:
        assert by_folder.value(row.region, row.metric) == pytest.approx(row.value, abs=1e-3)  # whole millimetres
    assert by_function.value("all", "abs_rel") == pytest.approx(0.1, rel=1e-4)
    assert by_function.value("reflective", "bias") > 0


def test_labels_make_regions_and_their_absence_does_not(make_sequence: Build) -> None:
    assert {"highlight", "glossy", "matte"} <= set(evaluate(predicted, make_sequence(), QUICK).regions)
    assert "reflective" not in evaluate(predicted, make_sequence(labelled=False), QUICK).regions


def test_missing_and_extra_predictions_are_counted(make_sequence: Build, write_predictions: Write) -> None:
    sequence = make_sequence(6)
    folder = write_predictions(sequence)
    (folder / "000001.png").unlink()
    (folder / "000004.png").rename(folder / "elsewhere.png")
    report = evaluate(folder, sequence, QUICK)
    assert report.frames == 4
    assert "2 frames of the truth have no prediction and were left out" in report.notes
    assert any(note.startswith("1 frame of the prediction") for note in report.notes)


def test_frames_without_truth_are_counted(make_sequence: Build) -> None:
    sequence = make_sequence(3)
    blind = replace(sequence.frames[1], load_depth=None)
    report = evaluate(predicted, replace(sequence, frames=(sequence.frames[0], blind, sequence.frames[2])), QUICK)
    assert report.frames == 2
    assert any("have no depth to compare with" in note for note in report.notes)


def test_a_sequence_without_any_truth_is_an_error(make_sequence: Build) -> None:
    sequence = make_sequence(2)
    blind = tuple(replace(frame, load_depth=None) for frame in sequence)
    with pytest.raises(DataError, match="no frame could be compared: 2 have no depth"):
        evaluate(predicted, replace(sequence, frames=blind), QUICK)


def test_predictions_of_half_the_size_are_brought_to_the_truth(make_sequence: Build, tmp_path: Path) -> None:
    sequence = make_sequence(2)
    for frame in sequence:
        depth = frame.depth()
        assert depth is not None
        write_depth(tmp_path / f"{frame.name}.png", DepthMap.of_positive(depth.metres[::2, ::2]))
    report = evaluate(tmp_path, sequence, QUICK)
    assert report.row("all", "abs_rel").pixels == 2 * 24 * 32
    assert report.value("all", "abs_rel") < 0.05


def test_a_comparison_resolution_brings_truth_and_labels_with_it(make_sequence: Build) -> None:
    report = evaluate(predicted, make_sequence(2), replace(QUICK, size_hw=(12, 16)))
    assert report.row("all", "abs_rel").pixels == 2 * 12 * 16
    assert report.row("reflective", "abs_rel").pixels == 12 * 16


def test_one_factor_a_scene_keeps_the_scatter_between_frames(make_sequence: Build) -> None:
    sequence = make_sequence(3)
    factors = {"000000": 0.5, "000001": 0.4, "000002": 0.55}
    by_image, by_scene = (
        evaluate(lambda f: predicted(f, factors[f.name]), sequence, replace(QUICK, alignment=alignment))
        for alignment in ("median", "median-sequence")
    )
    # factors 2, 2.5, 1/0.55: their median is 2, which leaves 1, 0.8 and 1.1
    assert by_image.value("all", "abs_rel") == pytest.approx(0, abs=1e-5)
    assert by_scene.value("all", "abs_rel") == pytest.approx((0 + 0.2 + 0.1) / 3, rel=1e-3)


def test_scenes_are_told_apart_and_counted(make_sequence: Build) -> None:
    scenes = [Scene(name, make_sequence(3, name, seed), predicted) for seed, name in enumerate(("a", "b", "c"))]
    report = measure(scenes, Protocol(resamples=100)).report()
    assert report.scenes == ("a", "b", "c")
    assert report.frames == 9
    assert report.row("all", "abs_rel").scenes == 3
    assert report.row("all", "rmse").low is not None


def test_progress_counts_every_frame(make_sequence: Build) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(predicted, make_sequence(4), QUICK, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_prediction_brings_its_own_uncertainty(make_sequence: Build) -> None:
    def tell(frame: Frame) -> Prediction:
        depth = predicted(frame)
        return Prediction(depth, "test", sigma_m=depth.metres * np.float32(0.1))

    report = evaluate(tell, make_sequence(2), QUICK)
    assert {"ause_abs_rel", "aurg_rmse"} <= set(report.metrics)


def test_a_folder_of_uncertainty_is_read_in_millimetres_and_gaps_are_counted(
    make_sequence: Build, write_predictions: Write, tmp_path: Path
) -> None:
    sequence = make_sequence(3)
    folder = write_predictions(sequence)
    for frame in sequence[:2]:
        write_image(tmp_path / "sigma" / f"{frame.name}.png", np.full((24, 32), 100, dtype=np.uint16))
    report = evaluate(folder, sequence, QUICK, uncertainty=tmp_path / "sigma")
    assert report.value("all", "aurg_abs_rel") == pytest.approx(0, abs=1e-12)  # constant
    assert report.row("all", "ause_abs_rel").frames == 2
    assert any("have no uncertainty" in note for note in report.notes)


def test_metres_saved_as_if_they_were_millimetres_are_named(make_sequence: Build, tmp_path: Path) -> None:
    sequence = make_sequence(2)
    for frame in sequence:
        depth = frame.depth()
        assert depth is not None
        write_image(tmp_path / f"{frame.name}.png", np.rint(depth.metres).astype(np.uint16))
    for alignment in ("none", "median"):
        with pytest.raises(DataError, match="save 16-bit millimetres, or give the unit"):
            evaluate(tmp_path, sequence, replace(QUICK, alignment=alignment))


def test_another_unit_can_be_given(make_sequence: Build, tmp_path: Path) -> None:
    sequence = make_sequence(2)
    for frame in sequence:
        depth = frame.depth()
        assert depth is not None
        write_image(tmp_path / f"{frame.name}.png", np.rint(depth.metres * 256).astype(np.uint16))
    report = measure([Scene.of_folder("a", tmp_path, sequence, unit_m=1 / 256)], QUICK).report()
    assert report.value("all", "abs_rel") < 2e-3


def test_the_ending_of_seven_scenes_is_no_part_of_the_name(make_sequence: Build, write_predictions: Write) -> None:
    sequence = make_sequence(2)
    folder = write_predictions(sequence)
    for path in list(folder.iterdir()):
        path.rename(folder / f"{path.stem}.depth.png")
    assert evaluate(folder, sequence, QUICK).frames == 2


def test_two_files_for_one_frame_are_refused(make_sequence: Build, write_predictions: Write) -> None:
    sequence = make_sequence(2)
    folder = write_predictions(sequence)
    (folder / "000000.depth.png").write_bytes((folder / "000000.png").read_bytes())
    with pytest.raises(DataError, match="keep one image a frame"):
        evaluate(folder, sequence, QUICK)


def test_names_that_never_agree_show_one_of_each(make_sequence: Build, write_predictions: Write) -> None:
    sequence = make_sequence(2)
    folder = write_predictions(sequence)
    for path in list(folder.iterdir()):
        path.rename(folder / f"{int(path.stem)}.png")
    with pytest.raises(DataError, match="files are called '0', frames '000000'"):
        evaluate(folder, sequence, QUICK)


def test_a_truncated_file_is_named(make_sequence: Build, write_predictions: Write) -> None:
    sequence = make_sequence(2)
    folder = write_predictions(sequence)
    path = folder / "000001.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"000001\.png is damaged or cut short"):
        evaluate(folder, sequence, QUICK)


@pytest.mark.parametrize("content", ["nothing", "text", "folder missing"])
def test_a_folder_without_depth_is_refused(make_sequence: Build, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "predicted"
    if content != "folder missing":
        folder.mkdir()
    if content == "text":
        (folder / "notes.txt").write_text("none")
    with pytest.raises(DataError, match="16-bit"):
        evaluate(folder, make_sequence(1), QUICK)


def test_colour_images_are_not_depth(make_sequence: Build, tmp_path: Path) -> None:
    write_image(tmp_path / "000000.png", np.zeros((24, 32, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="one channel of 16 bits"):
        evaluate(tmp_path, make_sequence(1), QUICK)


def test_folders_of_folders_are_scenes_with_truth_under_the_same_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / "predicted" / name).mkdir(parents=True)
        (tmp_path / "truth" / name).mkdir(parents=True)
    found = scenes_of(tmp_path / "predicted", tmp_path / "truth")
    assert [(name, depth.name, truth.name) for name, depth, truth in found] == [("a", "a", "a"), ("b", "b", "b")]
    (tmp_path / "truth" / "b").rmdir()
    with pytest.raises(DataError, match="has no 'b'"):
        scenes_of(tmp_path / "predicted", tmp_path / "truth")


def test_a_subset_is_compared_alone_and_has_its_own_hash(make_sequence: Build, tmp_path: Path) -> None:
    scenes = [Scene(name, make_sequence(3, name, seed), predicted) for seed, name in enumerate(("a", "b"))]
    (tmp_path / "subset.txt").write_text("# reflections\na/000001\nb/000000  # floor\n\n")
    names = frame_names(tmp_path / "subset.txt")
    report = measure(scenes, QUICK, only=names).report()
    assert {name for name, _ in report.worst} == {"a/000001", "b/000000"}
    assert report.protocol.frames_sha256 != measure(scenes, QUICK).report().protocol.frames_sha256
    assert measure(scenes, QUICK, only=["000002"]).report().frames == 2
    with pytest.raises(DataError, match="such as 'c/000000'"):
        measure(scenes, QUICK, only=["a/000001", "c/000000"])


def test_a_subset_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "subset.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="names no frames"):
        frame_names(tmp_path / "subset.txt")


@pytest.mark.shared
def test_real_kinect_depth_against_itself_is_exact_and_covers_what_was_measured(shared_data: Path) -> None:
    folder = shared_data / "sevenscenes_redkitchen"
    sequence = open_sequence(folder)[:5]
    report = evaluate(lambda frame: frame.depth(), sequence, "7scenes")
    assert report.value("all", "rmse") == pytest.approx(0, abs=1e-6)
    assert report.value("all", "coverage") == 1
    assert {"boundary", "1-2 m"} <= set(report.regions)
