"""Frames at the size of the training, decoded once where they fit into memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor

from deglare.geometry.resizing import resize_image
from deglare.networks.teachers import as_image
from deglare.progress import Progress, quiet
from deglare.types import Frame

MEMORY_BYTES = 4 << 30
"""Frames that take more than this are decoded again whenever they are needed."""


def decoded_at(frame: Frame, size_hw: tuple[int, int]) -> UInt8[Tensor, "3 h w"]:
    """Colours of one frame, averaged down to ``size_hw``."""
    image = resize_image(as_image(frame.rgb())[None], size_hw)[0]
    return (image * 255 + 0.5).clamp(0, 255).to(torch.uint8)


class Frames:
    """Some frames by number.

    Args:
        frames: Which.
        size_hw: Height and width in pixels.
        memory_bytes: How much they may take to be kept.
        progress: Told while they are decoded.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        size_hw: tuple[int, int],
        memory_bytes: int = MEMORY_BYTES,
        progress: Progress = quiet,
    ) -> None:
        self.frames = tuple(frames)
        self.size_hw = size_hw
        self.kept: UInt8[Tensor, "n 3 h w"] | None = None
        if 3 * size_hw[0] * size_hw[1] * len(self.frames) <= memory_bytes:
            self.kept = torch.empty(len(self.frames), 3, *size_hw, dtype=torch.uint8)
            for number, frame in enumerate(self.frames):
                self.kept[number] = decoded_at(frame, size_hw)
                progress(number + 1, len(self.frames))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> UInt8[Tensor, "3 h w"]:
        return decoded_at(self.frames[number], self.size_hw) if self.kept is None else self.kept[number]
