import json
from pathlib import Path

import numpy as np
import pytest
from annotating import NAMES, SIZE, dot, frames
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deglare.annotation import (
    FORMS,
    SETTLED,
    Annotations,
    Subset,
    SubsetFrame,
    export_subset,
    import_into,
    import_subset,
    stroke,
    subset_hash,
    subset_of,
)
from deglare.annotation.actions import TAGS
from deglare.errors import DeglareError, LabelError, RequestError
from deglare.evaluation.folders import frame_names

names = st.sampled_from(["scene0000_00", "scene0704_01", "a", "_b.c"]), st.sampled_from(["000000", "000010", "f-1"])
surfaces = st.none() | arrays(np.uint8, (5, 7), elements=st.integers(0, 5))
excluded = st.none() | arrays(bool, (5, 7))
subset_frames = st.builds(SubsetFrame, *names, st.none() | st.sampled_from(TAGS), surfaces, excluded)
some_frames = st.lists(subset_frames, min_size=1, max_size=4, unique_by=lambda one: one.name)


def same(one: Subset, other: Subset) -> bool:
    pairs = zip(one.frames, other.frames, strict=True)
    return all(
        (a.name, a.tag) == (b.name, b.tag) and equal(a.surfaces, b.surfaces) and equal(a.excluded, b.excluded)
        for a, b in pairs
    )


def equal(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is b if a is None or b is None else np.array_equal(a, b)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("form, ending", [("coco", ".json"), ("png", ""), ("csv", ".csv")])
@given(listed=some_frames)
def test_what_is_exported_is_what_is_imported(
    tmp_path_factory: pytest.TempPathFactory, form: str, ending: str, listed: list[SubsetFrame]
) -> None:
    subset = Subset(tuple(listed))
    out = export_subset(subset, tmp_path_factory.mktemp("out") / f"subset{ending}", form)
    found = import_subset(out)
    assert same(found, subset) and found.sha256 == subset.sha256


MARKED = np.zeros((5, 7), dtype=np.uint8)
MARKED[1:3, 2:5] = 1
MARKED[4, 6] = 5
SUBSET = Subset(
    (
        SubsetFrame("scene0704_00", "000010", "reflective", MARKED, MARKED == 5),
        SubsetFrame("scene0704_00", "000020", "not-reflective"),
        SubsetFrame("scene0721_00", "000000", "reflective"),
    )
)


def test_a_list_has_scene_and_frame_on_each_line_and_evaluation_reads_it(tmp_path: Path) -> None:
    out = export_subset(SUBSET, tmp_path / "reflection.txt", "list")
    assert out.read_text() == "scene0704_00 000010\nscene0721_00 000000\n"
    assert frame_names(out) == ("scene0704_00/000010", "scene0721_00/000000")
    assert import_subset(out).sha256 == SUBSET.tagged("reflective").sha256
    out = export_subset(SUBSET, tmp_path / "rest.txt", "list", "not-reflective")
    assert out.read_text() == "scene0704_00 000020\n"
    with pytest.raises(RequestError, match="no frame is tagged waste"):
        export_subset(SUBSET, out, "list", "waste")


def test_lists_of_others_may_have_slashes_and_comments(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# val\nscene0704_00/000010  # floor\n\nscene0721_00 000000\n")
    assert [one.name for one in import_subset(tmp_path / "list.txt").frames] == [
        "scene0704_00/000010",
        "scene0721_00/000000",
    ]
    (tmp_path / "list.txt").write_text("scene0704_00 000010 left\n")
    with pytest.raises(LabelError, match="line 1 has 3 words"):
        import_subset(tmp_path / "list.txt")


def test_coco_has_boxes_areas_and_runs_that_others_read(tmp_path: Path) -> None:
    value = json.loads(export_subset(SUBSET, tmp_path / "s.json", "coco").read_text())
    glossy, wet, out = value["annotations"]
    assert (glossy["category_id"], glossy["bbox"], glossy["area"]) == (1, [2, 1, 3, 2], 6)
    assert wet["category_id"] == 5 and wet["bbox"] == [6, 4, 1, 1] and out["category_id"] == 100
    assert glossy["segmentation"]["size"] == [5, 7]
    assert value["info"]["subset_sha256"] == subset_hash(SUBSET)
    assert value["images"][0]["file_name"] == "scene0704_00/000010"


def test_other_peoples_coco_files_have_outlines_and_unpacked_runs(tmp_path: Path) -> None:
    runs = {"size": [5, 7], "counts": [11, 2, 3, 2, 3, 2, 12]}
    marks = [
        {"id": 1, "image_id": 9, "category_id": 3, "segmentation": runs},
        {"id": 2, "image_id": 9, "category_id": 4, "segmentation": [[0, 3, 2, 3, 2, 5, 0, 5]]},
    ]
    value = {
        "info": {},
        "images": [{"id": 9, "file_name": "scene0704_00/000010.jpg", "height": 5, "width": 7}],
        "annotations": marks,
        "categories": [{"id": 3, "name": "glossy"}, {"id": 4, "name": "screen"}],
    }
    (tmp_path / "s.json").write_text(json.dumps(value))
    (found,) = import_subset(tmp_path / "s.json").frames
    expected = np.where(MARKED == 1, 1, 0)
    expected[3:5, 0:2] = 3
    assert found.name == "scene0704_00/000010" and equal(found.surfaces, expected)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda value: value["images"][0].update(tag="waste"), "was changed"),
        (lambda value: value["images"][0].update(scene="../../etc"), "cannot name a scene"),
        (lambda value: value["annotations"][0].update(category_id=77), "no COCO file"),
        (lambda value: value["categories"][0].update(name="lava"), "no surface that mirrors"),
        (lambda value: value["annotations"][0]["segmentation"].update(counts="0"), "do not fill"),
        (lambda value: value["annotations"][0]["segmentation"].update(counts=[-5, 40]), "do not fill"),
        (lambda value: value["annotations"][0].update(segmentation=[[1e9, 0, 1, 1, 2, 2]]), "lies nowhere"),
        (lambda value: value["images"].append(value["images"][0]), "twice"),
        (lambda value: value.pop("images"), "no COCO file"),
    ],
)
def test_damaged_coco_files_are_refused_in_a_sentence(tmp_path: Path, change, said: str) -> None:
    value = json.loads(export_subset(SUBSET, tmp_path / "s.json", "coco").read_text())
    change(value)
    (tmp_path / "s.json").write_text(json.dumps(value))
    with pytest.raises(DeglareError, match=said):
        import_subset(tmp_path / "s.json")


