from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from workers import sent_to_a_worker

from deglare.data.files import write_json, write_text
from deglare.data.posed_folder import LabelFiles, PosedFolder
from deglare.data.surfaces import listed_roughness
from deglare.errors import DataError
from deglare.types import SurfaceLabels

MATTE = {"material": "matte", "f0": 0.0, "roughness": 0.5}
FLOOR = {"material": "glossy", "f0": 0.06, "roughness": 0.008}
MIRROR = {"material": "mirror", "f0": 0.92, "roughness": 0.0}
UNSAID = {"material": "mirror", "f0": 0.92}
NAN = float("nan")

ROOM = [MATTE, FLOOR, MIRROR, UNSAID]
ALPHAS = [NAN, 0.008, 0.0, NAN]
"""What `ROOM` says of its four surfaces."""

Listed = Callable[..., Path]


@pytest.fixture
def write_room(tmp_path: Path) -> Listed:
    """A folder of two frames whose pixels show the given surfaces, with a ``scene.json`` where one is given."""

    def write(ids: list[list[int]], scene: object = None) -> Path:
        surface_id = np.array(ids, dtype=np.uint16)
        for name in ("0", "1"):
            PosedFolder(tmp_path).write_labels(name, SurfaceLabels(surface_id > 0, surface_id=surface_id))
        if scene is not None:
            write_json(tmp_path / "scene.json", scene)
        return tmp_path

    return write


def labels_of(root: Path, name: str = "0") -> SurfaceLabels:
    return LabelFiles(PosedFolder(root), name)()


def roughness_of(root: Path) -> list[list[float]] | None:
    found = labels_of(root).roughness
    return None if found is None else found.tolist()


def test_each_pixel_has_the_roughness_of_its_surface(write_room: Listed) -> None:
    found = labels_of(write_room([[0, 1, 2], [3, 1, 0]], {"surfaces": ROOM, "seed": 7})).roughness
    assert found is not None
    np.testing.assert_array_equal(found, np.array([[NAN, 0.008, 0.0], [NAN, 0.008, NAN]], dtype=np.float32))


def test_what_glows_and_mirrors_nothing_has_no_roughness(write_room: Listed) -> None:
    lamp = {"material": "light", "f0": 0.0, "roughness": 0.5}
    found = labels_of(write_room([[0]], {"surfaces": [lamp]})).roughness
    assert found is not None
    assert np.isnan(found).all()


@pytest.mark.parametrize("scene", [None, {}, {"objects": [{"roughness": 3}]}, [1, 2], "a scene", 7])
def test_without_a_list_of_surfaces_nothing_is_known_of_roughness(write_room: Listed, scene: object) -> None:
    assert roughness_of(write_room([[0, 9]], scene)) is None


def test_without_surface_numbers_nothing_is_known_of_roughness(write_room: Listed) -> None:
    root = write_room([[0, 1]], {"surfaces": ROOM})
    (root / "surface" / "0.png").unlink()
    assert roughness_of(root) is None


@pytest.mark.parametrize(
    "surface",
    [
        7,
        None,
        {},
        {"roughness": 0.1},
        {"f0": "0.06", "roughness": 0.1},
        {"f0": 1.5, "roughness": 0.1},
        {"f0": True, "roughness": 0.1},
        {"f0": 0.06, "roughness": "smooth"},
        {"f0": 0.06, "roughness": -0.1},
        {"f0": 0.06, "roughness": 10**400},
        {"f0": 0.06, "roughness": [0.1]},
    ],
)
def test_a_surface_that_cannot_be_is_named(write_room: Listed, surface: object) -> None:
    root = write_room([[0, 1]], {"surfaces": [MATTE, FLOOR, surface]})
    with pytest.raises(DataError, match=r"surface 2 in .*scene\.json needs f0"):
        labels_of(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ('{"surfaces": [', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"surfaces": 3}', "should be a list"),
        ('{"surfaces": {"0": {"f0": 0.1, "roughness": 0.1}}}', "should be a list"),
        ('{"surfaces": [{"f0": NaN, "roughness": 0.1}]}', "surface 0"),
        ('{"surfaces": [{"f0": 0.1, "roughness": Infinity}]}', "surface 0"),
    ],
)
def test_a_damaged_scene_file_is_one_sentence_each_time_it_is_asked(
    write_room: Listed, text: str, message: str
) -> None:
    root = write_room([[0, 1]])
    write_text(root / "scene.json", text)
    for name in ("0", "1"):
        with pytest.raises(DataError, match=message) as raised:
            labels_of(root, name)
        assert "scene.json" in str(raised.value)


@pytest.mark.parametrize("scene", [{"surfaces": ROOM}, {"surfaces": []}])
def test_a_surface_number_that_is_not_listed_is_refused(write_room: Listed, scene: dict) -> None:
    with pytest.raises(DataError, match=rf"0\.png shows surface 4 but .* lists {len(scene['surfaces'])}"):
        labels_of(write_room([[0, 4]], scene))


def test_the_list_is_read_once_and_again_when_it_changes(write_room: Listed) -> None:
    path = write_room([[1]], {"surfaces": ROOM}) / "scene.json"
    first = listed_roughness(path)
    assert first is not None
    assert listed_roughness(Path(str(path))) is first
    write_json(path, {"surfaces": [MATTE, {**FLOOR, "roughness": 0.0625}]})
    assert roughness_of(path.parent) == [[0.0625]]


def test_labels_can_be_decoded_in_another_process(write_room: Listed) -> None:
    load = LabelFiles(PosedFolder(write_room([[1, 2]], {"surfaces": ROOM})), "1")
    found = sent_to_a_worker(load)().roughness
    assert found is not None
    np.testing.assert_array_equal(found, np.array([[0.008, 0.0]], dtype=np.float32))


def test_nobody_can_change_the_list_that_all_frames_share(write_room: Listed) -> None:
    root = write_room([[1]], {"surfaces": ROOM})
    shared = listed_roughness(root / "scene.json")
    assert shared is not None
    np.testing.assert_array_equal(shared, np.array(ALPHAS, dtype=np.float32))
    with pytest.raises(ValueError, match="read-only"):
        shared[1] = 0.5
    found = labels_of(root).roughness
    assert found is not None
    found[...] = 0.5  # a frame's own pixels
    assert roughness_of(root) == [[pytest.approx(0.008)]]
