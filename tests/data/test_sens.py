from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from workers import sent_to_a_worker

from deglare.data.opening import open_sequence
from deglare.data.sens import read_sens
from deglare.errors import DataError


@dataclass
class Sens:
    """A .sens file field by field, so that a test can spoil any of them."""

    poses: list[np.ndarray]
    colours: list[bytes]
    depths: list[bytes]
    colour_wh: tuple[int, int]
    depth_wh: tuple[int, int]
    matrix: np.ndarray
    version: int = 4
    name_bytes: int = 4
    colour_codec: int = 2
    depth_codec: int = 1
    depth_shift: float = 1000.0
    count: int | None = None
    stated_lengths: dict[int, tuple[int, int]] = field(default_factory=dict)

    def head(self) -> bytes:
        count = len(self.poses) if self.count is None else self.count
        matrices = (self.matrix, np.eye(4), self.matrix, np.eye(4))
        return b"".join(
            (
                struct.pack("<IQ", self.version, self.name_bytes),
                b"room",
                *(m.astype("<f4").tobytes() for m in matrices),
                struct.pack("<ii", self.colour_codec, self.depth_codec),
                struct.pack("<4I", *self.colour_wh, *self.depth_wh),
                struct.pack("<fQ", self.depth_shift, count),
            )
        )

    def frames(self) -> list[bytes]:
        packed = []
        for i, (pose, colour, depth) in enumerate(zip(self.poses, self.colours, self.depths, strict=True)):
            lengths = self.stated_lengths.get(i, (len(colour), len(depth)))
            numbers = struct.pack("<4Q", i * 33_333, i * 33_333, *lengths)
            packed.append(pose.astype("<f4").tobytes() + numbers + colour + depth)
        return packed

    def write(self, path: Path) -> Path:
        path.write_bytes(self.head() + b"".join(self.frames()))
        return path


def encoded(rgb: np.ndarray, format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format=format)
    return buffer.getvalue()


@pytest.fixture
def sens(scene) -> Sens:
    steps = [np.rint(scene.depth_m(i) * 1000).astype("<u2") for i in range(len(scene.poses))]
    matrix = np.eye(4)
    matrix[:3, :3] = scene.camera.matrix
    return Sens(
        poses=scene.poses,
        colours=[encoded(scene.rgb(i), "JPEG") for i in range(len(scene.poses))],
        depths=[zlib.compress(s.tobytes()) for s in steps],
        colour_wh=(128, 96),
        depth_wh=(128, 96),
        matrix=matrix,
    )


def test_every_frame_of_a_sens_file_is_read(tmp_path: Path, sens: Sens, scene) -> None:
    sequence = open_sequence(sens.write(tmp_path / "scene0001_00.sens"))
    assert (sequence.name, sequence.source_format, len(sequence)) == ("scene0001_00", "sens", 12)
    assert sequence.dropped == {}
    for index, frame in enumerate(sequence):
        assert np.allclose(np.asarray(frame.world_T_cam), scene.poses[index], atol=1e-5)
        assert frame.time_s == pytest.approx(index / 30, abs=1e-4)
        jpeg = np.asarray(Image.open(io.BytesIO(sens.colours[index])))
        assert np.array_equal(frame.rgb(), jpeg)
        depth = frame.depth()
        assert depth is not None
        assert np.abs(depth.metres - scene.depth_m(index)).max() < 0.00051


def test_png_colour_and_raw_depth_are_read_too(tmp_path: Path, sens: Sens, scene) -> None:
    sens.colour_codec, sens.depth_codec = 1, 0
    sens.colours = [encoded(scene.rgb(i), "PNG") for i in range(12)]
    sens.depths = [zlib.decompress(d) for d in sens.depths]
    sequence = open_sequence(sens.write(tmp_path / "a.sens"))
    assert np.array_equal(sequence[11].rgb(), scene.rgb(11))
    assert sequence[11].depth() is not None


def test_a_folder_with_one_sens_file_is_that_file(tmp_path: Path, sens: Sens) -> None:
    sens.write(tmp_path / "scene0001_00.sens")
    assert open_sequence(tmp_path).name == "scene0001_00"


