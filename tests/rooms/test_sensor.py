import numpy as np
import pytest
import torch

from deglare.rooms.render import render
from deglare.rooms.sensor import MIDDLE_GREY, SensorSettings, develop, drifting_gain, room_exposure, srgb
from deglare.rooms.shooting import ShootSettings
from deglare.rooms.trajectory import walk


@pytest.mark.parametrize(
    ("linear", "expected"),
    [(0, 0), (0.0031308, 0.04045), (0.18, 0.46136), (0.5, 0.73536), (1, 1), (-0.1, 0), (3, 1), (0.001, 0.01292)],
)
def test_the_srgb_curve_has_its_known_values(linear: float, expected: float) -> None:
    assert float(srgb(torch.tensor(linear, dtype=torch.float64))) == pytest.approx(expected, abs=1e-5)


def test_the_srgb_curve_is_undone_by_its_inverse() -> None:
    linear = torch.linspace(0, 1, 500, dtype=torch.float64)
    curve = srgb(linear)
    back = torch.where(curve <= 0.04045, curve / 12.92, ((curve + 0.055) / 1.055) ** 2.4)
    torch.testing.assert_close(back, linear, atol=1e-6, rtol=0)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.6])
def test_noise_has_the_deviation_that_the_settings_say(level: float) -> None:
    settings = SensorSettings(read_noise=0.01, shot_noise=0.002)
    image = develop(torch.full((200, 200, 3), level), settings, torch.Generator().manual_seed(0))
    curve = image.double() / 255
    linear = torch.where(curve <= 0.04045, curve / 12.92, ((curve + 0.055) / 1.055) ** 2.4)
    assert float(linear.std()) == pytest.approx(np.sqrt(0.01**2 + 0.002 * level), rel=0.05)
    assert float(linear.mean()) == pytest.approx(level, rel=0.01)


def test_without_noise_a_level_becomes_its_srgb_byte() -> None:
    quiet = SensorSettings(read_noise=0, shot_noise=0)
    image = develop(torch.tensor([[[0.0, 0.18, 2.0]]]), quiet, torch.Generator())
    assert image.dtype == torch.uint8
    assert image.flatten().tolist() == [0, 118, 255]


def test_exposure_puts_the_median_light_at_middle_grey(furnished) -> None:
    room, scene = furnished(3)
    camera = ShootSettings().camera
    poses = torch.tensor(walk(room, np.random.default_rng([3, 1]), 16), dtype=torch.float32)
    exposure = room_exposure(scene, camera, poses)
    seen = render(scene, camera.resized((36, 48)), poses, exposure)
    assert float(seen.radiance.mean(-1).median()) == pytest.approx(MIDDLE_GREY, rel=0.05)


def test_exposure_wanders_slowly_around_one() -> None:
    gains = np.log(drifting_gain(5000, SensorSettings(exposure_drift=0.02), torch.Generator().manual_seed(1)))
    assert gains.std() == pytest.approx(0.02, rel=0.25)
    assert np.abs(np.diff(gains)).mean() < 0.008
    assert drifting_gain(3, SensorSettings(exposure_drift=0), torch.Generator()) == [1, 1, 1]
