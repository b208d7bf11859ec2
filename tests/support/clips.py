"""Videos that a test encodes itself, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8


def write_clip(path: Path, pictures: Iterable[UInt8[np.ndarray, "h w 3"]], rate: int = 10, turned: int = 0) -> Path:
    """An MPEG-4 of good quality; ``turned`` says by how many degrees a player turns the stored pictures."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=rate, options={"qscale": "2"})
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    if turned:
        _turn(path, turned)
    return path


def _turn(path: Path, degrees: int) -> None:
    """Write the rotation into the matrix of the track header of an MP4."""
    data = path.read_bytes()
    place = data.index(b"tkhd") + 4 + 40  # version 0: 40 bytes stand before the matrix
    matrices = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    a, b, c, d = (number << 16 for number in matrices[degrees])
    matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30]
    packed = b"".join(number.to_bytes(4, "big", signed=True) for number in matrix)
    path.write_bytes(data[:place] + packed + data[place + 36 :])
