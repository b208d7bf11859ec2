"""Do colour and depth lie on each other? Edges of depth are edges of colour: the shift that matches them best tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from PIL import Image

from deglare.types import DepthMap, Rgb

LARGEST_SHIFT_PX = 24
AGREE_WITHIN_PX = 4.0
CLEAR_PEAK = 5.0
FEWEST_EDGES = 200
EDGE_JUMP = 0.05
"""Neighbouring depths that differ by more than this share are an edge."""
WIDEST_GAP_PX = 12
"""Depth is often missing along an edge: a jump across a gap of up to so many pixels is one, too."""
PEAK_PX = 11
"""A match that changes over more pixels than this comes from the layout of the room, not from edges."""


@dataclass(frozen=True)
class Agreement:
    """Where the edges of colour and depth match best."""

    shift_xy: tuple[int, int]
    """Pixels of the depth image by which colour lies to the right of and below depth."""
    clarity: float
    """Height of the peak over the other shifts, in their standard deviations; below 5 there is no clear peak."""

    @property
    def is_clear(self) -> bool:
        """Whether one shift stands out at all."""
        return self.clarity >= CLEAR_PEAK

    @property
    def agrees(self) -> bool:
        """Whether colour and depth lie on each other."""
        return self.is_clear and float(np.hypot(*self.shift_xy)) <= AGREE_WITHIN_PX


def edge_match(rgb: Rgb, depth: DepthMap) -> Float64[np.ndarray, "s s"] | None:
    """How strong colour edges are at depth edges, for every shift of up to 24 pixels; None without depth edges."""
    depth_edges = _depth_edges(depth)
    r = LARGEST_SHIFT_PX
    if depth_edges.sum() < FEWEST_EDGES or min(depth.size_hw) < 4 * r:
        return None
    colour_edges = _colour_edges(rgb, depth.size_hw)
    spectrum = np.fft.rfft2(colour_edges - colour_edges.mean()) * np.conj(np.fft.rfft2(depth_edges))
    match = np.fft.irfft2(spectrum, s=depth.size_hw) / depth_edges.sum()
    return np.roll(match, (r, r), axis=(0, 1))[: 2 * r + 1, : 2 * r + 1]


def agreement(matches: list[Float64[np.ndarray, "s s"]]) -> Agreement | None:
    """The best shift over some frames, None for none."""
    if not matches:
        return None
    total = np.mean(matches, axis=0)
    total = total - _blurred(total)
    row, column = (int(i) for i in np.unravel_index(np.argmax(total), total.shape))
    others = np.ones_like(total, dtype=bool)
    others[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4] = False
    noise = float(total[others].std())
    clarity = float(total.max() - total[others].mean()) / noise if noise > 0 else 0.0
    return Agreement((column - LARGEST_SHIFT_PX, row - LARGEST_SHIFT_PX), clarity)


def _colour_edges(rgb: Rgb, size_hw: tuple[int, int]) -> Float64[np.ndarray, "h w"]:
    """Size of the brightness gradient, the strongest edges cut, as large as the depth image."""
    height, width = size_hw
    grey = Image.fromarray(rgb).convert("L").resize((width, height), Image.Resampling.BOX)
    down, right = np.gradient(np.asarray(grey, dtype=np.float64))
    return np.minimum(np.hypot(down, right) / 20, 1)


def _depth_edges(depth: DepthMap) -> Float64[np.ndarray, "h w"]:
    """1 at the nearer side of a jump in depth: that is where the edge in colour is."""
    log = np.full(depth.size_hw, np.nan)
    log[depth.valid] = np.log(depth.metres[depth.valid])
    return np.maximum(_edges_in_rows(log), _edges_in_rows(log.T).T)


def _edges_in_rows(log: Float64[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
    measured, columns = np.isfinite(log), np.arange(log.shape[1])
    last = np.maximum.accumulate(np.where(measured, columns, -1), axis=1)
    before = np.pad(last[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
    here = np.nonzero(measured & (before >= 0) & (columns - before <= WIDEST_GAP_PX))
    there = (here[0], before[here])
    jump = log[here] - log[there]
    edges = np.zeros(log.shape)
    edges[there[0][jump > EDGE_JUMP], there[1][jump > EDGE_JUMP]] = 1
    edges[here[0][jump < -EDGE_JUMP], here[1][jump < -EDGE_JUMP]] = 1
    return edges


def _blurred(values: Float64[np.ndarray, "s s"]) -> Float64[np.ndarray, "s s"]:
    """Means over squares of `PEAK_PX`."""
    padded = np.pad(values, PEAK_PX // 2, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (PEAK_PX, PEAK_PX)).mean(axis=(2, 3))
