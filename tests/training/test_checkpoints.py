import json
from pathlib import Path

import pytest
import torch
from torch import nn

from deglare.errors import CheckpointError, RequestError
from deglare.training.checkpoints import (
    Checkpoint,
    discard,
    newest_checkpoint,
    read_checkpoint,
    require_same,
    restore,
    snapshot,
    write_checkpoint,
)

IDENTITY = {"settings": {"steps": 9, "size": [96, 64]}, "data": "abc"}


def trained(steps: int) -> tuple[nn.Module, torch.optim.Adam]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01, fused=True)
    go_on(module, optimiser, steps)
    return module, optimiser


def go_on(module: nn.Module, optimiser: torch.optim.Adam, steps: int) -> None:
    x = torch.linspace(-1, 1, 24).view(8, 3)
    for _ in range(steps):
        optimiser.zero_grad()
        module(x).square().mean().backward()
        optimiser.step()


def saved(folder: Path, step: int) -> Path:
    return write_checkpoint(folder, snapshot(step, IDENTITY, *trained(step)))


def test_what_is_restored_goes_on_to_the_bit(tmp_path: Path) -> None:
    saved(tmp_path, 5)
    found, _ = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 5
    module, optimiser = trained(0)
    restore(found, module, optimiser)
    go_on(module, optimiser, 4)
    unbroken, _ = trained(9)
    for name, tensor in unbroken.state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor), name


def test_the_older_one_goes_once_the_newer_one_is_there(tmp_path: Path) -> None:
    saved(tmp_path, 2)
    saved(tmp_path, 4)
    assert [place.name for place in tmp_path.iterdir()] == ["000000004"]


def test_one_that_cannot_be_read_back_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, 2)

    def fails(place: Path) -> Checkpoint:
        raise CheckpointError(f"{place} is damaged")

    monkeypatch.setattr("deglare.training.checkpoints.read_checkpoint", fails)
    with pytest.raises(CheckpointError, match="is damaged"):
        saved(tmp_path, 4)
    assert (tmp_path / "000000002").is_dir()


@pytest.mark.parametrize("file", ["weights.safetensors", "optimiser.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_newest_one_is_named_and_the_one_before_is_taken(tmp_path: Path, file: str, damage: str) -> None:
    older = saved(tmp_path / "older", 2)
    newer = saved(tmp_path, 4)
    older.rename(tmp_path / "000000002")
    if damage == "cut":
        (newer / file).write_bytes((newer / file).read_bytes()[:-9])
    else:
        (newer / file).unlink()
    found, faults = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 2
    assert len(faults) == 1
    assert file in faults[0]
    discard(tmp_path, 2)
    assert [place.name for place in tmp_path.iterdir() if place.name.isdigit()] == ["000000002"]


def test_where_none_can_be_read_the_run_does_not_start_over(tmp_path: Path) -> None:
    place = saved(tmp_path, 2)
    (place / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* can be read"):
        newest_checkpoint(tmp_path)


def test_what_a_crash_left_unfinished_is_no_checkpoint_and_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".000000004.unfinished").mkdir(parents=True)
    assert newest_checkpoint(tmp_path) == (None, [])
    discard(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_weights_swapped_behind_its_back_are_noticed(tmp_path: Path) -> None:
    place, other = saved(tmp_path / "a", 2), saved(tmp_path / "b", 3)
    (place / "weights.safetensors").write_bytes((other / "weights.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="has changed since it was written"):
        read_checkpoint(place)


@pytest.mark.parametrize("text", ["[]", '{"format": 1}', '{"format": 1, "step": "x", "identity": {}, "sha256": {}}'])
def test_a_state_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    place = saved(tmp_path, 2)
    (place / "state.json").write_text(text)
    with pytest.raises(CheckpointError, match="not the state of a training"):
        read_checkpoint(place)


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    place = saved(tmp_path, 2)
    state = json.loads((place / "state.json").read_text())
    (place / "state.json").write_text(json.dumps({**state, "format": 2}))
    with pytest.raises(CheckpointError, match="update deglare"):
        read_checkpoint(place)


def test_every_difference_is_shown() -> None:
    require_same(IDENTITY, IDENTITY, Path("out"))
    other = {"settings": {"steps": 9, "size": [128, 64]}, "data": "xyz", "more": 1}
    with pytest.raises(RequestError) as error:
        require_same(IDENTITY, other, Path("out"))
    text = str(error.value)
    assert "settings.size: [128, 64] there, [96, 64] here" in text
    assert "data: xyz there, abc here" in text
    assert "more: 1 there, nothing here" in text
    assert "steps" not in text
