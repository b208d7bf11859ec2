"""Videos come in many shapes, and an upload can be anything."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from known_videos import numbered, write_video

from deglare.data.files import read_rgb
from deglare.data.video import VideoLimits, decode_video, probe_video
from deglare.data.video_facts import VideoRequest
from deglare.errors import DataError

EVERYTHING = VideoRequest("", "", max_frames=1000)


def greys(files: tuple[Path, ...]) -> list[int]:
    """Which frames these are, counted from 0."""
    return [round((int(read_rgb(file)[70, 60, 0]) - 40) / 8) for file in files]


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "libx264"), ("clip.mkv", "libx264"), ("clip.avi", "mpeg4")])
def test_every_frame_of_a_container_arrives_in_order(tmp_path: Path, name: str, codec: str) -> None:
    clip = write_video(tmp_path / name, numbered(12), codec=codec)
    facts = probe_video(clip)
    decoded = decode_video(clip, tmp_path, EVERYTHING)
    assert (facts.size_hw, facts.rate_hz, facts.rotation_degrees) == ((96, 128), 30.0, 0)
    assert greys(decoded.files) == list(range(12))
    assert decoded.times_s == pytest.approx([number / 30 for number in range(12)], abs=2e-3)
    assert decoded.note is None


def test_a_portrait_clip_stored_lying_down_stands_upright(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "turned.mp4", numbered(3), turned_degrees=90)
    assert probe_video(clip).size_hw == (128, 96)
    shown = read_rgb(decode_video(clip, tmp_path, EVERYTHING).files[0])
    assert np.array_equal(shown.shape, (128, 96, 3))
    assert np.abs(shown.astype(int) - np.rot90(numbered(1)[0], 1)).mean() < 3


def test_frames_keep_their_own_times_where_the_rate_varies(tmp_path: Path) -> None:
    times_s = [0, 0.03, 0.1, 0.5, 0.52, 0.9]
    clip = write_video(tmp_path / "varying.mp4", numbered(6), times_s=times_s)
    assert decode_video(clip, tmp_path, EVERYTHING).times_s == pytest.approx(times_s, abs=1e-3)


def test_frames_are_spaced_in_time_not_counted(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "varying.mp4", numbered(6), times_s=[0, 0.03, 0.1, 0.5, 0.52, 0.9])
    spaced = VideoRequest("", "", step_s=0.1, max_frames=1000)
    assert greys(decode_video(clip, tmp_path, spaced).files) == [0, 2, 3, 5]


def test_an_odd_rate_gives_the_frames_that_are_due(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "odd.mkv", numbered(24), rate=Fraction(584, 10))
    spaced = VideoRequest("", "", step_s=1 / 15, max_frames=1000)
    assert greys(decode_video(clip, tmp_path, spaced).files) == [0, 4, 8, 12, 16, 20]


def test_every_nth_frame_and_no_more_than_asked_for(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", numbered(12))
    decoded = decode_video(clip, tmp_path, VideoRequest("", "", every=3, max_frames=3))
    assert greys(decoded.files) == [0, 3, 6]
    assert decoded.note is None


def test_large_frames_are_made_smaller_and_small_ones_left_alone(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", numbered(2))
    small = decode_video(clip, tmp_path, VideoRequest("", "", longest_side=64, max_frames=9))
    assert read_rgb(small.files[0]).shape == (48, 64, 3)
    assert read_rgb(decode_video(clip, tmp_path, EVERYTHING).files[0]).shape == (96, 128, 3)


def test_a_clip_cut_short_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", numbered(30)).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    decoded = decode_video(cut, tmp_path, EVERYTHING)
    assert 0 < len(decoded.files) < 24
    assert decoded.note is not None and "cut short" in decoded.note


def hostile(folder: Path, kind: str) -> Path:
    """A file that is no video worth the name."""
    sound = write_video(folder / "sound.mp4", numbered(12))
    path = folder / "upload.mp4"
    contents = {
        "text": b"this is a letter, not a video\n" * 9,
        "empty": b"",
        "playlist": b"#EXTM3U\nhttp://example.org/other.ts\n",
        "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "dash": b"<?xml version='1.0'?><MPD></MPD>",
        "header alone": b"\0\0\0\x18ftypisom" + bytes(600),
        "truncated": sound.read_bytes()[: sound.stat().st_size // 2],
    }
    path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text", "not a video"),
        ("empty", "empty"),
        ("playlist", "names other files"),
        ("concat", "names other files"),
        ("dash", "names other files"),
        ("header alone", "cut short or damaged"),
        ("truncated", "cut short or damaged"),
    ],
)
def test_what_is_no_video_is_one_sentence(tmp_path: Path, kind: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        probe_video(hostile(tmp_path, kind))
    assert "\n" not in str(raised.value)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), dtype=np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44100, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(DataError, match="no moving pictures"):
        probe_video(path)


def test_a_dot_is_no_video(tmp_path: Path) -> None:
    dots = [np.zeros((2, 2, 3), dtype=np.uint8)] * 12
    with pytest.raises(DataError, match="2x2 pixels"):
        probe_video(write_video(tmp_path / "dot.mkv", dots, codec="mjpeg"))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (VideoLimits(cpu_s=0), "processor time"),
        (VideoLimits(wall_s=0.01), "longer than 0.01 s"),
        (VideoLimits(max_pixels=9999), "128x96 pixels"),
        (VideoLimits(max_decoded=5), "more than 5 frames"),
        (VideoLimits(max_bytes=100), "more than 100 bytes"),
        (VideoLimits(memory_mb=30), "more than 30 MB"),
    ],
)
def test_every_limit_is_one_sentence(tmp_path: Path, limits: VideoLimits, said: str) -> None:
    clip = write_video(tmp_path / "clip.mp4", numbered(12))
    with pytest.raises(DataError, match=said):
        decode_video(clip, tmp_path, EVERYTHING, limits)


def test_a_folder_and_a_missing_file_are_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.mp4"):
        with pytest.raises(DataError):
            probe_video(path)
