"""Rooms rendered while training: the same samples whoever asks, from where on, and as the data set has them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deglare.data.files import write_image
from deglare.data.triples import TripleRule
from deglare.errors import DataError, RequestError
from deglare.networks.weights import read_weights
from deglare.rooms.dataset import frame_name, scene_requests, write_scene
from deglare.rooms.furnish import furnish
from deglare.rooms.lighting import LightingSettings
from deglare.rooms.shooting import ShootSettings
from deglare.rooms.trajectory import walk
from deglare.training import rendering
from deglare.training.draws import Share
from deglare.training.loop import Training, train
from deglare.training.rendering import RenderedRoom, RenderedRooms, RoomStream, batch_of, render_room
from deglare.training.samples import BatchSource, Samples
from deglare.training.triples import Wanted, load_triples

SIZE_HW = (64, 96)
SHOOT = ShootSettings(frames=4, size_hw=SIZE_HW, lighting=LightingSettings(texel_m=1.0, directions=2))
STREAM = RoomStream(SHOOT, "val", pool=2, turnover=3)
SHARE = Share(7, 4)
CPU = torch.device("cpu")

Told = list[tuple[int, int]]


def assert_same(ours: Samples, theirs: Samples) -> None:
    assert ours.names == theirs.names
    assert ours.source_T_target is not None and theirs.source_T_target is not None
    assert torch.equal(ours.frames, theirs.frames)
    assert torch.equal(ours.K, theirs.K)
    assert torch.equal(ours.source_T_target, theirs.source_T_target)
    assert torch.equal(ours.source_is_earlier, theirs.source_is_earlier)
    assert torch.equal(ours.is_flipped, theirs.is_flipped)
    assert torch.equal(ours.colour, theirs.colour)


def rooms_of(samples: Samples) -> set[str]:
    return {name.split("/")[0] for name in samples.names}


@pytest.fixture(scope="module")
def turns() -> list[Samples]:
    """Four turns; after three the first room has given way to the third."""
    return list(RenderedRooms(STREAM).batches(SHARE, 0, 4))


@pytest.fixture(scope="module")
def later() -> tuple[list[Samples], Told]:
    """The last two of them, asked for alone, and the progress that was told."""
    told: Told = []
    rooms = RenderedRooms(STREAM, progress=lambda done, total: told.append((done, total)))
    return list(rooms.batches(SHARE, 2, 4)), told


@pytest.fixture(scope="module")
def pool() -> list[RenderedRoom]:
    """The rooms of the first three turns."""
    return [render_room(STREAM, number, CPU) for number in (0, 1)]


def test_the_oldest_room_gives_way_to_the_next(turns: list[Samples]) -> None:
    assert set().union(*map(rooms_of, turns[:3])) == {"val_0000", "val_0001"}
    assert rooms_of(turns[3]) == {"val_0001", "val_0002"}
    assert turns[0].frames.shape == (4, 3, 3, *SIZE_HW)


def test_a_turn_is_the_same_from_wherever_one_starts(
    turns: list[Samples], later: tuple[list[Samples], Told], pool: list[RenderedRoom]
) -> None:
    for ours, theirs in zip(later[0], turns[2:], strict=True):
        assert_same(ours, theirs)
    assert_same(batch_of(pool, STREAM, SHARE, 1), turns[1])


def test_progress_counts_the_rooms_of_the_first_pool_alone(later: tuple[list[Samples], Told]) -> None:
    assert later[1] == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("parts", "processes"), [(1, 2), (2, 1), (2, 2), (1, 4)])
def test_any_number_of_processes_and_parts_share_the_same_samples(
    pool: list[RenderedRoom], turns: list[Samples], parts: int, processes: int
) -> None:
    step, got = 2, dict[int, tuple[str, list[int]]]()
    for process in range(processes):
        share = Share(SHARE.seed, SHARE.batch, parts, process, processes)
        for turn in range(step * parts, (step + 1) * parts):
            samples = batch_of(pool, STREAM, share, turn)
            for place, name, frames in zip(share.places(turn), samples.names, samples.frames, strict=True):
                got[place] = name, frames.flatten().tolist()
    places = SHARE.places(step)
    assert sorted(got) == places
    for place, name, frames in zip(places, turns[step].names, turns[step].frames, strict=True):
        assert got[place] == (name, frames.flatten().tolist())


def test_a_run_stopped_half_way_ends_with_the_same_bits(run: Callable[..., Training]) -> None:
    """It stops among steps that share a room, and goes on past the next one's entry."""
    rooms = RenderedRooms(replace(STREAM, pool=1))
    assert isinstance(rooms, BatchSource)
    unbroken, broken = (replace(run(out, steps=4), source=rooms) for out in ("unbroken", "broken"))
    train(unbroken)
    asked = iter([False, True])
    assert train(broken, stop=lambda: next(asked)).step == 2
    assert train(broken).resumed_from == 2
    ours, theirs = (read_weights(one.out / "network.safetensors").tensors for one in (broken, unbroken))
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name


