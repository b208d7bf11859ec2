import numpy as np
import pytest

from deglare.rooms.textures import TEXTURE_SIZE, TEXTURES, make_texture, noise


@pytest.mark.parametrize("kind", TEXTURES)
def test_a_texture_is_made_by_its_seed_and_stays_in_range(kind: str) -> None:
    texture = make_texture(np.random.default_rng(7), kind)
    assert texture.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 3)
    assert texture.dtype == np.float32
    assert 0.02 <= texture.min() < texture.max() <= np.float32(2.2)
    assert np.array_equal(texture, make_texture(np.random.default_rng(7), kind))
    assert not np.array_equal(texture, make_texture(np.random.default_rng(8), kind))


@pytest.mark.parametrize("kind", sorted(set(TEXTURES) - {"picture", "books"}))
def test_a_pattern_is_centred_on_one_so_that_the_tint_is_the_colour(kind: str) -> None:
    means = [make_texture(np.random.default_rng(seed), kind).mean() for seed in range(6)]
    assert np.mean(means) == pytest.approx(1, abs=0.15)


def test_noise_tiles_and_has_unit_deviation() -> None:
    field = noise(np.random.default_rng(0), 1.5)
    assert field.std() == pytest.approx(1)
    inside = np.abs(np.diff(field, axis=0)).mean()
    assert np.abs(field[0] - field[-1]).mean() < 1.5 * inside
    assert np.abs(field[:, 0] - field[:, -1]).mean() < 1.5 * np.abs(np.diff(field, axis=1)).mean()


def test_stretched_noise_is_smoother_along_the_stretch() -> None:
    field = noise(np.random.default_rng(0), 1.2, (1.0, 9.0))
    assert np.abs(np.diff(field, axis=1)).mean() < 0.5 * np.abs(np.diff(field, axis=0)).mean()
