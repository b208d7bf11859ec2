"""High dynamic range comes down to what a screen shows, by the published curves."""

from __future__ import annotations

import numpy as np
import pytest

from deglare.data.video_colour import HLG, PAPER_WHITE_NITS, PQ, bent, nits_of_hlg, nits_of_pq, screen_colours


def test_pq_has_the_light_that_its_standard_lists() -> None:
    signal = np.array([0.0, 0.508078, 0.580689, 0.751827, 1.0], dtype=np.float32)
    assert nits_of_pq(signal) == pytest.approx([0, 100, 203, 1000, 10000], rel=3e-3, abs=1e-4)


def test_hlg_reference_white_is_paper_white() -> None:
    assert nits_of_hlg(np.array([0.75], dtype=np.float32))[0] == pytest.approx(PAPER_WHITE_NITS, rel=0.01)
    assert nits_of_hlg(np.array([1.0], dtype=np.float32))[0] == pytest.approx(1000, rel=0.01)


def test_the_curve_rises_and_never_leaves_the_screen() -> None:
    light = np.geomspace(1e-3, 50, 200).astype(np.float32)
    shown = bent(light)
    assert np.all(np.diff(shown) > 0)
    assert shown.max() < 1
    assert shown[light < 0.5] == pytest.approx(light[light < 0.5])


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_grey_stays_grey_and_black_stays_black(transfer: int) -> None:
    stored = np.repeat(np.linspace(0, 65535, 8).astype(np.uint16)[None, :, None], 3, axis=2)
    shown = screen_colours(stored, transfer)
    assert np.ptp(shown.astype(int), axis=2).max() <= 1
    assert shown[0, 0].max() == 0
    assert np.all(np.diff(shown[0, :, 0].astype(int)) >= 0)
