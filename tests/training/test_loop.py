"""Runs: what stops, breaks or is asked for again must end with the same numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deglare.data.files import read_rgb
from deglare.errors import DataError, RequestError
from deglare.methods import SelfSup, SelfTeaching
from deglare.networks.checkpoints import load_network
from deglare.networks.depth_network import DepthNetwork
from deglare.networks.teachers import NetworkTeacher, load_model
from deglare.networks.weights import read_weights
from deglare.training.draws import Share
from deglare.training.journal import read_journal
from deglare.training.loop import Training, train
from deglare.training.samples import Samples
from deglare.training.settings import Watching
from deglare.training.triples import TripleData

Run = Callable[..., Training]


def weights(out: Path) -> dict[str, Tensor]:
    return read_weights(out / "network.safetensors").tensors


def checkpoint_steps(out: Path) -> list[int]:
    return [int(place.name) for place in (out / "checkpoints").iterdir()]


def after(calls: int) -> Callable[[], bool]:
    """True from the ``calls``-th time on."""
    count = iter(range(1, 1000))
    return lambda: next(count) >= calls


def assert_same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_a_run_learns_and_leaves_its_files(run: Run) -> None:
    watching = Watching(log_every=5, checkpoint_every=20, picture_every=20, validate_every=10)
    training = run("whole", watching, steps=40)
    seen: list[bool] = []

    def validate(network: DepthNetwork) -> dict[str, float]:
        seen.append(network.training)
        return {"abs_rel": 0.5}

    outcome = train(training, validate)
    assert (outcome.step, outcome.is_finished, outcome.resumed_from) == (40, True, 0)
    lines = read_journal(training.out / "losses.jsonl")
    assert [line["step"] for line in lines] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert lines[-1]["loss"] < 0.95 * lines[0]["loss"]
    assert seen == [False] * 4
    assert [line["step"] for line in read_journal(training.out / "validation.jsonl")] == [10, 20, 30, 40]
    assert read_rgb(training.out / "pictures" / "000000040.png").std() > 0
    assert read_rgb(training.out / "losses.png").std() > 0
    config = json.loads((training.out / "config.json").read_text())
    assert config["settings"]["batch"] == 2
    assert config["method"]["name"] == "selfsup"
    teacher = load_model(training.out / "network.safetensors")
    assert isinstance(teacher, NetworkTeacher)
    assert teacher.size_hw == (64, 96)
    assert teacher.predict(np.zeros((64, 96, 3), dtype=np.uint8)).size_hw == (64, 96)


@pytest.mark.parametrize("stopped_after", [1, 3, 5])
def test_a_run_stopped_after_any_step_ends_with_the_same_bits(run: Run, stopped_after: int) -> None:
    unbroken, broken = run("unbroken"), run("broken")
    train(unbroken)
    half = train(broken, stop=after(stopped_after))
    assert (half.step, half.is_finished) == (stopped_after, False)
    assert not (broken.out / "network.safetensors").exists()
    rest = train(broken)
    assert (rest.step, rest.resumed_from) == (6, stopped_after)
    assert_same(weights(broken.out), weights(unbroken.out))
    assert [line["step"] for line in read_journal(broken.out / "losses.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_pictures_and_validation_do_not_change_the_numbers(run: Run) -> None:
    watched = run("watched", Watching(log_every=2, checkpoint_every=3, picture_every=1, validate_every=1))
    unwatched = run("unwatched", Watching(log_every=0, checkpoint_every=0, picture_every=0, validate_every=0))
    train(watched, lambda network: {"x": float(network.depth_m(torch.rand(1, 3, 64, 96)).mean())})
    train(unwatched)
    assert_same(weights(watched.out), weights(unwatched.out))


def test_a_network_with_drop_path_goes_on_with_the_same_bits(run: Run) -> None:
    unbroken, broken = run("u", network="monovit-small", steps=3), run("b", network="monovit-small", steps=3)
    train(unbroken)
    train(broken, stop=after(2))
    train(broken)
    assert_same(weights(broken.out), weights(unbroken.out))


def test_a_finished_run_is_not_run_again(run: Run) -> None:
    training = run()
    train(training)
    before = weights(training.out)
    again = train(training)
    assert (again.resumed_from, again.is_finished) == (6, True)
    assert_same(weights(training.out), before)


def test_losses_after_the_checkpoint_are_written_again_and_not_twice(run: Run) -> None:
    training = run("crashed", steps=5)

    def crash(network: DepthNetwork) -> dict[str, float]:
        raise ZeroDivisionError

    watching = Watching(log_every=1, checkpoint_every=2, picture_every=0, validate_every=3)
    with pytest.raises(ZeroDivisionError):
        train(replace(training, watching=watching), crash)
    assert checkpoint_steps(training.out) == [2]
    assert [line["step"] for line in read_journal(training.out / "losses.jsonl")] == [1, 2, 3]
    assert train(training).resumed_from == 2
    assert [line["step"] for line in read_journal(training.out / "losses.jsonl")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("change", "shown"),
    [({"batch": 4}, "settings.batch: 2 there, 4 here"), ({"seed": 4}, "settings.seed: 3 there, 4 here")],
)
def test_going_on_with_other_settings_is_refused_and_shows_the_difference(
    run: Run, change: dict[str, int], shown: str
) -> None:
    train(run(), stop=after(2))
    with pytest.raises(RequestError, match=shown):
        train(run(**change))


def test_going_on_with_another_method_or_other_data_is_refused(run: Run, data: TripleData) -> None:
    training = run()
    train(training, stop=after(2))
    with pytest.raises(RequestError, match=r"method\.automask: True there, False here"):
        train(replace(training, method=SelfSup(automask=False)))
    fewer = TripleData(data.frames, data.names, data.triples[:-1], True, data.lost)
    with pytest.raises(RequestError, match=f"data: {data.fingerprint} there, {fewer.fingerprint} here"):
        train(replace(training, source=fewer))
    assert train(replace(training, watching=Watching(log_every=3))).is_finished, "how often it reports is no matter"


@dataclass(frozen=True)
class Poisoned:
    """Poses that are not finite from some turn on."""

    data: TripleData
    from_turn: int
    fingerprint: str = "poisoned"

    def batches(self, share: Share, first_turn: int, turns: int) -> Iterator[Samples]:
        for turn, samples in enumerate(self.data.batches(share, first_turn, turns), start=first_turn):
            assert samples.source_T_target is not None
            bad = turn >= self.from_turn
            yield samples._replace(source_T_target=samples.source_T_target * torch.nan) if bad else samples


def test_a_loss_that_is_not_finite_names_its_frames_and_keeps_the_last_checkpoint(run: Run, data: TripleData) -> None:
    training = run("nan")
    training = replace(training, source=Poisoned(data, 4), method=SelfSup(automask=False))
    with pytest.raises(DataError, match=r"batch (one|two)/00\d, (one|two)/00\d is not finite in step 5"):
        train(training)
    assert checkpoint_steps(training.out) == [4]
    good = read_weights(training.out / "checkpoints" / "000000004" / "weights.safetensors").tensors
    assert all(bool(torch.isfinite(tensor).all()) for tensor in good.values() if tensor.is_floating_point())


def test_a_batch_in_parts_gives_the_step_of_the_whole_batch(run: Run) -> None:
    """Batch normalisation would see the parts, so it is frozen here."""
    whole = run("whole", batch=4, frozen_norm=True, steps=2)
    parts = run("parts", batch=4, frozen_norm=True, steps=2, accumulate=2)
    train(whole)
    train(parts)
    ours, theirs = weights(parts.out), weights(whole.out)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], atol=1e-4, rtol=0)


def test_frozen_normalisation_keeps_its_statistics_and_learns_its_scale(run: Run) -> None:
    training = run("frozen", frozen_norm=True, steps=2)
    train(training)
    found = weights(training.out)
    assert not found["encoder.bn1.running_mean"].any()
    assert bool((found["encoder.bn1.weight"] != 1).any())


def test_bfloat16_starts_near_float32_and_keeps_float32_weights(run: Run) -> None:
    full, half = run("full", steps=1), run("half", steps=1, precision="bf16")
    train(full)
    train(half)
    losses = [read_journal(one.out / "losses.jsonl")[-1]["loss"] for one in (full, half)]
    assert losses[0] == pytest.approx(losses[1], rel=0.01), "only the network is rounded, not poses or colours"
    assert all(tensor.dtype != torch.bfloat16 for tensor in weights(half.out).values())


def test_a_student_goes_towards_its_teacher(run: Run) -> None:
    teacher, student = run("teacher", steps=2), run("student", steps=30)
    train(teacher)
    method = SelfTeaching(teacher=str(teacher.out / "network.safetensors"))
    train(replace(student, method_name="self-teaching", method=method))
    lines = read_journal(student.out / "losses.jsonl")
    assert lines[-1]["loss"] < 0.5 * lines[0]["loss"]
    assert not any(name.startswith("teacher") for name in weights(student.out))


def test_the_learned_pose_is_trained_and_kept_with_the_run(run: Run) -> None:
    training = replace(run("posed", steps=2), method=SelfSup(pose="posecnn"))
    train(training)
    kept = read_weights(training.out / "checkpoints" / "000000002" / "weights.safetensors").tensors
    assert any(name.startswith("pose.") for name in kept)
    assert not any(name.startswith("pose.") for name in weights(training.out))


def test_a_run_can_start_from_a_network_trained_at_another_size(run: Run) -> None:
    coarse = run("coarse", steps=1)
    train(coarse)
    start = str(coarse.out / "network.safetensors")
    finer = run("finer", steps=1, size=(128, 96), start=start, learning_rate=0.0, frozen_norm=True)
    train(finer)
    assert_same(weights(finer.out), weights(coarse.out))
    with pytest.raises(RequestError, match="hrdepth-small"):
        train(run("other", steps=1, network="hrdepth-small", start=start))


def test_as_many_checkpoints_stay_as_were_asked_for(run: Run) -> None:
    training = run("kept", Watching(checkpoint_every=1, keep=2), steps=4)
    train(training)
    assert sorted(checkpoint_steps(training.out)) == [3, 4]


def test_another_encoder_goes_behind_the_same_decoder(run: Run) -> None:
    training = run("mobile", steps=1, encoder="mobilenetv2_050")
    train(training)
    found = load_network(training.out / "network.safetensors")
    assert found.recipe.encoder == "mobilenetv2_050"


def test_a_device_that_is_not_there_is_said_so(run: Run) -> None:
    with pytest.raises(RequestError, match="there is no device 'tpu'"):
        train(replace(run(), device="tpu"))


def test_processes_that_nobody_counted_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RequestError, match="2 processes were started for --devices 1"):
        train(run())
