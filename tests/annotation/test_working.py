import json
from pathlib import Path

import numpy as np
import pytest
from known_runs import box_run, wall_run

from deglare.annotation import (
    SETTLED,
    carry_frame,
    disagreements,
    export_subset,
    next_frames,
    open_annotations,
    start_from_uncertainty,
    stroke,
    subset_of,
    suspects_of,
)
from deglare.annotation.scoring import has_excluded, on_subset, scored_on
from deglare.cli import main
from deglare.data.posed_folder import PosedFolder
from deglare.data.run_folder import RunFolder, read_run
from deglare.errors import DataError, RequestError
from deglare.evaluation import PROTOCOLS, Scene, measure


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, copied by nobody: tests open annotations of their own."""
    return wall_run().write(tmp_path_factory.mktemp("runs") / "wall")


@pytest.fixture
def annotations(wall: Path, tmp_path: Path):
    with open_annotations(wall, path=tmp_path / "annotations.sqlite") as one:
        yield one


SQUARE = {"kind": "polygon", "points": [[45, 20], [75, 20], [75, 50], [45, 50]], "surface": "glossy"}


def posed_folder(root: Path) -> PosedFolder:
    """Three images, each of another grey."""
    made, folder = box_run(frames=3), PosedFolder(root)
    folder.write_camera(made.camera)
    folder.write_poses((name, frame.world_T_cam) for name, frame in made.frames.items())
    for number, name in enumerate(made.frames):
        folder.write_frame(name, np.full((96, 128, 3), 50 * number, dtype=np.uint8))
    return folder


def test_annotations_lie_beside_a_sequence_and_come_back_though_its_images_are_renamed(tmp_path: Path) -> None:
    folder = posed_folder(tmp_path / "posed")
    with open_annotations(folder.root) as one:
        one.tag("ann", "001", "reflective")
        one.tag("ann", "002", "waste")
        assert one.path == folder.root / "annotations" / "annotations.sqlite" and one.path.is_file()
    images = folder.color("001").parent.rename(folder.root / "images")
    for place in images.iterdir():
        place.rename(images / f"img_{place.name}")
    poses = folder.poses.read_text().splitlines()
    folder.poses.write_text("".join(f"img_{line}\n" for line in poses))
    moved = folder.root.rename(tmp_path / "renamed")
    with open_annotations(moved) as again:
        assert again.tags("ann") == {"img_001": "reflective", "img_002": "waste"} and not again.lost()


def test_a_run_that_is_moved_keeps_its_annotations(tmp_path: Path) -> None:
    root = wall_run(frames=2).write(tmp_path / "before")
    with open_annotations(root) as one:
        one.do("ann", "001", stroke(SQUARE))
    with open_annotations(root.rename(tmp_path / "after")) as again:
        assert again.state("ann", "001").surfaces.any()


def test_a_mask_is_carried_through_a_run_and_waits_for_a_decision(annotations, wall: Path) -> None:
    marked = annotations.do("ann", "002", stroke(SQUARE)).surfaces > 0
    told: list[tuple[int, int]] = []
    carried = carry_frame(annotations, "ann", RunFolder(wall), "002", progress=lambda *done: told.append(done))
    assert {one.frame for one in carried} == {"000", "001", "003", "004", "005"} and told[-1] == (5, 5)
    for one in carried:
        (proposal,) = annotations.state("ann", one.frame).proposals
        assert proposal.origin == "frame 002" and np.array_equal(proposal.surfaces, one.surfaces)
        assert 0.5 < np.count_nonzero(one.surfaces) / np.count_nonzero(marked) < 2 and one.visible_share > 0.6
    assert annotations.state("ann", "002").proposals == () and annotations.looked_at() == {"002"}
    with pytest.raises(RequestError, match="nothing to carry"):
        carry_frame(annotations, "bob", RunFolder(wall), "002")
    with pytest.raises(RequestError, match="has no pose"):
        carry_frame(annotations, "ann", RunFolder(wall), "nowhere")


def test_the_queue_of_a_run_begins_where_its_teacher_is_furthest_from_its_mesh(annotations, wall: Path) -> None:
    scores = disagreements(RunFolder(wall))
    assert list(scores) == list(annotations.frames.names) and max(scores, key=lambda name: scores[name]) == "005"
    first = next_frames(annotations, RunFolder(wall), scores)[0].frame
    assert first == "005"
    annotations.tag("ann", first, "reflective")
    assert first not in [one.frame for one in next_frames(annotations, RunFolder(wall))]


def test_proposals_to_start_from_lie_on_what_the_teachers_are_unsure_of(annotations, wall: Path) -> None:
    assert start_from_uncertainty(annotations, "ann", RunFolder(wall), ["000", "003"], "screen", 0.4) == ("000", "003")
    (proposal,) = annotations.state("ann", "003").proposals
    v, u = np.indices(annotations.frames.sizes_hw["003"])
    highlight = np.hypot(u - 63, v - 36) < 12
    assert np.mean((proposal.surfaces == 3) == highlight) > 0.99
    assert start_from_uncertainty(annotations, "ann", RunFolder(wall), ["003"]) == ("003",)


def test_suspect_truth_is_looked_for_within_what_is_marked(annotations, wall: Path, tmp_path: Path) -> None:
    assert not suspects_of(annotations, "ann", RunFolder(wall), "002").any()
    root = wall_run(frames=1, has_truth=False).write(tmp_path / "without")
    with open_annotations(root) as one, pytest.raises(RequestError, match="no true depth"):
        suspects_of(one, "ann", RunFolder(root), "000")


def test_numbers_on_a_subset_are_those_of_its_frames_masks_and_truth(annotations, wall: Path) -> None:
    annotations.do("ann", "001", stroke(SQUARE))
    annotations.tag("ann", "001", "reflective")
    annotations.tag("ann", "003", "not-reflective")
    annotations.tag("ann", "004", "waste")
    v, u = np.indices(annotations.frames.sizes_hw["001"])
    annotations.exclude("ann", "001", (v < 35) & (u > 45))
    subset = subset_of(annotations, "wall")
    scene = Scene.of_folder("wall", RunFolder(wall).predicted("base", "000").parent, read_run(wall))
    protocol = scored_on(PROTOCOLS["rooms"], subset)
    without, all_of_it = (
        measure(on_subset([scene], subset, leaves_out), protocol).report() for leaves_out in (True, False)
    )
    assert has_excluded(subset) and without.frames == all_of_it.frames == 2
    assert f"subset     sha256 {subset.sha256}" in without.protocol.card()
    assert all_of_it.row("reflective", "abs_rel").pixels == 30 * 30
    assert without.row("reflective", "abs_rel").pixels == 30 * 30 - 15 * 29
    with pytest.raises(DataError, match="in no scene"):
        on_subset([Scene.of_folder("other", wall / "fused", read_run(wall))], subset)


def test_the_verbs_export_a_subset_and_print_its_hash_beside_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = wall_run(frames=3).write(tmp_path / "wall")
    with open_annotations(root) as one:
        one.do("ann", "001", stroke(SQUARE))
        one.tag("ann", "001", "reflective")
        one.exclude("ann", "001", np.indices((72, 96))[0] > 60)
    out = tmp_path / "subset.json"
    assert main(["export", "subset", str(root), "--out", str(out), "--form", "coco", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["frames"] == 1 and result["form"] == "coco"
    wanted = ["eval", "--predicted", str(root / "fused"), "--truth", str(root), "--json"]
    assert main([*wanted, "--subset", str(out)]) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["protocol"]["subset_sha256"] == result["subset_sha256"] in printed.err
    assert "with the truth that the subset excludes" in printed.err
    assert report["with_excluded"]["rows"][0]["pixels"] > report["rows"][0]["pixels"]
    listed = tmp_path / "reflection.txt"
    assert main(["export", "subset", str(root), "--out", str(listed), "--form", "list"]) == 0
    assert listed.read_text() == "wall 001\n"
    assert main([*wanted, "--only", str(listed)]) == 0


@pytest.mark.parametrize(
    "extra, said",
    [
        (["--out", "subset.txt"], "end in .json"),
        (["--out", "subset.json", "--half"], "leave them out"),
        (["--out", "subset.json"], "no annotations"),
    ],
)
def test_a_wrong_request_for_a_subset_exits_2_in_one_sentence(
    wall: Path, extra: list[str], said: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "subset", str(wall), *extra]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) == 1


def test_a_subset_of_a_run_says_what_was_settled(annotations, tmp_path: Path) -> None:
    annotations.tag("ann", "000", "reflective")
    annotations.tag("bob", "000", "unsure")
    annotations.tag(SETTLED, "000", "reflective")
    out = export_subset(subset_of(annotations, "wall"), tmp_path / "list.txt", "list")
    assert out.read_text() == "wall 000\n"
