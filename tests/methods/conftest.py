from __future__ import annotations

import pytest
import torch

from deglare.methods import Batch
from deglare.methods.method import DEPTH_LABEL


@pytest.fixture
def batch() -> Batch:
    """Two samples of noise; the second source is the target itself. The left half has labels: a wall, tilted."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(2, 3, 3, 64, 64, generator=generator)
    frames[:, 2] = frames[:, 0]
    poses = torch.eye(4).repeat(2, 2, 1, 1)
    poses[:, 0, 0, 3], poses[:, 1, 0, 3] = 0.07, -0.07
    label_m = torch.linspace(1.5, 3, 64).expand(2, 1, 64, 64).clone()
    label_m[..., 32:] = 0
    K = torch.tensor([[60.0, 0, 30], [0, 60, 31], [0, 0, 1]]).expand(2, 3, 3)
    return Batch(
        target=frames[:, 0],
        sources=frames[:, 1:],
        shown=frames * 0.9,
        K=K,
        source_T_target=poses,
        source_is_earlier=torch.tensor([True, False]),
        names=("room/1", "room/2"),
        labels={DEPTH_LABEL: label_m},
    )
