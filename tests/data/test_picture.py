from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deglare.data.files import image_size_hw, read_rgb
from deglare.data.opening import open_sequence
from deglare.data.picture import write_contact_sheet
from deglare.errors import RequestError
from deglare.types import Sequence


def bare(sequence: Sequence) -> Sequence:
    return replace(sequence, frames=tuple(replace(f, load_depth=None, world_T_cam=None) for f in sequence))


def test_the_sheet_shows_less_where_there_is_less_to_show(
    tmp_path: Path, scene, write_scene: Callable[..., Path]
) -> None:
    sequence = open_sequence(write_scene(tmp_path / "room", scene))
    write_contact_sheet(tmp_path / "full.png", sequence)
    write_contact_sheet(tmp_path / "bare.png", bare(sequence))
    write_contact_sheet(tmp_path / "one.png", sequence[:1])
    assert image_size_hw(tmp_path / "full.png")[0] > 2 * image_size_hw(tmp_path / "bare.png")[0]
    assert read_rgb(tmp_path / "full.png").std() > 20
    assert image_size_hw(tmp_path / "one.png")[1] == image_size_hw(tmp_path / "full.png")[1]


def test_another_ending_is_refused(tmp_path: Path, scene, write_scene: Callable[..., Path]) -> None:
    sequence = open_sequence(write_scene(tmp_path / "room", scene))
    with pytest.raises(RequestError, match=r"should end in \.png"):
        write_contact_sheet(tmp_path / "sheet.pdf", sequence)
    assert [p.name for p in tmp_path.iterdir()] == ["room"]
