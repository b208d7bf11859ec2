from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deglare.data.files import write_image, write_text
from deglare.data.opening import ALL_FORMATS, find_sequences, formats_of, open_sequence
from deglare.errors import DataError, DeglareError, RequestError


def test_an_empty_folder_is_told_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no sequence that can be read; looked for") as raised:
        open_sequence(tmp_path)
    assert all(f"({name})" in str(raised.value) for name in ALL_FORMATS)


def test_a_missing_folder_and_an_unknown_format_are_wrong_requests(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no"):
        open_sequence(tmp_path / "none")
    with pytest.raises(RequestError, match="no format 'scanet': choose auto, run, posed-folder"):
        open_sequence(tmp_path, "scanet")


def test_a_file_that_is_no_sequence_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "notes.txt", "hello")
    with pytest.raises(DataError, match="is no sequence"):
        open_sequence(tmp_path / "notes.txt")


def test_a_folder_that_could_be_two_formats_asks_which(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    write_scene(tmp_path, scene)
    write_text(tmp_path / "rgb.txt", "")
    write_text(tmp_path / "groundtruth.txt", "")
    with pytest.raises(DataError, match="could be posed-folder or tum: say which with format="):
        open_sequence(tmp_path)
    assert len(open_sequence(tmp_path, "posed-folder")) == 12


@pytest.mark.parametrize("format", list(ALL_FORMATS))
def test_every_reader_refuses_an_empty_folder_in_a_sentence(tmp_path: Path, format: str) -> None:
    with pytest.raises(DeglareError):
        open_sequence(tmp_path, format)


def test_plain_images_beside_another_format_do_not_confuse(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    write_scene(tmp_path, scene)
    write_image(tmp_path / "preview.png", scene.rgb(0))
    assert formats_of(tmp_path) == ["posed-folder"]


def test_a_folder_of_sequences_stands_for_all_of_them_in_natural_order(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    for name in ("room10", "room9"):
        write_scene(tmp_path / name, scene)
    (tmp_path / "other").mkdir()
    assert [p.name for p in find_sequences(tmp_path)] == ["room9", "room10"]
    with pytest.raises(DataError, match=r"holds several sequences \(2: room9, room10\): name one"):
        open_sequence(tmp_path)
    write_image(tmp_path / "contact_sheet.png", scene.rgb(0))
    assert [p.name for p in find_sequences(tmp_path)] == ["room9", "room10"]
    with pytest.raises(DataError, match="holds several sequences"):
        open_sequence(tmp_path)
