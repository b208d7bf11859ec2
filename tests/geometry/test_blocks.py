import numpy as np
import pytest
import torch

from deglare.errors import DataError
from deglare.geometry.blocks import FIRST_BLOCKS, OFFSETS, VOXELS, BlockPool


def pool(max_voxels: int = 10**7) -> BlockPool:
    return BlockPool(2, max_voxels, torch.device("cpu"))


def some(count: int, seed: int = 0) -> np.ndarray:
    flat = np.random.default_rng(seed).choice(40**3, count, replace=False)
    return np.stack(np.unravel_index(flat, (40, 40, 40)), axis=1) - 20


def test_a_block_keeps_its_row_and_its_sums_when_others_come() -> None:
    blocks, first, more = pool(), some(50), some(3 * FIRST_BLOCKS, seed=1)
    rows = blocks.rows(first)
    blocks.sums[torch.from_numpy(rows), 0] = torch.from_numpy(first[:, :1] * 1.5).float()
    blocks.rows(more)
    assert np.array_equal(blocks.rows(first), rows)
    assert np.array_equal(blocks.sums[torch.from_numpy(rows), 0, 7].numpy(), first[:, 0] * 1.5)
    assert np.array_equal(blocks.corners[blocks.rows(more)], more)


def test_new_blocks_begin_at_zero_and_known_ones_take_no_room() -> None:
    blocks, corners = pool(), some(60)
    blocks.rows(corners)
    blocks.rows(corners[::-1])
    assert len(blocks) == 60
    assert not blocks.sums[: len(blocks)].any()


def test_too_many_voxels_are_refused_and_leave_the_pool_as_it_was() -> None:
    blocks = pool(max_voxels=100 * VOXELS)
    blocks.rows(some(90))
    with pytest.raises(DataError, match="more than the 51200 allowed: is depth in metres"):
        blocks.rows(some(101, seed=2))
    assert len(blocks) == 90


def test_x_runs_fastest() -> None:
    assert OFFSETS[:2].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert OFFSETS[-1].tolist() == [7, 7, 7]