def test_frames_can_be_sent_to_another_process(tmp_path: Path, sens: Sens) -> None:
    frame = open_sequence(sens.write(tmp_path / "a.sens"))[3]
    assert np.array_equal(sent_to_a_worker(frame).rgb(), frame.rgb())


def test_lost_tracking_is_counted(tmp_path: Path, sens: Sens) -> None:
    sens.poses = [np.full((4, 4), -np.inf) if i in (0, 6) else pose for i, pose in enumerate(sens.poses)]
    sequence = open_sequence(sens.write(tmp_path / "a.sens"))
    assert [f.name for f in sequence][:2] == ["000001", "000002"]
    assert sequence.dropped == {"pose not finite (lost tracking)": 2}


def test_a_file_cut_anywhere_keeps_its_whole_frames_and_counts_the_lost_ones(tmp_path: Path, sens: Sens) -> None:
    whole = sens.write(tmp_path / "whole.sens").read_bytes()
    ends = np.cumsum([len(sens.head())] + [len(f) for f in sens.frames()])
    for cut in np.random.default_rng(0).integers(ends[1], len(whole), 40):
        path = tmp_path / "cut.sens"
        path.write_bytes(whole[:cut])
        kept = int(np.sum(ends[1:] <= cut))
        sequence = read_sens(path)
        assert len(sequence) == kept
        assert sequence.dropped == {"cut off at the end of the file": 12 - kept}
        assert sequence[kept - 1].rgb().shape == (96, 128, 3)


def test_a_file_cut_within_its_head_or_first_frame_is_refused(tmp_path: Path, sens: Sens) -> None:
    whole = sens.write(tmp_path / "whole.sens").read_bytes()
    for cut in (0, 1, 11, 14, 100, len(sens.head()) - 1, len(sens.head()), len(sens.head()) + 50):
        (tmp_path / "cut.sens").write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"cut|no frame"):
            read_sens(tmp_path / "cut.sens")


@pytest.mark.parametrize(
    ("field_name", "value", "message"),
    [
        ("version", 7, "version 7"),
        ("name_bytes", 2**63, "bytes of name"),
        ("colour_wh", (2**31, 2**31), "pixels a frame"),
        ("depth_wh", (100_000, 1000), "pixels a frame"),
        ("depth_wh", (0, 480), "pixels a frame"),
        ("count", 2**62, "frames"),
        ("depth_shift", float("nan"), "depth steps"),
        ("depth_shift", 0.0, "depth steps"),
        ("colour_codec", 0, "codec 0"),
        ("depth_codec", 2, "with 2"),
        ("stated_lengths", {3: (2**62, 2**62)}, "image of frame 3"),
        ("matrix", np.zeros((4, 4)), "not a camera"),
        ("matrix", np.full((4, 4), np.nan), "not a camera"),
    ],
)
def test_absurd_numbers_are_refused_before_anything_is_reserved(
    tmp_path: Path, sens: Sens, field_name: str, value: object, message: str
) -> None:
    setattr(sens, field_name, value)
    with pytest.raises(DataError, match=message):
        read_sens(sens.write(tmp_path / "a.sens"))


def test_depth_that_unpacks_to_more_than_its_image_is_refused_without_unpacking_it_all(
    tmp_path: Path, sens: Sens
) -> None:
    sens.depths[2] = zlib.compress(b"\1" * 50_000_000)
    sequence = read_sens(sens.write(tmp_path / "a.sens"))
    with pytest.raises(DataError, match=r"frame 2 .* has 24577 bytes, it should have 24576"):
        sequence[2].depth()


def test_damaged_images_are_named_by_their_frame(tmp_path: Path, sens: Sens) -> None:
    sens.depths[2], sens.colours[2] = b"not zlib", b""
    sequence = read_sens(sens.write(tmp_path / "a.sens"))
    with pytest.raises(DataError, match=r"frame 2 .* depth is damaged"):
        sequence[2].depth()
    with pytest.raises(DataError, match=r"frame 2 .* colour"):
        sequence[2].rgb()


def test_a_file_that_disappears_after_opening_is_a_data_error(tmp_path: Path, sens: Sens) -> None:
    sequence = read_sens(sens.write(tmp_path / "a.sens"))
    (tmp_path / "a.sens").unlink()
    with pytest.raises(DataError, match="cannot read"):
        sequence[0].rgb()
