"""Labels of finished runs beside the frames that are trained on: found, checked, resized, flipped, hashed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from known_evidence import Formula

from deglare.data.files import read_depth, write_depth
from deglare.data.opening import open_sequence
from deglare.data.posed_folder import PosedFolder
from deglare.data.run_folder import RunFolder
from deglare.data.triples import TripleRule
from deglare.errors import RequestError
from deglare.fusion.labelling import label
from deglare.fusion.settings import LabelSettings
from deglare.fusion.strategies import Projected
from deglare.methods import Distill3D
from deglare.methods.method import DEPTH_LABEL, LabelRequest
from deglare.networks.teachers import NetworkTeacher, load_model
from deglare.training.draws import Share
from deglare.training.journal import read_journal
from deglare.training.labels import DepthLabels
from deglare.training.loop import Training, train
from deglare.training.samples import augmented
from deglare.training.triples import TripleData, Wanted, load_triples
from deglare.types import DepthMap, Rgb

SIZE_HW = (64, 96)
RULE = TripleRule(every=1)
TEACHER = "slope"


def slope(rgb: Rgb) -> np.ndarray:
    """Farther to the right: 1 m to 3 m."""
    return np.broadcast_to(np.linspace(1, 3, rgb.shape[1]), rgb.shape[:2])


@pytest.fixture(scope="module")
def runs(walls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each wall."""
    root = tmp_path_factory.mktemp("runs")
    settings = LabelSettings(strategy=Projected())
    for name in ("one", "two"):
        label(open_sequence(walls / name), [Formula(slope, TEACHER)], root / name, settings, threads=1)
    return root


@pytest.fixture
def copied(runs: Path, tmp_path: Path) -> Path:
    """Runs to be spoilt."""
    return Path(shutil.copytree(runs, tmp_path / "copied"))


def load(data: Path, runs: Path, layer: str = f"predicted/{TEACHER}", size_hw: tuple[int, int] = SIZE_HW) -> TripleData:
    return load_triples([data], Wanted(size_hw, RULE, False, False, LabelRequest(runs, layer)))


def test_every_frame_comes_alone_with_its_own_label(walls: Path, runs: Path) -> None:
    data = load(walls, runs)
    assert len(data) == 16 and len(data.frames) == 16
    samples = data.batch(Share(0, 16), 0)
    assert samples.frames.shape == (16, 1, 3, *SIZE_HW)
    assert samples.source_T_target is None and samples.source_is_earlier.shape == (0,)
    for name, depth in zip(samples.names, samples.labels[DEPTH_LABEL], strict=True):
        scene, frame = name.split("/")
        on_disk = read_depth(RunFolder(runs / scene).predicted(TEACHER, frame))
        np.testing.assert_allclose(depth[0].numpy(), on_disk.metres, atol=1e-6)


def test_labels_are_flipped_with_their_frames(walls: Path, runs: Path) -> None:
    """Depth grows to the right, so in a flipped sample it grows to the left."""
    samples = load(walls, runs).batch(Share(0, 16), 0)
    batch = augmented(samples)
    assert batch.sources.shape == (16, 0, 3, *SIZE_HW) and batch.shown.shape == (16, 1, 3, *SIZE_HW)
    grows = batch.labels[DEPTH_LABEL][:, 0, 0, -1] > batch.labels[DEPTH_LABEL][:, 0, 0, 0]
    assert grows.tolist() == (~samples.is_flipped).tolist()
    assert bool(samples.is_flipped.any()) and not bool(samples.is_flipped.all())


@pytest.mark.parametrize("layer", ["fused", "projected", f"predicted/{TEACHER}"])
def test_any_layer_of_depth_can_be_learnt(walls: Path, runs: Path, layer: str) -> None:
    samples = load(walls, runs, layer).batch(Share(0, 2), 0)
    scene, frame = samples.names[0].split("/")
    on_disk = read_depth(runs / scene / layer / f"{frame}.png")
    np.testing.assert_allclose(samples.labels[DEPTH_LABEL][0, 0].numpy(), on_disk.metres * on_disk.valid, atol=1e-6)


def test_a_slope_stays_a_slope_at_half_the_size(walls: Path, runs: Path) -> None:
    small = load(walls, runs, size_hw=(32, 64)).batch(Share(0, 1), 0).labels[DEPTH_LABEL][0, 0, 5].numpy()
    centres = (np.arange(64) + 0.5) * 96 / 64 - 0.5
    expected = 1 + 2 * centres / 95
    np.testing.assert_allclose(small[2:-2], expected[2:-2], atol=0.003)


def test_pixels_without_depth_are_zero(tmp_path: Path) -> None:
    valid = np.ones(SIZE_HW, dtype=bool)
    valid[10:20] = False
    write_depth(tmp_path / "a.png", DepthMap(np.full(SIZE_HW, 1.234, dtype=np.float32), valid))
    labels = DepthLabels([tmp_path / "a.png", None], SIZE_HW, 1 << 20)
    assert torch.equal(labels[0][0] > 0, torch.from_numpy(valid))
    assert float(labels[0].max()) == pytest.approx(1.234)
    assert not labels[1].any()


def test_labels_that_do_not_fit_are_decoded_when_needed_and_are_the_same(walls: Path, runs: Path) -> None:
    request = LabelRequest(runs, "fused")
    lean = load_triples([walls], Wanted(SIZE_HW, RULE, False, False, request, memory_bytes=1000))
    kept = load(walls, runs, "fused")
    assert lean.labels is not None and lean.labels.kept is None
    ours, theirs = (one.batch(Share(0, 4), 1).labels[DEPTH_LABEL] for one in (lean, kept))
    assert torch.equal(ours, theirs)
    other = load_triples([walls], Wanted(SIZE_HW, RULE, False, False, LabelRequest(runs, "projected"), 1000))
    assert other.fingerprint != lean.fingerprint


