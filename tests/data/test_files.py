from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deglare.data import files
from deglare.errors import DataError
from deglare.types import DepthMap


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nearly nothing."""
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 10)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_depth_is_read_back_to_half_a_millimetre_and_keeps_its_holes(tmp_path: Path) -> None:
    metres = np.random.default_rng(0).uniform(0.1, 60, (20, 30)).astype(np.float32)
    depth = DepthMap(metres, metres > 5)
    files.write_depth(tmp_path / "d.png", depth)
    read = files.read_depth(tmp_path / "d.png")
    assert np.array_equal(read.valid, depth.valid)
    assert np.abs(read.metres - depth.metres)[depth.valid].max() <= 0.000501


def test_depth_beyond_the_format_is_written_as_none_and_never_wraps(tmp_path: Path) -> None:
    depth = DepthMap.of_positive(np.array([[65.534, 65.5341, 66.0, 131.0, 1e6, 1e-5]], dtype=np.float32))
    files.write_depth(tmp_path / "d.png", depth)
    assert files.read_png16(tmp_path / "d.png").tolist() == [[65534, 0, 0, 0, 0, 1]]


def test_both_codes_for_no_depth_are_invalid(tmp_path: Path) -> None:
    files.write_image(tmp_path / "d.png", np.array([[0, 1, 65534, 65535]], dtype=np.uint16))
    assert files.read_depth(tmp_path / "d.png").valid.tolist() == [[False, True, True, False]]


def test_uncertainty_is_read_back_to_the_nearest_millimetre_and_unknown_stays_unknown(tmp_path: Path) -> None:
    sigma = np.random.default_rng(0).gamma(0.5, 0.3, (20, 30)).astype(np.float32)
    sigma[:3], sigma[3] = np.nan, 0
    files.write_uncertainty(tmp_path / "u.png", sigma)
    read = files.read_uncertainty(tmp_path / "u.png")
    assert read.dtype == np.float32
    assert np.array_equal(np.isnan(read), np.isnan(sigma))
    assert np.abs(read - sigma)[3:].max() <= 0.000501
    assert not read[3].any()


def test_the_largest_uncertainty_stays_the_largest_and_is_never_unknown(tmp_path: Path) -> None:
    sigma = np.array([[0.0, 0.0004, 0.0006, 65.5344, 65.535, 66.0, 1e6, np.inf, np.nan]], dtype=np.float32)
    files.write_uncertainty(tmp_path / "u.png", sigma)
    assert files.read_png16(tmp_path / "u.png").tolist() == [[0, 0, 1, 65534, 65534, 65534, 65534, 65534, 65535]]


def test_every_millimetre_of_uncertainty_is_read_as_the_number_a_threshold_is_given_as(tmp_path: Path) -> None:
    steps = np.arange(65535, dtype=np.uint16).reshape(15, -1)
    files.write_image(tmp_path / "u.png", steps)
    assert np.array_equal(files.read_uncertainty(tmp_path / "u.png"), (steps / 1000).astype(np.float32))


@pytest.mark.parametrize("bad", [-1.0, -np.inf])
def test_a_negative_uncertainty_is_refused_and_nothing_is_written(tmp_path: Path, bad: float) -> None:
    with pytest.raises(DataError, match="below 0"):
        files.write_uncertainty(tmp_path / "u.png", np.array([[0.1, bad]], dtype=np.float32))
    assert not (tmp_path / "u.png").exists()


@pytest.mark.parametrize("cut", [9, 40, 200, 2000])
def test_a_truncated_image_is_a_data_error_with_its_name(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.png"
    files.write_image(path, np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"cut\.png"):
        files.read_rgb(path)


@pytest.mark.parametrize("side", [8000, 20_000, 2_000_000])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header_only(side, side))
    for read in (files.read_rgb, files.read_png8, files.image_size_hw):
        with pytest.raises(DataError, match=r"bomb\.png"):
            read(tmp_path / "bomb.png")


def test_colour_is_no_depth_and_depth_is_no_mask(tmp_path: Path) -> None:
    files.write_image(tmp_path / "c.png", np.zeros((4, 4, 3), dtype=np.uint8))
    files.write_image(tmp_path / "d.png", np.zeros((4, 4), dtype=np.uint16))
    with pytest.raises(DataError, match="16 bits"):
        files.read_depth(tmp_path / "c.png")
    with pytest.raises(DataError, match="8 bits"):
        files.read_png8(tmp_path / "d.png")


def test_a_format_that_is_not_an_image_format_of_ours_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "fake.png", format="GIF")
    with pytest.raises(DataError, match=r"fake\.png"):
        files.read_rgb(tmp_path / "fake.png")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    files.write_text(path, "old")

    def fail(_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="No space left"):
        files.write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


def test_a_word_among_numbers_is_named_with_its_line() -> None:
    with pytest.raises(DataError, match=r"p\.txt, line 2: 'two' is not a number"):
        files.parse_numbers("1 1\n2 two", "p.txt")
    with pytest.raises(DataError, match="line 12: 'x'"):
        files.parse_numbers("1\n2 x", "p.txt", first_line=11)


def test_comments_nan_and_inf_are_understood() -> None:
    numbers = files.parse_numbers("1 nan # 2\n-inf", "p.txt", count=3)
    assert numbers[0] == 1
    assert np.isnan(numbers[1])
    assert numbers[2] == -np.inf
