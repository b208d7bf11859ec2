"""A run as one picture: frames down, and across what was seen, predicted and projected, and how wrong it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from deglare.data.files import read_depth, read_png8, read_rgb, read_uncertainty
from deglare.data.run_folder import RunFolder, read_run
from deglare.pictures import (
    DepthRange,
    Picture,
    amount_picture,
    depth_picture,
    error_picture,
    mask_over,
    sheet,
    shrunk,
)
from deglare.types import DepthMap, Rgb

ERROR_LIMIT_M = 1.0
SIGMA_LIMIT_M = 0.6
MOVED_LIMIT_M = 0.6
FRAMES_FOR_RANGE = 16
"""One range of colours for a run is read off this many frames."""


@dataclass(frozen=True, eq=False)
class Layers:
    """What a run holds about one frame."""

    rgb: Rgb
    predicted: DepthMap
    projected: DepthMap
    fused: DepthMap
    sigma_m: Float32[np.ndarray, "h w"]
    """NaN is unknown."""
    truth: DepthMap | None
    reflective: Bool[np.ndarray, "h w"] | None

    @property
    def moved_m(self) -> Float32[np.ndarray, "h w"]:
        """How far the label is from the prediction; NaN where either is missing."""
        both = self.fused.valid & self.predicted.valid
        return np.where(both, np.abs(self.fused.metres - self.predicted.metres), np.float32(np.nan))


def layers_of(run: RunFolder, teacher: str, name: str) -> Layers:
    """Decode one frame."""
    truth, regions = run.layer("depth", name), run.layer("regions", name)
    return Layers(
        rgb=read_rgb(run.color(name)),
        predicted=read_depth(run.predicted(teacher, name)),
        projected=read_depth(run.layer("projected", name)),
        fused=read_depth(run.layer("fused", name)),
        sigma_m=read_uncertainty(run.layer("uncertainty", name)),
        truth=read_depth(truth) if truth.is_file() else None,
        reflective=read_png8(regions) > 0 if regions.is_file() else None,
    )


def run_sheet(run: RunFolder, teacher: str, names: Sequence[str], width: int = 256) -> Picture:
    """Some frames of a run, all depth in one range of colours."""
    shown = depth_range(run, teacher)
    rows = [
        [(title, shrunk(picture, width)) for title, picture in panes(layers_of(run, teacher, name), shown)]
        for name in names
    ]
    titles = [title for title, _ in rows[0]]
    captions = [f"frame {name}\n{shown.near_m:.1f} to\n{shown.far_m:.1f} m" for name in names]
    return sheet([[picture for _, picture in row] for row in rows], titles, captions)


def panes(layers: Layers, shown: DepthRange) -> Iterator[tuple[str, Picture]]:
    """The pictures of one frame with their titles."""
    yield "colour", layers.rgb
    if layers.reflective is not None:
        yield "reflective", mask_over(layers.rgb, layers.reflective)
    for title, depth in (("predicted", layers.predicted), ("projected", layers.projected)):
        yield title, depth_picture(depth.metres, depth.valid, shown)
    yield f"uncertainty, to {SIGMA_LIMIT_M:g} m", amount_picture(layers.sigma_m, SIGMA_LIMIT_M)
    yield f"moved, to {MOVED_LIMIT_M:g} m", amount_picture(layers.moved_m, MOVED_LIMIT_M)
    yield "fused", depth_picture(layers.fused.metres, layers.fused.valid, shown)
    if layers.truth is not None:
        for title, depth in (("predicted", layers.predicted), ("fused", layers.fused)):
            both = depth.valid & layers.truth.valid
            yield f"error of {title}", error_picture(depth.metres - layers.truth.metres, both, ERROR_LIMIT_M)


def depth_range(run: RunFolder, teacher: str) -> DepthRange:
    """One range for a run: of predicted depth, and of truth where there is any."""
    names = list(run.manifest().poses)
    chosen = names[:: max(1, len(names) // FRAMES_FOR_RANGE)]
    depths = [read_depth(run.predicted(teacher, name)) for name in chosen]
    depths += [read_depth(path) for name in chosen if (path := run.layer("depth", name)).is_file()]
    return DepthRange.of(depth.metres[depth.valid] for depth in depths)


def frames_worth_showing(run: RunFolder, count: int) -> list[str]:
    """The most reflective frame of each part of the walk where that is known, else frames evenly spread."""
    sequence = read_run(run.root)
    if all(frame.load_labels is not None for frame in sequence):
        from deglare.rooms.contact import most_reflective

        return [frame.name for frame in most_reflective(sequence, count)]
    places = np.linspace(0, len(sequence) - 1, min(count, len(sequence))).round().astype(int)
    return [sequence[int(place)].name for place in places]
