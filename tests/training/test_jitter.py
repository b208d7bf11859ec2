import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from deglare.training.jitter import GREY, NO_JITTER, Jitter, hue_matrix, jitter_matrices, jittered


def one_by_one(image: Tensor, jitter: Jitter) -> Tensor:
    """The four changes in their order, each on the whole image, without clamping."""
    grey = torch.tensor(GREY)
    for number in jitter.order:
        greys = (image * grey[:, None, None]).sum(0, keepdim=True)
        if number == 0:
            image = image * jitter.brightness
        elif number == 1:
            image = jitter.contrast * image + (1 - jitter.contrast) * greys.mean()
        elif number == 2:
            image = jitter.saturation * image + (1 - jitter.saturation) * greys
        else:
            image = torch.einsum("ij,jhw->ihw", torch.tensor(hue_matrix(jitter.hue_turns)), image)
    return image


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_the_matrices_do_what_the_four_changes_do_in_any_order(order: tuple[int, ...]) -> None:
    jitter = Jitter(1.15, 0.85, 1.2, 0.07, order)
    image = 0.35 + 0.3 * torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrices = torch.from_numpy(jitter_matrices(jitter)).double()
    expected = one_by_one(image, jitter)
    assert 0 < float(expected.min()) and float(expected.max()) < 1, "nothing is clamped here"
    torch.testing.assert_close(jittered(image[None, None], matrices[None])[0, 0], expected, atol=1e-6, rtol=0)


def test_no_jitter_leaves_colours_as_they_are() -> None:
    image = torch.rand(2, 3, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(jittered(image, torch.from_numpy(np.stack([NO_JITTER] * 2))), image)


def test_hue_keeps_grey_and_turns_back() -> None:
    np.testing.assert_allclose(hue_matrix(0.1) @ np.ones(3), np.ones(3), atol=1e-3)
    np.testing.assert_allclose(hue_matrix(0.1) @ hue_matrix(-0.1), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(GREY @ hue_matrix(0.1), GREY, atol=1e-12)
    assert np.abs(hue_matrix(0.1) - np.eye(3)).max() > 0.2


def test_all_frames_of_a_sample_change_alike_and_samples_differ() -> None:
    frame = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))
    frames = frame.expand(2, 3, 3, 4, 5)
    strong = torch.from_numpy(np.stack([jitter_matrices(Jitter(1.2, 1.0, 1.0, 0.0)), NO_JITTER]))
    found = jittered(frames, strong)
    assert torch.equal(found[0, 0], found[0, 1])
    torch.testing.assert_close(found[0, 0], (1.2 * frame).clamp(0, 1))
    assert torch.equal(found[1, 2], frame)


def test_draws_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    drawn = [Jitter.drawn(rng) for _ in range(200)]
    for jitter in drawn:
        assert all(0.8 <= value <= 1.2 for value in jitter[:3])
        assert abs(jitter.hue_turns) <= 0.1
        assert sorted(jitter.order) == [0, 1, 2, 3]
    assert len({jitter.order for jitter in drawn}) > 10