def test_samples_are_those_of_the_data_set_on_disk(pool: list[RenderedRoom], tmp_path: Path) -> None:
    """To the last bit where images are kept as PNG; as JPEG, as the data set has them, nearly."""
    (request,) = scene_requests(tmp_path, "val", 1, SHOOT)
    wanted = Wanted(SIZE_HW, STREAM.rule)
    shots = list(write_scene(request))
    written = load_triples([tmp_path], wanted).batch(SHARE, 0)
    for shot in shots:
        jpeg = request.folder / "color" / f"{frame_name(shot.number)}.jpg"
        jpeg.unlink()
        write_image(jpeg.with_suffix(".png"), shot.rgb)
    exact = load_triples([tmp_path], wanted).batch(SHARE, 0)
    assert exact.names == written.names
    assert set(exact.names) == {"val_0000/000001", "val_0000/000002"}
    rendered = batch_of(pool[:1], STREAM, SHARE, 0)
    order = [exact.names.index(name) for name in rendered.names]
    assert exact.source_T_target is not None and rendered.source_T_target is not None
    assert torch.equal(rendered.frames, exact.frames[order])
    assert torch.equal(rendered.K, exact.K[order])
    assert torch.equal(rendered.source_T_target, exact.source_T_target[order])
    assert torch.equal(rendered.source_is_earlier, exact.source_is_earlier)
    assert float((rendered.frames.int() - written.frames[order].int()).abs().float().mean()) < 6


def test_the_next_lap_goes_another_way_through_the_same_room(pool: list[RenderedRoom]) -> None:
    again = render_room(STREAM, 32, CPU)
    assert (pool[0].name, again.name) == ("val_0000", "val_0000-1")
    assert not np.allclose(again.world_T_cams, pool[0].world_T_cams, atol=0.05)
    assert float((again.frames.int() - pool[0].frames.int()).abs().float().mean()) > 10
    other_way = walk(furnish(2_000_000), np.random.default_rng([2_000_000, 1, 1]), SHOOT.frames)
    np.testing.assert_array_equal(again.world_T_cams, other_way)


@given(pool=st.integers(1, 40), turnover=st.integers(1, 30), step=st.integers(0, 10_000))
def test_one_room_enters_and_one_leaves_after_every_turnover(pool: int, turnover: int, step: int) -> None:
    stream = replace(STREAM, pool=pool, turnover=turnover)
    now, later = stream.pool_at(step), stream.pool_at(step + turnover)
    assert len(now) == len(later) == pool
    assert (later.start, later.stop) == (now.start + 1, now.stop + 1)
    assert stream.pool_at(step - step % turnover) == now
    assert stream.pool_at(0) == range(pool)


