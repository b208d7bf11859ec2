"""Clips and the pictures they are made of: as many frames as the run, in its colours, at its size."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from known_runs import wall_run
from PIL import Image
from plain_scenes import CAMERA

from deglare.data.run_folder import LabelSource
from deglare.errors import RequestError
from deglare.inspection import clips
from deglare.inspection.clips import SIDE_BY_SIDE, clip, gif_bytes, mp4_bytes
from deglare.inspection.painting import PAINTED, Painter
from deglare.inspection.run import InspectedRun
from deglare.pictures import NOTHING, SOURCES, DepthRange, depth_picture

FRAMES = 7
SHOWN = DepthRange(1.5, 5.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> InspectedRun:
    return InspectedRun.open(wall_run(FRAMES).write(tmp_path_factory.mktemp("clips") / "wall"))


def decoded(content: bytes) -> list[np.ndarray]:
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(content)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_an_mp4_has_every_frame_in_the_colours_of_the_run(run: InspectedRun) -> None:
    pytest.importorskip("av")
    download = clip(run, ["predicted"], shown=SHOWN)
    assert (download.name, download.media_type) == ("wall_predicted.mp4", "video/mp4")
    frames = decoded(download.content())
    assert len(frames) == FRAMES
    painter = Painter.of(run, shown=SHOWN)
    for name, frame in zip(run.names, frames, strict=True):
        expected = painter.paint(name, "predicted")
        assert frame.shape == expected.shape
        assert np.abs(frame.astype(int) - expected).mean() < 8  # video halves the resolution of colours


def test_without_h264_an_mp4_is_written_all_the_same(run: InspectedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    monkeypatch.setattr(clips, "CODECS", {"h265-of-nobody": {}, "mpeg4": clips.CODECS["mpeg4"]})
    frames = decoded(clip(run, ["fused"], shown=SHOWN).content())
    assert len(frames) == FRAMES
    assert np.abs(frames[3].astype(int) - Painter.of(run, shown=SHOWN).paint("003", "fused")).mean() < 10


def test_without_av_an_mp4_is_refused_in_a_sentence(run: InspectedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(RequestError, match="pip install av, or take a GIF"):
        clip(run, ["rgb"], shown=SHOWN)


@pytest.mark.parametrize("size_hw", [(31, 45), (32, 45), (31, 44)])
def test_odd_sides_get_a_dark_pixel_more(size_hw: tuple[int, int]) -> None:
    pytest.importorskip("av")
    pictures = [np.full((*size_hw, 3), 200, dtype=np.uint8)] * 3
    frames = decoded(mp4_bytes(pictures, 10))
    height, width = (side + side % 2 for side in size_hw)
    assert [frame.shape for frame in frames] == [(height, width, 3)] * 3
    assert frames[0][: size_hw[0] - 1, : size_hw[1] - 1].min() > 180


def test_side_by_side_stand_colour_prediction_and_label(run: InspectedRun) -> None:
    pytest.importorskip("av")
    download = clip(run, shown=SHOWN)
    assert download.name == "wall_rgb_predicted_fused.mp4"
    frame = decoded(download.content())[2]
    height, width = CAMERA.size_hw
    painter = Painter.of(run, shown=SHOWN)
    for place, layer in enumerate(SIDE_BY_SIDE):
        left = 4 + place * (width + 4)
        pane = frame[26 : 26 + height, left : left + width].astype(int)
        assert np.abs(pane - painter.paint("002", layer)).mean() < 8, layer


def test_a_gif_has_every_frame_and_repeats(run: InspectedRun) -> None:
    download = clip(run, ["error"], "gif", shown=SHOWN, fps=10)
    assert (download.name, download.media_type) == ("wall_error.gif", "image/gif")
    with Image.open(io.BytesIO(download.content())) as gif:
        assert (getattr(gif, "n_frames", 1), gif.size, gif.info["loop"]) == (FRAMES, (96, 72), 0)
        assert gif.info["duration"] == 100


def test_a_gif_is_narrow_and_short(run: InspectedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "GIF_WIDTH", 64)
    monkeypatch.setattr(clips, "GIF_FRAMES", 3)
    seen: list[tuple[int, int]] = []
    one = clip(run, ["predicted"], "gif", shown=SHOWN, progress=lambda done, total: seen.append((done, total)))
    several = clip(run, ("rgb", "predicted"), "gif", shown=SHOWN)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    for download in (one, several):
        with Image.open(io.BytesIO(download.content())) as gif:
            assert gif.width <= 64 and getattr(gif, "n_frames", 1) == 3


def test_a_gif_of_one_frame_is_a_picture() -> None:
    with Image.open(io.BytesIO(gif_bytes([np.full((8, 8, 3), 90, dtype=np.uint8)], 5))) as gif:
        assert gif.size == (8, 8)


def test_the_range_of_colours_is_that_of_the_run_unless_it_is_given(run: InspectedRun) -> None:
    shown = Painter.of(run).shown
    assert 1.4 < shown.near_m < 1.7 and 4.2 < shown.far_m < 5.0
    depth = run.layers("001").predicted
    expected = depth_picture(depth.metres, depth.valid, shown)
    np.testing.assert_array_equal(Painter.of(run).paint("001", "predicted"), expected)


@pytest.mark.parametrize("layer", PAINTED)
def test_every_layer_is_a_picture_of_the_size_of_the_frame(run: InspectedRun, layer: str) -> None:
    picture = Painter.of(run, shown=SHOWN).paint("002", layer)
    assert picture.shape == (*CAMERA.size_hw, 3) and picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1 or layer == "rgb"


def test_the_source_of_labels_is_shown_in_flat_colours(run: InspectedRun) -> None:
    source = run.layers("002").source
    assert source is not None and {1, 2} <= set(np.unique(source).tolist())
    picture = Painter.of(run, shown=SHOWN).paint("002", "source")
    for code in LabelSource:
        assert np.all(picture[source == code] == SOURCES[code])


def test_too_far_is_red_too_near_is_blue_and_nothing_is_dark(run: InspectedRun) -> None:
    painter = Painter.of(run, shown=SHOWN)
    predicted, projected = painter.paint("002", "error-predicted"), painter.paint("002", "error-projected")
    assert np.all(predicted[20:30, 55:65, 0] > predicted[20:30, 55:65, 2])  # a tenth too far, and more
    right_of_gap = projected[:, 6:].astype(int)
    assert np.all(right_of_gap[..., 2] >= right_of_gap[..., 0]) and np.all(projected[:, :6] == NOTHING)


def test_another_teacher_is_painted_when_asked_for(run: InspectedRun) -> None:
    base, other = (Painter.of(run, teacher, SHOWN).paint("002", "predicted") for teacher in (None, "other"))
    assert np.any(base != other)
    np.testing.assert_array_equal(other, Painter.of(run, shown=SHOWN).paint("002", "truth"))
    with pytest.raises(RequestError, match="none of the teachers"):
        clip(run, ["predicted"], teacher="nobody")


WISHES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "avi"}, "mp4 or gif"),
    ({"layers": ["../rgb"]}, "there is no layer"),
    ({"layers": []}, "at least one layer"),
    ({"fps": 0}, "frames a second"),
    ({"fps": 1000}, "frames a second"),
]


@pytest.mark.parametrize(("wish", "words"), WISHES)
def test_wishes_that_cannot_be_met_are_refused(run: InspectedRun, wish: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        clip(run, **wish)


def test_layers_that_a_run_does_not_have_are_refused(tmp_path: Path) -> None:
    bare = InspectedRun.open(wall_run(2, has_truth=False).write(tmp_path / "bare"))
    for layer in ("truth", "error", "reflective"):
        with pytest.raises(RequestError, match="so there is no layer"):
            clip(bare, [layer])


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_an_exception_from_progress_ends_the_work(run: InspectedRun, kind: str) -> None:
    pytest.importorskip("av")

    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        clip(run, ["rgb"], kind, shown=SHOWN, progress=cancel)
