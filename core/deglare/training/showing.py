"""Pictures of a training: what a batch looks like to the method, and how the losses went."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deglare.data.files import write_atomically
from deglare.pictures import DepthRange, Picture, depth_picture, mask_over, sheet

ROWS = 3


def batch_picture(shown: Mapping[str, Tensor], names: Sequence[str]) -> Picture:
    """A row for each of the first samples, a column for each thing to see."""
    rows = min(ROWS, len(names))
    colours = {title: _colours(values[:rows]) for title, values in shown.items() if values.shape[1] == 3}
    metres = {title: _metres(values[:rows]) for title, values in shown.items() if _is_depth(values)}
    ranges = [DepthRange.of([depths[row].ravel() for depths in metres.values()]) for row in range(rows)]
    ground = next(iter(colours.values()))
    cells = [[_cell(shown, t, row, colours, metres, ranges[row], ground) for t in shown] for row in range(rows)]
    captions = ["\n".join(name.split("/")) for name in names[:rows]]
    return sheet(cells, titles=list(shown), captions=captions)


def _cell(
    shown: Mapping[str, Tensor],
    title: str,
    row: int,
    colours: Mapping[str, np.ndarray],
    metres: Mapping[str, np.ndarray],
    depths: DepthRange,
    ground: np.ndarray,
) -> Picture:
    if title in colours:
        return colours[title][row]
    if title in metres:
        return depth_picture(metres[title][row], np.isfinite(metres[title][row]), depths)
    return mask_over(ground[row], shown[title][row, 0].cpu().numpy(), (64, 200, 120))


def _is_depth(values: Tensor) -> bool:
    return values.shape[1] == 1 and values.dtype != torch.bool


def _metres(values: Float[Tensor, "b 1 h w"]) -> np.ndarray:
    return values[:, 0].float().cpu().numpy()


def _colours(values: Float[Tensor, "b 3 h w"]) -> np.ndarray:
    scaled = (values.float() * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


FOUND = ("mined_precision", "mined_recall")
"""What a validation says of a mined mask."""


def write_loss_plot(path: Path, lines: Sequence[Mapping[str, float]], validated: Sequence[Mapping[str, float]]) -> None:
    """Losses over steps as PNG; below, where they were validated, abs_rel and how well a mined mask finds."""
    from matplotlib.figure import Figure

    finds = any(name in point for point in validated for name in FOUND)
    plots = [(("loss",), lines)]
    plots += [(("abs_rel",), validated)] if validated else []
    plots += [(FOUND, validated)] if finds else []
    figure = Figure(figsize=(7, 3 * len(plots)), layout="constrained")
    for number, (names, points) in enumerate(plots, start=1):
        axes = figure.add_subplot(len(plots), 1, number)
        for name in names:
            known = [(point["step"], point[name]) for point in points if name in point]
            marker = "." if len(known) < 20 else ""
            axes.plot([step for step, _ in known], [value for _, value in known], marker=marker, label=name)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if len(names) == 1:
            axes.set_ylabel(names[0])
        else:
            axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(path, lambda out: out.write(buffer.getvalue()))
