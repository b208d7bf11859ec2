import pytest

from deglare.errors import RequestError
from deglare.training.settings import TrainSettings, Watching, is_due


def test_the_learning_rate_falls_after_26_and_36_of_41_epochs() -> None:
    settings = TrainSettings(steps=4100)
    factors = [settings.rate_factor(step) for step in (0, 2599, 2600, 3599, 3600, 4099)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch": 0},
        {"batch": 5, "devices": 2},
        {"batch": 6, "accumulate": 4},
        {"learning_rate": float("nan")},
        {"learning_rate": -1.0},
        {"encoder_rate": float("inf")},
        {"seed": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RequestError):
        TrainSettings(**{"steps": 10, **wrong})  # type: ignore[arg-type]


def test_reports_are_due_at_their_interval_and_at_the_end() -> None:
    assert [step for step in range(1, 11) if is_due(4, step, 10)] == [4, 8, 10]
    assert not any(is_due(0, step, 10) for step in range(1, 11))
    with pytest.raises(RequestError, match="0 is never"):
        Watching(log_every=-1)
