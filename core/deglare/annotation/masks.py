"""What a frame's mask is: a small whole number a pixel, and the same as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8

from deglare.annotation.rle import decoded, encoded
from deglare.errors import LabelError
from deglare.types import Material

Surfaces = UInt8[np.ndarray, "h w"]
"""0 = not marked, else the `Material` code of what mirrors there."""

SURFACE_CODES = {m.name.lower(): int(m) for m in Material if m not in (Material.MATTE, Material.LIGHT)}
"""glossy 1, mirror 2, screen 3, glass 4, wet 5."""

SURFACE_NAMES = {code: name for name, code in SURFACE_CODES.items()}


def to_json(surfaces: Surfaces) -> dict[str, Any]:
    """``{"size_hw": [h, w], "surfaces": {"glossy": "packed runs", ...}}``; kinds that are not there are left out."""
    height, width = surfaces.shape
    found = {SURFACE_NAMES[int(code)]: encoded(surfaces == code) for code in np.unique(surfaces) if code}
    return {"size_hw": [height, width], "surfaces": found}


def from_json(value: object) -> Surfaces:
    """Read back; anything else, and pixels of two kinds, are a `LabelError`."""
    size, found = (value.get("size_hw"), value.get("surfaces")) if isinstance(value, dict) else (None, None)
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        raise LabelError("a mask needs size_hw, its height and width: send it again")
    if not isinstance(found, dict) or not set(found) <= set(SURFACE_CODES):
        raise LabelError(f"a mask needs surfaces among {', '.join(SURFACE_CODES)}: send it again")
    if not all(isinstance(text, str) for text in found.values()):
        raise LabelError("the runs of a mask are text: send it again")
    return combined({SURFACE_CODES[name]: decoded(text, (size[0], size[1])) for name, text in found.items()}, size)


def combined(parts: dict[int, np.ndarray], size_hw: list[int] | tuple[int, int]) -> Surfaces:
    """One mask of a mask for every code; a pixel in two of them is a `LabelError`."""
    surfaces = np.zeros(tuple(size_hw), dtype=np.uint8)
    for code, mask in parts.items():
        if surfaces[mask].any():
            raise LabelError("a mask marks a pixel as two surfaces: keep one")
        surfaces[mask] = code
    return surfaces