def test_damaged_tables_and_masks_are_refused_in_a_sentence(tmp_path: Path) -> None:
    table = export_subset(SUBSET, tmp_path / "s.csv", "csv")
    table.write_text(table.read_text().replace("000020", "../secret"))
    with pytest.raises(DeglareError, match="cannot name a frame"):
        import_subset(table)
    table.write_text("scene,frame\na,b\n")
    with pytest.raises(LabelError, match="should have the columns"):
        import_subset(table)
    folder = export_subset(SUBSET, tmp_path / "masks", "png")
    (folder / "excluded" / "scene0704_00" / "000010.png").unlink()
    with pytest.raises(LabelError, match="was changed"):
        import_subset(folder)
    with pytest.raises(RequestError, match="in the way"):
        export_subset(SUBSET, folder, "png")


def test_the_hash_knows_every_pixel_and_tag_and_not_the_order() -> None:
    first, *rest = SUBSET.frames
    assert Subset((*rest, first)).sha256 == SUBSET.sha256
    other = MARKED.copy()
    other[0, 0] = 1
    changed = [
        SubsetFrame(first.scene, first.frame, first.tag, other, first.excluded),
        SubsetFrame(first.scene, first.frame, "unsure", MARKED, first.excluded),
        SubsetFrame(first.scene, first.frame, first.tag, MARKED, None),
        SubsetFrame(first.scene, "000011", first.tag, MARKED, first.excluded),
    ]
    assert len({Subset((one, *rest)).sha256 for one in (first, *changed)}) == 5


def test_annotations_become_a_subset_and_come_back_from_one(tmp_path: Path) -> None:
    with Annotations(tmp_path / "a.sqlite", frames()) as one:
        with pytest.raises(RequestError, match="nothing is annotated"):
            export_subset(subset_of(one, "room"), tmp_path / "s.json", "coco")
        one.tag("ann", NAMES[0], "reflective")
        one.do("ann", NAMES[0], stroke(dot(5, 5)))
        one.exclude("ann", NAMES[0], np.indices(SIZE)[0] < 3)
        one.tag("ann", NAMES[2], "not-reflective")
        subset = subset_of(one, "room")
    assert [(f.name, f.tag) for f in subset.frames] == [
        ("room/000000", "reflective"),
        ("room/000002", "not-reflective"),
    ]
    out = export_subset(subset, tmp_path / "s.json", "coco")
    with Annotations(tmp_path / "b.sqlite", frames(NAMES[:2])) as other:
        assert import_into(other, "bob", import_subset(out), "room") == (NAMES[2],)
        state = other.state("bob", NAMES[0])
        assert state.tag == "reflective" and equal(state.surfaces, subset.frames[0].surfaces)
        assert state.excluded[:3].all() and not state.excluded[3:].any()
        assert import_into(other, "bob", import_subset(out), "another room") == ()


def test_masks_of_another_size_are_refused_whole(tmp_path: Path) -> None:
    with Annotations(tmp_path / "a.sqlite", frames()) as one:
        wrong = Subset((SubsetFrame("r", NAMES[0], "waste"), SubsetFrame("r", NAMES[1], None, MARKED)))
        with pytest.raises(LabelError, match="resize"):
            import_into(one, "ann", wrong, "r")
        assert one.annotators() == ()


def test_of_two_annotators_one_must_be_named_unless_they_settled(tmp_path: Path) -> None:
    with Annotations(tmp_path / "a.sqlite", frames()) as one:
        one.tag("ann", NAMES[0], "reflective")
        one.tag("bob", NAMES[0], "unsure")
        with pytest.raises(RequestError, match="ann, bob annotated room"):
            subset_of(one, "room")
        with pytest.raises(RequestError, match="nobody named 'eve'"):
            subset_of(one, "room", "eve")
        assert subset_of(one, "room", "bob").frames[0].tag == "unsure"
        one.tag(SETTLED, NAMES[0], "waste")
        assert subset_of(one, "room").frames[0].tag == "waste"


def test_forms_are_named_and_others_refused(tmp_path: Path) -> None:
    assert FORMS == ("list", "coco", "png", "csv")
    with pytest.raises(RequestError, match="choose list, coco, png, csv"):
        export_subset(SUBSET, tmp_path / "s", "voc")
