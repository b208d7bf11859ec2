import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deglare.training.draws import Share, draw_for, permutation, sample_at, seed_for_step
from deglare.training.jitter import NO_JITTER


@given(samples=st.integers(1, 40), seed=st.integers(0, 1 << 31), epoch=st.integers(0, 5))
def test_every_epoch_of_the_stream_holds_every_sample_once(samples: int, seed: int, epoch: int) -> None:
    drawn = [sample_at(epoch * samples + i, samples, seed) for i in range(samples)]
    assert {e for e, _ in drawn} == {epoch}
    assert sorted(s for _, s in drawn) == list(range(samples))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 9))
def test_processes_and_parts_together_get_the_places_of_a_step(
    each: int, processes: int, parts: int, step: int
) -> None:
    batch = each * processes * parts
    shares = [Share(0, batch, parts, process, processes) for process in range(processes)]
    got = [place for share in shares for part in range(parts) for place in share.places(step * parts + part)]
    assert sorted(got) == list(range(step * batch, (step + 1) * batch))


def test_epochs_and_seeds_are_ordered_differently_but_always_the_same() -> None:
    first, second, other = permutation(0, 0, 50), permutation(0, 1, 50), permutation(1, 0, 50)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    permutation.cache_clear()
    np.testing.assert_array_equal(permutation(0, 0, 50), first)


def test_coins_are_fair_and_draws_repeat_themselves() -> None:
    draws = [draw_for(5, 0, sample) for sample in range(600)]
    assert np.mean([draw.is_flipped for draw in draws]) == pytest.approx(0.5, abs=0.08)
    plain = [np.array_equal(draw.colour, NO_JITTER) for draw in draws]
    assert np.mean(plain) == pytest.approx(0.5, abs=0.08)
    both = [draw.is_flipped and not is_plain for draw, is_plain in zip(draws, plain, strict=True)]
    assert np.mean(both) == pytest.approx(0.25, abs=0.08), "the two coins are independent"
    again = draw_for(5, 0, 17)
    assert again.is_flipped == draws[17].is_flipped
    np.testing.assert_array_equal(again.colour, draws[17].colour)
    assert any(not np.array_equal(draw_for(5, 1, s).colour, draws[s].colour) for s in range(10))


def test_steps_and_processes_have_seeds_of_their_own() -> None:
    seeds = {seed_for_step(seed, step, process) for seed in range(3) for step in range(20) for process in range(3)}
    assert len(seeds) == 180
