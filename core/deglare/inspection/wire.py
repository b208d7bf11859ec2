"""Arrays as one piece of bytes, which a page reads without copying.

::

    u32            length H of the header
    H bytes        JSON: {..., "layers": [{"name", "type", "channels", "offset", "bytes"}]}, padded with spaces
    the arrays     little-endian, row by row; offsets count from the end of the header, all are multiples of 4
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

TYPES = {"u8": "<u1", "i8": "<i1", "u16": "<u2", "u32": "<u4", "f32": "<f4"}
STEP = 4


def packed_arrays(fields: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Lay out arrays after a header that holds ``fields`` and says where each array is.

    Channels are the last of three sides (an image), or the last of two where the header has no ``h`` (a list of
    points); everything else has one.
    """
    layers, pieces, offset = [], list[bytes](), 0
    for name, array in arrays.items():
        kind = _type_of(array)
        piece = np.ascontiguousarray(array, dtype=TYPES[kind]).tobytes()
        is_list = "h" not in fields and array.ndim == 2
        channels = array.shape[-1] if array.ndim == 3 or is_list else 1
        layers.append({"name": name, "type": kind, "channels": channels, "offset": offset, "bytes": len(piece)})
        pieces += [piece, bytes(-len(piece) % STEP)]
        offset += len(piece) + (-len(piece) % STEP)
    header = json.dumps({**fields, "layers": layers}, allow_nan=False).encode()
    header += b" " * (-len(header) % STEP)
    return b"".join([struct.pack("<I", len(header)), header, *pieces])


def unpacked_arrays(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays, flat or with their channels, of what `packed_arrays` made."""
    (length,) = struct.unpack_from("<I", data)
    fields, start = json.loads(data[4 : 4 + length]), 4 + length
    arrays = {}
    for one in fields["layers"]:
        kind = np.dtype(TYPES[one["type"]])
        flat = np.frombuffer(data, kind, one["bytes"] // kind.itemsize, start + one["offset"])
        arrays[one["name"]] = flat.reshape(-1, one["channels"]) if one["channels"] > 1 else flat
    return fields, arrays


def _type_of(array: np.ndarray) -> str:
    """The wire's name of an array's type."""
    return f"{array.dtype.kind}{8 * array.dtype.itemsize}"
