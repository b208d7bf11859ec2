"""A sparse grid: voxels in blocks, and sums for the voxels of those blocks that were touched.

Voxel (i, j, k) of the world stands at (i, j, k) * voxel_m. Block (a, b, c) holds the voxels from SIDE * (a, b, c) on;
in memory x runs fastest and z slowest.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from deglare.errors import DataError

SIDE = 8
"""Voxels along a block: smaller ones fit the room better, larger ones are fewer."""

VOXELS = SIDE**3

OFFSETS = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:, ::-1]
"""Where the voxels of a block stand in it, in voxels."""

KEY_BITS = 21
REACH = 1 << (KEY_BITS - 1)
"""Blocks along an axis from the origin to where keys end."""

FIRST_BLOCKS = 256


class BlockPool:
    """Sums for each voxel of each touched block. Memory grows with the blocks, never with the frames."""

    def __init__(self, sums: int, max_voxels: int, device: torch.device) -> None:
        self._max_voxels = max_voxels
        self._keys = np.empty(0, dtype=np.int64)
        self._rows_by_key = np.empty(0, dtype=np.int64)
        self._corners = np.empty((0, 3), dtype=np.int64)
        self.sums: Float32[Tensor, "capacity sums v"] = torch.zeros(0, sums, VOXELS, device=device)

    def __len__(self) -> int:
        return len(self._corners)

    @property
    def corners(self) -> Int64[np.ndarray, "n 3"]:
        """The touched blocks, in the order of the rows of `sums`."""
        return self._corners

    def rows(self, corners: Int64[np.ndarray, "m 3"]) -> Int64[np.ndarray, " m"]:
        """The rows of these blocks in `sums`; blocks that are new get one, filled with zeros.

        Args:
            corners: No block twice.
        """
        keys = block_keys(corners)
        places = find_keys(self._keys, keys)
        is_new = places < 0
        if is_new.any():
            self._add(keys[is_new], corners[is_new])
            places = find_keys(self._keys, keys)
        return self._rows_by_key[places]

    def _add(self, keys: Int64[np.ndarray, " m"], corners: Int64[np.ndarray, "m 3"]) -> None:
        count = len(self) + len(corners)
        require_room(count * VOXELS, self._max_voxels)
        rows = np.arange(len(self), count)
        all_keys = np.concatenate([self._keys, keys])
        order = np.argsort(all_keys, kind="stable")
        self._keys = all_keys[order]
        self._rows_by_key = np.concatenate([self._rows_by_key, rows])[order]
        self._corners = np.concatenate([self._corners, corners])
        if count > len(self.sums):
            most = self._max_voxels // VOXELS
            self._grow(min(max(FIRST_BLOCKS, count, 2 * len(self.sums)), most))

    def _grow(self, capacity: int) -> None:
        grown = self.sums.new_zeros(capacity, *self.sums.shape[1:])
        grown[: len(self.sums)] = self.sums
        self.sums = grown


def require_room(voxels: int, max_voxels: int) -> None:
    """Raise a `DataError` where a volume would grow too large."""
    if voxels > max_voxels:
        raise DataError(
            f"fusion touches {voxels} voxels, more than the {max_voxels} allowed: is depth in metres, do the poses "
            "belong to one place, and is voxel_m not too small for it?"
        )


def block_keys(corners: Int64[np.ndarray, "m 3"]) -> Int64[np.ndarray, " m"]:
    """One number for each block, if it is less than `REACH` blocks away from the origin along each axis."""
    x, y, z = (corners + REACH).T
    return x << (2 * KEY_BITS) | y << KEY_BITS | z


def find_keys(among: Int64[np.ndarray, " n"], keys: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
    """Where each key stands among sorted ones, -1 where it is missing."""
    if not len(among):
        return np.full(len(keys), -1)
    places = np.minimum(np.searchsorted(among, keys), len(among) - 1)
    return np.where(among[places] == keys, places, -1)
