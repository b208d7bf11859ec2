"""The clip as a video of depth: what was seen, what was predicted, what became of it, in one range of colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from deglare.data.files import read_depth, read_rgb, write_atomically
from deglare.data.run_folder import RunFolder
from deglare.pictures import NOTHING, DepthRange, Picture, depth_picture, sheet
from deglare.types import DepthMap

TICKS = 1000
"""A second of the video: frames are shown at the times at which they were taken."""

LAST_S = 0.1
RANGE_FRAMES, RANGE_STEP = 24, 7
"""The range of colours is that of so many frames, every so many pixels."""

CODECS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "18", "preset": "veryfast"},
    "mpeg4": {"qscale": "3"},
}
"""H.264 where this build of ffmpeg has it, else what every build has."""

TITLED_FROM = 150
"""Panes narrower than this have no room for a title."""


@dataclass(frozen=True)
class Panes:
    """Pictures of frames of one run."""

    run: RunFolder
    teacher: str
    with_fused: bool
    shown: DepthRange

    @classmethod
    def of(cls, run: RunFolder, names: Sequence[str], teacher: str, with_fused: bool) -> Panes:
        """With the range of depth that the whole clip has."""
        places = np.unique(np.linspace(0, len(names) - 1, RANGE_FRAMES).astype(int))
        some = [names[int(place)] for place in places]
        depths = (read_depth(run.predicted(teacher, name)) for name in some)
        shown = DepthRange.of(depth.metres[depth.valid][::RANGE_STEP] for depth in depths)
        return cls(run, teacher, with_fused, shown)

    def picture(self, name: str) -> UInt8[np.ndarray, "h w 3"]:
        """One frame."""
        rgb = read_rgb(self.run.color(name))
        panes = [rgb, self._depth(read_depth(self.run.predicted(self.teacher, name)))]
        titles = ["video", f"predicted, {self.shown.near_m:.1f} to {self.shown.far_m:.1f} m"]
        if self.with_fused:
            path = self.run.layer("fused", name)
            panes.append(self._depth(read_depth(path)) if path.is_file() else np.full_like(rgb, NOTHING))
            titles.append("mended by the mesh" if path.is_file() else "no camera here")
        return even(sheet([panes], titles if rgb.shape[1] >= TITLED_FROM else ()))

    def _depth(self, depth: DepthMap) -> Picture:
        return depth_picture(depth.metres, depth.valid, self.shown)


def write_video(path: Path, pictures: Iterable[UInt8[np.ndarray, "h w 3"]], times_s: Sequence[float]) -> None:
    """An MP4 whose frames come at the given times; sides are even."""
    import av

    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = None
        for picture, time_s in zip(pictures, times_s, strict=True):
            if stream is None:
                stream = _stream(av, container, picture, len(times_s) / max(times_s[-1] - times_s[0] + LAST_S, LAST_S))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round((time_s - times_s[0]) * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
    write_atomically(path, lambda out: out.write(buffer.getvalue()))


def even(picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
    """Video halves the resolution of colours, so its sides are even: odd ones get one dark pixel more."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=int(NOTHING[0]))


def _stream(av: Any, container: Any, picture: Picture, rate_hz: float) -> Any:
    name = next((codec for codec in CODECS if codec in av.codec.codecs_available), "mpeg4")
    stream = container.add_stream(name, rate=max(1, min(60, round(rate_hz))), options=dict(CODECS[name]))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS)
    return stream