@given(
    batch=st.integers(1, 9), turnover=st.integers(1, 9), triples=st.integers(1, 60), number=st.integers(0, 5),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_while_a_pool_stays_its_triples_take_turns(
    batch: int, turnover: int, triples: int, number: int, seed: int
) -> None:
    stream, share = replace(STREAM, turnover=turnover), Share(seed, batch)
    steps = range(number * turnover, (number + 1) * turnover)
    counts = np.zeros(triples, dtype=int)
    for step in steps:
        np.add.at(counts, stream.triples_for(share, step, triples), 1)
    assert counts.sum() == batch * turnover
    assert counts.max() - counts.min() <= 1


def test_pools_and_seeds_are_ordered_differently() -> None:
    share = Share(3, 12)
    first, later = (STREAM.triples_for(share, step, 50) for step in (0, STREAM.turnover))
    assert first != later
    assert first != STREAM.triples_for(Share(4, 12), 0, 50)


@pytest.mark.parametrize(
    "other",
    [
        replace(STREAM, split="train"),
        replace(STREAM, pool=3),
        replace(STREAM, turnover=4),
        replace(STREAM, rule=TripleRule(every=2)),
        replace(STREAM, shoot=replace(SHOOT, frames=6)),
        replace(STREAM, shoot=replace(SHOOT, size_hw=(32, 96))),
        replace(STREAM, shoot=replace(SHOOT, lighting=LightingSettings(texel_m=0.4, directions=6))),
        replace(STREAM, shoot=replace(SHOOT, sensor=replace(SHOOT.sensor, read_noise=0.0))),
    ],
)
def test_the_fingerprint_tells_every_setting(other: RoomStream) -> None:
    assert RenderedRooms(other).fingerprint != RenderedRooms(STREAM).fingerprint


def test_the_fingerprint_tells_the_device_and_not_who_watches() -> None:
    ours = RenderedRooms(STREAM).fingerprint
    assert RenderedRooms(STREAM, "cpu", lambda done, total: None).fingerprint == ours
    assert ours.startswith("rooms:val on cpu, ")
    assert RenderedRooms(STREAM, "cuda").fingerprint.startswith("rooms:val on cuda, ")
    assert RenderedRooms(STREAM, "cuda:1").fingerprint == RenderedRooms(STREAM, "cuda").fingerprint


def test_the_fingerprint_tells_the_code_that_makes_rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = RenderedRooms(STREAM).fingerprint
    copy = shutil.copytree(Path(str(files("deglare.rooms"))), tmp_path / "rooms")
    monkeypatch.setattr(rendering, "files", {"deglare.rooms": copy}.__getitem__)
    (copy / "notes.txt").write_text("no code")
    assert RenderedRooms(STREAM).fingerprint == ours
    with (copy / "shading.py").open("a") as shading:
        shading.write("GAMMA = 2.0\n")
    assert RenderedRooms(STREAM).fingerprint != ours


def test_who_stops_asking_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    batches = RenderedRooms(replace(STREAM, pool=1)).batches(SHARE, 0, 10_000)
    next(batches)
    started = [thread for thread in threading.enumerate() if thread not in before]
    assert started
    batches.close()  # type: ignore[attr-defined]
    for thread in started:
        thread.join(60)
        assert not thread.is_alive()


def test_a_room_without_a_triple_is_passed_over_and_a_pool_without_one_is_an_error(pool: list[RenderedRoom]) -> None:
    empty = replace(pool[0], triples=())
    assert rooms_of(batch_of([empty, pool[1]], STREAM, SHARE, 0)) == {"val_0001"}
    with pytest.raises(DataError, match="no triple in val_0000: render more frames"):
        batch_of([empty], STREAM, SHARE, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": "test"}, "rooms:test cannot be trained on: choose rooms:train or rooms:val"),
        ({"split": "Train"}, "rooms:Train cannot"),
        ({"pool": 0}, "a pool of 0 rooms"),
        ({"turnover": 0}, "a new one every 0 steps"),
        ({"shoot": replace(SHOOT, frames=2)}, "2 frames each"),
    ],
)
def test_a_stream_that_gives_no_samples_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        replace(STREAM, **change)  # type: ignore[arg-type]
