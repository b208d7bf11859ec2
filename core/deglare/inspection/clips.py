"""A run as a clip: one layer, or several side by side, frame after frame in one range of colours."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from deglare.errors import RequestError
from deglare.fusion.threads import in_order
from deglare.inspection.downloads import Download, safe_name
from deglare.inspection.levels import every_nth
from deglare.inspection.painting import Painter, require_layer
from deglare.inspection.run import InspectedRun
from deglare.pictures import GAP, GROUND, DepthRange, Picture, Resized, sheet, shrunk
from deglare.progress import Progress, quiet

SIDE_BY_SIDE = ("rgb", "predicted", "fused")
"""What was seen, what was predicted of it, and what became of that."""

GIF_WIDTH, GIF_FRAMES = 480, 150
ROOM_FOR_TITLES = 220
"""Pixels in which a title with its range of depth fits."""
MOST_FPS = 60
AT_A_TIME = 2
"""Frames are painted while others are encoded."""

CODECS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "18", "preset": "veryfast"},
    "mpeg4": {"qscale": "3"},
}
"""H.264 where this build of ffmpeg has it, else what every build has."""


def clip(
    run: InspectedRun,
    layers: Sequence[str] = SIDE_BY_SIDE,
    kind: str = "mp4",
    *,
    teacher: str | None = None,
    shown: DepthRange | None = None,
    fps: int = 12,
    progress: Progress = quiet,
) -> Download:
    """The whole sequence; a GIF is at most 480 pixels wide and has at most 150 frames, every n-th of a longer run.

    Args:
        run: Opened.
        layers: One of `painting.PAINTED`, or several, with titles.
        kind: "mp4" or "gif".
        teacher: Whose prediction; the base if not given.
        shown: The range of colours of depth; that of the run if not given, for which frames are looked at once more.
        fps: Frames a second.
        progress: Told how many frames are done; an exception from it ends the work.
    """
    if kind not in WRITERS:
        raise RequestError(f"a clip is written as {' or '.join(WRITERS)}, not as '{kind[:20]}'")
    if not 1 <= fps <= MOST_FPS or not layers:
        raise RequestError(f"a clip has at least one layer and 1 to {MOST_FPS} frames a second, not {fps}")
    for layer in layers:
        require_layer(run, layer)
    painter = Painter.of(run, teacher, shown)
    names = run.names if kind == "mp4" else every_nth(run.names, GIF_FRAMES)
    width = run.camera.size_hw[1] if kind == "mp4" else pane_width(len(layers))
    pictures = in_order(lambda name: _picture(painter, name, layers, width), names, AT_A_TIME)
    content = WRITERS[kind](_counted(pictures, len(names), progress), fps)
    name = safe_name(run.name, *layers, suffix=f".{kind}")
    return Download.of(name, {"mp4": "video/mp4", "gif": "image/gif"}[kind], content)


def pane_width(panes: int) -> int:
    """In pixels, of so many panes that stand in one GIF side by side."""
    return GIF_WIDTH if panes == 1 else (GIF_WIDTH - GAP) // panes - GAP


def _picture(painter: Painter, frame: str, layers: Sequence[str], width: int) -> Resized:
    """One layer as it is, several with titles, as long as there is room for them."""
    pictures = [shrunk(painter.paint(frame, layer), width) for layer in layers]
    if len(layers) == 1:
        return pictures[0]
    has_room = pictures[0].shape[1] >= ROOM_FOR_TITLES
    return sheet([pictures], [painter.title(layer) if has_room else layer for layer in layers])


def _counted(pictures: Iterable[Resized], total: int, progress: Progress) -> Iterator[Resized]:
    for done, picture in enumerate(pictures, start=1):
        yield picture
        progress(done, total)


def mp4_bytes(pictures: Iterable[Resized], fps: int) -> bytes:
    """H.264, or MPEG-4 where there is none, in an MP4. Odd sides get one dark pixel more."""
    av = _av()
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = None
        for picture in map(_even, pictures):
            if stream is None:
                stream = _stream(av, container, picture, fps)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())
    return buffer.getvalue()


def gif_bytes(pictures: Iterable[Resized], fps: int) -> bytes:
    """A GIF that repeats for ever, with 256 colours for each frame."""
    small = (Image.fromarray(picture).quantize(256) for picture in pictures)
    first = next(small)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=small, duration=round(1000 / fps), loop=0)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[Iterable[Resized], int], bytes]] = {"mp4": mp4_bytes, "gif": gif_bytes}


def _stream(av: Any, container: Any, picture: Resized, fps: int) -> Any:
    name = next((codec for codec in CODECS if codec in av.codec.codecs_available), "mpeg4")
    stream = container.add_stream(name, rate=fps, options=dict(CODECS[name]))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    return stream


def _even(picture: Picture) -> Resized:
    """Video halves the resolution of colours, so its sides are even."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    canvas = np.full((height + height % 2, width + width % 2, 3), GROUND, dtype=np.uint8)
    canvas[:height, :width] = picture
    return canvas


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise RequestError(f"MP4 needs av ({error}): pip install av, or take a GIF") from error
    return av
