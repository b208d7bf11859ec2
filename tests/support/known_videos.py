"""Videos written by the tests themselves, sound and otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    rate: Fraction | int = 30,
    *,
    times_s: Sequence[float] | None = None,
    turned_degrees: int = 0,
    codec: str = "libx264",
    quality: int = 10,
) -> Path:
    """Encode RGB frames; ``times_s`` gives each its own time, ``turned_degrees`` is how a player must turn them."""
    pixel_format = {"libx264": "yuv444p", "mpeg4": "yuv420p", "mjpeg": "yuvj444p"}[codec]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, options={"crf": str(quality), "preset": "ultrafast"})
        stream.pix_fmt, stream.bit_rate = pixel_format, 8_000_000
        if times_s is not None:
            stream.codec_context.time_base = Fraction(1, 90000)
        for number, pixels in enumerate(frames):
            if number == 0:
                stream.height, stream.width = pixels.shape[:2]
                if turned_degrees:
                    stream.set_display_rotation(turned_degrees)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            if times_s is not None:
                frame.pts, frame.time_base = round(times_s[number] * 90000), Fraction(1, 90000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def numbered(count: int, size_hw: tuple[int, int] = (96, 128)) -> list[np.ndarray]:
    """Frames that say in their grey which they are (8 levels apart), brighter to the top, with a red left half."""
    frames = []
    for number in range(count):
        pixels = np.full((*size_hw, 3), 40 + 8 * number % 200, dtype=np.uint8)
        pixels[: size_hw[0] // 4] = 250
        pixels[size_hw[0] // 4 :, : size_hw[1] // 4] = (230, 20, 20)
        frames.append(pixels)
    return frames
