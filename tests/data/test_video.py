from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from jaxtyping import UInt8

from deglare.data.files import read_rgb
from deglare.data.video import DecodedVideo, VideoLimits, decode_video, probe_video
from deglare.data.video_colour import HLG, PQ, nits_of_hlg, nits_of_pq, screen_colours
from deglare.data.video_container import container_of
from deglare.data.video_facts import VideoRequest
from deglare.errors import DataError

SIZE_HW = (96, 128)


def picture(number: int, size_hw: tuple[int, int] = SIZE_HW) -> UInt8[np.ndarray, "h w 3"]:
    """The upper half is as red as the frame's number says, the lower half is blue."""
    pixels = np.zeros((*size_hw, 3), dtype=np.uint8)
    pixels[: size_hw[0] // 2, :, 0] = 20 + 10 * number
    pixels[size_hw[0] // 2 :, :, 2] = 200
    return pixels


def write_clip(path: Path, ticks: range | list[int], size_hw: tuple[int, int] = SIZE_HW) -> Path:
    """A frame at each tick of a tenth of a second, without loss of note."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.height, stream.width = size_hw
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        stream.codec_context.time_base = Fraction(1, 10)
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(picture(number, size_hw), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 10)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", range(12))


def decoded(path: Path, wanted: VideoRequest | None = None, limits: VideoLimits | None = None) -> DecodedVideo:
    out = path.parent / "frames"
    out.mkdir()
    return decode_video(path, out, wanted or VideoRequest("", "", max_frames=100), limits)


def red_of(path: Path) -> float:
    pixels = read_rgb(path)
    return float(pixels[: pixels.shape[0] // 2, :, 0].mean())


def test_a_video_says_what_it_is(clip: Path) -> None:
    facts = probe_video(clip)
    assert (facts.container, facts.size_hw, facts.rotation_degrees) == ("mov", SIZE_HW, 0)
    assert facts.rate_hz == pytest.approx(10) and facts.duration_s == pytest.approx(1.2, abs=0.11)
    assert not facts.is_high_range


def test_every_frame_comes_out_in_order_with_its_time(clip: Path) -> None:
    found = decoded(clip)
    assert found.times_s == pytest.approx([tick / 10 for tick in range(12)])
    assert [red_of(path) for path in found.files] == pytest.approx([20 + 10 * n for n in range(12)], abs=6)
    assert read_rgb(found.files[0]).shape == (*SIZE_HW, 3)
    assert found.note is None


def test_frames_are_taken_by_time_where_their_rate_varies(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "uneven.mkv", [0, 1, 2, 3, 10, 11, 20])
    assert decoded(path, VideoRequest("", "", step_s=1.0, max_frames=9)).times_s == pytest.approx([0.0, 1.0, 2.0])


def test_only_as_many_frames_and_pixels_as_were_asked_for(clip: Path) -> None:
    found = decoded(clip, VideoRequest("", "", every=2, max_frames=3, longest_side=64))
    assert found.times_s == pytest.approx([0.0, 0.2, 0.4])
    assert read_rgb(found.files[0]).shape == (48, 64, 3)


def test_a_part_of_a_video_is_taken_from_its_start_to_before_its_end(clip: Path) -> None:
    found = decoded(clip, VideoRequest("", "", start_s=0.3, end_s=0.8, max_frames=100))
    assert found.times_s == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    assert red_of(found.files[0]) == pytest.approx(50, abs=6) and found.note is None


def test_progress_counts_to_the_end(clip: Path) -> None:
    told: list[tuple[int, int]] = []
    (clip.parent / "out").mkdir()
    wanted = VideoRequest("", "", max_frames=100, expected=12)
    decode_video(clip, clip.parent / "out", wanted, progress=lambda done, total: told.append((done, total)))
    assert told == [(10, 12), (12, 12)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"just some words, and no video at all", "is not a video that is read here"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "a list that names other files"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "a list that names other files"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(200), "cannot be decoded: it is cut short or damaged"),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "upload.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        probe_video(path)


def test_the_first_bytes_and_not_the_name_say_what_it_is(clip: Path) -> None:
    assert container_of(clip.rename(clip.with_suffix(".txt"))) == "mov"


def test_a_video_cut_short_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "whole.mkv", range(20))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = decoded(path)
    assert 0 < len(found.times_s) < 20
    assert found.note is not None and found.note.startswith(
        "whole.mkv is cut short or damaged: it can be decoded up to"
    )


def test_a_clip_of_specks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has frames of 16x16 pixels: that shows nothing"):
        probe_video(write_clip(tmp_path / "dot.mp4", range(3), (16, 16)))


def test_frames_are_counted_as_they_are_decoded(clip: Path) -> None:
    with pytest.raises(DataError, match=r"^clip\.mp4 has more than 5 frames: cut it$"):
        decoded(clip, limits=VideoLimits(max_decoded=5))


def test_larger_frames_than_allowed_are_refused(clip: Path) -> None:
    with pytest.raises(DataError, match="128x96 pixels, more than the 1000 allowed"):
        probe_video(clip, VideoLimits(max_pixels=1000))


def test_a_decoder_that_takes_too_long_is_ended(clip: Path) -> None:
    with pytest.raises(DataError, match=r"took longer than 0\.001 s"):
        probe_video(clip, VideoLimits(wall_s=0.001))


def test_paper_white_is_bright_and_light_keeps_its_order() -> None:
    signal = np.linspace(0, 1, 65, dtype=np.float32)
    assert nits_of_pq(np.array([0.58], dtype=np.float32))[0] == pytest.approx(203, rel=0.02)  # BT.2408
    assert nits_of_hlg(np.array([0.75], dtype=np.float32))[0] == pytest.approx(203, rel=0.02)
    for transfer in (PQ, HLG):
        grey = np.repeat(np.rint(signal * 65535).astype(np.uint16)[None, :, None], 3, axis=2)
        shown = screen_colours(grey, transfer)
        assert shown[0, 0].max() == 0 and np.all(np.diff(shown[0, :, 1].astype(int)) >= 0)
        assert shown[0, -1].min() > 230
