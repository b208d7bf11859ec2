from pathlib import Path

import numpy as np
import pytest
import torch

from deglare.data.posed_folder import PosedFolder
from deglare.data.triples import TripleRule
from deglare.errors import DataError, RequestError
from deglare.geometry.flips import flip_intrinsics
from deglare.geometry.warping import warp
from deglare.training.draws import Share
from deglare.training.frames import Frames
from deglare.training.samples import augmented
from deglare.training.triples import TripleData, Wanted, load_triples
from deglare.types import Camera

SIZE_HW = (64, 96)
RULE = TripleRule(every=1)


def test_the_triples_of_every_sequence_are_there_with_their_reasons_for_loss(data: TripleData) -> None:
    assert len(data) == 12
    assert data.lost["the sequence begins or ends before the camera has moved far enough"] == 4
    assert {name.split("/")[0] for name in data.names} == {"one", "two"}


def test_known_poses_warp_each_source_onto_its_target(data: TripleData) -> None:
    """The wall is 2 m away: warped by the batch's own numbers, neighbours must look like the target."""
    samples = data.batch(Share(0, 12), 0)
    assert bool(samples.is_flipped.any()) and not bool(samples.is_flipped.all())
    batch = augmented(samples)
    assert batch.source_T_target is not None
    for source in range(2):
        depth = torch.full((12, 1, *SIZE_HW), 2.0)
        seen = warp(batch.sources[:, source], depth, batch.source_T_target[:, source], batch.K, batch.K)
        off = ((seen.image - batch.target).abs() * seen.valid).amax((1, 2, 3))
        assert float(off.max()) < 0.12, "JPEG and interpolation"
        unmoved = (batch.sources[:, source] - batch.target).abs().amax((1, 2, 3))
        assert float(unmoved.min()) > 0.15


def test_flipped_samples_have_flipped_cameras_and_the_others_do_not(data: TripleData) -> None:
    samples = data.batch(Share(0, 12), 0)
    batch = augmented(samples)
    width = SIZE_HW[1]
    for number, is_flipped in enumerate(samples.is_flipped.tolist()):
        one = samples.K[number : number + 1]
        torch.testing.assert_close(batch.K[number], (flip_intrinsics(one, width) if is_flipped else one)[0])
        recorded = samples.frames[number, 0].float() / 255
        assert torch.equal(batch.target[number], recorded.flip(-1) if is_flipped else recorded)


def test_labels_are_flipped_with_their_images(data: TripleData) -> None:
    samples = data.batch(Share(0, 4), 0)
    label = torch.arange(SIZE_HW[1]).expand(4, 1, *SIZE_HW).float()
    batch = augmented(samples._replace(labels={"depth": label}, is_flipped=torch.tensor([True, False, True, False])))
    assert batch.labels["depth"][:, 0, 0, 0].tolist() == [95.0, 0.0, 95.0, 0.0]


def test_losses_compare_recorded_colours_and_networks_see_jittered_ones(data: TripleData) -> None:
    samples = data.batch(Share(0, 12), 0)
    batch = augmented(samples)
    changed = (batch.shown[:, 0] - batch.target).abs().amax((1, 2, 3)) > 1e-6
    assert 0 < int(changed.sum()) < 12
    again = augmented(samples._replace(is_flipped=torch.zeros_like(samples.is_flipped)))
    assert torch.equal(again.target, samples.frames[:, 0].float() / 255)


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_batches(walls: Path, data: TripleData, workers: int) -> None:
    helped = load_triples([walls], Wanted(SIZE_HW, RULE, workers=workers))
    share = Share(7, 3)
    alone, together = list(data.batches(share, 2, 6)), list(helped.batches(share, 2, 6))
    assert len(alone) == len(together) == 4
    for a, b in zip(alone, together, strict=True):
        assert a.names == b.names
        assert torch.equal(a.frames, b.frames)
        assert torch.equal(a.colour, b.colour)
        assert torch.equal(a.is_flipped, b.is_flipped)


def test_frames_that_do_not_fit_are_decoded_when_needed_and_look_the_same(walls: Path, data: TripleData) -> None:
    lean = load_triples([walls], Wanted(SIZE_HW, RULE, memory_bytes=1000))
    assert lean.frames.kept is None
    assert torch.equal(lean.batch(Share(0, 4), 1).frames, data.batch(Share(0, 4), 1).frames)


def test_frames_and_cameras_are_resized_together(walls: Path) -> None:
    small = load_triples([walls], Wanted((32, 48), RULE)).batch(Share(0, 1), 0)
    assert small.frames.shape == (1, 3, 3, 32, 48)
    assert float(small.K[0, 0, 0]) == pytest.approx(35.0)
    assert float(small.K[0, 0, 2]) == pytest.approx((45.3 + 0.5) / 2 - 0.5)


def test_the_fingerprint_tells_other_data_and_only_them(walls: Path, data: TripleData, tmp_path: Path) -> None:
    assert load_triples([walls], Wanted(SIZE_HW, RULE, workers=2)).fingerprint == data.fingerprint
    assert load_triples([walls / "one"], Wanted(SIZE_HW, RULE)).fingerprint != data.fingerprint
    assert load_triples([walls], Wanted((64, 64), RULE)).fingerprint != data.fingerprint
    assert load_triples([walls], Wanted(SIZE_HW, TripleRule(every=2))).fingerprint != data.fingerprint


def test_one_changed_pixel_changes_the_fingerprint(data: TripleData) -> None:
    kept = data.frames.kept
    assert kept is not None
    other = Frames(data.frames.frames, SIZE_HW)
    assert other.kept is not None
    other.kept[0, 0, 0, 0] ^= 1
    changed = TripleData(other, data.names, data.triples, True, data.lost)
    assert changed.fingerprint != data.fingerprint


def test_without_poses_neighbours_in_time_are_sources(walls: Path, tmp_path: Path) -> None:
    images = tmp_path / "plain"
    images.mkdir()
    for path in sorted((walls / "one" / "color").iterdir()):
        (images / path.name).write_bytes(path.read_bytes())
    found = load_triples([images], Wanted(SIZE_HW, RULE, needs_poses=False))
    assert len(found) == 6
    assert found.batch(Share(0, 2), 0).source_T_target is None
    with pytest.raises(DataError, match="has no poses"):
        load_triples([images], Wanted(SIZE_HW, RULE))


def test_a_camera_that_stands_still_gives_no_triples_and_says_why(tmp_path: Path) -> None:
    folder = PosedFolder(tmp_path / "still")
    folder.write_camera(Camera(70.0, 72.0, 45.3, 30.2, SIZE_HW))
    for number in range(3):
        folder.write_frame(str(number), np.zeros((*SIZE_HW, 3), dtype=np.uint8))
    folder.write_poses((str(number), np.eye(4)) for number in range(3))
    with pytest.raises(DataError, match="there is no triple to train on"):
        load_triples([tmp_path / "still"], Wanted(SIZE_HW, RULE))


def test_two_sequences_of_one_name_and_no_sequence_are_refused(walls: Path) -> None:
    with pytest.raises(RequestError, match="both named one"):
        load_triples([walls / "one", walls], Wanted(SIZE_HW, RULE))
    with pytest.raises(RequestError, match="name at least one"):
        load_triples([], Wanted(SIZE_HW, RULE))
