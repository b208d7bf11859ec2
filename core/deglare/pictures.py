"""Colour and contact sheets, in one place: the same quantity looks the same in every picture.

Depth is viridis over one range for a whole sequence, signed error RdBu (red: too far), shares and sigmas magma.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont

Picture = UInt8[np.ndarray, "h w 3"]
Resized = UInt8[np.ndarray, "new_h new_w 3"]
"""A picture of another size than the one it was made from."""

DEPTH_MAP, ERROR_MAP, AMOUNT_MAP = "viridis", "RdBu_r", "magma"
NOTHING = np.array([24, 24, 26], dtype=np.uint8)
"""Pixels without a value, and the ground behind pictures."""
GROUND, INK = (24, 24, 26), (225, 225, 225)
GAP = 4
"""Pixels between the pictures of a sheet, and around them."""
SOURCES = np.array([(24, 24, 26), (226, 162, 76), (92, 148, 236), (168, 150, 178)], dtype=np.uint8)
"""Where labels are from, by the codes of `LabelSource`: dropped, predicted, projected, blended."""
REFLECTIVE = (255, 64, 160)
"""Laid over reflective pixels."""


@dataclass(frozen=True)
class DepthRange:
    """The depths in metres at the two ends of the colours, one for a sequence."""

    near_m: float
    far_m: float

    @classmethod
    def of(cls, depths_m: Iterable[Float[np.ndarray, "*n"]], beyond: float = 0.01) -> DepthRange:
        """The range that leaves a share of ``beyond`` of the given valid depths outside at each end."""
        kept = np.concatenate([np.ravel(d) for d in depths_m])
        if kept.size == 0:
            return cls(0.0, 1.0)
        near, far = np.quantile(kept, [beyond, 1 - beyond])
        return cls(float(near), float(max(far, near + 1e-3)))


def depth_picture(metres: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], shown: DepthRange) -> Picture:
    """Depth in colours: dark is near."""
    return _coloured((metres - shown.near_m) / (shown.far_m - shown.near_m), DEPTH_MAP, valid)


def error_picture(error_m: Float[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"], limit_m: float) -> Picture:
    """Signed error in metres: red is too far, blue too near, white is right."""
    return _coloured(error_m / (2 * limit_m) + 0.5, ERROR_MAP, valid)


def amount_picture(amount: Float[np.ndarray, "h w"], most: float = 1.0) -> Picture:
    """A share or a sigma from zero (dark) to ``most``."""
    return _coloured(amount / most, AMOUNT_MAP, np.isfinite(amount))


def source_picture(source: UInt8[np.ndarray, "h w"]) -> Picture:
    """Where each label is from; a code that is none of ours counts as dropped."""
    return SOURCES[np.where(source < len(SOURCES), source, 0)]


def mask_over(rgb: Picture, mask: Bool[np.ndarray, "h w"], colour: tuple[int, int, int] = REFLECTIVE) -> Picture:
    """An image with a mask laid over it."""
    tinted = rgb.astype(np.float32)
    tinted[mask] = 0.45 * tinted[mask] + 0.55 * np.array(colour, dtype=np.float32)
    return tinted.astype(np.uint8)


def sheet(rows: Sequence[Sequence[Picture]], titles: Sequence[str] = (), captions: Sequence[str] = ()) -> Resized:
    """Pictures of one size in rows, with a title over each column and a caption beside each row."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    gap, top, left = GAP, 26 if titles else GAP, 120 if captions else GAP
    size = (left + columns * (width + gap), top + len(rows) * (height + gap))
    canvas = Image.new("RGB", size, GROUND)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for column, title in enumerate(titles):
        pen.text((left + column * (width + gap) + 2, 5), title, fill=INK, font=font)
    for number, row in enumerate(rows):
        y = top + number * (height + gap)
        if captions:
            pen.multiline_text((6, y + 4), captions[number], fill=INK, font=font)
        for column, picture in enumerate(row):
            canvas.paste(Image.fromarray(picture), (left + column * (width + gap), y))
    return np.asarray(canvas)


def shrunk(picture: Picture, width: int) -> Resized:
    """A smaller copy, averaged, never a larger one."""
    if picture.shape[1] <= width:
        return picture
    height = round(picture.shape[0] * width / picture.shape[1])
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def png_bytes(picture: Picture) -> bytes:
    """The picture as a PNG file has it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def _coloured(unit: Float[np.ndarray, "h w"], name: str, valid: Bool[np.ndarray, "h w"]) -> Picture:
    from matplotlib import colormaps

    colours = colormaps[name](np.clip(np.where(valid, unit, 0), 0, 1), bytes=True)[..., :3]
    return np.where(valid[..., None], colours, NOTHING)
