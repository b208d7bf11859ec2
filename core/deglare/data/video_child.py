"""The process that opens a video: it has little memory, little time and no other file, and says what it finds.

It is started by `deglare.data.video` and reads one request, JSON, from its standard input. It answers in JSON, a line
each: ``{"facts": ...}``, ``{"progress": [done, total]}``, ``{"decoded": ...}`` or ``{"fault": "one sentence"}``. Frames
go to files of the folder that the request names.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import av.stream
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from deglare.data.video_colour import is_high_range, screen_colours
from deglare.data.video_facts import VideoFacts, VideoRequest
from deglare.errors import DataError

QUALITY = 95
SMALLEST_SIDE = 64
TELL_EVERY = 10
FOCAL_35MM = ("focal_length.35mm_equivalent", "focallengthin35mmfilm")


def main() -> None:
    """Answer one request; whatever goes wrong becomes one sentence."""
    request = VideoRequest(**json.loads(sys.stdin.readline()))
    try:
        limit(request)
        answer(request)
    except DataError as error:
        say({"fault": str(error)})
    except MemoryError:
        say({"fault": f"{request.path} needs more than {request.memory_mb} MB to decode: make it smaller first"})
    except (av.error.FFmpegError, ValueError, OverflowError, OSError) as error:
        say({"fault": f"{request.path} cannot be decoded: it is cut short or damaged ({first_line(error)})"})


def answer(request: VideoRequest) -> None:
    """Facts alone, or facts and frames."""
    with (
        Path(request.path).open("rb") as file,
        av.open(file, mode="r", format=request.container, options={"protocol_whitelist": "none"}) as video,
    ):
        stream = picture_stream(video, request)
        say({"facts": asdict(facts_of(video, stream, request))})
        if request.out is not None:
            say({"decoded": decode(video, stream, request, Path(request.out))})


def limit(request: VideoRequest) -> None:
    """Processor time, memory, size and number of files: what the system lets this process have."""
    if sys.platform == "win32":
        return
    import resource

    bounds = (
        (resource.RLIMIT_CPU, request.cpu_s),
        (resource.RLIMIT_AS, request.memory_mb << 20),
        (resource.RLIMIT_FSIZE, request.max_pixels * 4),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    )
    for what, most in bounds:
        with suppress(ValueError, OSError):  # a stricter one stands already
            resource.setrlimit(what, (most, most))


def picture_stream(video: Any, request: VideoRequest) -> Any:
    """The first stream of moving pictures; a cover is none."""
    streams = [s for s in video.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        raise DataError(f"{request.path} holds no moving pictures: is it a sound file?")
    stream = streams[0]
    require_size(stream.codec_context.width, stream.codec_context.height, request)
    stream.codec_context.options = {"max_pixels": str(request.max_pixels)}
    stream.thread_type, stream.codec_context.thread_count = "AUTO", request.threads
    return stream


def require_size(width: int, height: int, request: VideoRequest) -> None:
    """Neither a dot nor a wall."""
    if width * height > request.max_pixels:
        raise DataError(
            f"{request.path} has frames of {width}x{height} pixels, more than the {request.max_pixels} allowed"
        )
    if 0 < width * height and min(width, height) < SMALLEST_SIDE:
        raise DataError(f"{request.path} has frames of {width}x{height} pixels: that shows nothing")


def facts_of(video: Any, stream: Any, request: VideoRequest) -> VideoFacts:
    """What the header claims, and what the first frame shows."""
    first = next(frames_of(video, stream, request), None)
    if first is None:
        raise DataError(f"{request.path} holds no frame that can be decoded: it is cut short or damaged")
    height, width = upright_size(first, stream)
    rate = float(stream.average_rate or 0)
    duration_s = float(stream.duration * stream.time_base) if stream.duration else float(video.duration or 0) / 1e6
    video.seek(0)
    return VideoFacts(
        container=request.container,
        codec=str(stream.codec_context.name),
        size_hw=(height, width),
        rotation_degrees=int(first.rotation) % 360,
        rate_hz=rate if 0 < rate < 1000 else 0.0,
        duration_s=max(duration_s, 0.0),
        frames=int(stream.frames) or round(duration_s * rate),
        is_high_range=is_high_range(int(first.color_trc)),
        focal_35mm=focal_of({**video.metadata, **stream.metadata}),
    )


def focal_of(metadata: dict[str, str]) -> float | None:
    """The focal length that some phones write, as on 35 mm film."""
    for key, value in metadata.items():
        if key.lower().endswith(FOCAL_35MM):
            with suppress(ValueError):
                focal = float(value)
                return focal if 5 < focal < 500 else None
    return None


def decode(video: Any, stream: Any, request: VideoRequest, out: Path) -> dict[str, Any]:
    """Write the frames that are due as JPEG; returns their times and what ended the decoding."""
    times_s: list[float] = []
    sizes: set[tuple[int, int]] = set()
    due, fault = request.start_s, None
    total = max(1, request.expected)
    try:
        for number, frame in enumerate(frames_of(video, stream, request)):
            time_s = time_of(frame, number, stream)
            if number % request.every or time_s < due - 1e-6:
                continue
            if len(times_s) == request.max_frames or (request.end_s is not None and time_s >= request.end_s):
                break
            pixels = pixels_of(frame, stream, request)
            sizes.add(pixels.shape[:2])
            if len(sizes) > 1:
                raise DataError(f"{request.path} changes the size of its frames on the way: cut it where it does")
            Image.fromarray(pixels).save(out / f"{len(times_s):06d}.jpg", quality=QUALITY, subsampling=0)
            times_s.append(time_s)
            due = max(due + request.step_s, time_s + request.step_s / 2)
            if len(times_s) % TELL_EVERY == 0:
                say({"progress": [len(times_s), total]})
    except (av.error.FFmpegError, ValueError) as error:
        if not times_s:
            raise
        fault = first_line(error)
    return {"times_s": times_s, "fault": fault}


def frames_of(video: Any, stream: Any, request: VideoRequest) -> Iterator[Any]:
    """Decoded frames, counted and measured as they come: headers are not believed."""
    for number, frame in enumerate(video.decode(stream)):
        if number >= request.max_decoded:
            raise DataError(f"{request.path} has more than {request.max_decoded} frames: cut it")
        require_size(frame.width, frame.height, request)
        if frame.is_corrupt:
            continue
        yield frame


def time_of(frame: Any, number: int, stream: Any) -> float:
    """Seconds from the start: as stamped, or counted where nothing is stamped."""
    if frame.pts is not None:
        start = stream.start_time or 0
        return float((frame.pts - start) * stream.time_base)
    rate = float(stream.average_rate or 0)
    if rate <= 0:
        raise DataError(
            "its frames have neither times nor a rate (0 frames a second): convert it once, at a fixed rate"
        )
    return number / rate


def upright_size(frame: Any, stream: Any) -> tuple[int, int]:
    """Height and width as a player shows them: square pixels, turned."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width = max(1, round(frame.width * float(aspect))) if 0.1 < aspect < 10 else frame.width
    return (width, frame.height) if frame.rotation % 180 else (frame.height, width)


def pixels_of(frame: Any, stream: Any, request: VideoRequest) -> UInt8[np.ndarray, "h w 3"]:
    """8-bit colours, upright, its longest side no longer than asked for."""
    height, width = upright_size(frame, stream)
    scale = min(1.0, request.longest_side / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    height, width = size[::-1] if frame.rotation % 180 else size
    if is_high_range(int(frame.color_trc)):
        deep = frame.reformat(width=width, height=height, format="rgb48le", interpolation="AREA").to_ndarray()
        pixels = screen_colours(deep, int(frame.color_trc))
    else:
        pixels = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def first_line(error: BaseException) -> str:
    """What a library says, cut to a clause."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]


def say(answer: dict[str, Any]) -> None:
    """One line to the parent."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