def test_workers_read_the_same_labels(walls: Path, runs: Path) -> None:
    helped = load_triples([walls], Wanted(SIZE_HW, RULE, False, False, LabelRequest(runs, "fused"), workers=1))
    (ours,) = helped.batches(Share(1, 3), 2, 3)
    theirs = load(walls, runs, "fused").batch(Share(1, 3), 2)
    assert torch.equal(ours.labels[DEPTH_LABEL], theirs.labels[DEPTH_LABEL])


def test_frames_without_a_label_are_left_out_and_counted(walls: Path, copied: Path) -> None:
    (copied / "one" / "fused" / "003.png").unlink()
    data = load(walls, copied, "fused")
    assert len(data) == 15 and "one/003" not in data.names
    assert data.lost == {"no label": 1}


def test_one_changed_label_changes_the_fingerprint_and_another_place_does_not(
    walls: Path, runs: Path, copied: Path
) -> None:
    before = load(walls, runs, "fused").fingerprint
    assert load(walls, copied, "fused").fingerprint == before
    path = copied / "one" / "fused" / "003.png"
    depth = read_depth(path)
    write_depth(path, DepthMap(depth.metres + np.float32(0.001), depth.valid))
    assert load(walls, copied, "fused").fingerprint != before


def test_a_single_run_serves_its_own_sequence(walls: Path, runs: Path) -> None:
    assert len(load(walls / "one", runs / "one")) == 8
    assert len(load(runs / "one", runs / "one")) == 8, "a run is a sequence itself"
    with pytest.raises(RequestError, match=r"none of the runs in .* is of two"):
        load(walls / "two", runs / "one")


def test_a_run_of_other_frames_is_refused(walls: Path, runs: Path, copied: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(walls / "one", tmp_path / "one"))
    poses = [(f"{number:03d}", np.eye(4)) for number in range(8)]
    PosedFolder(moved).write_poses(poses)
    with pytest.raises(RequestError, match=r"another pose of 001"):
        load(moved, runs)
    PosedFolder(moved).write_poses((f"x{name}", pose) for name, pose in poses)
    for path in (moved / "color").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    shutil.rmtree(moved / "depth")
    with pytest.raises(RequestError, match="another names"):
        load(moved, runs)


def test_a_run_of_another_camera_is_refused(walls: Path, copied: Path) -> None:
    run = RunFolder(copied / "one")
    manifest = run.manifest()
    run.write_manifest(replace(manifest, camera=replace(manifest.camera, cx=10.0)))
    with pytest.raises(RequestError, match="another camera"):
        load(walls, copied)


def test_requests_that_no_run_can_meet_say_so(walls: Path, runs: Path, copied: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="its teachers are slope"):
        load(walls, runs, "predicted/nobody")
    for layer in ("truth", "predicted", "fused/x"):
        with pytest.raises(RequestError, match="choose fused, projected or predicted/TEACHER"):
            load(walls, runs, layer)
    with pytest.raises(RequestError, match="holds no runs"):
        load(walls, tmp_path / "nowhere")
    shutil.copytree(copied / "one", copied / "again")
    with pytest.raises(RequestError, match="both runs of one"):
        load(walls, copied)


def test_a_half_written_run_is_refused(walls: Path, copied: Path) -> None:
    run = RunFolder(copied / "one")
    manifest = run.manifest()
    stages = {name: stage for name, stage in manifest.stages.items() if name != "fuse"}
    run.write_manifest(replace(manifest, stages=stages))
    with pytest.raises(RequestError, match="no finished 'fused'"):
        load(walls, copied, "fused")
    assert len(load(walls, copied, "projected")) == 16


def distilling(run: Callable[..., Training], data: TripleData, runs: Path, out: str, **changes: object) -> Training:
    method = Distill3D(labels=str(runs), layer=f"predicted/{TEACHER}")
    return replace(run(out, **changes), method_name="distill3d", method=method, source=data)


def test_a_student_learns_the_labels(run: Callable[..., Training], walls: Path, runs: Path) -> None:
    training = distilling(run, load(walls, runs), runs, "student", steps=60, learning_rate=3e-3)
    train(training)
    lines = read_journal(training.out / "losses.jsonl")
    assert lines[-1]["loss"] < 0.6 * lines[0]["loss"], "flips leave the side to chance, not the distance"
    teacher = load_model(training.out / "network.safetensors")
    assert isinstance(teacher, NetworkTeacher)


def test_a_student_goes_on_with_the_same_bits_also_where_the_runs_were_moved(
    run: Callable[..., Training], walls: Path, runs: Path, copied: Path
) -> None:
    unbroken, broken = (distilling(run, load(walls, runs), runs, name, steps=4) for name in ("whole", "broken"))
    train(unbroken)
    calls = iter(range(1, 100))
    assert train(broken, stop=lambda: next(calls) >= 2).step == 2
    rest = train(distilling(run, load(walls, copied), copied, "broken", steps=4))
    assert (rest.resumed_from, rest.is_finished) == (2, True)
    ours, theirs = ((one.out / "network.safetensors").read_bytes() for one in (broken, unbroken))
    assert ours == theirs


def test_going_on_with_other_labels_is_refused(
    run: Callable[..., Training], walls: Path, runs: Path, copied: Path
) -> None:
    train(distilling(run, load(walls, runs), runs, "run", steps=2))
    path = RunFolder(copied / "two").predicted(TEACHER, "000")
    write_depth(path, DepthMap.of_positive(np.full(SIZE_HW, 2.0)))
    with pytest.raises(RequestError, match=r"data: .* there, .* here"):
        train(distilling(run, load(walls, copied), copied, "run", steps=2))
