"""Masks as run lengths, in the two forms that COCO has: a list of counts, and those counts packed in a string.

Pixels are counted down the columns, beginning with those that are not in the mask. In the packed form a count is told
by how much it differs from the one two before, in pieces of five bits, a character each.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64

from deglare.data.files import MAX_PIXELS
from deglare.errors import LabelError

Counts = Int64[np.ndarray, " n"]

LONGEST_COUNT = 12
"""Characters that one count may take: more than 50 bits is no count of pixels."""

FIRST = ord("0")
MORE, SIGN, PIECE = 32, 16, 31


def counts_of(mask: Bool[np.ndarray, "h w"]) -> Counts:
    """Lengths of the runs, outside and inside in turns, the first one outside (perhaps 0)."""
    pixels = mask.ravel(order="F")
    if not pixels.size:
        return np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    edges = np.concatenate([[0, 0] if pixels[0] else [0], changes, [pixels.size]])
    return np.diff(edges).astype(np.int64)


def mask_of(counts: Counts, size_hw: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The mask of some runs; runs that are not those of the size are a `LabelError`."""
    height, width = size_hw
    if min(size_hw) < 0 or height * width > MAX_PIXELS:
        raise LabelError(f"a mask of {width}x{height} pixels is refused: {MAX_PIXELS} is the most")
    if np.any(counts < 0) or np.any(counts > MAX_PIXELS) or int(counts.sum()) != height * width:
        raise LabelError(f"the runs of a mask do not fill its {width}x{height} pixels: the file is damaged")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape((height, width), order="F")


def packed(counts: Counts) -> str:
    """The counts in COCO's string."""
    left = counts.astype(np.int64)
    left[3:] -= counts[1:-2]
    pieces, kept = [], []
    going_on = np.ones(len(left), dtype=bool)
    while going_on.any():
        piece = left & PIECE
        left = left >> 5
        more = np.where(piece & SIGN, left != -1, left != 0)
        pieces.append(np.where(more, piece | MORE, piece) + FIRST)
        kept.append(going_on)
        going_on = going_on & more
    if not pieces:
        return ""
    return np.stack(pieces, axis=1)[np.stack(kept, axis=1)].astype(np.uint8).tobytes().decode("ascii")


def unpacked(text: str) -> Counts:
    """The counts that a string holds; anything else than such a string is a `LabelError`."""
    try:
        pieces = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - FIRST
    except UnicodeEncodeError as error:
        raise LabelError("packed runs are ASCII characters: the file is damaged") from error
    if np.any((pieces < 0) | (pieces > MORE + PIECE)) or (len(pieces) and pieces[-1] & MORE):
        raise LabelError("packed runs are damaged or cut short: export the masks again")
    if not len(pieces):
        return np.zeros(0, dtype=np.int64)
    ends = np.flatnonzero(pieces & MORE == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LONGEST_COUNT:
        raise LabelError("packed runs are damaged: a count is longer than any image")
    shifts = 5 * (np.arange(len(pieces)) - np.repeat(starts, lengths))
    counts = np.add.reduceat((pieces & PIECE) << shifts, starts)
    counts -= np.where(pieces[ends] & SIGN, np.int64(1) << (5 * lengths), 0)
    for first in (1, 2):
        counts[first::2] = np.cumsum(counts[first::2])
    return counts


def encoded(mask: Bool[np.ndarray, "h w"]) -> str:
    """The mask in COCO's string; its size has to be kept beside it."""
    return packed(counts_of(mask))


def decoded(text: str, size_hw: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The mask of a string."""
    return mask_of(unpacked(text), size_hw)
