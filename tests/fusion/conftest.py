"""A training that kept several checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from deglare.networks import build
from deglare.training.checkpoints import Checkpoint, write_checkpoint

BIASES = {500: -0.4, 1000: 0.0, 20000: 0.4}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def kept_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint for each step of `BIASES`; its network says the sigmoid of the bias everywhere."""
    root = tmp_path_factory.mktemp("kept") / "run"
    network = build("monodepth2-small")
    trained = nn.ModuleDict({"network": network, "pose": nn.Linear(2, 1)})
    head = dict(network.decoder.named_parameters())
    settings = {"network": "monodepth2-small", "encoder": None, "depth_range_m": [0.1, 10.0], "size": [96, 64]}
    for step, bias in BIASES.items():
        with torch.no_grad():
            head["heads.0.weight"].zero_()
            head["heads.0.bias"].fill_(bias)
        taken = Checkpoint(step, {"settings": settings}, trained.state_dict(), {"0.step": torch.tensor(step)})
        write_checkpoint(root / "checkpoints", taken, keep=len(BIASES))
    return root


@pytest.fixture
def short_run(kept_run: Path, tmp_path: Path) -> Path:
    """A folder with the first of those checkpoints alone, to be changed."""
    place = tmp_path / "run" / "checkpoints" / "000000500"
    place.mkdir(parents=True)
    for file in (kept_run / "checkpoints" / place.name).iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return tmp_path / "run"
