from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deglare.evaluation import Meter, Protocol
from deglare.evaluation.picture import picture, write_picture
from deglare.types import DepthMap, SurfaceLabels


@pytest.fixture
def meter() -> Meter:
    """Three frames: one right, one too far on the left, one too near everywhere."""
    meter = Meter(Protocol(resamples=50))
    truth, labels = DepthMap.of_positive(np.full((12, 16), 2.0)), SurfaceLabels(np.indices((12, 16))[1] < 8)
    far = np.where(labels.reflective, 4.0, 2.0)
    for name, metres in (("right", truth.metres), ("far", far), ("near", truth.metres - 0.5)):
        meter.add("room", name, DepthMap.of_positive(metres), truth, labels)
    return meter


def test_bars_have_the_values_of_the_report_and_maps_are_centred_on_zero(meter: Meter) -> None:
    report = meter.report()
    figure = picture(report, meter.worst)
    bars, *maps = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    heights = [patch.get_height() for patch in bars.patches]  # type: ignore[attr-defined]
    assert heights == pytest.approx([row.value for row in report.rows if row.metric == "abs_rel"])
    assert [text.get_text() for text in bars.get_xticklabels()] == list(report.regions)
    shown = [axes for axes in maps if axes.images]
    assert [axes.get_title().split("\n")[0] for axes in shown] == ["room/far", "room/near", "room/right"]
    for axes in shown:
        low, high = axes.images[0].get_clim()
        assert low == -high < 0
    assert np.asarray(shown[0].images[0].get_array())[0, 0] == pytest.approx(2.0)


def test_the_picture_is_written_as_png(meter: Meter, tmp_path: Path) -> None:
    write_picture(tmp_path / "eval.png", meter.report(), meter.worst)
    with Image.open(tmp_path / "eval.png") as image:
        assert image.width > 800
        assert len(np.unique(np.asarray(image.convert("L")))) > 20
    assert [path.name for path in tmp_path.iterdir()] == ["eval.png"]


def test_perfect_predictions_make_a_picture_too(tmp_path: Path) -> None:
    meter = Meter(Protocol(resamples=0))
    truth = DepthMap.of_positive(np.full((4, 4), 2.0))
    meter.add("room", "right", truth, truth)
    write_picture(tmp_path / "eval.png", meter.report(), meter.worst)
    assert (tmp_path / "eval.png").stat().st_size > 1000
