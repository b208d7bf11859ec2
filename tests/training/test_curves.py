"""What trainings wrote, read again as curves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deglare.errors import DataError
from deglare.methods import SelfSup
from deglare.training.curves import curves_of, looks_like_training, read_curves
from deglare.training.loop import Training, train
from deglare.training.settings import TrainSettings, Watching
from deglare.training.triples import TripleData

ENDLESS = '{"settings": {"network": "x", "steps": Infinity}, "method": {"name": "y"}}'


def test_a_training_is_read_while_it_goes_on_and_when_it_is_over(
    tmp_path: Path, data: TripleData, tiny: TrainSettings
) -> None:
    out, halfway = tmp_path / "run", []
    watching = Watching(log_every=2, validate_every=2, checkpoint_every=0, picture_every=0)

    def validate(network: object) -> dict[str, float]:
        halfway.append(read_curves(out))
        return {"abs_rel": 0.5 - 0.1 * len(halfway), "delta1": float("nan")}

    assert not looks_like_training(out)
    train(Training(tiny, "selfsup", SelfSup(), data, out, watching, "cpu"), validate)
    assert looks_like_training(out)
    assert (halfway[1].step, halfway[1].is_finished) == (4, False)
    found = read_curves(out)
    assert (found.network, found.method, found.planned, found.step) == ("monodepth2-small", "selfsup", 6, 6)
    assert found.is_finished
    (abs_rel,) = found.validated
    assert (abs_rel.name, abs_rel.steps) == ("abs_rel", (2, 4, 6))
    assert abs_rel.values == pytest.approx((0.4, 0.3, 0.2))
    loss = found.trained[0]
    lines = [json.loads(line) for line in (out / "losses.jsonl").read_text().splitlines()]
    assert loss.name == "loss" and loss.values == tuple(line["loss"] for line in lines)
    assert all(curve.name != "samples_per_s" for curve in found.trained)


def test_a_long_curve_keeps_its_mean_and_its_last_step() -> None:
    (curve,) = curves_of([{"step": step, "loss": float(step % 2)} for step in range(1, 1001)], most=100)
    assert len(curve.steps) == 100 and curve.steps[-1] == 1000
    assert curve.values == (0.5,) * 100


def test_what_is_no_number_is_left_out() -> None:
    lines = [{"step": 1, "loss": float("inf"), "kind": "x", "on": True, "far": 10**400}, {"step": 2, "loss": 3}]
    assert [(curve.name, curve.steps) for curve in curves_of(lines)] == [("loss", (2,))]


@pytest.mark.parametrize(
    "config", ["{}", "[]", ENDLESS, '{"settings": 3, "method": {}}', '{"settings": {"steps": "many"}}']
)
def test_a_folder_that_does_not_say_what_it_is_is_refused_in_a_sentence(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "losses.jsonl").write_text("")
    with pytest.raises(DataError, match="does not say what was trained"):
        read_curves(tmp_path)
