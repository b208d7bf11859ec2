"""Contact sheets of rendered rooms: what a person looks at before trusting them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from deglare.pictures import DepthRange, Picture, amount_picture, depth_picture, mask_over, sheet, shrunk
from deglare.types import Frame, Sequence

TITLES = ("colour", "depth", "mirrored share of light", "reflective")


def contact_sheet(scenes: Iterable[Sequence], frames_each: int = 3, width: int = 320) -> Picture:
    """A few frames of each scene, the ones with most reflection first: colour, depth, mirrored share, mask."""
    rows, captions = [], []
    for scene in scenes:
        chosen = most_reflective(scene, frames_each)
        decoded = [(frame, frame.rgb(), frame.depth(), frame.labels()) for frame in chosen]
        shown = DepthRange.of(depth.metres[depth.valid] for _, _, depth, _ in decoded if depth is not None)
        for frame, rgb, depth, labels in decoded:
            if depth is None or labels is None or labels.specular_share is None:
                continue
            pictures = (
                rgb,
                depth_picture(depth.metres, depth.valid, shown),
                amount_picture(labels.specular_share),
                mask_over(rgb, labels.reflective),
            )
            rows.append([shrunk(picture, width) for picture in pictures])
            captions.append(f"{scene.name}\nframe {frame.name}\n{shown.near_m:.1f} to {shown.far_m:.1f} m")
    return sheet(rows, TITLES, captions)


def most_reflective(scene: Sequence, count: int) -> list[Frame]:
    """Frames with the largest reflective masks, one from each part of the walk, in order of time."""
    parts = np.array_split(np.arange(len(scene)), min(count, len(scene)))
    chosen = []
    for part in parts:
        looked_at = part[:: max(1, len(part) // 8)]
        chosen.append(scene[int(max(looked_at, key=lambda i: _reflective_pixels(scene[int(i)])))])
    return chosen


def _reflective_pixels(frame: Frame) -> int:
    labels = frame.labels()
    return 0 if labels is None else int(labels.reflective.sum())
